//! Who can never go on: the largest set of those who wait, each for somebody in it.

use super::actor::Actor;
use super::graph::{Graph, Wait};
use std::collections::BTreeSet;

/// Which edges count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edges {
    /// Those that are certain.
    Certain,
    /// All that are known, and were there in both looks.
    Known,
}

/// Everybody who cannot go on unless somebody else of them does.
///
/// Begins with all who wait, and lets go whoever can go on; what is left waits in a circle, or for those who do.
pub(super) fn standstill(graph: &Graph<'_>, edges: Edges) -> BTreeSet<Actor> {
    let mut still: BTreeSet<Actor> = graph.waiting().collect();
    loop {
        let goes_on: Vec<Actor> = (still.iter())
            .filter(|&&actor| !is_still(graph, actor, &still, edges))
            .copied()
            .collect();
        if goes_on.is_empty() {
            return still;
        }
        for actor in goes_on {
            still.remove(&actor);
        }
    }
}

fn is_still(graph: &Graph<'_>, actor: Actor, still: &BTreeSet<Actor>, edges: Edges) -> bool {
    let waits = graph.waits_of(actor);
    // One who waits for several things goes on with whichever comes first.
    let by_waits = match edges {
        Edges::Certain => matches!(waits, [only] if only.certain && cannot_end(only, still, edges)),
        Edges::Known => {
            let parts = graph.parts_of(actor);
            let is_part_still = |part| still.contains(part);
            (!waits.is_empty() || parts.is_some())
                && waits.iter().all(|wait| cannot_end(wait, still, edges))
                && parts.is_none_or(|parts| parts.of.iter().all(is_part_still))
        }
    };
    let polling = match actor {
        Actor::Thread(tid) => graph.polls.get(&tid),
        Actor::Task(_) => None,
    };
    by_waits
        || polling.is_some_and(|polling| {
            still.contains(&polling.task) && (edges == Edges::Known || polling.certain)
        })
}

fn cannot_end(wait: &Wait<'_>, still: &BTreeSet<Actor>, edges: Edges) -> bool {
    // What one look alone found has only just begun, or has ended: not even a possible deadlock is made of that. The next one finds it.
    if !wait.waiter.confirmed {
        return false;
    }
    let mut blockers = (wait.blockers.iter())
        .filter(|blocker| edges == Edges::Known || blocker.certain)
        .map(|blocker| {
            !blocker.goes_on && blocker.why.is_confirmed() && still.contains(&blocker.actor)
        })
        .peekable();
    match wait.any_ends {
        true => blockers.peek().is_some() && blockers.all(|is_still| is_still),
        false => blockers.any(|is_still| is_still),
    }
}
