//! Those who wait, and nothing is wrong with that.

use super::actor::Actor;
use super::graph::Graph;
use super::problem::Problem;
use crate::view::Frames;
use crate::view::await_stack;
use crate::view::live_tasks::LiveTask;
use crate::view::live_threads::LiveThread;
use hotpoll_profile::{State, TaskState};
use std::collections::HashSet;

/// Those who wait without a problem: for something to do, and for input or output.
pub(super) fn quiet(
    frames: &Frames<'_>,
    graph: &Graph<'_>,
    threads: &[LiveThread<'_>],
    tasks: &[LiveTask<'_>],
    problems: &[Problem],
) -> (u64, u64) {
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
    let (mut idle, mut external) = (0, 0);
    for one in threads {
        let known = in_trouble.contains(&Actor::Thread(one.thread.tid));
        // A worker in its runtime's epoll waits for work.
        let parked = one.role.is_some();
        match one.now.state {
            _ if known || one.thread.own || one.stuck.is_some() => {}
            State::Io if !parked => external += 1,
            State::Lock | State::Futex | State::Sleep | State::OtherWait | State::Io => idle += 1,
            _ => {}
        }
    }
    for one in tasks {
        let known = in_trouble.contains(&Actor::Task(one.task.id));
        if known || one.task.state != TaskState::Waiting {
            continue;
        }
        match is_external(frames, one) {
            true => external += 1,
            false => idle += 1,
        }
    }
    (idle, external)
}

/// Whether a task waits for input or output, by what its innermost own function called.
fn is_external(frames: &Frames<'_>, one: &LiveTask<'_>) -> bool {
    const IO: &[&str] = &["::net::", "::io::", "::fs::", "::process::", "::signal::"];
    await_stack::called(&one.waits).is_some_and(|at| {
        let name = &frames.get(at.frame).name;
        IO.iter().any(|part| name.contains(part))
    })
}
