//! Waits for locks that nobody wrapped: threads whose stack ends in a known wait for a lock.

use super::actor::suspends;
use super::names::is_older;
use crate::view::Frames;
use crate::view::await_stack;
use crate::view::origin::Origin;
use crate::waits::{self, KnownWait, WaitKind, known_wait};
use hotpoll_profile::{
    Holder, Library, Mode, Party, Resource, ResourceKind, Site, Snapshot, ThreadNow, Uses, Waiter,
};
use std::collections::{HashMap, HashSet};

/// The numbers of inferred resources have this bit.
pub const INFERRED: u64 = 1 << 63;

/// In the names of those who wait in a lock that tells of itself.
const WRAPPED: &str = "hotpoll_hooks::sync::";

/// What a blocked thread waits for, by its stack.
pub fn wait_of(frames: &Frames<'_>, stack: &[u32]) -> Option<KnownWait> {
    let named = stack.iter().flat_map(|&location| frames.at(location));
    known_wait(named.map(|at| {
        let frame = frames.get(at.frame);
        waits::Frame {
            name: &frame.name,
            file: &frame.file,
        }
    }))
}

/// The snapshot's resources, and behind them those that stacks tell of.
///
/// Threads that wait at one address wait for one lock; parking_lot has each thread wait at an address of its own, so that its locks go by the place that
/// waits, and several of one place cannot be told apart.
pub fn with_inferred(frames: &Frames<'_>, snapshot: &Snapshot) -> Vec<Resource> {
    let mut resources = snapshot.resources.resources.clone();
    let known: HashSet<u32> = (resources.iter())
        .flat_map(|resource| {
            let waiters = resource.waiters.iter();
            waiters.filter(|waiter| !suspends(waiter, resource))
        })
        .map(|waiter| waiter.party.tid)
        .collect();
    // Of the look before it took something the stack may be one in that very lock.
    let holders: HashMap<u32, &Holder> = (snapshot.resources.resources.iter())
        .flat_map(|resource| &resource.holders)
        .map(|holder| (holder.party.tid, holder))
        .collect();
    let looked_before =
        |tid: u32, now: &ThreadNow| holders.get(&tid).is_some_and(|one| is_older(now, one));
    let first = resources.len();
    let mut addresses: Vec<(u64, Site)> = Vec::new();
    for now in &snapshot.threads {
        let profile = frames.profile();
        let Some(thread) = profile.threads.get(now.thread as usize) else {
            continue;
        };
        if thread.own || known.contains(&thread.tid) || !now.state.is_blocked() {
            continue;
        }
        if looked_before(thread.tid, now) || is_wrapped(frames, &now.stack) {
            continue;
        }
        let Some((wait, kind)) = lock_wait(frames, now) else {
            continue;
        };
        let site = site(frames, &now.stack);
        let address = match wait.library {
            "parking_lot" => 0,
            _ => now.waits_at,
        };
        let same = |(other, place): &(u64, Site)| match address {
            0 => *other == 0 && *place == site,
            address => *other == address,
        };
        let at = addresses.iter().position(same).unwrap_or_else(|| {
            addresses.push((address, site.clone()));
            resources.push(Resource {
                id: INFERRED | (resources.len() - first + 1) as u64,
                kind,
                library: library(wait.library),
                name: match address {
                    0 => String::new(),
                    address => format!("at {address:#x}"),
                },
                site: site.clone(),
                instances: 1,
                inferred: true,
                exclusive: Uses::default(),
                ..Resource::default()
            });
            addresses.len() - 1
        });
        resources[first + at].waiters.push(Waiter {
            party: Party {
                tid: thread.tid,
                task: now.task,
                kind: now.kind,
            },
            site,
            mode: match wait.kind {
                WaitKind::RwLockRead => Mode::Shared,
                _ => Mode::Exclusive,
            },
            since_ns: now.state_ns,
            stack: now.stack.clone(),
            ..Waiter::default()
        });
    }
    for resource in &mut resources[first..] {
        (resource.waiters).sort_by_key(|waiter| std::cmp::Reverse(waiter.since_ns));
    }
    resources
}

/// Whether the wait is one in a lock of hotpoll's types. Its records know of it, or it was over when they were read: looks are older than they are.
fn is_wrapped(frames: &Frames<'_>, stack: &[u32]) -> bool {
    let frames_of = stack.iter().flat_map(|&location| frames.at(location));
    let named = frames_of.map(|at| frames.get(at.frame));
    // Up to the program's own: what that calls from within a lock of ours is another lock.
    (named.take_while(|frame| frame.origin != Origin::Own))
        .any(|frame| frame.name.contains(WRAPPED))
}

fn lock_wait(frames: &Frames<'_>, now: &ThreadNow) -> Option<(KnownWait, ResourceKind)> {
    let wait = wait_of(frames, &now.stack)?;
    let kind = match wait.kind {
        WaitKind::Mutex => ResourceKind::Mutex,
        WaitKind::RwLockRead | WaitKind::RwLockWrite => ResourceKind::RwLock,
        WaitKind::Once => ResourceKind::Once,
        WaitKind::FileLock => ResourceKind::Other,
        _ => return None,
    };
    Some((wait, kind))
}

fn library(name: &str) -> Library {
    match name {
        "parking_lot" => Library::ParkingLot,
        "std" => Library::Std,
        _ => Library::Other,
    }
}

/// The program's innermost line of a stack.
pub(super) fn site(frames: &Frames<'_>, stack: &[u32]) -> Site {
    let levels = await_stack::fold(frames, stack);
    let own = await_stack::own(&levels);
    let function = own.and_then(|at| {
        let functions = &frames.profile().functions;
        Some((at, functions.get(at.function? as usize)?))
    });
    match function {
        Some((at, function)) if !function.file.is_empty() => Site {
            file: function.file.clone(),
            line: at.line,
            column: 0,
        },
        Some((_, function)) => Site {
            file: function.name.clone(),
            ..Site::default()
        },
        None => Site::default(),
    }
}
