//! What one answer of a process comes to: everything that can be looked at until the next one.
//!
//! Figures and rows are computed at once, by the layers of the other commands; what only a detail needs (a stack's frames, a thread's hottest functions, a
//! flame graph) is computed when somebody looks at it.

use super::kind_rows::KindRow;
use super::resource_rows::ResourceRow;
use super::task_rows::{Places, TaskRow};
use crate::now::Now;
use crate::report::{self, By};
use crate::threads::data::ThreadData;
use crate::{stack, tasks, threads};
use hotpoll_profile::{Profile, Resource, TaskKind};
use hotpoll_symbolizer::verdict::{self, Actor, Names, Settings, Verdicts};
use hotpoll_symbolizer::view::await_stack::Level;
use hotpoll_symbolizer::view::live_tasks::{LiveTask, Problem, Sort, live_tasks};
use hotpoll_symbolizer::view::{Frames, kind_times};
use std::collections::{HashMap, HashSet};

/// One answer, ready to be looked at.
pub struct Picture {
    /// Counts pictures: what was computed from one is not of another.
    pub number: u64,
    /// The figures of the header.
    pub report: report::data::Data,
    /// The threads.
    pub threads: threads::data::Data,
    /// Tasks: what is wrong, the runtimes. Its lists are not complete.
    pub tasks: tasks::data::Data,
    /// The kinds of tasks.
    pub kinds: Vec<KindRow>,
    /// The time that the kinds' rates are of, and whether that is all of the process's life.
    pub kinds_ns: u64,
    /// Tasks one by one.
    pub task_rows: Vec<TaskRow>,
    /// Where they are.
    pub places: Places,
    /// What kinds are called.
    pub titles: HashMap<u64, String>,
    /// Locks, channels and semaphores, those inferred from stacks behind the others.
    pub resources: Vec<Resource>,
    /// The same in rows, worst first.
    pub resource_rows: Vec<ResourceRow>,
    /// What is stuck.
    pub verdicts: Verdicts,
    /// What it was all computed from.
    pub now: Now,
}

/// What kinds had counted at some time before.
#[derive(Debug, Clone)]
pub struct Before {
    /// When.
    pub taken_unix_ns: u64,
    /// The kinds.
    pub kinds: Vec<TaskKind>,
}

impl Picture {
    /// Of a profile that has a snapshot. The kinds' rates are since `before`, or since the process started.
    pub fn new(number: u64, profile: Profile, before: Option<&Before>) -> Self {
        let now = Now::new(profile);
        let options = report::Options {
            by: By::Function,
            top: Some(0),
            ..report::Options::default()
        };
        let report = report::collect::collect(now.profile(), &options);
        let mut threads = threads::collect::collect(&now, None, None);
        steady(&mut threads.threads);
        let options = tasks::collect::Options {
            // Of tasks that are alike one will do: they are all in `task_rows`.
            alike: Some(1),
            ..tasks::collect::Options::default()
        };
        let tasks = tasks::collect::collect(&now, &options);
        let kinds = &now.snapshot().tasks.kinds;
        let mut lately = kinds.clone();
        let taken = now.snapshot().taken_unix_ns;
        let kinds_ns = match before {
            Some(before) => {
                kind_times::take_off(&mut lately, &before.kinds);
                taken.saturating_sub(before.taken_unix_ns)
            }
            None => taken.saturating_sub(now.profile().process.start_unix_ns),
        };
        let mut rows: Vec<KindRow> = (kinds.iter().zip(&lately))
            .map(|(kind, lately)| KindRow::new(kind, lately, kinds_ns))
            .collect();
        let (task_rows, places) = one_by_one(&now);
        let mut odd: HashMap<u64, usize> = HashMap::new();
        for task in task_rows.iter().filter(|task| task.problem.is_some()) {
            *odd.entry(task.kind).or_default() += 1;
        }
        for row in &mut rows {
            row.odd = odd.get(&row.id).copied().unwrap_or(0);
        }
        rows.sort_by(|a, b| {
            (b.odd.cmp(&a.odd))
                .then(b.busy.total_cmp(&a.busy))
                .then(b.alive.cmp(&a.alive))
                .then(a.id.cmp(&b.id))
        });
        let (resources, resource_rows, verdicts) = who_holds_what(&now);
        let titles = kinds.iter().map(|kind| (kind.id, kind.title())).collect();
        Self {
            number,
            report,
            threads,
            tasks,
            kinds: rows,
            kinds_ns,
            task_rows,
            places,
            titles,
            resources,
            resource_rows,
            verdicts,
            now,
        }
    }

    /// When it was taken.
    pub fn taken_unix_ns(&self) -> u64 {
        self.now.snapshot().taken_unix_ns
    }

    /// What kinds have counted up to now: for the rates of later ones.
    pub fn counted(&self) -> Before {
        let kinds = self.now.snapshot().tasks.kinds.iter().map(|kind| TaskKind {
            // Their stacks are not counts, and hold memory.
            long_polls: Vec::new(),
            longest_poll: None,
            ..kind.clone()
        });
        Before {
            taken_unix_ns: self.taken_unix_ns(),
            kinds: kinds.collect(),
        }
    }
}

/// Threads that differ in less than what is shown of their CPU time stand by their numbers: else thousands of idle ones changed places each second.
fn steady(threads: &mut [ThreadData]) {
    for alike in threads.chunk_by_mut(|a, b| (a.own, a.stuck) == (b.own, b.stuck)) {
        alike.sort_by_key(|one| {
            (
                std::cmp::Reverse((one.cores * 1_000.0).round() as u64),
                one.tid,
            )
        });
    }
}

/// The tasks in rows, and the distinct places where they are.
fn one_by_one(now: &Now) -> (Vec<TaskRow>, Places) {
    let frames = Frames::new(now.profile());
    let live = live_tasks(&frames, now.snapshot(), Sort::Odd);
    let mut places = Vec::new();
    let mut place_of: HashMap<Vec<_>, usize> = HashMap::new();
    let mut place = |levels: &[Level]| {
        let at = levels.iter().map(Level::frame);
        let key = at.map(|at| (at.frame, at.line)).collect();
        *place_of.entry(key).or_insert_with(|| {
            places.push(stack::folded(&frames, levels));
            places.len() - 1
        })
    };
    let rows = (live.iter())
        .map(|one| {
            let polled = one
                .thread
                .map(|now| hotpoll_symbolizer::view::await_stack::fold(&frames, &now.stack));
            TaskRow {
                id: one.task.id,
                kind: one.task.kind,
                state: one.task.state.label(),
                problem: one.problem.map(Problem::label),
                rare: one.rare,
                state_ns: one.task.state_ns,
                age_ns: one.task.age_ns,
                polls: one.task.polls,
                busy_ns: one.task.busy_ns,
                thread: polled_by(&frames, one),
                place: place(polled.as_ref().unwrap_or(&one.waits)),
            }
        })
        .collect();
    (rows, places)
}

/// The resources, in rows too, and the verdicts.
fn who_holds_what(now: &Now) -> (Vec<Resource>, Vec<ResourceRow>, Verdicts) {
    let frames = Frames::new(now.profile());
    let resources = verdict::with_inferred(&frames, now.snapshot());
    let verdicts = verdict::find(&frames, now.snapshot(), &resources, Settings::default());
    let about: HashSet<u64> = (verdicts.problems.iter())
        .filter_map(|problem| problem.resource)
        .chain(
            verdicts
                .problems
                .iter()
                .flat_map(|problem| problem.cycle.iter().filter_map(|link| link.resource)),
        )
        .collect();
    let names = Names::new(&frames, now.snapshot());
    let holder = |resource: &Resource| match resource.holders.first() {
        Some(holder) => match Actor::holding(holder, resource) {
            // As the rows of threads and tasks have it.
            Some(Actor::Thread(tid)) => match names.thread(tid) {
                Some((thread, _)) => format!("{} {tid}", thread.name),
                None => format!("thread {tid}"),
            },
            Some(Actor::Task(task)) => {
                let kind = now.snapshot().tasks.kind(holder.party.kind);
                let title = kind.map_or_else(String::new, TaskKind::title);
                format!("{} {title}", tasks::text::id(task))
            }
            None => names.holder(holder, resource),
        },
        None => String::new(),
    };
    let mut rows: Vec<ResourceRow> = (resources.iter())
        .map(|one| {
            ResourceRow::new(
                one,
                verdict::names::resource(one),
                about.contains(&one.id),
                &holder,
            )
        })
        .collect();
    rows.sort_by_cached_key(ResourceRow::badness);
    (resources, rows, verdicts)
}

fn polled_by(frames: &Frames, one: &LiveTask<'_>) -> String {
    let thread = one.thread.and_then(|now| {
        let thread = frames.profile().threads.get(now.thread as usize)?;
        let name = crate::export::text::printable(&thread.name);
        Some(format!("on {name} {} ({})", thread.tid, now.state.label()))
    });
    thread.unwrap_or_default()
}
