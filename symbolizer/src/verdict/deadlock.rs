//! Cycles: deadlocks, and what looks like one.

use super::actor::Actor;
use super::cycle::{Knot, knots};
use super::finder::Finder;
use super::graph::{Blocker, Wait, Why};
use super::names::{self, duration};
use super::problem::{Confidence, Link, Problem, ProblemKind};
use super::standstill::{Edges, standstill};
use hotpoll_profile::{Resource, ResourceKind, Site, Waiter};
use std::collections::BTreeSet;

/// What is not known of who holds a lock of tokio's.
pub(super) const SENDABLE: &str = "guards of tokio's locks may be sent: if a task has sent one on (of a lock that lives for ever), another one has it";

/// One who waits for what it took itself, where its guard may be sent: for so long it may have sent that on, and waits for whoever got it. Where a machine had
/// no time for that one it was called a deadlock after a second.
const SENT_ON_BY_ITSELF_NS: u64 = 10_000_000_000;

impl<'s> Finder<'_, 's> {
    /// Deadlocks and possible ones, and for each the actors in it, in the same order.
    pub(super) fn cycles(&self) -> (Vec<Problem>, Vec<BTreeSet<Actor>>) {
        let graph = self.graph;
        let certain = standstill(graph, Edges::Certain);
        let known = standstill(graph, Edges::Known);
        let is_certain = |wait: &Wait<'s>, to: Actor| {
            let mut blockers = wait.blockers.iter();
            wait.certain && blockers.any(|blocker| blocker.actor == to && blocker.certain)
        };
        let (mut problems, mut members) = (Vec::new(), Vec::new());
        for knot in knots(graph, &certain, is_certain) {
            problems.push(self.cycle(&knot, ProblemKind::Deadlock));
            members.push(knot.all);
        }
        let dead: BTreeSet<Actor> = members.iter().flatten().copied().collect();
        let rest = known.difference(&dead).copied().collect();
        for knot in knots(graph, &rest, |_, _| true) {
            // Two that wait for each other's next message are idle.
            let holds_up = knot.round.iter().any(|(actor, wait)| {
                let next = next_of(&knot, *actor);
                wait.is_some_and(|wait| {
                    let mut blockers = wait.blockers.iter();
                    blockers.any(|blocker| {
                        Some(blocker.actor) == next && !matches!(blocker.why, Why::Sends)
                    })
                })
            });
            if holds_up {
                problems.push(self.cycle(&knot, ProblemKind::PossibleDeadlock));
                members.push(knot.all);
            }
        }
        (problems, members)
    }

    fn cycle(&self, knot: &Knot<'_, 's>, kind: ProblemKind) -> Problem {
        let mut evidence = Vec::new();
        let mut links = Vec::new();
        let mut doubts = Vec::new();
        let mut threads = Vec::new();
        let mut may_be_sent = false;
        for (actor, wait) in &knot.round {
            let next = next_of(knot, *actor);
            let who = self.names.actor(*actor);
            let to = next.map_or_else(String::new, |next| self.names.actor(next));
            threads.extend(self.threads_of(*actor));
            let Some(wait) = wait else {
                let parts = self.graph.parts_of(*actor);
                evidence.push(match parts {
                    Some(parts) if parts.spawned => {
                        format!("{who} awaits the end of a task; it spawned {to}")
                    }
                    Some(_) => format!("{who} awaits {to}, a future in it"),
                    None => format!("{who} is blocked in a poll of {to}"),
                });
                doubts.extend(parts.map(|parts| match parts.of.len() {
                    1 if !parts.spawned => Doubt::weighs(format!("{who} may go on without {to}")),
                    1 => Doubt::weighs(format!("{who} may await another task than {to}")),
                    n => Doubt::weighs(format!(
                        "which of {n} {who} awaits is not known; each of them waits"
                    )),
                }));
                links.push(Link {
                    actor: *actor,
                    who,
                    resource: None,
                    what: String::new(),
                    site: Site::default(),
                    since_ns: u64::MAX,
                    held_site: Site::default(),
                    stack: Vec::new(),
                });
                continue;
            };
            let resource = self.graph.resources[wait.resource];
            let what = names::resource(resource);
            let blocker = (wait.blockers.iter()).find(|blocker| Some(blocker.actor) == next);
            let since = duration(wait.waiter.since_ns);
            let waits = format!(
                "{who} waits for {what}{}, for {since}",
                names::at(&wait.waiter.site)
            );
            let mut held_site = Site::default();
            evidence.push(match blocker.map(|blocker| blocker.why) {
                Some(Why::Holds(holder)) => {
                    held_site = holder.site.clone();
                    format!(
                        "{waits}; {to} took it{} ({})",
                        names::at(&holder.site),
                        names::held(holder.since_ns, holder.since)
                    )
                }
                Some(Why::WaitsBefore(before)) => format!(
                    "{waits}; {to} waits to write before it, for {}",
                    duration(before.since_ns)
                ),
                Some(Why::Receives) if has_found_receiver(resource) => {
                    format!("{waits}, which is full; its receiver was found in the memory of {to}")
                }
                Some(Why::Receives) => format!("{waits}, which is full; {to} receives from it"),
                Some(Why::Sends) if has_found_sender(resource) => {
                    format!("{waits}, which is empty; its sender was found in the memory of {to}")
                }
                Some(Why::Sends) => format!("{waits}, which is empty; {to} sends to it"),
                None => waits,
            });
            if !wait.certain {
                doubts.push(self.doubt(*actor, wait));
            }
            may_be_sent |= blocker.is_some_and(|blocker| blocker.sendable);
            if blocker.is_some_and(|blocker| matches!(blocker.why, Why::Sends))
                && has_found_sender(resource)
            {
                let to = &to;
                doubts.push(Doubt::weighs(format!(
                    "{to} may have handed the sender on: bytes stay where a value was"
                )));
            }
            if blocker.is_some_and(|blocker| matches!(blocker.why, Why::Receives))
                && has_found_receiver(resource)
            {
                let to = &to;
                doubts.push(Doubt::weighs(format!(
                    "{to} may have handed the receiver on: bytes stay where a value was"
                )));
            }
            let is_doubtful = |blocker: &&Blocker<'_>| match blocker.why {
                // Told beside a doubt of the wait: it is of somebody else.
                Why::Holds(holder) if holder.in_set => true,
                _ => wait.certain && !blocker.certain,
            };
            if let Some(blocker) = blocker.filter(is_doubtful) {
                doubts.push(doubt_of_owner(&to, blocker.why));
            }
            links.push(Link {
                actor: *actor,
                who,
                resource: Some(resource.id),
                what,
                site: wait.waiter.site.clone(),
                since_ns: wait.waiter.since_ns,
                held_site,
                stack: self.waiting_stack(*actor, wait.waiter),
            });
        }
        let youngest = links.iter().min_by_key(|link| link.since_ns);
        let (site, stack, age_ns) = youngest.map_or_else(Default::default, |link| {
            (link.site.clone(), link.stack.clone(), link.since_ns)
        });
        let more = knot.all.len() - links.len();
        if more > 0 {
            evidence.push(format!("{more} more wait in other ways round the same"));
        }
        let kind = match kind {
            ProblemKind::Deadlock
                if may_be_sent && links.len() == 1 && age_ns < SENT_ON_BY_ITSELF_NS =>
            {
                doubts.push(Doubt::weighs(SENDABLE.to_owned()));
                ProblemKind::PossibleDeadlock
            }
            kind => kind,
        };
        let confidence = match kind {
            ProblemKind::Deadlock => {
                evidence.push(
                    "two looks found every edge, the second begun after the first had ended: all were there at one time"
                        .to_owned(),
                );
                match may_be_sent {
                    true => {
                        evidence.push(SENDABLE.to_owned());
                        Confidence::Likely
                    }
                    false => Confidence::Certain,
                }
            }
            _ if doubts.iter().any(|doubt| doubt.weighs) => Confidence::Possible,
            _ => Confidence::Likely,
        };
        evidence.extend(doubts.into_iter().map(|doubt| doubt.sentence));
        let who: Vec<&str> = links.iter().map(|link| link.who.as_str()).collect();
        let headline = match who.as_slice() {
            [one] => format!("{one} waits for what it holds itself"),
            [one, other] => format!("{one} and {other} wait for each other"),
            many => format!("{} wait for each other in a circle", many.join(", ")),
        };
        let mut problem = Problem {
            kind,
            confidence,
            age_ns,
            headline,
            evidence,
            resource: links.iter().find_map(|link| link.resource),
            owner: None,
            subject: None,
            cycle: links,
            victims: Vec::new(),
            site,
            stack,
            threads,
        };
        for link in &mut problem.cycle {
            if link.since_ns == u64::MAX {
                link.since_ns = age_ns;
            }
        }
        problem
    }

    /// Why a wait in a cycle is not certain.
    fn doubt(&self, actor: Actor, wait: &Wait<'_>) -> Doubt {
        let who = self.names.actor(actor);
        let several = self.graph.waits_of(actor).len();
        let resource = self.graph.resources[wait.resource];
        if wait.waiter.timed {
            return Doubt::weighs(gives_up(&who, wait.waiter));
        }
        if wait.waiter.in_set {
            return Doubt::weighs(format!(
                "{who} waits in one of a set of futures, and goes on with the others"
            ));
        }
        if several > 1 {
            return Doubt::weighs(format!("{who} waits for {several} things at once"));
        }
        if resource.kind.is_channel() || resource.kind == ResourceKind::Semaphore {
            return Doubt::light(format!(
                "{} belongs to nobody: others may end the wait of {who}",
                names::resource(resource)
            ));
        }
        Doubt::weighs(format!("something else may wake {who}, too"))
    }
}

/// Why a cycle is not certain, and whether that makes it a mere possibility.
struct Doubt {
    sentence: String,
    weighs: bool,
}

impl Doubt {
    fn weighs(sentence: String) -> Self {
        Self {
            sentence,
            weighs: true,
        }
    }

    fn light(sentence: String) -> Self {
        Self {
            sentence,
            weighs: false,
        }
    }
}

fn gives_up(who: &str, waiter: &Waiter) -> String {
    match waiter.ends_in_ns {
        0 => format!("{who} gives up after a time"),
        ns => format!("{who} gives up by itself in {}", names::duration(ns)),
    }
}

fn doubt_of_owner(who: &str, why: Why<'_>) -> Doubt {
    match why {
        Why::Holds(holder) if holder.in_set => Doubt::weighs(format!(
            "{who} took it in one of a set of futures, which may go on and let go"
        )),
        Why::Holds(holder) if holder.movable => Doubt::weighs(format!(
            "the guard of {who} can be handed on: somebody else may have it by now"
        )),
        Why::WaitsBefore(waiter) if waiter.timed => Doubt::weighs(gives_up(who, waiter)),
        _ => Doubt::light(format!("it may not be {who} alone who can end that")),
    }
}

fn has_found_receiver(resource: &Resource) -> bool {
    (resource.channel.as_ref()).is_some_and(|channel| channel.receiver_found)
}

fn has_found_sender(resource: &Resource) -> bool {
    (resource.channel.as_ref()).is_some_and(|channel| channel.sender_found)
}

/// The one that a member of a knot's round waits for.
fn next_of(knot: &Knot<'_, '_>, actor: Actor) -> Option<Actor> {
    let at = knot.round.iter().position(|(one, _)| *one == actor)?;
    let next = (at + 1) % knot.round.len();
    knot.round.get(next).map(|(one, _)| *one)
}
