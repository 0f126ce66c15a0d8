//! Waits followed to the one who is waited for in the end: who blocks a hundred others is one cause.

use super::actor::Actor;
use super::flow;
use super::graph::{Blocker, Graph, Wait, Why};
use hotpoll_profile::{Mode, Resource, ResourceKind, Waiter};
use std::collections::{BTreeMap, BTreeSet};

/// Where a chain of waits ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Root {
    /// With somebody who does not wait for anything known.
    Actor(Actor, usize),
    /// With a resource (index into [`Graph::resources`]), as nobody is known who could end the wait for it.
    Resource(usize),
    /// With a cycle, by its place among those that were found.
    Cycle(usize),
}

/// Everybody who waits because of one root: the actor, or `None` for a waiter who is nobody; the resource, and the place among its waiters.
pub(super) type Waiting = (Option<Actor>, usize, usize);

/// All waits that somebody could end, by their root. `cycles` are those who wait for each other.
pub(super) fn causes(
    graph: &Graph<'_>,
    cycles: &[BTreeSet<Actor>],
) -> BTreeMap<Root, Vec<Waiting>> {
    let mut causes: BTreeMap<Root, Vec<Waiting>> = BTreeMap::new();
    for (index, resource) in graph.resources.iter().enumerate() {
        for (at, waiter) in resource.waiters.iter().enumerate() {
            let actor = Actor::waiting(waiter, resource);
            if actor.is_some_and(|actor| cycles.iter().any(|cycle| cycle.contains(&actor))) {
                continue;
            }
            if !can_be_held_up(resource, waiter) {
                continue;
            }
            let enders = graph.enders(index, at);
            // Who holds it itself, and is in no cycle, goes on.
            let mut blockers = enders.blockers.iter();
            let own = |one: &Blocker<'_>| one.goes_on || Some(one.actor) == actor;
            if !enders.blockers.is_empty() && blockers.all(own) {
                continue;
            }
            let root = match first(graph, &enders.blockers, enders.any_ends) {
                Some(blocker) => follow(graph, cycles, index, blocker.actor),
                None => Root::Resource(index),
            };
            causes.entry(root).or_default().push((actor, index, at));
        }
    }
    causes
}

/// Whether a wait is one that somebody holds up. Whoever waits for a message, a notification, a signal or a time waits for something to do.
fn can_be_held_up(resource: &Resource, waiter: &Waiter) -> bool {
    match resource.kind {
        kind if kind.is_channel() => waiter.mode == Mode::Exclusive,
        ResourceKind::Semaphore => !flow::is_signal(resource),
        kind => kind.is_lock() || matches!(kind, ResourceKind::Once | ResourceKind::OnceCell),
    }
}

/// Whether who waits for it waits for somebody who has it. Of a message, a notification and a time nobody has anything.
pub fn is_held(resource: &Resource) -> bool {
    let kind = resource.kind;
    kind.is_lock()
        || resource.permits.is_some()
        || resource.inferred
        || matches!(kind, ResourceKind::Once | ResourceKind::OnceCell)
}

/// The root behind `actor`, who can end the wait for `resource`.
fn follow(graph: &Graph<'_>, cycles: &[BTreeSet<Actor>], resource: usize, actor: Actor) -> Root {
    let (mut resource, mut actor) = (resource, actor);
    let mut met = BTreeSet::new();
    loop {
        if let Some(place) = cycles.iter().position(|cycle| cycle.contains(&actor)) {
            return Root::Cycle(place);
        }
        if !met.insert(actor) {
            // Round and round, and no cycle of the sort that counts.
            return Root::Resource(resource);
        }
        let next = match graph.waits_of(actor) {
            [] => None,
            waits => longest(waits),
        };
        match (next, actor) {
            (Some(wait), _) => match first(graph, &wait.blockers, wait.any_ends) {
                Some(blocker) => {
                    resource = wait.resource;
                    actor = blocker.actor;
                }
                // It waits for something, and nobody is known who could end that: a message, say.
                None => return Root::Actor(actor, resource),
            },
            (None, Actor::Thread(tid)) if graph.polls.contains_key(&tid) => {
                actor = graph.polls[&tid].task;
            }
            (None, _) => return Root::Actor(actor, resource),
        }
    }
}

fn longest<'w, 's>(waits: &'w [Wait<'s>]) -> Option<&'w Wait<'s>> {
    waits.iter().max_by_key(|wait| wait.waiter.since_ns)
}

/// Of several who have to end a wait, the one who waits itself: it is not the cause. Of several each of whom can, one who does not. Of equals the
/// one who has held it longest.
fn first<'b, 's>(
    graph: &Graph<'_>,
    blockers: &'b [Blocker<'s>],
    any_ends: bool,
) -> Option<&'b Blocker<'s>> {
    let since = |blocker: &Blocker<'_>| match blocker.why {
        Why::Holds(holder) => holder.since_ns,
        Why::WaitsBefore(waiter) => waiter.since_ns,
        Why::Receives | Why::Sends => 0,
    };
    let waits = |blocker: &Blocker<'_>| match blocker.actor {
        Actor::Thread(tid) if graph.polls.contains_key(&tid) => true,
        actor => !graph.waits_of(actor).is_empty(),
    };
    let can = |blocker: &&Blocker<'_>| !blocker.goes_on && !matches!(blocker.why, Why::Sends);
    blockers
        .iter()
        .filter(can)
        .max_by_key(|blocker| (waits(blocker) != any_ends, since(blocker)))
}
