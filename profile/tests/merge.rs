//! Profiles joined, cut and rid of what nobody needs.

mod support;

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

/// A thread that runs one function per slice: slice `n` is 10 ms in the function at address `n`.
fn one_thread(slices: std::ops::RangeInclusive<u64>) -> Profile {
    let mut profile = Profile {
        process: Process {
            pid: 7,
            name: "service".to_owned(),
            start_ticks: 100,
            ..Process::default()
        },
        interval_ns: 10_000_000,
        threads: vec![Thread {
            tid: 8,
            start_ticks: 101,
            name: "worker".to_owned(),
            ..Thread::default()
        }],
        ..Profile::default()
    };
    for (at, sequence) in slices.enumerate() {
        let at = at as u32;
        profile.locations.push(Location {
            address: sequence,
            ..Location::default()
        });
        profile.samples.push(Sample {
            stack: vec![at],
            count: 1,
            cpu_ns: 10_000_000,
            ..Sample::default()
        });
        profile.slices.push(Slice {
            sequence,
            start_unix_ns: sequence * 1_000_000_000,
            duration_ns: 1_000_000_000,
            process_cpu_ns: 11_000_000,
            unseen_cpu_ns: 0,
            rows: vec![SliceRow {
                sample: at,
                count: 1,
                cpu_ns: 10_000_000,
                ..SliceRow::default()
            }],
            threads: vec![ThreadSlice {
                thread: 0,
                accounts: Accounts {
                    cpu_ns: 11_000_000,
                    sampled_ns: 10_000_000,
                    ..Accounts::default()
                },
            }],
            ..Slice::default()
        });
    }
    profile.retain_last(u64::MAX);
    profile
}

#[test]
fn consecutive_fetches() {
    let mut merged = one_thread(1..=3);
    merged.merge(one_thread(3..=5));
    assert_eq!(merged, one_thread(1..=5));
    assert_eq!(merged.last_sequence(), 5);
    assert_eq!(merged.duration_ns, 5_000_000_000);
    assert_eq!(merged.threads[0].totals.cpu_ns, 55_000_000);
}

#[test]
fn fetches_that_come_in_the_wrong_order() {
    let mut merged = one_thread(4..=5);
    merged.merge(one_thread(1..=2));
    let sequences: Vec<u64> = merged.slices.iter().map(|slice| slice.sequence).collect();
    assert_eq!(sequences, [1, 2, 4, 5]);
    assert_eq!(merged.start_unix_ns, 1_000_000_000);
}

#[test]
fn the_later_fetch_knows_the_thread_better() {
    let mut later = one_thread(2..=2);
    later.threads[0].name = "renamed".to_owned();
    later.threads[0].exited = true;
    let mut merged = one_thread(1..=1);
    merged.merge(later);
    assert_eq!(merged.threads.len(), 1);
    assert_eq!(merged.threads[0].name, "renamed");
    assert!(merged.threads[0].exited);
    assert_eq!(merged.threads[0].totals.cpu_ns, 22_000_000);
}

#[test]
fn a_tid_used_again_is_another_thread() {
    let mut later = one_thread(2..=2);
    later.threads[0].start_ticks = 500;
    let mut merged = one_thread(1..=1);
    merged.merge(later);
    assert_eq!(merged.threads.len(), 2);
}

#[test]
fn what_was_evicted_between_fetches_is_counted() {
    let mut later = one_thread(5..=5);
    later.evicted_slices = 3;
    let mut merged = one_thread(1..=1);
    merged.merge(later.clone());
    assert_eq!(merged.evicted_slices, 3);
    merged.merge(later);
    assert_eq!(merged.evicted_slices, 3);
}

#[test]
fn a_process_that_replaced_itself_counts_slices_from_one_again() {
    let mut after_exec = one_thread(1..=2);
    for slice in &mut after_exec.slices {
        slice.start_unix_ns += 60_000_000_000;
    }
    let mut merged = one_thread(1..=2);
    merged.merge(after_exec);
    assert_eq!(merged.slices.len(), 4);
    assert_eq!(merged.threads[0].totals.cpu_ns, 44_000_000);
}

#[test]
fn files_of_several_processes() {
    let mut other = one_thread(1..=2);
    other.process.pid = 9;
    other.process.name = "worker".to_owned();
    let mut merger = Merger::new(one_thread(1..=2));
    merger.add(other.clone());
    merger.add(other);
    let merged = merger.into_profile();
    assert_eq!(merged.process.name, "service, worker");
    assert_eq!(merged.process.pid, 0);
    // Two files of one process are not told from files of two: nothing is joined, nothing is lost.
    assert_eq!(merged.threads.len(), 3);
    let sequences: Vec<u64> = merged.slices.iter().map(|slice| slice.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
    assert_eq!(merged.totals().cpu_ns, 66_000_000);
    assert_eq!(merged.locations.len(), 2);
}

#[test]
fn symbols_that_one_side_has_serve_both() {
    let mut symbolized = one_thread(1..=1);
    symbolized.functions.push(Function {
        name: "work".to_owned(),
        ..Function::default()
    });
    symbolized.locations[0].lines.push(Line {
        function: 0,
        line: 3,
    });
    for (first, second) in [
        (symbolized.clone(), one_thread(1..=2)),
        (one_thread(1..=2), symbolized),
    ] {
        let mut merged = first;
        merged.merge(second);
        assert_eq!(merged.locations.len(), 2);
        assert_eq!(merged.locations[0].lines.len(), 1);
    }
}

#[test]
fn the_same_address_of_two_programs_is_two_locations() {
    let file = |name: &str| Profile {
        functions: vec![Function {
            name: name.to_owned(),
            ..Function::default()
        }],
        locations: vec![Location {
            address: 0x40_1000,
            module: None,
            lines: vec![Line::default()],
        }],
        threads: vec![Thread::default()],
        samples: vec![Sample {
            stack: vec![0],
            count: 1,
            cpu_ns: 1,
            ..Sample::default()
        }],
        ..Profile::default()
    };
    let mut merged = file("one");
    merged.merge(file("two"));
    assert_eq!(merged.locations.len(), 2);
    assert_eq!(merged.samples.len(), 2);
}

#[test]
fn the_last_two_seconds() {
    let mut profile = one_thread(1..=5);
    profile.threads.push(Thread {
        tid: 9,
        exited: true,
        ..Thread::default()
    });
    profile.threads.push(Thread {
        tid: 10,
        ..Thread::default()
    });
    profile.evicted_slices = 100;
    assert!(profile.retain_last(2_000_000_000));
    let tids: Vec<u32> = profile.threads.iter().map(|thread| thread.tid).collect();
    assert_eq!(tids, [8, 10], "alive, but not what had ended before");
    profile.threads.pop();
    assert_eq!(profile, one_thread(4..=5));
}

#[test]
fn a_slice_that_reaches_into_the_window_stays_whole() {
    let mut profile = one_thread(1..=5);
    assert!(profile.retain_last(1_500_000_000));
    assert_eq!(profile, one_thread(4..=5));
}

#[test]
fn without_slices_there_is_nothing_to_cut() {
    let mut profile = one_thread(1..=2);
    profile.slices.clear();
    let before = profile.clone();
    assert!(!profile.retain_last(1));
    assert_eq!(profile, before);
}

#[test]
fn what_nothing_refers_to_goes() {
    let mut profile = one_thread(1..=1);
    let module = |path: &str| Module {
        path: path.to_owned(),
        ..Module::default()
    };
    profile.modules = vec![module("/service"), module("/unused"), module("/libc")];
    profile.locations[0].module = Some(2);
    profile.functions = vec![Function::default(); 3];
    profile.locations[0].lines.push(Line {
        function: 1,
        line: 0,
    });
    profile.locations.insert(0, Location::default());
    profile.samples[0].stack = vec![1];
    profile.compact();
    assert_eq!(profile.check(), Ok(()));
    assert_eq!(profile.functions.len(), 1);
    assert_eq!(profile.locations.len(), 1);
    assert_eq!(profile.samples[0].stack, [0]);
    let paths: Vec<&str> = profile.modules.iter().map(|m| m.path.as_str()).collect();
    assert_eq!(paths, ["/service", "/libc"], "the executable stays");
}

/// A file of another process, with kinds `(number, name, polls)` and a sample of each kind in `samples`.
fn with_kinds(pid: u32, kinds: &[(u64, &str, u64)], samples: &[u64]) -> Profile {
    Profile {
        process: Process {
            pid,
            ..Process::default()
        },
        threads: vec![Thread::default()],
        samples: samples
            .iter()
            .map(|&kind| Sample {
                kind,
                count: kind,
                ..Sample::default()
            })
            .collect(),
        snapshot: Some(Snapshot {
            tasks: Tasks {
                tracked: 1,
                tasks: vec![Task::default()],
                kinds: kinds
                    .iter()
                    .map(|&(id, name, polls)| TaskKind {
                        id,
                        name: name.to_owned(),
                        polls,
                        ..TaskKind::default()
                    })
                    .collect(),
                ..Tasks::default()
            },
            ..Snapshot::default()
        }),
        ..Profile::default()
    }
}

/// Each process numbers its resources for itself, and the merged table has none of a moment.
#[test]
fn resources_of_several_processes() {
    let with_resources = |pid, resources: &[(u64, &str, u64)], samples: &[(u64, u64)]| Profile {
        process: Process {
            pid,
            ..Process::default()
        },
        threads: vec![Thread::default()],
        samples: (samples.iter())
            .map(|&(lock, holds)| Sample {
                lock,
                holds,
                count: 1,
                ..Sample::default()
            })
            .collect(),
        snapshot: Some(Snapshot {
            resources: Resources {
                resources: (resources.iter())
                    .map(|&(id, name, acquired)| Resource {
                        id,
                        name: name.to_owned(),
                        exclusive: Uses {
                            acquired,
                            ..Uses::default()
                        },
                        waiters: vec![Waiter::default()],
                        ..Resource::default()
                    })
                    .collect(),
                alive: resources.len() as u64,
                ..Resources::default()
            },
            ..Snapshot::default()
        }),
        ..Profile::default()
    };
    let mut merged = with_resources(1, &[(1, "cache", 10), (5, "log", 5)], &[(1, 0), (5, 1)]);
    merged.merge(with_resources(
        2,
        &[(1, "log", 3), (2, "cache", 2), (3, "pool", 1)],
        &[(1, 0), (3, 2), (0, 9)],
    ));
    let resources = &merged.snapshot.as_ref().unwrap().resources;
    assert_eq!(resources.alive, 5);
    let rows: Vec<_> = (resources.resources.iter())
        .map(|one| (one.id, one.name.as_str(), one.exclusive.acquired))
        .collect();
    assert_eq!(rows, [(1, "cache", 12), (5, "log", 8), (6, "pool", 1)]);
    assert!(resources.resources.iter().all(|one| one.waiters.is_empty()));
    let samples: Vec<_> = (merged.samples.iter())
        .map(|sample| (sample.lock, sample.holds))
        .collect();
    // The resource 9 of the second process is one that no snapshot tells of.
    assert_eq!(samples, [(1, 0), (5, 1), (5, 0), (6, 1), (0, 7)]);
}

/// Each process counts its kinds from 1.
#[test]
fn kinds_of_several_processes() {
    let mut merged = with_kinds(1, &[(1, "request", 10), (2, "flush", 5)], &[1, 2]);
    merged.merge(with_kinds(
        2,
        &[(1, "flush", 3), (2, "mail", 2)],
        &[1, 2, 9],
    ));
    merged.merge(with_kinds(3, &[(7, "mail", 1)], &[7]));
    let tasks = &merged.snapshot.as_ref().unwrap().tasks;
    assert_eq!((tasks.tracked, tasks.tasks.len()), (3, 0));
    let kinds: Vec<(u64, &str, u64)> = (tasks.kinds.iter())
        .map(|kind| (kind.id, kind.name.as_str(), kind.polls))
        .collect();
    assert_eq!(kinds, [(1, "request", 10), (2, "flush", 8), (3, "mail", 3)]);
    let samples: Vec<(u64, u64)> = (merged.samples.iter())
        .map(|sample| (sample.kind, sample.count))
        .collect();
    // The kind 9 of the second process is one that no snapshot tells of.
    assert_eq!(samples, [(1, 1), (2, 2), (2, 1), (3, 2), (4, 9), (3, 7)]);
    assert_eq!(merged.check(), Ok(()));
}

/// Work and exact totals of fetches of one process: added where the window is new, and no longer known where it is new in part.
#[test]
fn what_a_whole_window_counted() {
    let counted = |slices: std::ops::RangeInclusive<u64>, polls: u64| {
        let mut profile = one_thread(slices);
        profile.work = vec![
            Work {
                name: "requests".to_owned(),
                source: WorkSource::Program,
                units: 10 * profile.slices.len() as u64,
            },
            Work {
                name: "files".to_owned(),
                source: WorkSource::Given,
                units: 3,
            },
        ];
        for slice in &mut profile.slices {
            slice.work = vec![SliceWork { work: 0, units: 10 }];
        }
        profile.exact = Some(Exact {
            polls: vec![PollTotals {
                name: "serve".to_owned(),
                polls,
                ..PollTotals::default()
            }],
            ..Exact::default()
        });
        profile
    };
    let units = |profile: &Profile| -> Vec<u64> {
        let counters = profile.work.iter();
        counters.map(|counter| counter.units).collect()
    };
    let mut merged = counted(1..=2, 5);
    merged.merge(counted(3..=5, 7));
    assert_eq!(units(&merged), [50, 6]);
    assert_eq!(merged.exact.as_ref().unwrap().polls[0].polls, 12);
    assert_eq!(merged.exact.as_ref().unwrap().polls.len(), 1);
    let whole = merged.clone();
    merged.merge(counted(3..=5, 7));
    assert_eq!(
        (units(&merged), &merged.exact),
        (units(&whole), &whole.exact)
    );
    // One slice is new.
    merged.merge(counted(5..=6, 7));
    assert_eq!((units(&merged), merged.exact), (vec![60, 0], None));

    let mut cut = whole;
    assert!(cut.retain_last(2_000_000_000));
    assert_eq!((units(&cut), cut.exact), (vec![20], None));
}

#[test]
fn a_fingerprint_is_kept_where_it_is_equal() {
    let made_with = |pid: u32, workload: &str, cpu: &str| {
        let mut profile = one_thread(1..=1);
        profile.process.pid = pid;
        profile.fingerprint = Fingerprint {
            workload: workload.to_owned(),
            machine: vec![Fact::new("cpus", "2"), Fact::new("cpu", cpu)],
            build: vec![Fact::new("lto", "thin")],
        };
        profile
    };
    let mut merged = made_with(7, "demo", "one");
    merged.merge(made_with(8, "demo", "other"));
    assert_eq!(merged.fingerprint.workload, "demo");
    assert_eq!(merged.fingerprint.machine("cpus"), Some("2"));
    assert_eq!(merged.fingerprint.machine("cpu"), None);
    assert_eq!(merged.fingerprint.build("lto"), Some("thin"));
    merged.merge(made_with(9, "another", "one"));
    assert_eq!(merged.fingerprint.workload, "");

    // Of one process the later fetch knows better, and forgets nothing.
    let mut merged = made_with(7, "demo", "one");
    let mut later = made_with(7, "", "other");
    later.fingerprint.build.clear();
    merged.merge(later);
    let kept = &merged.fingerprint;
    assert_eq!(
        (kept.workload.as_str(), kept.machine("cpu")),
        ("demo", Some("other"))
    );
    assert_eq!((kept.build("lto"), kept.machine.len()), (Some("thin"), 2));
}

#[test]
fn totals_since_an_earlier_look() {
    let polls = |name: &str, polls: u64| PollTotals {
        name: name.to_owned(),
        polls,
        poll_ns: polls * 100,
        ..PollTotals::default()
    };
    let earlier = Exact {
        polls: vec![polls("serve", 5), polls("idle", 2)],
        ..Exact::default()
    };
    let mut later = Exact {
        polls: vec![polls("serve", 9), polls("idle", 2), polls("new", 1)],
        ..Exact::default()
    };
    later.polls[0].poll_time.record(100);
    let since = later.since(&earlier);
    let seen: Vec<_> = (since.polls.iter())
        .map(|one| (one.name.as_str(), one.polls, one.poll_ns))
        .collect();
    assert_eq!(seen, [("serve", 4, 400), ("new", 1, 100)]);
    let mut sum = earlier;
    sum.add(&since);
    assert_eq!(sum, later);
}
