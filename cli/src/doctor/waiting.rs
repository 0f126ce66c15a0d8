//! Whether waiting can be seen: looks by the wall clock, and tracked tasks. A profiler that records nothing, unnoticed for months, is worse
//! than none.

use super::Finding;
use crate::tasks::coverage::Coverage;
use crate::text::number::{count, counted, hertz, percent_in_words};
use hotpoll_profile::{CaptureFailure, Profile, Reason, Snapshot};

/// More than this part of looks or captures without a stack is worth a note.
const MANY_FAILED: f64 = 0.05;
/// Less than this part of the rate asked is worth a note.
const CLOSE_TO_ASKED: f64 = 0.9;

/// What the profile says of looks, and the snapshot of tasks.
pub fn findings(profile: &Profile, snapshot: Option<&Snapshot>) -> Vec<Finding> {
    let mut findings = vec![looks(profile)];
    findings.extend(snapshot.and_then(tasks));
    findings
}

fn looks(profile: &Profile) -> Finding {
    const TOPIC: &str = "waiting";
    let process = &profile.process;
    if process.wall_asked_hz == 0.0 {
        return Finding::note(
            TOPIC,
            "threads are not looked at by the wall clock, so what they wait for is not recorded",
            "leave HOTPOLL_WALL_HZ unset (20 is the default), and take Builder::wall_hz(0) out",
        );
    }
    let totals = profile.totals();
    let rate = format!(
        "each thread is looked at {} of {} asked",
        hertz(process.wall_delivered_hz),
        hertz(process.wall_asked_hz)
    );
    // That a thread runs when it is looked at is no failure.
    let failed = totals.capture_failed.iter();
    let failed: Vec<(CaptureFailure, u64)> = failed
        .filter(|(why, _)| *why != CaptureFailure::Running)
        .collect();
    let without: u64 = failed.iter().map(|(_, n)| n).sum();
    let tried = totals.captured.saturating_add(without);
    if tried > 0 && without as f64 > MANY_FAILED * tried as f64 {
        let reasons = failed
            .iter()
            .map(|(why, n)| format!("{} {}", count(*n), why.label()));
        let reasons: Vec<String> = reasons.collect();
        let share = percent_in_words(without as f64 / tried as f64);
        let what = format!(
            "{rate}; {share} of the stacks taken are not whole: {}",
            reasons.join(", ")
        );
        return Finding::note(TOPIC, what, "those waits have no place in reports");
    }
    if process.wall_delivered_hz < CLOSE_TO_ASKED * process.wall_asked_hz {
        let advice = "with many threads the agent looks less often, to keep to 1% of a core";
        return Finding::note(TOPIC, rate, advice);
    }
    Finding::good(TOPIC, format!("{rate}, {}", counted(totals.looks, "look")))
}

/// Nothing where there is no runtime.
fn tasks(snapshot: &Snapshot) -> Option<Finding> {
    const TOPIC: &str = "tasks";
    const ADVICE: &str = "hotpoll::spawn in the place of tokio::spawn, hotpoll::Executor for hyper and tonic, .tracked(\"name\") on any future";
    let tasks = &snapshot.tasks;
    let coverage = Coverage::of(tasks);
    let all = tasks.tracked.saturating_add(tasks.tracked_beside);
    if tasks.alive.is_none() && all == 0 {
        return None;
    }
    let captures: u64 = tasks.kinds.iter().map(|kind| kind.captures).sum();
    let failed: u64 = tasks.kinds.iter().map(|kind| kind.captures_failed).sum();
    let all = captures.saturating_add(failed);
    if all > 0 && failed as f64 > MANY_FAILED * all as f64 {
        let share = percent_in_words(failed as f64 / all as f64);
        let what = format!("{share} of the captures where they wait gave no stack");
        return Some(Finding::note(TOPIC, what, ""));
    }
    let alive = tasks.alive.unwrap_or(0);
    let few = all == 0 || (tasks.tracked as f64) < 0.5 * alive as f64;
    Some(match few {
        true => Finding::note(TOPIC, coverage.words(), ADVICE),
        false => Finding::good(TOPIC, coverage.words()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use hotpoll_profile::thread::Accounts;
    use hotpoll_profile::{Process, TaskKind, Tasks, Thread};

    #[track_caller]
    fn check_looks(
        asked: f64,
        delivered: f64,
        captured: u64,
        failed: u64,
        verdict: Verdict,
        what: &str,
    ) {
        let mut totals = Accounts {
            looks: 1_000,
            captured,
            ..Accounts::default()
        };
        totals.capture_failed.add(CaptureFailure::Running, 500);
        totals.capture_failed.add(CaptureFailure::Unwind, failed);
        let profile = Profile {
            process: Process {
                wall_asked_hz: asked,
                wall_delivered_hz: delivered,
                ..Process::default()
            },
            threads: vec![Thread {
                totals,
                ..Thread::default()
            }],
            ..Profile::default()
        };
        let finding = looks(&profile);
        assert_eq!(finding.verdict, verdict, "{finding:?}");
        assert!(finding.what.contains(what), "{finding:?}");
    }

    #[test]
    fn looks_by_the_wall_clock() {
        check_looks(
            20.0,
            19.5,
            100,
            2,
            Verdict::Good,
            "19.5 Hz of 20 Hz asked, 1,000 looks",
        );
        check_looks(0.0, 0.0, 0, 0, Verdict::Note, "not looked at");
        check_looks(20.0, 5.0, 100, 2, Verdict::Note, "5 Hz of 20 Hz asked");
        check_looks(
            20.0,
            20.0,
            90,
            10,
            Verdict::Note,
            "10% of the stacks taken are not whole: 10 not unwound",
        );
    }

    #[track_caller]
    fn check_tasks(
        alive: Option<u64>,
        tracked: u64,
        captures: [u64; 2],
        expected: Option<(Verdict, &str)>,
    ) {
        let snapshot = Snapshot {
            tasks: Tasks {
                alive,
                tracked,
                kinds: vec![TaskKind {
                    captures: captures[0],
                    captures_failed: captures[1],
                    ..TaskKind::default()
                }],
                ..Tasks::default()
            },
            ..Snapshot::default()
        };
        let finding = tasks(&snapshot);
        let short = finding.as_ref().map(|one| (one.verdict, one.what.as_str()));
        match (short, expected) {
            (Some((verdict, what)), Some((wanted, part))) => {
                assert!(verdict == wanted && what.contains(part), "{finding:?}");
            }
            (short, expected) => assert_eq!(short, expected),
        }
    }

    #[test]
    fn coverage_of_tasks() {
        check_tasks(None, 0, [0, 0], None);
        check_tasks(
            Some(1_203),
            0,
            [0, 0],
            Some((Verdict::Note, "1,203 alive, none of them")),
        );
        check_tasks(
            Some(1_203),
            1_200,
            [9, 0],
            Some((Verdict::Good, "1,203 alive, 1,200 of them")),
        );
        check_tasks(
            Some(1_203),
            100,
            [9, 0],
            Some((Verdict::Note, "1,203 alive, 100 of them")),
        );
        check_tasks(
            Some(2),
            2,
            [9, 0],
            Some((Verdict::Good, "2 alive, 2 of them tracked (100%)")),
        );
        check_tasks(
            Some(2),
            2,
            [80, 20],
            Some((Verdict::Note, "20% of the captures")),
        );
    }
}
