//! Those who wait, and nothing is wrong with that: for something to do, or for input and output.

use super::actor::Actor;
use super::finder::Finder;
use super::graph::Graph;
use super::names::{self, duration};
use super::problem::{Confidence, Owner, Problem, ProblemKind};
use crate::view::Frames;
use crate::view::await_stack;
use crate::view::live_tasks::{LiveTask, representative};
use crate::view::live_threads::{LiveThread, Role};
use hotpoll_profile::{Resource, Since, Site, State, TaskState, ThreadNow, Waiter};
use std::collections::HashSet;

/// One who waits without a problem.
pub(super) struct Quiet {
    pub actor: Actor,
    /// For input or output.
    pub is_external: bool,
    since_ns: u64,
    stack: Vec<u32>,
}

/// Those who wait without a problem.
pub(super) fn quiet(
    frames: &Frames<'_>,
    graph: &Graph<'_>,
    threads: &[LiveThread<'_>],
    tasks: &[LiveTask<'_>],
    problems: &[Problem],
) -> Vec<Quiet> {
    let mut in_trouble: HashSet<Actor> = HashSet::new();
    for problem in problems {
        let victims = problem.victims.iter().filter_map(|victim| victim.actor);
        let members = problem.cycle.iter().map(|link| link.actor);
        let threads = problem.threads.iter().map(|&tid| Actor::Thread(tid));
        in_trouble.extend(victims.chain(members).chain(threads));
    }
    // Who waits for a lock has something to do, if only for a moment.
    for resource in graph.resources.iter().filter(|one| one.kind.is_lock()) {
        for waiter in &resource.waiters {
            in_trouble.extend(Actor::waiting(waiter, resource));
        }
    }
    let mut all = Vec::new();
    for one in threads {
        let actor = Actor::Thread(one.thread.tid);
        let known = in_trouble.contains(&actor) || is_blocked_on_a_task(frames, one.now);
        // A worker in its runtime's epoll waits for work.
        let parked = one.role.is_some_and(|role| role != Role::Outside);
        let is_external = match one.now.state {
            _ if known || one.thread.own || one.stuck.is_some() => continue,
            State::Io => !parked,
            State::Lock | State::Futex | State::Sleep | State::OtherWait => false,
            _ => continue,
        };
        all.push(Quiet {
            actor,
            is_external,
            since_ns: one.now.state_ns,
            stack: one.now.stack.clone(),
        });
    }
    for one in tasks {
        let actor = Actor::Task(one.task.id);
        if in_trouble.contains(&actor) || one.task.state != TaskState::Waiting {
            continue;
        }
        all.push(Quiet {
            actor,
            is_external: is_io_called(frames, await_stack::called(&one.waits)),
            since_ns: one.task.state_ns,
            stack: representative(one.task).map_or_else(Vec::new, |wait| wait.stack.clone()),
        });
    }
    all
}

/// Whether a thread waits in our `block_on`, and does not poll: its future is a task that waits, and counts by itself.
fn is_blocked_on_a_task(frames: &Frames<'_>, now: &ThreadNow) -> bool {
    let mut stack = now.stack.iter().flat_map(|&location| frames.at(location));
    now.poll_ns == 0
        && stack.any(|at| (frames.get(at.frame).name).starts_with("hotpoll_hooks::tasks::block_on"))
}

/// Whether a suspended task waits for input or output, by what its innermost own function called.
pub(super) fn is_io(frames: &Frames<'_>, stack: &[u32]) -> bool {
    is_io_called(
        frames,
        await_stack::called(&await_stack::fold(frames, stack)),
    )
}

fn is_io_called(frames: &Frames<'_>, called: Option<crate::view::FrameAt>) -> bool {
    const IO: &[&str] = &["::net::", "::io::", "::fs::", "::process::", "::signal::"];
    called.is_some_and(|at| {
        let name = &frames.get(at.frame).name;
        IO.iter().any(|part| name.contains(part))
    })
}

impl Finder<'_, '_> {
    /// The verdict on one who waits without a problem: by whom it can be ended, since when it lasts, at which call.
    pub(super) fn quiet(&self, one: &Quiet) -> Problem {
        let who = self.names.actor(one.actor);
        let waits = self.graph.waits_of(one.actor);
        let wait = waits.iter().max_by_key(|wait| wait.waiter.since_ns);
        let known = wait.map(|wait| (self.graph.resources[wait.resource], wait.waiter));
        let doing = self.names.doing(one.actor);
        let mut evidence = Vec::new();
        if !doing.words.is_empty() {
            evidence.push(format!("it is {}", doing.words));
        }
        if let Some((resource, waiter)) = known {
            evidence.push(format!(
                "it waits for {}{}, for {}{}",
                names::resource(resource),
                names::at(&waiter.site),
                duration(waiter.since_ns),
                names::ends(waiter, resource)
            ));
        }
        let owner = match one.is_external {
            true => Some(outside()),
            false => known.and_then(|(resource, waiter)| self.sender(resource, waiter)),
        };
        evidence.extend(
            owner
                .iter()
                .filter(|_| !one.is_external)
                .map(|owner| format!("{} sends, as far as is known", owner.who)),
        );
        let (kind, headline) = match (one.is_external, known) {
            (true, _) => (
                ProblemKind::ExternalWait,
                format!("{who} waits for input or output"),
            ),
            (false, Some((resource, _))) => (
                ProblemKind::BenignIdle,
                format!("{who} waits for {}", names::resource(resource)),
            ),
            (false, None) => (
                ProblemKind::BenignIdle,
                format!("{who} waits for something to do"),
            ),
        };
        Problem {
            kind,
            confidence: Confidence::Likely,
            age_ns: one.since_ns,
            headline,
            evidence,
            resource: known.map(|(resource, _)| resource.id),
            owner,
            subject: Some(one.actor),
            cycle: Vec::new(),
            victims: Vec::new(),
            site: known.map_or_else(Site::default, |(_, waiter)| waiter.site.clone()),
            stack: one.stack.clone(),
            threads: Vec::new(),
        }
    }

    /// Who sends what a receiver waits for.
    fn sender(&self, resource: &Resource, waiter: &Waiter) -> Option<Owner> {
        let channel = resource.channel.as_ref()?;
        let party = channel
            .sender
            .filter(|_| waiter.mode != hotpoll_profile::Mode::Exclusive)?;
        let actor = Actor::of(party, resource)?;
        Some(Owner {
            since: Since::Unknown,
            ..Owner::itself(self.names, actor, 0)
        })
    }
}

/// Who answers input and output.
fn outside() -> Owner {
    Owner {
        actor: None,
        who: "somebody outside of the process".to_owned(),
        site: Site::default(),
        since_ns: 0,
        since: Since::Unknown,
        doing: String::new(),
        stack: Vec::new(),
    }
}
