//! Who can end a wait for a resource.

use super::actor::{Actor, suspends};
use super::graph::{Blocker, Why};
use hotpoll_profile::{Library, Mode, Resource, ResourceKind, Waiter};
use std::collections::HashSet;

/// Those who can end a wait, and whether each of them alone can.
pub(super) struct Enders<'s> {
    pub blockers: Vec<Blocker<'s>>,
    /// Each of them alone can end it, and there may be no others; otherwise all of them have to.
    pub any_ends: bool,
}

/// Who can end the wait of `resource.waiters[at]`; `woken` are tasks that something else wakes, too, and `still` those that one thing alone can wake.
pub(super) fn enders<'s>(
    resource: &'s Resource,
    at: usize,
    woken: &HashSet<u64>,
    still: &HashSet<u64>,
) -> Enders<'s> {
    let waiter = &resource.waiters[at];
    let mut enders = blockers(resource, at, waiter);
    let actor = Actor::waiting(waiter, resource);
    for blocker in &mut enders.blockers {
        // Other futures of the same task hold it: of a set, or beside it in a join. But where the task itself holds it and nothing but the set wakes the
        // task, the body awaits the set that it holds up.
        let held_in_set = matches!(blocker.why, Why::Holds(holder) if holder.in_set);
        let task = waiter.party.task;
        let by_set = held_in_set || waiter.in_set && !still.contains(&task);
        blocker.goes_on = Some(blocker.actor) == actor
            && suspends(waiter, resource)
            && (by_set || woken.contains(&task));
    }
    enders
}

fn blockers<'s>(resource: &'s Resource, at: usize, waiter: &Waiter) -> Enders<'s> {
    let mut any_ends = false;
    let blockers = match resource.kind {
        ResourceKind::Mutex
        | ResourceKind::ReentrantMutex
        | ResourceKind::Once
        | ResourceKind::OnceCell => holders(resource, |_| true),
        ResourceKind::RwLock => rwlock(resource, at, waiter),
        ResourceKind::Semaphore => {
            any_ends = true;
            holders(resource, |_| true)
        }
        kind if kind.is_channel() => {
            any_ends = true;
            channel(resource, waiter)
        }
        _ => Vec::new(),
    };
    Enders { blockers, any_ends }
}

fn holders(resource: &Resource, stands_in_the_way: impl Fn(Mode) -> bool) -> Vec<Blocker<'_>> {
    let holders = resource.holders.iter();
    holders
        .filter(|holder| stands_in_the_way(holder.mode))
        .filter_map(|holder| {
            Some(Blocker {
                actor: Actor::holding(holder, resource)?,
                why: Why::Holds(holder),
                // A guard that may have been sent on says nothing of who has it.
                // In a set of futures it goes on while its task waits elsewhere.
                certain: holder.confirmed && !holder.movable && !holder.in_set && owns(resource),
                goes_on: false,
                sendable: is_sendable(resource),
            })
        })
        .collect()
}

/// Whether its guards may be sent. All of tokio's may: one that borrows from what lives for ever (a box that was leaked, what a static owns) goes wherever the
/// program puts it, without a sign. That a lock does not live for ever cannot be seen.
pub(super) fn is_sendable(resource: &Resource) -> bool {
    resource.library == Library::Tokio
        && matches!(resource.kind, ResourceKind::Mutex | ResourceKind::RwLock)
}

/// Whether nobody but a holder can let go.
fn owns(resource: &Resource) -> bool {
    resource.kind != ResourceKind::Semaphore && !resource.inferred
}

/// Whether one who holds a read-write lock so stands in the way of one who wants it so.
pub(super) fn stands_in_the_way(held: Mode, wanted: Mode) -> bool {
    match wanted {
        Mode::Exclusive => true,
        // It holds it upgradable itself, and nobody else does: readers stand in the way, its own guards to read among them.
        Mode::Upgrading => held == Mode::Shared,
        Mode::Upgradable => held != Mode::Shared,
        Mode::Shared => held == Mode::Exclusive,
    }
}

fn rwlock<'s>(resource: &'s Resource, at: usize, waiter: &Waiter) -> Vec<Blocker<'s>> {
    let mut blockers = holders(resource, |held| stands_in_the_way(held, waiter.mode));
    // A reader that waits while others read stands behind a writer that came before: readers that would pass it would starve it.
    if waiter.mode == Mode::Shared && blockers.is_empty() {
        let before = resource.waiters[..at].iter();
        blockers.extend(
            before
                .filter(|other| matches!(other.mode, Mode::Exclusive | Mode::Upgrading))
                .filter_map(|other| {
                    Some(Blocker {
                        actor: Actor::waiting(other, resource)?,
                        why: Why::WaitsBefore(other),
                        certain: other.confirmed && !other.timed && !other.in_set,
                        goes_on: false,
                        sendable: false,
                    })
                }),
        );
    }
    blockers
}

fn channel<'s>(resource: &'s Resource, waiter: &Waiter) -> Vec<Blocker<'s>> {
    let Some(channel) = &resource.channel else {
        return Vec::new();
    };
    let peer = match waiter.mode {
        Mode::Exclusive => channel.receiver.map(|party| (party, Why::Receives)),
        // One sender is known. Where there are more, each of the others may send.
        _ if channel.senders == 1 => channel.sender.map(|party| (party, Why::Sends)),
        _ => None,
    };
    let blocker = peer.and_then(|(party, why)| {
        Some(Blocker {
            actor: Actor::of(party, resource)?,
            why,
            // Ends of channels change hands without a sign.
            certain: false,
            goes_on: false,
            sendable: false,
        })
    });
    blocker.into_iter().collect()
}

/// Whether a wait can end in no other way than by those who hold the resource.
pub(super) fn is_certain(resource: &Resource, waiter: &Waiter, may_be_woken: bool) -> bool {
    waiter.confirmed
        && !waiter.timed
        // The task goes on with the others of the set.
        && !waiter.in_set
        && !resource.inferred
        && (resource.kind.is_lock()
            || matches!(resource.kind, ResourceKind::Once | ResourceKind::OnceCell))
        // A suspended task that something else may wake, too, waits for several things at once.
        && !(suspends(waiter, resource) && may_be_woken)
}
