//! What all verdicts are found with.

use super::actor::Actor;
use super::find::Settings;
use super::graph::Graph;
use super::names::{self, Names};
use super::problem::Victim;
use hotpoll_profile::{Resource, Waiter};

/// A graph, the names of what is in it, and what counts as a problem.
pub(super) struct Finder<'f, 's> {
    pub graph: &'f Graph<'s>,
    pub names: &'f Names<'f>,
    pub settings: Settings,
}

impl Finder<'_, '_> {
    /// The threads that are blocked with somebody.
    pub(super) fn threads_of(&self, actor: Actor) -> Vec<u32> {
        match actor {
            Actor::Thread(tid) => vec![tid],
            Actor::Task(id) => {
                let mut threads: Vec<u32> = (self.graph.polls.iter())
                    .filter(|(_, polling)| polling.task == actor)
                    .map(|(&tid, _)| tid)
                    .collect();
                threads.extend(self.names.polled_by(id));
                threads
            }
        }
    }

    pub(super) fn threads_blocked(
        &self,
        actor: Option<Actor>,
        resource: &Resource,
        waiter: &Waiter,
    ) -> Vec<u32> {
        let mut threads: Vec<u32> = actor
            .into_iter()
            .flat_map(|one| self.threads_of(one))
            .collect();
        if !super::actor::suspends(waiter, resource) {
            threads.push(waiter.party.tid);
        }
        threads
    }

    /// The stack that somebody waits with: the one that was taken then, or the present one.
    pub(super) fn waiting_stack(&self, actor: Actor, waiter: &Waiter) -> Vec<u32> {
        match waiter.stack.is_empty() {
            false => waiter.stack.clone(),
            true => self.names.doing(actor).stack,
        }
    }
}

/// One who waits, for a problem's list.
pub(super) fn victim(names: &Names<'_>, resource: &Resource, waiter: &Waiter) -> Victim {
    let actor = Actor::waiting(waiter, resource);
    let stack = match waiter.stack.is_empty() {
        false => waiter.stack.clone(),
        true => actor.map_or_else(Vec::new, |actor| names.doing(actor).stack),
    };
    Victim {
        actor,
        who: names.waiter(waiter, resource),
        resource: resource.id,
        what: names::resource(resource),
        site: waiter.site.clone(),
        since_ns: waiter.since_ns,
        stack,
    }
}
