//! Task kinds and resources of several processes.

use super::*;

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
