//! A profile as others can draw it: of CPU time alone, or with waiting beside it, and with task kinds as roots.
//!
//! Exports know weights and stacks and nothing of states. So waiting becomes weight, its state a frame at the leaf, and a task's kind
//! a frame at the root. What a thread's clock says grows by the same time, so that totals stay what they were: sums.

use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Function, Line, Location, Profile, SliceRow, State};
use std::borrow::Cow;
use std::collections::HashMap;

/// The profile without its samples of waiting.
pub fn cpu_only(profile: &Profile) -> Cow<'_, Profile> {
    if profile.samples.iter().all(|one| one.state.is_on_cpu()) {
        return Cow::Borrowed(profile);
    }
    let mut profile = profile.clone();
    let on_cpu: Vec<bool> = (profile.samples.iter())
        .map(|sample| sample.state.is_on_cpu())
        .collect();
    for sample in &mut profile.samples {
        if !sample.state.is_on_cpu() {
            sample.count = 0;
            sample.wall_ns = 0;
        }
    }
    for slice in &mut profile.slices {
        slice.rows.retain(|row| on_cpu[row.sample as usize]);
    }
    profile.compact();
    Cow::Owned(profile)
}

/// What a state of waiting is called where it is a frame.
pub fn state_frame(state: State) -> String {
    format!("[{}]", state.label())
}

/// The profile with waiting as weight: what a sample of waiting stands for is where CPU time was, and its state is a frame at the leaf.
pub fn with_waiting(profile: &Profile) -> Profile {
    let mut profile = profile.clone();
    let mut frames = Made::default();
    let mut waited = vec![0u64; profile.threads.len()];
    let waits: Vec<bool> = (profile.samples.iter())
        .map(|sample| !sample.state.is_on_cpu())
        .collect();
    for at in 0..profile.samples.len() {
        let state = profile.samples[at].state;
        if state.is_on_cpu() {
            continue;
        }
        let leaf = frames.location(&mut profile, state_frame(state));
        let sample = &mut profile.samples[at];
        sample.stack.insert(0, leaf);
        sample.cpu_ns = std::mem::take(&mut sample.wall_ns);
        sample.state = State::Running;
        let waited = &mut waited[sample.thread as usize];
        *waited = waited.saturating_add(sample.cpu_ns);
    }
    for (thread, ns) in profile.threads.iter_mut().zip(waited) {
        add_time(&mut thread.totals, ns);
        profile.process_cpu_ns = profile.process_cpu_ns.saturating_add(ns);
    }
    let thread_of: Vec<u32> = profile.samples.iter().map(|one| one.thread).collect();
    for slice in &mut profile.slices {
        let mut of_thread: HashMap<u32, u64> = HashMap::new();
        for row in &mut slice.rows {
            if waits[row.sample as usize] {
                let ns = make_time(row);
                let sum = of_thread.entry(thread_of[row.sample as usize]).or_default();
                *sum = sum.saturating_add(ns);
            }
        }
        for thread in &mut slice.threads {
            let ns = of_thread.remove(&thread.thread).unwrap_or(0);
            add_time(&mut thread.accounts, ns);
            slice.process_cpu_ns = slice.process_cpu_ns.saturating_add(ns);
        }
    }
    profile
}

fn make_time(row: &mut SliceRow) -> u64 {
    row.cpu_ns = std::mem::take(&mut row.wall_ns);
    row.cpu_ns
}

fn add_time(accounts: &mut Accounts, ns: u64) {
    accounts.cpu_ns = accounts.cpu_ns.saturating_add(ns);
    accounts.sampled_ns = accounts.sampled_ns.saturating_add(ns);
}

/// What code outside of all tracked tasks is called where kinds are frames.
pub const NO_TASK: &str = "[no task]";

/// The profile with each sample's task kind as a frame at the root.
pub fn by_kind(profile: &Profile) -> Profile {
    let mut profile = profile.clone();
    let titles: HashMap<u64, String> = (profile.snapshot.iter())
        .flat_map(|snapshot| &snapshot.tasks.kinds)
        .map(|kind| (kind.id, kind.title()))
        .collect();
    let mut frames = Made::default();
    for at in 0..profile.samples.len() {
        let name = match profile.samples[at].kind {
            0 => NO_TASK.to_owned(),
            kind => match titles.get(&kind) {
                Some(title) => format!("[task {title}]"),
                None => format!("[task kind {kind}]"),
            },
        };
        let root = frames.location(&mut profile, name);
        let sample = &mut profile.samples[at];
        if sample.stack.is_empty() {
            // A stack that was given up is a frame too, and it would be mistaken for the kind's own.
            let other = frames.location(&mut profile, super::frames::OTHER.to_owned());
            profile.samples[at].stack = vec![other, root];
        } else {
            sample.stack.push(root);
        }
    }
    profile
}

/// Frames that are no code, each made once.
#[derive(Default)]
struct Made(HashMap<String, u32>);

impl Made {
    fn location(&mut self, profile: &mut Profile, name: String) -> u32 {
        if let Some(&location) = self.0.get(&name) {
            return location;
        }
        let function = profile.functions.len() as u32;
        profile.functions.push(Function {
            name: name.clone(),
            ..Function::default()
        });
        let location = profile.locations.len() as u32;
        profile.locations.push(Location {
            lines: vec![Line { function, line: 0 }],
            ..Location::default()
        });
        self.0.insert(name, location);
        location
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;
    use hotpoll_profile::{Sample, Slice, Snapshot, TaskKind, Tasks, ThreadSlice};

    /// One second of CPU time in `a`, two of waiting for a lock in `b`, by tasks of the kinds 5 and 6.
    fn waiting() -> Profile {
        let mut profile = profile(&[("t", "main;a", 100), ("t", "main;b", 40)]);
        let thread = &mut profile.threads[0].totals;
        thread.cpu_ns = 1_000_000_000;
        thread.sampled_ns = 1_000_000_000;
        profile.process_cpu_ns = 1_000_000_000;
        profile.samples[0].kind = 5;
        profile.samples[1] = Sample {
            state: State::Lock,
            cpu_ns: 0,
            wall_ns: 2_000_000_000,
            kind: 6,
            ..profile.samples[1].clone()
        };
        let row = |sample: u32| {
            let of = &profile.samples[sample as usize];
            SliceRow {
                sample,
                count: of.count,
                cpu_ns: of.cpu_ns,
                wall_ns: of.wall_ns,
            }
        };
        let slice = Slice {
            rows: vec![row(0), row(1)],
            threads: vec![ThreadSlice {
                thread: 0,
                accounts: profile.threads[0].totals,
            }],
            process_cpu_ns: 1_000_000_000,
            ..Slice::default()
        };
        profile.slices = vec![slice];
        profile.snapshot = Some(Snapshot {
            tasks: Tasks {
                kinds: vec![TaskKind {
                    id: 6,
                    name: "checkout".to_owned(),
                    ..TaskKind::default()
                }],
                ..Tasks::default()
            },
            ..Snapshot::default()
        });
        profile
    }

    fn stack(profile: &Profile, sample: usize) -> String {
        let names = profile.samples[sample].stack.iter().rev().map(|&at| {
            let line = &profile.locations[at as usize].lines[0];
            profile.functions[line.function as usize].name.as_str()
        });
        names.collect::<Vec<_>>().join(";")
    }

    #[test]
    fn cpu_time_alone() {
        let whole = waiting();
        let profile = cpu_only(&whole);
        assert_eq!(profile.check(), Ok(()));
        assert_eq!(
            (profile.samples.len(), profile.slices[0].rows.len()),
            (1, 1)
        );
        assert_eq!(stack(&profile, 0), "main;a");
        assert!(matches!(cpu_only(&profile), Cow::Borrowed(_)));
    }

    #[test]
    fn waiting_is_weight_and_a_frame() {
        let profile = with_waiting(&waiting());
        assert_eq!(profile.check(), Ok(()));
        assert_eq!(stack(&profile, 0), "main;a");
        assert_eq!(stack(&profile, 1), "main;b;[lock]");
        assert_eq!(profile.samples[1].cpu_ns, 2_000_000_000);
        assert_eq!(profile.slices[0].rows[1].cpu_ns, 2_000_000_000);
        let totals = &profile.threads[0].totals;
        assert_eq!((totals.cpu_ns, totals.unsampled_ns()), (3_000_000_000, 0));
        assert_eq!(profile.slices[0].threads[0].accounts.cpu_ns, 3_000_000_000);
        assert_eq!(profile.process_cpu_ns, 3_000_000_000);
    }

    #[test]
    fn kinds_are_roots() {
        let mut whole = waiting();
        whole.samples.push(Sample::default());
        let profile = by_kind(&whole);
        assert_eq!(profile.check(), Ok(()));
        assert_eq!(stack(&profile, 0), "[task kind 5];main;a");
        assert_eq!(stack(&profile, 1), "[task checkout];main;b");
        assert_eq!(stack(&profile, 2), "[no task];[other]");
    }
}
