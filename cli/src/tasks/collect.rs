//! Computes what is said of a process's tasks. Decides what is in it, not how it looks.

use super::coverage::Coverage;
use super::data::{
    Data, KindData, LongPollData, LookData, NO_WAKER_GIVEN, NOT_CAPTURED, NOT_POLLED_YET,
    PlaceData, PolledByData, ProblemData, RuntimeData, SiteData, SpreadData, TaskData, WaitData,
    WakerData,
};
use super::filter::Filter;
use crate::now::Now;
use crate::stack::{self, LevelData};
use hotpoll_profile::{Histogram, LongPoll, NoPollStack, TaskKind, TaskState, Tasks, Waker};
use hotpoll_symbolizer::view::Frames;
use hotpoll_symbolizer::view::await_stack::Level;
use hotpoll_symbolizer::view::live_tasks::{LiveTask, Problem, Sort, live_tasks};
use std::collections::HashMap;

/// What a person may choose.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which tasks.
    pub filter: Filter,
    /// What they are sorted by.
    pub sort: Sort,
    /// How many are listed; all without it.
    pub top: Option<usize>,
    /// How many of those that are alike (kind, state, place) are listed; all without it.
    pub alike: Option<usize>,
    /// Whether the places where they wait are asked for.
    pub suspended: bool,
    /// Whether long polls are asked for.
    pub long_polls: bool,
}

/// How many tasks of a place are named.
const NAMED: usize = 5;

/// The tasks of a process.
pub fn collect(now: &Now, options: &Options) -> Data {
    let profile = now.profile();
    let frames = Frames::new(profile);
    let tasks = &now.snapshot().tasks;
    let mut live = live_tasks(&frames, now.snapshot(), options.sort);
    live.retain(|one| options.filter.selects(&frames, one));
    let top = options.top.unwrap_or(usize::MAX);
    let mut kinds: Vec<&TaskKind> = (tasks.kinds.iter())
        .filter(|kind| {
            options.filter.selects_kind(kind)
                || live
                    .iter()
                    .any(|one| one.kind.is_some_and(|of| of.id == kind.id))
        })
        .collect();
    kinds.sort_by_key(|kind| (std::cmp::Reverse((kind.alive, kind.busy_ns)), kind.id));
    Data {
        pid: profile.process.pid,
        name: profile.process.name.clone(),
        taken_unix_ns: now.snapshot().taken_unix_ns,
        coverage: Coverage::of(tasks),
        long_poll_ns: tasks.long_poll_ns,
        folded_tasks: tasks.folded_tasks,
        folded_kinds: tasks.folded_kinds,
        problems: problems(&live),
        maybe: no_waker(&live).into_iter().collect(),
        runtimes: (tasks.runtimes.iter())
            .map(|runtime| RuntimeData {
                id: runtime.id,
                name: runtime.name.clone(),
                workers: runtime.workers.clone(),
                alive: runtime.alive,
                blocked: runtime.blocked,
            })
            .collect(),
        notices: profile.process.notices.clone(),
        kinds: (kinds.iter().take(top))
            .map(|kind| self::kind(&frames, tasks, kind))
            .collect(),
        selected: live.len(),
        suspended: options.suspended.then(|| places(&frames, &live, top)),
        long_polls: options
            .long_polls
            .then(|| long_polls(&frames, tasks, &kinds, top)),
        tasks: (without_alike(&live, options.alike).iter().take(top))
            .map(|&(one, alike)| TaskData {
                alike,
                ..task(&frames, one)
            })
            .collect(),
    }
}

/// One task, if it is among those that are known one by one.
pub fn one(now: &Now, id: u64) -> Option<TaskData> {
    let frames = Frames::new(now.profile());
    let live = live_tasks(&frames, now.snapshot(), Sort::default());
    let one = live.iter().find(|one| one.task.id == id)?;
    Some(task(&frames, one))
}

/// Tasks, so many of those that are alike; the last of them with the number of those left out. What has a problem is never left out.
fn without_alike<'l, 'p>(
    live: &'l [LiveTask<'p>],
    most: Option<usize>,
) -> Vec<(&'l LiveTask<'p>, usize)> {
    let Some(most) = most else {
        return live.iter().map(|one| (one, 0)).collect();
    };
    let mut listed: Vec<(&LiveTask, usize)> = Vec::new();
    // By what makes them alike: how many are listed, and which was the last.
    let mut groups: HashMap<(u64, TaskState, Vec<_>), (usize, usize)> = HashMap::new();
    for one in live {
        if one.problem.is_some() || one.longer {
            listed.push((one, 0));
            continue;
        }
        let place = one.waits.iter().map(Level::frame);
        let place = place.map(|at| (at.frame, at.line)).collect();
        let group = groups
            .entry((one.task.kind, one.task.state, place))
            .or_default();
        if group.0 < most {
            *group = (group.0 + 1, listed.len());
            listed.push((one, 0));
        } else {
            listed[group.1].1 += 1;
        }
    }
    listed
}

fn problems(live: &[LiveTask<'_>]) -> Vec<ProblemData> {
    [Problem::LostWaker, Problem::LongPoll, Problem::NotPolled]
        .into_iter()
        .filter_map(|problem| {
            let with = live.iter().filter(|one| one.problem == Some(problem));
            let longest_ns = with.clone().map(|one| one.task.state_ns).max()?;
            let tasks = match problem {
                Problem::LongPoll => with.filter(|one| !is_inside(one, live)).count(),
                _ => with.count(),
            };
            Some(ProblemData {
                problem: problem.label(),
                tasks,
                longest_ns,
            })
        })
        .collect()
}

/// Whether a poll runs inside of another one: a future that is tracked within a task is polled in the task's poll, and is no task of its own.
fn is_inside(one: &LiveTask<'_>, live: &[LiveTask<'_>]) -> bool {
    let (inner, thread) = (one.task, one.thread);
    // A thread names its outermost poll.
    thread.is_none()
        && live.iter().map(|other| other.task).any(|outer| {
            let is_of_one_task = match inner.runtime_id {
                0 => outer.id == inner.parent,
                // One thread at a time polls a task of the runtime's, so these are all of one poll.
                task => outer.runtime_id == task,
            };
            // The one around began first; of two that began at once, the task.
            is_of_one_task
                && outer.state == TaskState::Polling
                && outer.id != inner.id
                && (outer.state_ns, std::cmp::Reverse(outer.id))
                    > (inner.state_ns, std::cmp::Reverse(inner.id))
        })
}

/// Tasks of which it cannot be told whether they wait forever on purpose.
fn no_waker(live: &[LiveTask<'_>]) -> Option<ProblemData> {
    let with = (live.iter()).filter(|one| one.task.state == TaskState::NoWaker);
    Some(ProblemData {
        problem: TaskState::NoWaker.label(),
        tasks: with.clone().count(),
        longest_ns: with.map(|one| one.task.state_ns).max()?,
    })
}

/// How durations are spread.
pub fn spread(histogram: &Histogram) -> SpreadData {
    SpreadData {
        count: histogram.total(),
        p50_ns: histogram.quantile(0.5),
        p90_ns: histogram.quantile(0.9),
        p99_ns: histogram.quantile(0.99),
        max_ns: histogram.quantile(1.0),
    }
}

fn kind(frames: &Frames, tasks: &Tasks, kind: &TaskKind) -> KindData {
    KindData {
        id: kind.id,
        title: kind.title(),
        name: kind.name.clone(),
        site: SiteData {
            file: kind.site.file.clone(),
            line: kind.site.line,
            column: kind.site.column,
        },
        alive: kind.alive,
        spawned: kind.spawned,
        completed: kind.completed,
        aborted: kind.aborted,
        panicked: kind.panicked,
        polls: kind.polls,
        wakes: kind.wakes,
        self_wakes: kind.self_wakes,
        coop_yields: kind.coop_yields,
        busy_ns: kind.busy_ns,
        scheduled_ns: kind.scheduled_ns,
        idle_ns: kind.idle_ns,
        poll_time: spread(&kind.poll_time),
        wake_delay: spread(&kind.wake_delay),
        longest_poll: (kind.longest_poll.as_ref()).map(|poll| long_poll(frames, tasks, poll)),
        long_polls: (kind.long_polls.iter())
            .map(|poll| long_poll(frames, tasks, poll))
            .collect(),
        captures: kind.captures,
        captures_failed: kind.captures_failed,
    }
}

fn long_poll(frames: &Frames, tasks: &Tasks, poll: &LongPoll) -> LongPollData {
    LongPollData {
        task: poll.task,
        kind: (tasks.kind(poll.kind)).map_or_else(String::new, TaskKind::title),
        start_unix_ns: poll.start_unix_ns,
        poll_ns: poll.poll_ns,
        open: poll.open,
        no_stack: poll.no_stack.map(NoPollStack::label),
        stacks: (poll.stacks.iter())
            .map(|look| LookData {
                at_ns: look.at_ns,
                state: look.state.label(),
                folded: stack::fold(frames, &look.stack),
                stack: stack::whole(frames, &look.stack),
            })
            .collect(),
    }
}

/// Those that are running, longest first; then the newest. A kind's longest is among them once.
fn long_polls(
    frames: &Frames,
    tasks: &Tasks,
    kinds: &[&TaskKind],
    top: usize,
) -> Vec<LongPollData> {
    let all = kinds
        .iter()
        .flat_map(|kind| kind.long_polls.iter().chain(&kind.longest_poll));
    let mut polls: Vec<&LongPoll> = all
        .filter(|poll| poll.poll_ns >= tasks.long_poll_ns)
        .collect();
    polls.sort_by_key(|poll| {
        let order = if poll.open {
            poll.poll_ns
        } else {
            poll.start_unix_ns
        };
        (
            std::cmp::Reverse((poll.open, order)),
            poll.task,
            std::cmp::Reverse(poll.stacks.len()),
        )
    });
    polls.dedup_by_key(|poll| (poll.task, poll.start_unix_ns));
    (polls.into_iter().take(top))
        .map(|poll| long_poll(frames, tasks, poll))
        .collect()
}

fn task(frames: &Frames, one: &LiveTask<'_>) -> TaskData {
    let task = one.task;
    let mut waits: Vec<WaitData> = (task.waits.iter())
        .map(|wait| WaitData {
            folded: stack::fold(frames, &wait.stack),
            stack: stack::whole(frames, &wait.stack),
            polls_ago: wait.polls_ago,
            representative: wait.representative,
        })
        .collect();
    waits.sort_by_key(|wait| !wait.representative);
    TaskData {
        id: task.id,
        runtime_id: task.runtime_id,
        kind: one.kind.map_or_else(String::new, TaskKind::title),
        kind_id: task.kind,
        parent: task.parent,
        state: task.state.label(),
        problem: one.problem.map(Problem::label),
        in_place: one.in_place,
        rare: one.rare,
        longer: one.longer,
        alike: 0,
        age_ns: task.age_ns,
        state_ns: task.state_ns,
        polls: task.polls,
        wakes: task.wakes,
        self_wakes: task.self_wakes,
        coop_yields: task.coop_yields,
        busy_ns: task.busy_ns,
        scheduled_ns: task.scheduled_ns,
        idle_ns: task.idle_ns,
        max_poll_ns: task.max_poll_ns,
        last_waker: match task.last_waker {
            Waker::None => None,
            Waker::Task(task) => Some(WakerData {
                task: Some(task),
                ..WakerData::default()
            }),
            Waker::Thread(tid) => Some(WakerData {
                tid: Some(tid),
                ..WakerData::default()
            }),
        },
        last_wake_ns: task.last_wake_ns,
        wakers: task.wakers,
        thread: one.thread.and_then(|now| {
            let thread = frames.profile().threads.get(now.thread as usize)?;
            Some(PolledByData {
                tid: thread.tid,
                name: thread.name.clone(),
                state: now.state.label(),
                folded: stack::fold(frames, &now.stack),
            })
        }),
        no_stack: no_stack(one),
        waits,
    }
}

/// Why nothing is known of where a task waits.
fn no_stack(one: &LiveTask<'_>) -> Option<&'static str> {
    let task = one.task;
    if !task.waits.is_empty() || matches!(task.state, TaskState::Polling | TaskState::Done) {
        return None;
    }
    Some(match task.state {
        _ if task.polls == 0 => NOT_POLLED_YET,
        TaskState::NoWaker => NO_WAKER_GIVEN,
        // A part of such a task.
        TaskState::Waiting if task.wakers == 0 => NO_WAKER_GIVEN,
        _ => NOT_CAPTURED,
    })
}

/// What a task waits for beside the place that stands for it.
fn others(frames: &Frames, one: &LiveTask<'_>) -> Vec<LevelData> {
    let others = (one.task.waits.iter()).filter(|wait| !wait.representative);
    others
        .filter_map(|wait| stack::fold(frames, &wait.stack).into_iter().next())
        .collect()
}

/// The places where tasks wait: those with lost wakers first, then rare ones (where one waits for long before the others), then those where
/// most wait.
fn places(frames: &Frames, live: &[LiveTask<'_>], top: usize) -> Vec<PlaceData> {
    let is_suspended = |one: &&LiveTask<'_>| {
        matches!(
            one.task.state,
            TaskState::Waiting
                | TaskState::Yielded
                | TaskState::LostWaker
                | TaskState::NoWaker
                | TaskState::Scheduled
        )
    };
    let mut groups: Vec<Vec<&LiveTask>> = Vec::new();
    let mut group_of: HashMap<(u64, Vec<_>, Option<&str>), usize> = HashMap::new();
    for one in live.iter().filter(is_suspended) {
        let place = one
            .waits
            .iter()
            .map(Level::frame)
            .map(|at| (at.frame, at.line));
        let at = *group_of
            .entry((one.task.kind, place.collect(), no_stack(one)))
            .or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    let mut places: Vec<(u8, PlaceData)> = groups
        .into_iter()
        .map(|mut group| {
            group.sort_by_key(|one| (std::cmp::Reverse(one.task.state_ns), one.task.id));
            let first = group[0];
            let waits = group.iter().flat_map(|one| &one.task.waits);
            let lost = |one: &&&LiveTask| one.task.state == TaskState::LostWaker;
            let place = PlaceData {
                kind: first.kind.map_or_else(String::new, TaskKind::title),
                tasks: group.len(),
                ids: group.iter().take(NAMED).map(|one| one.task.id).collect(),
                lost_wakers: group.iter().filter(lost).count(),
                longest_ns: first.task.state_ns,
                shortest_ns: group.last().map_or(0, |one| one.task.state_ns),
                polls_ago: waits.map(|wait| wait.polls_ago).max().unwrap_or(0),
                folded: stack::folded(frames, &first.waits),
                no_stack: no_stack(first),
                others: others(frames, first),
            };
            let rare = first.rare.is_some();
            (u8::from(rare) + u8::from(rare && first.longer), place)
        })
        .collect();
    places.sort_by_key(|(odd, place)| {
        std::cmp::Reverse((place.lost_wakers, *odd, place.tasks, place.longest_ns))
    });
    let places = places.into_iter().map(|(_, place)| place);
    places.take(top).collect()
}
