//! The same numbers as Python finds them: `reference/reference.py` is the method once more, written apart from this crate.
//!
//! What it found with scipy is checked in. Where there is a python3 it is run again, with scipy where that is installed and else with sums of its own, and has to
//! find the same; `HOTPOLL_UPDATE_REFERENCE=1` writes what it finds.
//! `runs.txt` was drawn once by the simulation (`HOTPOLL_UPDATE_RUNS=1` draws it again).

mod simulation;

use hotpoll_compare::special::{beta, binomial, gamma, student};
use hotpoll_compare::{Family, Key, Options, Presence, Run, Stack, compare};
use hotpoll_profile::{Exact, Histogram, PollTotals, WaitTotals, Work};
use simulation::{Kind, Program, World};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference")
        .join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Equal to so many parts of the larger.
fn close(one: f64, other: f64, within: f64) -> bool {
    (one - other).abs() <= within * one.abs().max(other.abs()) || one == other
}

fn numbers(words: &[&str]) -> Vec<f64> {
    words
        .iter()
        .map(|word| word.parse().expect("a number"))
        .collect()
}

#[test]
fn special_functions_are_scipys() {
    for line in read("special.txt").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let values = numbers(&words[1..]);
        let (expected, arguments) = values.split_last().expect("a value");
        let found = match (words[0], arguments) {
            ("ln_gamma", &[x]) => gamma::ln_gamma(x),
            ("digamma", &[x]) => gamma::digamma(x),
            ("trigamma", &[x]) => gamma::trigamma(x),
            ("inverse_trigamma", &[y]) => gamma::inverse_trigamma(y),
            ("beta", &[x, a, b]) => beta::regularized(x, a, b),
            ("beta_quantile", &[p, a, b]) => beta::quantile(p, a, b),
            ("t_tail", &[t, degrees]) => student::upper_tail(t, degrees),
            ("t_quantile", &[p, degrees]) => student::upper_quantile(p, degrees),
            ("binomial_low", &[events, all]) => binomial::interval(events, all, 0.025).0,
            ("binomial_high", &[events, all]) => binomial::interval(events, all, 0.025).1,
            (other, _) => panic!("{other}"),
        };
        let absolute = (found - expected).abs() < 1e-12;
        assert!(absolute || close(found, *expected, 1e-8), "{line}: {found}");
    }
}

#[test]
fn a_comparison_is_scipys() {
    update_runs();
    let (base, new) = runs(&read("runs.txt"));
    let comparison = compare(&base, &new, &Options::default()).expect("comparable");
    let (mut rows, mut one_sided) = (Vec::new(), 0);
    for line in read("expected.txt").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let family = match words[0] {
            "poll" => Family::Poll,
            "wake" => Family::WakeDelay,
            "lock" => Family::LockWait,
            _ => Family::Cpu,
        };
        let effect = if words[0] == "total" {
            comparison.total
        } else {
            rows.push(family);
            let row = comparison.rows.iter();
            let mut row = row.filter(|row| row.family == family && row.name == words[1]);
            let row = row.next().unwrap_or_else(|| panic!("no {}", words[1]));
            one_sided += usize::from(row.presence != Presence::Both);
            row.total
        };
        let mut found = vec![
            effect.ratio,
            effect.interval.low,
            effect.interval.high,
            effect.p,
            effect.q,
        ];
        if words[0] == "total" {
            found.extend(comparison.permutation_p);
        }
        let expected = numbers(&words[2..]);
        assert_eq!(found.len(), expected.len(), "{line}");
        for (found, expected) in found.iter().zip(&expected) {
            let neither = found.is_nan() && expected.is_nan();
            assert!(neither || close(*found, *expected, 1e-6), "{line}: {found}");
        }
    }
    assert_eq!(rows.len(), comparison.rows.len());
    assert!(rows.len() >= 30 && one_sided == 5, "{one_sided}");
    for family in [Family::Poll, Family::WakeDelay, Family::LockWait] {
        assert!(rows.contains(&family), "{family:?}");
    }
}

#[test]
fn python_still_finds_that() {
    let python = std::env::var("HOTPOLL_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = |argument: PathBuf| {
        Command::new(&python)
            .arg(path("reference.py"))
            .arg(argument)
            .output()
    };
    for (argument, name) in [
        (path("runs.txt"), "expected.txt"),
        ("--special".into(), "special.txt"),
    ] {
        let output = match script(argument) {
            Ok(output) if output.status.success() => output,
            Ok(output) => {
                panic!("{}", String::from_utf8_lossy(&output.stderr));
            }
            Err(error) => {
                eprintln!("not run again: {python}: {error}");
                return;
            }
        };
        let found = String::from_utf8(output.stdout).expect("text");
        if std::env::var_os("HOTPOLL_UPDATE_REFERENCE").is_some() {
            std::fs::write(path(name), &found).expect("written");
        }
        let checked_in = read(name);
        assert_eq!(found.lines().count(), checked_in.lines().count(), "{name}");
        for (found, expected) in found.lines().zip(checked_in.lines()) {
            let words = |line: &str| {
                line.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            for (found, expected) in words(found).iter().zip(&words(expected)) {
                let same = match (found.parse::<f64>(), expected.parse::<f64>()) {
                    (Ok(found), Ok(expected)) if !found.is_nan() => close(found, expected, 1e-7),
                    _ => found == expected,
                };
                assert!(same, "{name}: {found} {expected}");
            }
        }
    }
}

/// Reads `poll NAME EVENTS NS BUCKET:EVENTS…`, or `wake`, or `lock`.
fn count(exact: &mut Exact, words: &[&str]) {
    let number = |word: &str| word.parse::<u64>().expect("a number");
    let (events, ns) = (number(words[2]), number(words[3]));
    let mut histogram = Histogram::default();
    for word in &words[4..] {
        let (bucket, events) = word.split_once(':').expect("a bucket");
        let bucket = number(bucket) as usize;
        histogram.counts.resize(bucket + 1, 0);
        histogram.counts[bucket] = number(events);
    }
    let name = words[1].to_owned();
    match words[0] {
        "lock" => exact.waits.push(WaitTotals {
            name,
            contended: events,
            wait_ns: ns,
            wait: histogram,
            ..WaitTotals::default()
        }),
        "poll" => exact.polls.push(PollTotals {
            name,
            polls: events,
            poll_ns: ns,
            poll_time: histogram,
            ..PollTotals::default()
        }),
        // Delays are of wakes, and kinds are one by their name.
        _ => exact.polls.push(PollTotals {
            name,
            delay_ns: ns,
            wake_delay: histogram,
            ..PollTotals::default()
        }),
    }
}

/// Reads `run SIDE CPU_NS UNITS`, then `root;caller;leaf COUNT…`, a count for each slice, and what [`count`] does.
fn runs(text: &str) -> (Vec<Run>, Vec<Run>) {
    let (mut base, mut new): (Vec<Run>, Vec<Run>) = (Vec::new(), Vec::new());
    let mut is_new = false;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0] == "run" {
            is_new = words[1] == "new";
            let side = if is_new { &mut new } else { &mut base };
            side.push(Run {
                name: format!("{}{}", words[1], side.len()),
                cpu_ns: words[2].parse().expect("CPU time"),
                work: vec![Work {
                    name: "requests".into(),
                    units: words[3].parse().expect("units"),
                    ..Work::default()
                }],
                named: true,
                ..Run::default()
            });
            continue;
        }
        let run = if is_new {
            new.last_mut()
        } else {
            base.last_mut()
        }
        .expect("a run");
        if let "poll" | "wake" | "lock" = words[0] {
            count(run.exact.get_or_insert_default(), &words);
            continue;
        }
        let mut frames = Vec::new();
        for name in words[0].split(';').rev() {
            let known = run.keys.iter().position(|key| key.name == name);
            frames.push(known.unwrap_or_else(|| {
                run.keys.push(Key {
                    name: name.to_owned(),
                    ..Key::default()
                });
                run.keys.len() - 1
            }) as u32);
        }
        let counts: Vec<u64> = words[1..]
            .iter()
            .map(|word| word.parse().expect("a count"))
            .collect();
        run.slices.resize(counts.len(), Vec::new());
        for (slice, &count) in run.slices.iter_mut().zip(&counts) {
            slice.push((run.stacks.len() as u32, count as u32));
        }
        let samples = counts.iter().sum();
        run.samples += samples;
        run.stacks.push(Stack {
            frames,
            samples,
            cpu_ns: samples * 1_000_000,
            ..Stack::default()
        });
    }
    (base, new)
}

fn update_runs() {
    if std::env::var_os("HOTPOLL_UPDATE_RUNS").is_none() {
        return;
    }
    let mut program = Program::service();
    program.stacks.truncate(30);
    let world = World {
        samples: 6_000.0,
        slices: 6,
        common: 0.03,
        own: 0.05,
        kind: Kind::Plain,
        ..World::default()
    };
    let leaf = program.leaf_of_share(0.06);
    let mut changed = program
        .clone()
        .slower(&leaf, 1.3)
        .called(&leaf, "shop::checks::verify", 7.0);
    (changed.polls[1], changed.waits[0]) = (changed.polls[1] * 1.5, changed.waits[0] * 2.0);
    let gone = program.called("shop::main", "shop::old::render", 8.0);
    let (base, new) = world.runs(&gone, &changed, 7);
    let mut text =
        "# run SIDE CPU_NS UNITS, then root;caller;leaf and its samples in each slice, then poll, wake or lock NAME EVENTS NS and a histogram\n".to_owned();
    let sides = [("base", &base[..4]), ("new", &new[..])];
    for (side, run) in sides
        .iter()
        .flat_map(|(side, runs)| runs.iter().map(move |run| (side, run)))
    {
        let _ = writeln!(text, "run {side} {} {}", run.cpu_ns, run.work[0].units);
        for (at, stack) in run.stacks.iter().enumerate() {
            let frames = stack
                .frames
                .iter()
                .rev()
                .map(|&frame| &*run.keys[frame as usize].name);
            let frames: Vec<&str> = frames.collect();
            let counts = run.slices.iter().map(|slice| {
                let count = slice.iter().find(|(stack, _)| *stack == at as u32);
                count.map_or(0, |(_, count)| *count).to_string()
            });
            let counts: Vec<String> = counts.collect();
            let _ = writeln!(text, "{} {}", frames.join(";"), counts.join(" "));
        }
        let exact = run.exact.as_ref().expect("exact");
        // A kind of tasks is gone, and a lock is new.
        let kinds = if *side == "new" { 3 } else { 4 };
        for kind in exact.polls.iter().take(kinds) {
            let delays = kind.wake_delay.total();
            let polls = (kind.polls, kind.poll_ns, &kind.poll_time);
            write_counts(&mut text, "poll", &kind.name, polls);
            let delays = (delays, kind.delay_ns, &kind.wake_delay);
            write_counts(&mut text, "wake", &kind.name, delays);
        }
        let locks = if *side == "new" { 4 } else { 3 };
        for (at, wait) in exact.waits.iter().take(locks).enumerate() {
            let waits = (wait.contended, wait.wait_ns, &wait.wait);
            write_counts(&mut text, "lock", &format!("lock{at}"), waits);
        }
    }
    std::fs::write(path("runs.txt"), text).expect("written");
}

fn write_counts(text: &mut String, what: &str, name: &str, counted: (u64, u64, &Histogram)) {
    let (events, ns, histogram) = counted;
    let _ = write!(text, "{what} {name} {events} {ns}");
    for (bucket, count) in histogram.counts.iter().enumerate() {
        if *count > 0 {
            let _ = write!(text, " {bucket}:{count}");
        }
    }
    text.push('\n');
}
