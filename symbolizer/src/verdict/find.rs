//! All verdicts on a snapshot, worst first, one for each cause.

use super::finder::Finder;
use super::graph::Graph;
use super::names::Names;
use super::problem::{Confidence, Problem, ProblemKind};
use super::quiet::quiet;
use crate::view::Frames;
use crate::view::live_tasks::{Sort, live_tasks};
use crate::view::live_threads::live_threads;
use hotpoll_profile::{Resource, Snapshot};

/// What counts as a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Waits, holds and polls shorter than this are none. Cycles that are certain, and lost wakers, are problems at any age.
    pub older_than_ns: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            older_than_ns: 1_000_000_000,
        }
    }
}

/// What is stuck, and what merely waits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdicts {
    /// Problems, worst first.
    pub problems: Vec<Problem>,
    /// Tasks and threads that wait for something to do: messages, times, notifications, to be unparked.
    pub idle: u64,
    /// Those that wait for input or output.
    pub external: u64,
}

/// All verdicts on a snapshot with these resources ([`super::with_inferred`]).
pub fn find(
    frames: &Frames<'_>,
    snapshot: &Snapshot,
    resources: &[Resource],
    settings: Settings,
) -> Verdicts {
    let graph = Graph::new(frames, snapshot, resources);
    let names = Names::new(frames, snapshot);
    let finder = Finder {
        graph: &graph,
        names: &names,
        settings,
    };
    let (mut problems, members) = finder.cycles();
    finder.causes(&members, &mut problems);
    // Before others look whether a problem is known already.
    problems.retain(|problem| is_old_enough(problem, settings));
    finder.flows(resources, &mut problems);
    let threads = live_threads(frames, snapshot);
    let tasks = live_tasks(frames, snapshot, Sort::Odd);
    finder.threads(&threads, &tasks, snapshot, &mut problems);
    problems.retain(|problem| is_old_enough(problem, settings));
    for problem in &mut problems {
        (problem.victims).sort_by_key(|victim| std::cmp::Reverse(victim.since_ns));
    }
    problems.sort_by(|one, other| {
        (one.kind.cmp(&other.kind))
            .then(one.confidence.cmp(&other.confidence))
            .then(other.victims.len().cmp(&one.victims.len()))
            .then(other.age_ns.cmp(&one.age_ns))
            .then(one.headline.cmp(&other.headline))
    });
    let (idle, external) = quiet(frames, &graph, &threads, &tasks, &problems);
    Verdicts {
        problems,
        idle,
        external,
    }
}

fn is_old_enough(problem: &Problem, settings: Settings) -> bool {
    // Nothing will change these, however young they are. One that hangs on nobody's having sent a guard is to last first.
    let at_any_age = match problem.kind {
        ProblemKind::Deadlock => problem.confidence == Confidence::Certain,
        kind => kind == ProblemKind::LostWaker,
    };
    at_any_age || problem.age_ns >= settings.older_than_ns
}
