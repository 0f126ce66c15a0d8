//! Receivers of one value whose sender lives and does not send, where senders of the same place are known to send.
//!
//! An answer may take its time. So the one who has the sender is looked at: who runs, sleeps until a known time, waits for input or output, or for what cannot
//! be seen, is merely slow. Where nobody is known who has it, a closure or a long poll that lives may have it.

use super::actor::Actor;
use super::finder::{Finder, victim};
use super::graph::Why;
use super::names::{self, counted, duration};
use super::problem::{Confidence, Owner, Problem, ProblemKind};
use super::quiet;
use hotpoll_profile::{Resource, ResourceKind, Since, Site, Task, TaskState, Uses, Waiter};
use std::collections::BTreeSet;

/// An answer counts as lost so many times later than other waits count as problems.
const PATIENCE: u64 = 10;
/// A sender that takes so many times longer than the slowest of its site took may be lost.
const LONGER: u64 = 30;
/// Fewer answers than this say nothing of how long one takes.
const ANSWERS: u64 = 3;
/// A sender that nobody is known to have may be with whoever has been in one poll for this part of the wait.
const LONG_POLL: u64 = 4;

/// How long answers took at a site: all of its channels together.
#[derive(Debug, Default)]
struct Answers {
    uses: Uses,
    longest_ns: u64,
}

impl Answers {
    /// Of all resources of one site.
    fn of<'r>(resources: impl Iterator<Item = &'r Resource>) -> Self {
        let mut answers = Self::default();
        for resource in resources {
            answers.uses.add(&resource.shared);
        }
        let longest = answers.uses.wait.quantile(1.0).unwrap_or(0);
        let longest_wait = answers.uses.longest_wait.as_ref();
        answers.longest_ns = longest_wait.map_or(longest, |wait| wait.ns.min(longest.max(1)));
        answers
    }
}

impl Finder<'_, '_> {
    /// The problem that the sender of `resource` does not send, if that is one; `resources` are all there are.
    pub(super) fn lost_sender(
        &self,
        resource: &Resource,
        resources: &[Resource],
        problems: &[Problem],
    ) -> Option<Problem> {
        let channel = resource.channel.as_ref()?;
        let waiter = resource.waiters.first()?;
        let patience = self.settings.older_than_ns.saturating_mul(PATIENCE);
        let may_be = resource.kind == ResourceKind::Oneshot
            && channel.closed.is_none()
            && channel.senders > 0
            && channel.sent == 0
            // One with a time-out ends.
            && !waiter.timed
            && waiter.since_ns >= patience;
        if !may_be {
            return None;
        }
        let of_site = resources.iter().filter(|one| {
            one.kind == resource.kind && one.site == resource.site && one.name == resource.name
        });
        let answers = Answers::of(of_site);
        // One that waits for hours by itself is a signal to shut down, say.
        if answers.uses.acquired < ANSWERS || waiter.since_ns / LONGER < answers.longest_ns {
            return None;
        }
        let party = channel.sender;
        let actor = party.and_then(|party| Actor::of(party, resource));
        // A circle through the sender, or who is behind one, is a problem already.
        let waits_for_it = problems.iter().any(|problem| {
            let victims = problem.victims.iter().filter_map(|one| one.actor);
            let members = problem.cycle.iter().map(|one| one.actor);
            (victims.chain(members)).any(|one| Some(one) == actor)
        });
        if waits_for_it || self.is_busy(actor, waiter) {
            return None;
        }
        let mut evidence = vec![
            "its sender is alive, has sent nothing, and nobody waits to send: no deadlock, as it may still send".to_owned(),
            format!(
                "{} of this site were answered, the slowest within {}",
                counted(answers.uses.acquired as usize, "other channel"),
                duration(answers.longest_ns)
            ),
        ];
        let owner = party.map(|party| {
            let doing = actor.map_or_else(Default::default, |actor| self.names.doing(actor));
            Owner {
                actor,
                who: names_of(self, actor, party, resource),
                site: Site::default(),
                since_ns: 0,
                since: Since::Unknown,
                doing: doing.words,
                stack: doing.stack,
            }
        });
        match &owner {
            Some(owner) => {
                let who = &owner.who;
                evidence.push(match channel.sender_found {
                    true => {
                        format!("the sender was found in the memory of {who}: it is there, or was")
                    }
                    false => format!("the sender was last seen with {who}"),
                });
                if !owner.doing.is_empty() {
                    evidence.push(format!("it is {}", owner.doing));
                }
            }
            None => evidence.push(
                "who has the sender is not known: it is in no suspended task itself, but in a collection of one, say, or with a thread; it may be at work"
                    .to_owned(),
            ),
        }
        let who = self.names.waiter(waiter, resource);
        let headline = match &owner {
            Some(owner) => format!(
                "{who} waits for a value from {}, and {} does not send",
                names::resource(resource),
                owner.who
            ),
            None => format!(
                "{who} waits for a value from {}, and the sender does not send",
                names::resource(resource)
            ),
        };
        Some(Problem {
            kind: ProblemKind::LostSender,
            // Of nobody it is not known that he does nothing.
            confidence: match actor {
                Some(_) => Confidence::Likely,
                None => Confidence::Possible,
            },
            age_ns: waiter.since_ns,
            headline,
            evidence,
            resource: Some(resource.id),
            owner,
            subject: None,
            cycle: Vec::new(),
            victims: vec![victim(self.names, resource, waiter)],
            site: waiter.site.clone(),
            stack: waiter.stack.clone(),
            threads: Vec::new(),
        })
    }

    /// Whether the one who has the sender works on the answer; or one may, where it is not known who.
    fn is_busy(&self, actor: Option<Actor>, waiter: &Waiter) -> bool {
        match actor {
            Some(actor) => self.goes_on(actor, &mut BTreeSet::new()),
            None => self.names.tasks().any(|task| {
                let in_poll = task.state == TaskState::Polling;
                // Made for the answer, or in one poll for much of the wait.
                let is_its = task.blocking && task.age_ns <= waiter.since_ns.saturating_mul(2);
                in_poll && (is_its || task.state_ns >= waiter.since_ns / LONG_POLL)
            }),
        }
    }

    /// Whether somebody is known to go on by itself, or is not known not to.
    fn goes_on(&self, actor: Actor, met: &mut BTreeSet<Actor>) -> bool {
        if !met.insert(actor) {
            return false;
        }
        let task = match actor {
            Actor::Thread(tid) => {
                return self.graph.waits_of(actor).is_empty()
                    && !self.graph.polls.contains_key(&tid);
            }
            Actor::Task(id) => match self.names.task(id) {
                Some(task) => task,
                None => return true,
            },
        };
        if matches!(
            task.state,
            TaskState::NoWaker | TaskState::LostWaker | TaskState::Done
        ) {
            return false;
        }
        let waits = self.graph.waits_of(actor);
        let is_still = task.state == TaskState::Waiting
            && task.state_ns >= self.settings.older_than_ns
            && !task.blocking;
        if !is_still && waits.is_empty() {
            return true;
        }
        if self.names.due(task).is_some() || self.waits_for_io(task) {
            return true;
        }
        // What cannot be seen, an answer of somebody else's client say, comes or not: nobody knows.
        let parts = self.graph.parts_of(actor);
        if waits.is_empty() && parts.is_none() {
            return true;
        }
        let of_parts = parts.into_iter().flat_map(|parts| &parts.of);
        if of_parts.copied().any(|part| self.goes_on(part, met)) {
            return true;
        }
        waits.iter().any(|wait| {
            wait.waiter.timed
                || (wait.blockers.iter()).any(|blocker| match blocker.why {
                    // Nobody whose message is merely waited for is at work on this.
                    Why::Sends => self.has_found(wait.resource) && self.goes_on(blocker.actor, met),
                    _ => self.goes_on(blocker.actor, met),
                })
        })
    }

    fn waits_for_io(&self, task: &Task) -> bool {
        let stack = crate::view::live_tasks::representative(task).map(|wait| &wait.stack);
        stack.is_some_and(|stack| quiet::is_io(self.names.frames(), stack))
    }

    fn has_found(&self, resource: usize) -> bool {
        let channel = self.graph.resources[resource].channel.as_ref();
        channel.is_some_and(|channel| channel.sender_found)
    }
}

fn names_of(
    finder: &Finder<'_, '_>,
    actor: Option<Actor>,
    party: hotpoll_profile::Party,
    resource: &Resource,
) -> String {
    match actor {
        Some(actor) => finder.names.actor(actor),
        None => finder.names.party(party, resource),
    }
}
