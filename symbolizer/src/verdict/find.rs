//! All verdicts on a snapshot, worst first, one for each cause.

use super::deadlock::SENDABLE;
use super::finder::Finder;
use super::graph::Graph;
use super::inferred::site;
use super::names::Names;
use super::problem::{Confidence, Problem, ProblemKind};
use super::quiet::quiet;
use crate::view::Frames;
use crate::view::live_tasks::{Sort, live_tasks};
use crate::view::live_threads::live_threads;
use hotpoll_profile::{Resource, Site, Snapshot};

/// What counts as a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Waits, holds and polls shorter than this are none. Cycles that are certain, and lost wakers, are problems at any age.
    pub older_than_ns: u64,
    /// Whether [`Verdicts::quiet`] is asked for.
    pub quiet: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            older_than_ns: 1_000_000_000,
            quiet: false,
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
    /// These one by one, if they were asked for: [`ProblemKind::ExternalWait`] and [`ProblemKind::BenignIdle`], longest first. No problems.
    pub quiet: Vec<Problem>,
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
    let waits = quiet(frames, &graph, &threads, &tasks, &problems);
    let external = waits.iter().filter(|one| one.is_external).count() as u64;
    let mut quiet: Vec<Problem> = match settings.quiet {
        true => waits.iter().map(|one| finder.quiet(one)).collect(),
        false => Vec::new(),
    };
    quiet.sort_by_key(|one| (one.kind, std::cmp::Reverse(one.age_ns)));
    for problem in problems.iter_mut().chain(&mut quiet) {
        // Where no wrapper told of the call, the stack does.
        if problem.site == Site::default() && !problem.stack.is_empty() {
            problem.site = site(frames, &problem.stack);
        }
    }
    Verdicts {
        problems,
        idle: waits.len() as u64 - external,
        external,
        quiet,
    }
}

/// A deadlock that hangs on nobody's having sent a guard on lasts for so long before it is told of, whatever is asked for: who got it would have let it go.
const SENT_ON_NS: u64 = 1_000_000_000;

fn is_old_enough(problem: &Problem, settings: Settings) -> bool {
    let least_ns = match problem.kind {
        // Nothing will change these, however young they are.
        ProblemKind::Deadlock if problem.confidence == Confidence::Certain => 0,
        ProblemKind::LostWaker => 0,
        ProblemKind::PossibleDeadlock if problem.evidence.iter().any(|one| one == SENDABLE) => {
            settings.older_than_ns.max(SENT_ON_NS)
        }
        ProblemKind::Deadlock => settings.older_than_ns.max(SENT_ON_NS),
        _ => settings.older_than_ns,
    };
    problem.age_ns >= least_ns
}
