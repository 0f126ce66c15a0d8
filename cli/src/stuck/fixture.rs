//! A shop whose locks are in trouble: two threads in a deadlock with a request behind them, and a task that holds a lock over I/O.

use crate::now::Now;
use crate::tasks::fixture::profile;
use hotpoll_profile::{
    Channel, Histogram, Holder, Library, Longest, Mode, Party, Permits, Profile, Resource,
    ResourceKind, Resources, Since, Site, Uses, Waiter,
};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

fn site(file: &str, line: u32) -> Site {
    Site {
        file: format!("src/{file}"),
        line,
        column: 9,
    }
}

fn thread(tid: u32) -> Party {
    Party {
        tid,
        ..Party::default()
    }
}

fn task(task: u64, kind: u64) -> Party {
    Party {
        tid: 4250,
        task,
        kind,
    }
}

fn holder(party: Party, line: u32, since_ns: u64) -> Holder {
    Holder {
        party,
        site: site("cache.rs", line),
        since_ns,
        since: Since::AtLeast,
        amount: 1,
        acquisition: 7,
        confirmed: true,
        ..Holder::default()
    }
}

fn waiter(party: Party, line: u32, since_ns: u64) -> Waiter {
    Waiter {
        party,
        site: site("cache.rs", line),
        since_ns,
        wait: 5,
        confirmed: true,
        ..Waiter::default()
    }
}

fn uses(acquired: u64, contended: u64, wait_ms: u64) -> Uses {
    let (mut wait, mut hold) = (Histogram::default(), Histogram::default());
    for _ in 0..contended {
        wait.record(wait_ms * MS);
        hold.record(2 * MS);
    }
    Uses {
        acquired,
        contended,
        wait_ns: contended * wait_ms * MS,
        hold_ns: contended * 2 * MS,
        holds_timed: contended,
        wait,
        hold,
        longest_wait: (contended > 0).then(|| Longest {
            ns: 3 * wait_ms * MS,
            who: task(9, 1),
            site: site("cache.rs", 77),
            stack: vec![8, 7, 2, 1, 0],
            other: Some(task(4, 1)),
            other_site: site("cache.rs", 41),
            ..Longest::default()
        }),
        ..Uses::default()
    }
}

fn resource(id: u64, kind: ResourceKind, library: Library, name: &str, line: u32) -> Resource {
    Resource {
        id,
        kind,
        library,
        name: name.to_owned(),
        site: site("cache.rs", line),
        instances: 1,
        age_ns: 60 * S,
        ..Resource::default()
    }
}

/// Locks, channels and a semaphore.
pub fn resources() -> Resources {
    let resources = vec![
        Resource {
            exclusive: uses(1_200, 300, 40),
            holders: vec![holder(thread(4242), 31, 3 * S)],
            waiters: vec![
                waiter(thread(4252), 52, 3 * S),
                waiter(task(9, 1), 77, 1_190 * MS),
            ],
            ..resource(1, ResourceKind::Mutex, Library::ParkingLot, "sessions", 12)
        },
        Resource {
            exclusive: uses(90, 3, 2),
            holders: vec![holder(thread(4252), 51, 2_500 * MS)],
            waiters: vec![waiter(thread(4242), 32, 2_500 * MS)],
            ..resource(2, ResourceKind::Mutex, Library::Std, "", 13)
        },
        Resource {
            exclusive: Uses {
                tries_failed: 1_200,
                timed_out: 1,
                ..uses(40, 20, 9)
            },
            shared: Uses {
                cancelled: 2,
                ..uses(9_000, 0, 0)
            },
            holders: vec![Holder {
                mode: Mode::Shared,
                since: Since::Exact,
                ..holder(task(4, 1), 90, 30 * MS)
            }],
            ..resource(3, ResourceKind::RwLock, Library::Tokio, "prices", 14)
        },
        Resource {
            exclusive: uses(16, 0, 0),
            channel: Some(Channel {
                capacity: Some(16),
                length: 3,
                sent: 16,
                received: 13,
                senders: 2,
                receivers: 1,
                last_received_ns: 12 * MS,
                receiver: Some(task(5, 2)),
                ..Channel::default()
            }),
            ..resource(4, ResourceKind::Mpsc, Library::Tokio, "orders", 15)
        },
        Resource {
            permits: Some(Permits {
                total: 8,
                available: 6,
                is_signal: false,
                last_granted_ns: 0,
            }),
            exclusive: uses(500, 4, 1),
            ..resource(5, ResourceKind::Semaphore, Library::Tokio, "db", 16)
        },
    ];
    Resources {
        created: 9,
        alive: resources.len() as u64,
        resources,
        ..Resources::default()
    }
}

/// The shop's profile, with its locks.
pub fn locked_profile() -> Profile {
    let mut profile = profile();
    if let Some(snapshot) = &mut profile.snapshot {
        snapshot.resources = resources();
    }
    profile
}

/// The shop with its locks, now.
pub fn locked() -> Now {
    Now::new(locked_profile())
}
