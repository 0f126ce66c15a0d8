//! Waiting for locks as a profile of its own, in the shape of Go's mutex profile: whose holding made others wait, how often and for how long.
//!
//! The counts and times are the locks' own, exact, since sampling began. They lie on the stacks of holders, in proportion to how long samples found each while
//! others waited (Go's are scaled from samples, too); of locks whose holders have no samples, on the stacks of those who waited; else on
//! the stack of the longest wait, or on a frame that is named like the lock.

use crate::verdict::{is_held, names};
use hotpoll_profile::{Function, Line, Location, Profile, Resource, Sample, State};
use std::collections::{BTreeMap, HashMap};

/// The profile whose samples are contentions ([`Sample::count`]) and delays ([`Sample::cpu_ns`]) by lock ([`Sample::lock`]) and stack. Threads are in it
/// without their accounts.
pub fn contention(profile: &Profile) -> Profile {
    let mut contention = Profile {
        process: profile.process.clone(),
        start_unix_ns: profile.process.start_unix_ns,
        duration_ns: (profile.start_unix_ns.saturating_add(profile.duration_ns))
            .saturating_sub(profile.process.start_unix_ns),
        modules: profile.modules.clone(),
        locations: profile.locations.clone(),
        functions: profile.functions.clone(),
        threads: profile.threads.clone(),
        snapshot: profile.snapshot.clone(),
        ..Profile::default()
    };
    for thread in &mut contention.threads {
        thread.totals = Default::default();
    }
    let (mut held, mut waited): (Stacks, Stacks) = Default::default();
    for sample in &profile.samples {
        let ns = match sample.state.is_on_cpu() {
            true => sample.cpu_ns,
            false => sample.wall_ns,
        };
        if sample.holds != 0 && !sample.stack.is_empty() {
            add(&mut held, sample.holds, sample, ns);
        }
        if sample.lock != 0 && sample.state.is_blocked() && !sample.stack.is_empty() {
            add(&mut waited, sample.lock, sample, ns);
        }
    }
    let resources = profile.snapshot.iter();
    for one in resources.flat_map(|snapshot| &snapshot.resources.resources) {
        // Who waits for a message, to be notified or for a time is not held up; who sends is.
        let (mut contended, wait_ns) = match is_held(one) {
            true => (
                (one.exclusive.contended).saturating_add(one.shared.contended),
                one.wait_ns(),
            ),
            false if one.kind.is_channel() => (one.exclusive.contended, one.exclusive.wait_ns),
            false => (0, 0),
        };
        // Whoever waits still has waited, too.
        if is_held(one) {
            let waiters = one.waiters.len() as u64;
            contended = contended.saturating_add(waiters.saturating_add(one.more_waiters));
        }
        if contended == 0 {
            continue;
        }
        let stacks = held.remove(&one.id).or_else(|| waited.remove(&one.id));
        let rows = match stacks {
            Some(stacks) => stacks.into_iter().collect(),
            None => vec![(by_itself(&mut contention, one), 1)],
        };
        spread(&mut contention, one.id, (contended, wait_ns), rows);
    }
    contention
}

/// By lock, then by whose stack: the time that samples stand for.
type Stacks = HashMap<u64, BTreeMap<Row, u64>>;
/// Thread, task kind, and stack.
type Row = (u32, u64, Vec<u32>);

fn add(stacks: &mut Stacks, lock: u64, sample: &Sample, ns: u64) {
    let row = (sample.thread, sample.kind, sample.stack.clone());
    let sum = stacks.entry(lock).or_default().entry(row).or_default();
    *sum = sum.saturating_add(ns.max(1));
}

/// The stack of the longest wait, or a frame that is named like the lock; on no thread that is known.
fn by_itself(profile: &mut Profile, one: &Resource) -> Row {
    if profile.threads.is_empty() {
        profile.threads.push(Default::default());
    }
    let longest = (one.exclusive.longest_wait.iter())
        .chain(&one.shared.longest_wait)
        .filter(|longest| !longest.stack.is_empty())
        .max_by_key(|longest| longest.ns);
    if let Some(longest) = longest {
        return (0, longest.who.kind, longest.stack.clone());
    }
    profile.functions.push(Function {
        name: names::resource(one),
        file: one.site.file.clone(),
        start_line: one.site.line,
        ..Function::default()
    });
    profile.locations.push(Location {
        lines: vec![Line {
            function: profile.functions.len() as u32 - 1,
            line: one.site.line,
        }],
        ..Location::default()
    });
    (0, 0, vec![profile.locations.len() as u32 - 1])
}

/// Divides a lock's counts among stacks, so that they add up to them.
fn spread(profile: &mut Profile, lock: u64, of_all: (u64, u64), rows: Vec<(Row, u64)>) {
    let (contended, wait_ns) = of_all;
    let whole: u128 = rows.iter().map(|(_, weight)| u128::from(*weight)).sum();
    let whole = whole.max(1);
    let mut before: u128 = 0;
    let part = |of: u64, upto: u128| (u128::from(of) * upto / whole) as u64;
    for ((thread, kind, stack), weight) in rows {
        let upto = before + u128::from(weight);
        let between = |of: u64| part(of, upto) - part(of, before);
        let (count, delay_ns) = (between(contended), between(wait_ns));
        before = upto;
        if count == 0 && delay_ns == 0 {
            continue;
        }
        profile.samples.push(Sample {
            thread,
            state: State::Running,
            kind,
            lock,
            stack,
            count,
            cpu_ns: delay_ns,
            ..Sample::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;
    use hotpoll_profile::{ResourceKind, Resources, Site, Snapshot, Uses};

    #[test]
    fn counts_lie_on_holders_and_add_up() {
        let mut profile = profile(&[
            ("a", "main;save;to_vec", 2),
            ("a", "main;save;write", 1),
            ("b", "main;load;lock", 5),
            ("b", "main;other", 5),
        ]);
        (profile.samples[0].holds, profile.samples[1].holds) = (7, 7);
        for (at, lock) in [(2, 8), (3, 7)] {
            let sample = &mut profile.samples[at];
            (sample.lock, sample.state) = (lock, State::Lock);
            (sample.wall_ns, sample.cpu_ns) = (sample.cpu_ns, 0);
        }
        let resource = |id, contended, wait_ns| Resource {
            id,
            site: Site {
                file: "src/cache.rs".to_owned(),
                line: 41,
                column: 9,
            },
            exclusive: Uses {
                contended,
                wait_ns,
                ..Uses::default()
            },
            ..Resource::default()
        };
        let of_kind = |kind, id| {
            let shared = Uses {
                contended: 9,
                wait_ns: 900,
                ..Uses::default()
            };
            let mut one = resource(id, if id == 12 { 5 } else { 0 }, 0);
            (one.kind, one.shared) = (kind, shared);
            one
        };
        profile.snapshot = Some(Snapshot {
            resources: Resources {
                resources: vec![
                    resource(7, 100, 1_000),
                    resource(8, 10, 50),
                    resource(9, 3, 30),
                    resource(10, 0, 0),
                    // Idle receivers, and a pool that waits for work.
                    of_kind(ResourceKind::Mpsc, 11),
                    of_kind(ResourceKind::Condvar, 12),
                ],
                ..Resources::default()
            },
            ..Snapshot::default()
        });
        let contention = contention(&profile);
        let rows: Vec<_> = (contention.samples.iter())
            .map(|sample| {
                let leaf = &contention.locations[sample.stack[0] as usize].lines[0];
                let name = contention.functions[leaf.function as usize].name.as_str();
                (sample.lock, name, sample.count, sample.cpu_ns)
            })
            .collect();
        assert_eq!(
            rows,
            [
                (7, "to_vec", 66, 666),
                (7, "write", 34, 334),
                (8, "lock", 10, 50),
                (9, "mutex cache.rs:41", 3, 30),
            ]
        );
        assert_eq!(contention.check(), Ok(()));
    }
}
