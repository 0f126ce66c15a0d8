//! Cycles among those who cannot go on.

use super::actor::Actor;
use super::graph::{Graph, Wait};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Those who wait for each other, all of them, and one way round.
#[derive(Debug)]
pub(super) struct Knot<'g, 's> {
    /// Each of them waits for each other one, through others perhaps.
    pub all: BTreeSet<Actor>,
    /// A shortest way round: each waits for the next one, and the last for the first. `None`: a thread, for the task that it polls.
    pub round: Vec<(Actor, Option<&'g Wait<'s>>)>,
}

/// The knots among those who cannot go on: everybody else of them waits for one of these.
pub(super) fn knots<'g, 's>(
    graph: &'g Graph<'s>,
    still: &BTreeSet<Actor>,
    counts: impl Fn(&Wait<'s>, Actor) -> bool,
) -> Vec<Knot<'g, 's>> {
    type Edge<'g, 's> = (Option<&'g Wait<'s>>, Actor);
    let edges: BTreeMap<Actor, Vec<Edge<'g, 's>>> = (still.iter())
        .map(|&actor| {
            let mut edges = graph.edges_of(actor);
            edges.retain(|(wait, to)| {
                still.contains(to) && wait.is_none_or(|wait| counts(wait, *to))
            });
            (actor, edges)
        })
        .collect();
    let mut left = still.clone();
    let mut knots = Vec::new();
    while let Some(&first) = left.first() {
        // Whom it reaches, and who reaches it: both is the knot that it is in.
        let reached = reach(first, |actor| {
            let edges = edges.get(&actor).into_iter().flatten();
            edges.map(|(_, to)| *to).collect()
        });
        let all: BTreeSet<Actor> = (reached.keys())
            .filter(|&&other| {
                let back = reach(other, |actor| {
                    let edges = edges.get(&actor).into_iter().flatten();
                    let near = edges.map(|(_, to)| *to);
                    near.filter(|to| reached.contains_key(to)).collect()
                });
                back.contains_key(&first)
            })
            .copied()
            .collect();
        if all.contains(&first) {
            left.retain(|actor| !all.contains(actor));
            let round = shortest_round(&all, &edges);
            knots.push(Knot { all, round });
        } else {
            left.remove(&first);
        }
    }
    knots
}

/// Everybody who is reached by one step or more, with whom they were reached from.
fn reach(from: Actor, next: impl Fn(Actor) -> Vec<Actor>) -> BTreeMap<Actor, Actor> {
    let mut before = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(actor) = queue.pop_front() {
        for to in next(actor) {
            before.entry(to).or_insert_with(|| {
                queue.push_back(to);
                actor
            });
        }
    }
    before
}

fn shortest_round<'g, 's>(
    all: &BTreeSet<Actor>,
    edges: &BTreeMap<Actor, Vec<(Option<&'g Wait<'s>>, Actor)>>,
) -> Vec<(Actor, Option<&'g Wait<'s>>)> {
    let within = |actor: Actor| {
        let edges = edges.get(&actor).into_iter().flatten();
        edges
            .filter(|(_, to)| all.contains(to))
            .copied()
            .collect::<Vec<_>>()
    };
    let rounds = all.iter().filter_map(|&start| {
        let before = reach(start, |actor| {
            within(actor).into_iter().map(|(_, to)| to).collect()
        });
        let mut round = vec![start];
        let mut actor = *before.get(&start)?;
        while actor != start {
            round.push(actor);
            actor = *before.get(&actor)?;
        }
        round[1..].reverse();
        Some(round)
    });
    let Some(round) = rounds.min_by_key(Vec::len) else {
        return Vec::new();
    };
    let next = round.iter().cycle().skip(1);
    (round.iter().zip(next))
        .map(|(&actor, &to)| {
            let edge = within(actor).into_iter().find(|(_, other)| *other == to);
            (actor, edge.and_then(|(wait, _)| wait))
        })
        .collect()
}
