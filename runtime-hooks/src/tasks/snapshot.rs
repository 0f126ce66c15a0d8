//! Every tracked task and its kind, as a profile's nouns, without asking any worker.
//!
//! In: the records and each thread's numbers, read while they change. Out: `Tasks`. It takes each list's lock for as long as counting holds on
//! its records takes; it works while every worker is blocked, and makes no task run.

use super::kind::{self, Kind};
use super::open_polls::{OpenPoll, open_polls, outermost_polls};
use super::record::{FIRST_OWN_ID, Handle};
use super::row::{Row, row};
use super::stats::Totals;
use super::suspensions::suspensions;
use super::{LONG_POLL, live, lost, runtimes, stacks, thread};
use hotpoll_profile::{LongPoll, Runtime, Site, TaskKind, TaskState, Tasks};
use hotpoll_sampler::clock;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A runtime of which all workers seem to be blocked must get nothing done for so long: they may be other threads by now than those that we know.
const STANDSTILL: Duration = Duration::from_millis(20);

/// And for so long, at the most, while a thread is at work that may have taken a worker's place: it tells what it got done when it parks, and each 61 polls.
/// Whether it has is not known then, and it is told which threads these are: samples of them may say. The long polls are listed in any case.
const DOUBTFUL: Duration = Duration::from_millis(200);

/// How much a snapshot may tell.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Tasks listed one by one; of more, the odd ones come first, then those that have been in their state longest.
    pub tasks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { tasks: 100_000 }
    }
}

/// The moment that all ages of an answer are of, whenever in the answer each thing is read: one poll had two ages when it was listed twice.
#[derive(Debug)]
pub struct Moment {
    clock: Clock,
    runtimes: Vec<Runtime>,
}

impl Moment {
    /// Now. It may take a while to come: a runtime that seems to be blocked is watched first.
    pub fn now() -> Self {
        let runtimes = runtimes(clock::now(), &mut std::thread::sleep);
        Self {
            clock: Clock::read(),
            runtimes,
        }
    }

    /// As the sampler's clock counts.
    pub fn ticks(&self) -> u64 {
        self.clock.now
    }

    /// What a tick is taken for: the rate is measured anew while the program runs, and one answer has one.
    pub fn ns_per_tick(&self) -> f64 {
        self.clock.ns_per_tick
    }

    /// Since 1970.
    pub fn unix_ns(&self) -> u64 {
        self.clock.unix_ns
    }
}

/// The clock's readings that turn ticks into times.
#[derive(Debug)]
pub(super) struct Clock {
    now: u64,
    ns_per_tick: f64,
    unix_ns: u64,
}

impl Clock {
    pub fn read() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            now: clock::now(),
            ns_per_tick: clock::ns_per_tick(),
            unix_ns: unix.map_or(0, |unix| unix.as_nanos() as u64),
        }
    }

    pub fn ns(&self, ticks: u64) -> u64 {
        (ticks as f64 * self.ns_per_tick) as u64
    }

    pub fn since(&self, ticks: u64) -> u64 {
        self.ns(self.now.saturating_sub(ticks))
    }
}

/// The tracked tasks now. `intern` turns a stack's addresses (leaf first; the first is an instruction after a call too) into locations.
pub fn snapshot(intern: &mut dyn FnMut(&[u64]) -> Vec<u32>, limits: Limits) -> Tasks {
    snapshot_at(Moment::now(), intern, limits)
}

/// The same, with ages of a moment that has been. What has begun since is no time old.
pub fn snapshot_at(
    moment: Moment,
    intern: &mut dyn FnMut(&[u64]) -> Vec<u32>,
    limits: Limits,
) -> Tasks {
    take(moment, intern, limits, || {})
}

/// Takes it. `meanwhile` is for tests: tasks end between the reading of their records and that of what their kind has counted.
fn take(
    moment: Moment,
    intern: &mut dyn FnMut(&[u64]) -> Vec<u32>,
    limits: Limits,
    meanwhile: impl FnOnce(),
) -> Tasks {
    let Moment {
        clock,
        mut runtimes,
    } = moment;
    let held: Vec<Handle> = (0..live::LISTS).flat_map(live::hold_all).collect();
    let mut rows: Vec<Row> = held.iter().map(|task| row(task, &clock)).collect();
    // Again, now that the tracked ones are known: some are of these.
    for one in &mut runtimes {
        one.alive = runtimes::alive(one.id).unwrap_or(0);
    }
    lost::mark(&mut rows, &|at, row| row.is_still_true(&held[at]));
    tell_runtime_ids(&mut rows);
    meanwhile();
    let (mut kinds, folded_kinds) = kinds(&held, &mut rows, &clock);
    drop(held);
    kinds.retain(|kind| kind.spawned > 0);
    let tracked = rows.iter().filter(|row| row.of_runtime).count() as u64;
    let tracked_beside = rows.len() as u64 - tracked;
    let folded_tasks = choose(&mut rows, limits.tasks);
    let mut interned = HashMap::new();
    let tasks = rows
        .into_iter()
        .map(|row| {
            let mut task = row.task;
            task.waits = suspensions(&task, row.held_at_end, &row.waits, |stack| {
                let known = interned.entry(stack);
                known
                    .or_insert_with(|| intern(&stacks::stack(stack)))
                    .clone()
            });
            task
        })
        .collect();
    let alive = runtimes.iter().map(|one| one.alive).sum::<u64>();
    Tasks {
        // The two are counted one after the other, and tasks end in between; and a tracked one may be of a runtime that no thread shows any more.
        alive: (!runtimes.is_empty()).then(|| alive.max(tracked)),
        tracked,
        tracked_beside,
        long_poll_ns: super::long_poll_ns(),
        kinds,
        tasks,
        runtimes,
        folded_tasks,
        folded_kinds: folded_kinds as u64,
    }
}

/// The runtimes, and whether they are blocked: each worker is in a poll that takes long, and none gets anything done.
///
/// A worker whose task calls `block_in_place` hands its place on to another thread, and the task goes on in a poll that holds up nobody. So polls alone
/// do not say it: no worker may be parked, as that one could take a task, and none may have done anything for a while. Nor do the runtime's own counts, which
/// it tells each 61 polls: each worker must be in the same poll afterwards. `wait` sleeps.
fn runtimes(now: u64, wait: &mut dyn FnMut(Duration)) -> Vec<Runtime> {
    let busy: HashSet<u32> = (outermost_polls().iter()).map(|poll| poll.tid).collect();
    let known = runtimes::snapshot(|tid| busy.contains(&tid));
    let open = open_polls();
    let threshold = LONG_POLL.load(Relaxed);
    let is_long = |poll: &&OpenPoll| now.saturating_sub(poll.start) >= threshold;
    let long: HashSet<(u32, u64)> = (open.iter().filter(is_long))
        .map(|poll| (poll.tid, poll.start))
        .collect();
    let is_in_long_poll = |worker: &u32| long.iter().any(|(tid, _)| tid == worker);
    let seems_blocked = |seen: &runtimes::Seen| {
        let workers = &seen.runtime.workers;
        seen.all_listed
            && !seen.is_any_parked
            && !workers.is_empty()
            && workers.iter().all(is_in_long_poll)
    };
    let suspects: Vec<bool> = known.iter().map(seems_blocked).collect();
    let is_in_it_still = |worker: &u32| {
        let mut polls = open_polls().into_iter();
        polls.any(|poll| poll.tid == *worker && long.contains(&(poll.tid, poll.start)))
    };
    let stands_still = |seen: &runtimes::Seen| {
        runtimes::progress(seen.runtime.id) == Some(seen.progress)
            && seen.runtime.workers.iter().all(is_in_it_still)
    };
    let known = || known.iter().zip(&suspects);
    let mut waited = Duration::ZERO;
    let mut in_doubt = suspects.clone();
    while in_doubt.contains(&true) && waited < DOUBTFUL {
        let in_places = |seen: &runtimes::Seen| stands_still(seen) && seen.may_be_at_work();
        let before: Vec<bool> = (known().zip(&in_doubt))
            .map(|((seen, _), in_doubt)| *in_doubt && in_places(seen))
            .collect();
        wait(STANDSTILL);
        waited += STANDSTILL;
        for (((seen, _), in_doubt), before) in known().zip(&mut in_doubt).zip(before) {
            *in_doubt = *in_doubt && stands_still(seen) && (before || in_places(seen));
        }
    }
    known()
        .zip(in_doubt)
        .map(|((seen, suspect), in_doubt)| Runtime {
            blocked: *suspect && !in_doubt && stands_still(seen),
            in_doubt: match in_doubt && stands_still(seen) {
                true => seen.at_work(),
                false => Vec::new(),
            },
            ..seen.runtime.clone()
        })
        .collect()
}

/// Says which of the runtime's tasks each is, or is a part of: a task that was spawned goes by the runtime's own number, and a future inside of one knows
/// what polls it.
fn tell_runtime_ids(rows: &mut [Row]) {
    let inside: HashMap<u64, u64> = (rows.iter().filter(|row| row.nested))
        .map(|row| (row.task.id, row.task.parent))
        .collect();
    for row in rows {
        if row.nested && row.task.polls == 0 && row.task.state != TaskState::Polling {
            continue; // nobody knows yet
        }
        let mut around = row.task.id;
        for _ in 0..lost::DEEPEST {
            let Some(parent) = inside.get(&around) else {
                break;
            };
            around = *parent;
        }
        if around < FIRST_OWN_ID {
            row.task.runtime_id = around;
        }
    }
}

/// Keeps so many rows: the odd ones, then those longest in their state. Returns how many went.
fn choose(rows: &mut Vec<Row>, most: usize) -> u64 {
    let oddness = |row: &Row| match row.task.state {
        TaskState::LostWaker => 4,
        TaskState::NoWaker => 3,
        TaskState::Polling => 2,
        TaskState::Scheduled => 1,
        _ => 0,
    };
    let folded = rows.len().saturating_sub(most);
    if folded > 0 {
        rows.sort_by_key(|row| std::cmp::Reverse((oddness(row), row.task.state_ns)));
        rows.truncate(most);
    }
    folded as u64
}

/// The kinds' numbers: of the tasks that have ended, and of those in `rows`, which are of the records `held`. One that has ended meanwhile is among the
/// former, and its row goes: both counted all that it ever did.
fn kinds(held: &[Handle], rows: &mut Vec<Row>, clock: &Clock) -> (Vec<TaskKind>, usize) {
    /// While tasks end at a rate of thousands a second one ends in most of the readings, of some microseconds each, and the last is as good as any.
    const TRIES: usize = 8;
    let ended = || -> Vec<bool> { held.iter().map(|task| task.has_ended()).collect() };
    let mut before = ended();
    let (mut kinds, mut folded) = of_ended(clock);
    for _ in 1..TRIES {
        let after = ended();
        if after == before {
            break;
        }
        before = after;
        (kinds, folded) = of_ended(clock);
    }
    let mut has_ended = before.into_iter();
    rows.retain(|_| has_ended.next() == Some(false));
    for row in &*rows {
        let task = &row.task;
        let Some(kind) = kinds.get_mut((task.kind as usize).wrapping_sub(1)) else {
            continue;
        };
        kind.alive += 1;
        kind.polls += task.polls;
        kind.wakes += task.wakes;
        kind.self_wakes += task.self_wakes;
        kind.coop_yields += task.coop_yields;
        kind.busy_ns += task.busy_ns;
        kind.scheduled_ns += task.scheduled_ns;
        kind.idle_ns += task.idle_ns;
    }
    (kinds, folded)
}

/// What the kinds have counted of tasks that have ended.
fn of_ended(clock: &Clock) -> (Vec<TaskKind>, usize) {
    let (all, folded) = kind::all();
    let threads = thread::all();
    let kinds = (all.iter())
        .map(|kind| {
            let mut noun = describe(kind, clock);
            let of_kind = |local: &&'static thread::Local| local.existing_stats(kind);
            for stats in threads.iter().filter_map(of_kind) {
                noun.spawned += stats.spawned.load(Relaxed);
                noun.completed += stats.completed.load(Relaxed);
                noun.aborted += stats.aborted.load(Relaxed);
                noun.panicked += stats.panicked.load(Relaxed);
                noun.captures += stats.captures.load(Relaxed);
                noun.captures_failed += stats.captures_failed.load(Relaxed);
                stats.poll_time.add_to(&mut noun.poll_time);
                stats.wake_delay.add_to(&mut noun.wake_delay);
                add_ended(&mut noun, &stats.ended, clock);
            }
            noun
        })
        .collect();
    (kinds, folded)
}

fn add_ended(kind: &mut TaskKind, ended: &Totals, clock: &Clock) {
    kind.polls += ended.polls.load(Relaxed);
    kind.wakes += ended.wakes.load(Relaxed);
    kind.self_wakes += ended.self_wakes.load(Relaxed);
    kind.coop_yields += ended.coop_yields.load(Relaxed);
    kind.busy_ns += clock.ns(ended.busy.load(Relaxed));
    kind.scheduled_ns += clock.ns(ended.scheduled.load(Relaxed));
    kind.idle_ns += clock.ns(ended.idle.load(Relaxed));
}

fn describe(kind: &Kind, clock: &Clock) -> TaskKind {
    let noun = |poll: &kind::LongPoll| LongPoll {
        task: poll.task,
        kind: kind.id(),
        start_unix_ns: clock.unix_ns.saturating_sub(clock.since(poll.start)),
        poll_ns: clock.ns(poll.took),
        open: false,
        stacks: Vec::new(),
        no_stack: None,
    };
    let polls = kind.long_polls();
    TaskKind {
        id: kind.id(),
        name: kind.name().to_string(),
        site: kind.site().map_or_else(Site::default, |site| Site {
            file: site.file().to_string(),
            line: site.line(),
            column: site.column(),
        }),
        longest_poll: polls.longest.as_ref().map(noun),
        long_polls: polls.recent.iter().rev().map(noun).collect(),
        ..TaskKind::default()
    }
}

#[cfg(all(test, not(any(miri, loom))))]
mod tests {
    use super::*;
    use crate::tasks::kind::Kind;
    use crate::tasks::tracked::Tracked;
    use std::future::Future;
    use std::sync::mpsc;

    /// All that a task had done was counted twice in the answer during which it ended: of a task that was alive, and of one that had ended.
    #[test]
    fn a_task_that_ends_during_a_snapshot_is_counted_once() {
        let kind = Kind::named("ends during a snapshot");
        let mut task = Box::pin(Tracked::always(std::future::pending::<()>(), kind));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..2 {
            assert!(task.as_mut().poll(&mut context).is_pending());
        }
        let take = |meanwhile: &mut dyn FnMut()| {
            let seen = take(
                Moment::now(),
                &mut |_| Vec::new(),
                Limits::default(),
                meanwhile,
            );
            let mut kinds = seen.kinds.iter();
            let of_kind = kinds.find(|one| one.id == kind.id()).unwrap();
            let listed = seen.tasks.iter().filter(|one| one.kind == kind.id());
            let counts = [of_kind.spawned, of_kind.alive, of_kind.aborted];
            (counts, of_kind.polls, listed.count())
        };
        assert_eq!(take(&mut || {}), ([1, 1, 0], 2, 1));
        let mut task = Some(task);
        assert_eq!(take(&mut || drop(task.take())), ([1, 0, 1], 2, 0));
    }

    /// A worker that goes from one long poll to the next was told as blocked: a runtime tells what its workers got done when they park, and each 61 polls.
    #[test]
    fn a_runtime_is_blocked_if_its_worker_is_in_one_poll_all_the_time() {
        // A tick is long.
        LONG_POLL.store(1, Relaxed);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let (polls, begun) = mpsc::channel();
        let (end, ends) = mpsc::channel::<bool>();
        let blocks = async move {
            loop {
                polls.send(()).unwrap();
                // The whole poll.
                if ends.recv().unwrap() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        let kind = Kind::named("blocks its worker");
        let task = runtime.spawn(Tracked::always(blocks, kind));
        begun.recv().unwrap();
        let id = {
            let open = open_polls();
            let of_kind = |poll: &&OpenPoll| poll.kind == kind.id();
            let poll = open.iter().find(of_kind).copied().unwrap();
            let all = runtimes(clock::now(), &mut |_| {});
            let it = all.iter().find(|one| one.workers.contains(&poll.tid));
            assert!(it.unwrap().blocked, "{all:?}");
            it.unwrap().id
        };
        let mut waits = 0;
        let all = runtimes(clock::now(), &mut |_| {
            waits += 1;
            end.send(false).unwrap();
            begun.recv().unwrap();
        });
        let it = all.iter().find(|one| one.id == id).unwrap();
        assert!(waits > 0 && !it.blocked && it.in_doubt.is_empty(), "{it:?}");
        end.send(true).unwrap();
        runtime.block_on(task).unwrap();
    }
}
