//! Task kinds and their time, joined from what was measured in different places: CPU time by samples in their polls, time blocked in their polls by
//! looks at the threads that polled them, time runnable in them by the scheduler's count, read where polls end, time scheduled and suspended by the
//! wrappers around their polls.
//!
//! None of these is what the others leave. So that their sum can be compared with [`KindTimes::busy_ns`] and with a task's life, and a lie of
//! one of them be seen.

use super::weight::Weight;
use hotpoll_profile::{Profile, Sample, State, TaskKind};
use std::collections::BTreeMap;

/// A kind of tasks, and where its time went.
#[derive(Debug, Clone)]
pub struct KindTimes<'p> {
    /// What samples call it.
    pub id: u64,
    /// The kind, where the snapshot knows it.
    pub kind: Option<&'p TaskKind>,
    /// CPU time in its polls, by samples.
    pub on_cpu: Weight,
    /// Blocked in its polls, by looks; in the order of [`State::ALL`].
    pub looked_ns: [u64; State::ALL.len()],
    /// Its samples of CPU time.
    pub cpu_samples: Vec<&'p Sample>,
    /// Its samples of waiting in a poll.
    pub wait_samples: Vec<&'p Sample>,
}

impl KindTimes<'_> {
    /// Blocked in a poll, in whatever.
    pub fn blocked_ns(&self) -> u64 {
        let states = State::ALL.iter().zip(self.looked_ns);
        (states.filter(|(state, _)| state.is_blocked()))
            .map(|(_, ns)| ns)
            .sum()
    }

    /// In a poll, ready, and waiting for a processor, by the scheduler's count.
    pub fn runnable_ns(&self) -> u64 {
        self.looked_ns[State::Runnable.index()]
    }

    /// In polls, by the wrapper's clock; 0 where the snapshot does not know the kind.
    pub fn busy_ns(&self) -> u64 {
        self.kind.map_or(0, |kind| kind.busy_ns)
    }
}

/// The kinds in a profile's samples and in its snapshot: most time in polls first.
pub fn kind_times<'p>(
    profile: &'p Profile,
    selects: impl Fn(&Sample) -> bool,
) -> Vec<KindTimes<'p>> {
    let mut rows: BTreeMap<u64, KindTimes> = BTreeMap::new();
    let empty = |id| KindTimes {
        id,
        kind: None,
        on_cpu: Weight::default(),
        looked_ns: [0; State::ALL.len()],
        cpu_samples: Vec::new(),
        wait_samples: Vec::new(),
    };
    let kinds = profile
        .snapshot
        .iter()
        .flat_map(|snapshot| &snapshot.tasks.kinds);
    for kind in kinds {
        rows.entry(kind.id).or_insert_with(|| empty(kind.id)).kind = Some(kind);
    }
    for sample in profile.samples.iter().filter(|sample| selects(sample)) {
        if sample.kind == 0 {
            continue;
        }
        let row = rows
            .entry(sample.kind)
            .or_insert_with(|| empty(sample.kind));
        if sample.state.is_on_cpu() {
            row.on_cpu.add(Weight::of(sample));
            row.cpu_samples.push(sample);
        } else {
            let sum = &mut row.looked_ns[sample.state.index()];
            *sum = sum.saturating_add(sample.wall_ns);
            row.wait_samples.push(sample);
        }
    }
    let mut rows: Vec<KindTimes> = rows.into_values().collect();
    rows.sort_by_key(|row| {
        let polled = (row.on_cpu.cpu_ns)
            .saturating_add(row.blocked_ns())
            .saturating_add(row.runnable_ns());
        (std::cmp::Reverse((polled, row.busy_ns())), row.id)
    });
    rows
}

/// Waiting for a processor in no kind's polls: between them, where polls could not be told apart, and on threads that poll nothing tracked.
pub fn runnable_in_no_kind(profile: &Profile, selects: impl Fn(&Sample) -> bool) -> u64 {
    let samples = profile.samples.iter().filter(|sample| selects(sample));
    let runnable = samples.filter(|one| one.state == State::Runnable && one.kind == 0);
    runnable.fold(0, |sum, sample| sum.saturating_add(sample.wall_ns))
}

/// Takes off what kinds had counted before, so that what is left is of the time since. How many are alive stays.
pub fn take_off(kinds: &mut [TaskKind], before: &[TaskKind]) {
    for kind in kinds {
        let Some(before) = before.iter().find(|one| one.id == kind.id) else {
            continue;
        };
        for (now, then) in [
            (&mut kind.spawned, before.spawned),
            (&mut kind.completed, before.completed),
            (&mut kind.aborted, before.aborted),
            (&mut kind.panicked, before.panicked),
            (&mut kind.polls, before.polls),
            (&mut kind.wakes, before.wakes),
            (&mut kind.self_wakes, before.self_wakes),
            (&mut kind.coop_yields, before.coop_yields),
            (&mut kind.busy_ns, before.busy_ns),
            (&mut kind.scheduled_ns, before.scheduled_ns),
            (&mut kind.idle_ns, before.idle_ns),
            (&mut kind.captures, before.captures),
            (&mut kind.captures_failed, before.captures_failed),
        ] {
            *now = now.saturating_sub(then);
        }
        for (now, then) in [
            (&mut kind.poll_time, &before.poll_time),
            (&mut kind.wake_delay, &before.wake_delay),
        ] {
            for (now, then) in now.counts.iter_mut().zip(&then.counts) {
                *now = now.saturating_sub(*then);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;
    use hotpoll_profile::{Snapshot, Tasks};

    const MS: u64 = 1_000_000;

    #[test]
    fn each_term_from_where_it_was_measured() {
        let mut profile = profile(&[
            ("w", "m;a", 5),
            ("w", "m;b", 0),
            ("w", "m;c", 0),
            ("w", "m;d", 9),
        ]);
        for (sample, (kind, state, wall_ms)) in profile.samples.iter_mut().zip([
            (7, State::Running, 0),
            (7, State::Lock, 40),
            (7, State::Runnable, 3),
            (0, State::Running, 0),
        ]) {
            (sample.kind, sample.state, sample.wall_ns) = (kind, state, wall_ms * MS);
        }
        profile.snapshot = Some(Snapshot {
            tasks: Tasks {
                kinds: vec![
                    TaskKind {
                        id: 7,
                        busy_ns: 93 * MS,
                        idle_ns: 1_000 * MS,
                        ..TaskKind::default()
                    },
                    TaskKind {
                        id: 8,
                        busy_ns: 1,
                        ..TaskKind::default()
                    },
                ],
                ..Tasks::default()
            },
            ..Snapshot::default()
        });
        let rows = kind_times(&profile, |_| true);
        let ids: Vec<u64> = rows.iter().map(|row| row.id).collect();
        assert_eq!(ids, [7, 8]);
        let row = &rows[0];
        assert_eq!(row.on_cpu.cpu_ns, 50 * MS);
        assert_eq!((row.blocked_ns(), row.runnable_ns()), (40 * MS, 3 * MS));
        assert_eq!(
            (row.busy_ns(), row.cpu_samples.len(), row.wait_samples.len()),
            (93 * MS, 1, 2)
        );
    }

    #[test]
    fn a_kind_that_only_samples_know() {
        let mut profile = profile(&[("w", "m;a", 5)]);
        profile.samples[0].kind = 3;
        let rows = kind_times(&profile, |_| true);
        assert_eq!((rows.len(), rows[0].id, rows[0].busy_ns()), (1, 3, 0));
    }

    #[test]
    fn what_was_counted_before_is_taken_off() {
        let kind = |id, busy_ns, polls| TaskKind {
            id,
            busy_ns,
            polls,
            alive: 3,
            ..TaskKind::default()
        };
        let mut now = [kind(1, 10, 5), kind(2, 7, 7)];
        take_off(&mut now, &[kind(1, 4, 1)]);
        assert_eq!(now, [kind(1, 6, 4), kind(2, 7, 7)]);
    }
}
