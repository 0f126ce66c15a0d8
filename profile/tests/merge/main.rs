//! Profiles joined, cut and rid of what nobody needs: what holds for every profile here, single cases in the files beside.

mod counted;
mod fetches;
mod processes;
#[path = "../support/mod.rs"]
mod support;
mod window;

use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{
    Exact, Fact, Fingerprint, Function, Line, Location, Merger, Module, PollTotals, Process,
    Profile, Resource, Resources, Sample, Slice, SliceRow, SliceWork, Snapshot, Task, TaskKind,
    Tasks, Thread, ThreadSlice, Uses, Waiter, Work, WorkSource,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What a profile says, without saying in which order: every index is replaced by what it means.
#[derive(Debug, PartialEq)]
struct Meaning {
    work: BTreeMap<(String, usize), u64>,
    samples: BTreeMap<String, [u64; 3]>,
    threads: BTreeMap<(u32, u64), u64>,
    slices: Vec<String>,
    window: (u64, u64, u64, u64),
    snapshot: Option<String>,
}

fn meaning(profile: &Profile) -> Meaning {
    assert_eq!(profile.check(), Ok(()));
    let stack = |stack: &[u32]| -> Vec<String> {
        let frames = stack.iter().map(|&at| {
            let location = &profile.locations[at as usize];
            let module = location
                .module
                .map(|module| &profile.modules[module as usize]);
            let lines: Vec<_> = location
                .lines
                .iter()
                .map(|line| (&profile.functions[line.function as usize], line.line))
                .collect();
            format!("{:x} {module:?} {lines:?}", location.address)
        });
        frames.collect()
    };
    let key = |thread: u32| {
        let thread = &profile.threads[thread as usize];
        (thread.tid, thread.start_ticks)
    };
    let name = |sample: &Sample| {
        let bare = Sample {
            thread: 0,
            stack: vec![],
            count: 0,
            cpu_ns: 0,
            wall_ns: 0,
            ..*sample
        };
        format!(
            "{:?} {bare:?} {:?}",
            key(sample.thread),
            stack(&sample.stack)
        )
    };
    let mut samples: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    for sample in &profile.samples {
        let values = [sample.count, sample.cpu_ns, sample.wall_ns];
        if values != [0; 3] {
            let sums = samples.entry(name(sample)).or_default();
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = sum.saturating_add(value);
            }
        }
    }
    let mut threads: BTreeMap<(u32, u64), u64> = BTreeMap::new();
    for thread in &profile.threads {
        let sum = threads.entry((thread.tid, thread.start_ticks)).or_default();
        *sum = sum.saturating_add(thread.totals.cpu_ns);
    }
    threads.retain(|_, cpu_ns| *cpu_ns > 0);
    let slices = profile.slices.iter().map(|slice| {
        let rows: Vec<_> = slice
            .rows
            .iter()
            .filter(|row| row.count > 0 || row.cpu_ns > 0 || row.wall_ns > 0)
            .map(|row| {
                let sample = &profile.samples[row.sample as usize];
                (name(sample), row.count, row.cpu_ns, row.wall_ns)
            })
            .collect();
        let threads: Vec<_> = slice
            .threads
            .iter()
            .filter(|thread| thread.accounts != Accounts::default())
            .map(|thread| (key(thread.thread), thread.accounts))
            .collect();
        let work: Vec<_> = (slice.work.iter().filter(|part| part.units > 0))
            .map(|part| {
                let counter = &profile.work[part.work as usize];
                (&counter.name, counter.source, part.units)
            })
            .collect();
        format!(
            "{} {} {rows:?} {threads:?} {work:?}",
            slice.sequence, slice.start_unix_ns
        )
    });
    let mut work = BTreeMap::new();
    for counter in &profile.work {
        let sum: &mut u64 = work
            .entry((counter.name.clone(), counter.source.index()))
            .or_default();
        *sum = sum.saturating_add(counter.units);
    }
    work.retain(|_, units| *units > 0);
    Meaning {
        work,
        samples,
        threads,
        slices: slices.collect(),
        window: (
            profile.start_unix_ns,
            profile.duration_ns,
            profile.process_cpu_ns,
            profile.unseen_cpu_ns,
        ),
        snapshot: profile.snapshot.as_ref().map(|snapshot| {
            let threads: Vec<_> = snapshot.threads.iter().map(|now| key(now.thread)).collect();
            let stacks: Vec<_> = snapshot.stacks().map(|one| stack(one)).collect();
            // The numbers that are not indices.
            let mut rest = snapshot.clone();
            rest.threads.iter_mut().for_each(|now| now.thread = 0);
            rest.stacks_mut().for_each(Vec::clear);
            format!("{threads:?} {stacks:?} {rest:?}")
        }),
    }
}

prop_compose! {
    /// A profile as an agent would make it: a process, slices one after the other, totals that are their sums.
    fn recorded()(mut profile in support::profile()) -> Profile {
        profile.process.pid = 7;
        // An address is symbolized or it is not: two locations with the same one would be joined.
        for (location, address) in profile.locations.iter_mut().zip(0..) {
            location.address = address;
        }
        for (slice, sequence) in profile.slices.iter_mut().zip(1u64..) {
            slice.sequence = sequence;
            slice.start_unix_ns = 1_000_000_000 * sequence;
            slice.duration_ns = 1_000_000_000;
        }
        if profile.slices.is_empty() {
            profile.slices.push(Slice {
                sequence: 1,
                start_unix_ns: 1_000_000_000,
                duration_ns: 1_000_000_000,
                ..Slice::default()
            });
        }
        profile.evicted_slices = 0;
        profile.folded_stacks = 0;
        assert!(profile.retain_last(u64::MAX));
        total_up_work(&mut profile);
        profile
    }
}

/// Only what slices tell is work.
fn total_up_work(profile: &mut Profile) {
    for counter in &mut profile.work {
        counter.units = 0;
    }
    for part in profile.slices.iter().flat_map(|slice| &slice.work) {
        let units = &mut profile.work[part.work as usize].units;
        *units = units.saturating_add(part.units);
    }
}

/// What a client gets that asks for these slices only.
fn fetched(profile: &Profile, slices: std::ops::Range<usize>) -> Profile {
    let mut part = profile.clone();
    let kept = part.slices[slices].to_vec();
    part.slices = kept;
    if part.slices.is_empty() {
        part.samples.clear();
        part.compact();
        for thread in &mut part.threads {
            thread.totals = Accounts::default();
        }
        part.start_unix_ns = 0;
        part.duration_ns = 0;
        part.process_cpu_ns = 0;
        part.unseen_cpu_ns = 0;
    } else {
        assert!(part.retain_last(u64::MAX));
    }
    total_up_work(&mut part);
    part
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fetches_that_overlap_give_the_whole(profile in recorded(), cuts in any::<[prop::sample::Index; 2]>()) {
        let n = profile.slices.len();
        let mut cuts = cuts.map(|cut| cut.index(n + 1));
        cuts.sort_unstable();
        let [second, first] = cuts;
        let mut merged = fetched(&profile, 0..first);
        merged.merge(fetched(&profile, second..n));
        prop_assert_eq!(meaning(&merged), meaning(&profile));
        prop_assert_eq!(&merged.process, &profile.process);
    }

    #[test]
    fn a_fetch_merged_twice_counts_once(profile in recorded()) {
        let mut merged = profile.clone();
        merged.merge(profile.clone());
        prop_assert_eq!(meaning(&merged), meaning(&profile));
        prop_assert_eq!(merged.evicted_slices, profile.evicted_slices);
    }

    #[test]
    fn nothing_and_a_profile_are_the_profile(profile in support::profile()) {
        let mut merged = Profile::default();
        merged.merge(profile.clone());
        prop_assert_eq!(merged, profile);
    }

    #[test]
    fn other_processes_add_up(one in support::profile(), mut other in support::profile()) {
        other.process.pid = one.process.pid.wrapping_add(1);
        let mut merged = one.clone();
        merged.merge(other.clone());
        prop_assert_eq!(merged.check(), Ok(()));
        prop_assert_eq!(merged.threads.len(), one.threads.len() + other.threads.len());
        prop_assert_eq!(merged.slices.len(), one.slices.len() + other.slices.len());
        let mut totals = one.totals();
        totals.add(&other.totals());
        prop_assert_eq!(merged.totals(), totals);
        let cpu = |profile: &Profile| profile.samples.iter().fold(0u64, |sum, sample| sum.saturating_add(sample.cpu_ns));
        prop_assert_eq!(cpu(&merged), cpu(&one).saturating_add(cpu(&other)));
    }

    #[test]
    fn compacting_loses_nothing(mut profile in support::profile()) {
        let before = meaning(&profile);
        profile.compact();
        prop_assert_eq!(meaning(&profile), before);
        let once = profile.clone();
        profile.compact();
        prop_assert_eq!(profile, once);
    }

    #[test]
    fn cutting_twice_is_cutting_once(profile in support::profile(), [long, short] in [support::number(), support::number()]) {
        let (long, short) = (long.max(short), long.min(short));
        let mut once = profile.clone();
        once.retain_last(short);
        let mut twice = profile;
        twice.retain_last(long);
        twice.retain_last(short);
        prop_assert_eq!(meaning(&once), meaning(&twice));
    }
}
