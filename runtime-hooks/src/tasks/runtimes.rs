//! The runtimes that are known, and their worker threads: how many tasks there are beside the tracked ones.
//!
//! In: thread-start hooks, first polls, `block_on`. Out: for each runtime its workers and `num_alive_tasks`. A runtime is forgotten when the last of
//! its threads that are known has ended, so that its memory is not kept.

use super::thread::{self, Local};
use hotpoll_sampler::ForkLock;
use std::collections::BTreeMap;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::runtime::{Handle, RuntimeFlavor, RuntimeMetrics};

/// One runtime.
struct Known {
    id: u64,
    handle: Handle,
    /// Threads that it has started, blocking ones included, in the order in which they came.
    threads: Vec<u32>,
    /// Threads inside its `block_on`, and others that polled its tasks.
    visitors: Vec<u32>,
    /// Those of the visitors that are known by their polls only: nothing says when they leave.
    passing: Vec<u32>,
    /// Worker number -> thread, as far as polls have shown.
    workers: BTreeMap<usize, u32>,
}

impl Known {
    /// The thread polls for another runtime now. Where nothing else is known of it, it works for this one no longer.
    fn left_by(&mut self, tid: u32) {
        let Some(place) = self.passing.iter().position(|thread| *thread == tid) else {
            return;
        };
        self.passing.swap_remove(place);
        if let Some(place) = self.visitors.iter().position(|thread| *thread == tid) {
            self.visitors.remove(place);
        }
        if !self.visitors.contains(&tid) && !self.threads.contains(&tid) {
            self.workers.retain(|_, thread| *thread != tid);
        }
    }
}

static KNOWN: ForkLock<Vec<Known>> = ForkLock::new();
static IDS: AtomicU64 = AtomicU64::new(1);

fn known() -> MutexGuard<'static, Vec<Known>> {
    KNOWN.lock()
}

/// This runtime has started the calling thread.
pub(crate) fn start(handle: &Handle, tid: u32) {
    with(handle, |one| one.threads.push(tid));
}

fn with(handle: &Handle, and: impl FnOnce(&mut Known)) {
    if hotpoll_sampler::in_forked_child() {
        return; // as in `change`
    }
    let mut known = known();
    let place = match known.iter().position(|one| one.handle.id() == handle.id()) {
        Some(place) => place,
        None => {
            known.push(Known {
                id: IDS.fetch_add(1, Relaxed),
                handle: handle.clone(),
                threads: Vec::new(),
                visitors: Vec::new(),
                passing: Vec::new(),
                workers: BTreeMap::new(),
            });
            known.len() - 1
        }
    };
    and(&mut known[place]);
}

/// A thread ends.
pub(crate) fn end(tid: u32) {
    change(|one| {
        one.threads.retain(|thread| *thread != tid);
        one.visitors.retain(|thread| *thread != tid);
        one.passing.retain(|thread| *thread != tid);
        one.workers.retain(|_, thread| *thread != tid);
    });
}

/// Changes what is known, and forgets the runtimes that have no thread left.
fn change(change: impl FnMut(&mut Known)) {
    if hotpoll_sampler::in_forked_child() {
        return; // nothing runs there until it starts itself
    }
    let mut known = known();
    known.iter_mut().for_each(change);
    let is_gone = |one: &mut Known| one.threads.is_empty() && one.visitors.is_empty();
    let gone: Vec<Known> = known.extract_if(.., is_gone).collect();
    // The runtime's last reference may go with ours, and what its end runs is not to run under our lock.
    drop(known);
    drop(gone);
}

/// A thread inside of `block_on`; it leaves by a panic too.
pub(super) struct Inside {
    runtime: u64,
    tid: u32,
}

impl Inside {
    pub fn enter(handle: &Handle) -> Self {
        let (mut runtime, tid) = (0, thread::tid());
        with(handle, |one| {
            one.visitors.push(tid);
            runtime = one.id;
        });
        Self { runtime, tid }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        change(|one| {
            // Once: a thread may be inside of one runtime twice, and be another's worker.
            if one.id == self.runtime
                && let Some(place) = one.visitors.iter().rposition(|tid| *tid == self.tid)
            {
                one.visitors.remove(place);
                if !one.visitors.contains(&self.tid) && !one.threads.contains(&self.tid) {
                    one.workers.retain(|_, tid| *tid != self.tid);
                }
            }
        });
    }
}

/// What [`Local::worker`] says of a thread of which nothing is known, and of one that is no worker.
pub(super) const UNKNOWN: u64 = 0;
pub(super) const NO_WORKER: u64 = u64::MAX;

/// A task is polled for the first time, or a thread of which nothing is known polls: is it a worker that is not known yet?
pub(super) fn look(local: &'static Local) {
    let before = local.worker.load(Relaxed);
    let is_nested = !local.current.get().is_null();
    if before == UNKNOWN && is_nested {
        // In `block_in_place` it has its number still, and another thread works in its place. Its next poll that is in no other will tell.
        return;
    }
    let Some(index) = tokio::runtime::worker_index() else {
        if before == UNKNOWN {
            local.worker.store(NO_WORKER, Relaxed);
        }
        return;
    };
    // A thread may be the worker of one runtime after another, each time with the same number: the runtime's ID is what is known of it.
    let Ok(handle) = Handle::try_current() else {
        return;
    };
    let token = token(&handle, index);
    if before == token {
        return;
    }
    local.worker.store(token, Relaxed);
    let tid = thread::tid();
    let mut displaced = None;
    with(&handle, |one| {
        displaced = one.workers.insert(index, tid);
        if !one.threads.contains(&tid) && !one.visitors.contains(&tid) {
            one.visitors.push(tid);
            one.passing.push(tid);
        }
    });
    // After `block_in_place` another thread works in a worker's place, for good. The one before may become the worker of another number, and is to say so.
    if let Some(displaced) = displaced.filter(|other| *other != tid) {
        let all = thread::all().into_iter();
        for other in all.filter(|other| other.tid.load(Relaxed) == displaced) {
            // Relaxed, and not exchanged: if it says anew just now who it is, it is asked once more.
            other.worker.store(UNKNOWN, Relaxed);
        }
    }
    if before != UNKNOWN && before != NO_WORKER {
        let id = handle.id();
        change(|one| {
            if one.handle.id() != id {
                one.left_by(tid);
            }
        });
    }
}

/// What a thread that polls is for its runtime's other tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// No worker's: of a thread in `block_on`, say.
    None,
    /// A worker's, which another thread has by now: the poll that it is in (`block_in_place`) holds up nobody.
    HandedOn,
    /// A worker's, as far as is known. Once this number grows another thread has the place: in one poll a worker gets nothing done.
    Worker(u64),
}

/// The place of a thread that is in a poll.
pub fn place(tid: u32) -> Place {
    let mut all = thread::all().into_iter();
    let Some(local) = all.find(|local| local.tid.load(Relaxed) == tid) else {
        return Place::None;
    };
    let token = match local.worker.load(Relaxed) {
        // It was asked when the poll began, at the latest: another one has displaced it since.
        UNKNOWN => return Place::HandedOn,
        NO_WORKER => return Place::None,
        token => token,
    };
    let (runtime, index) = (token >> 16, (token & 0xffff) as usize - 1);
    let known = known();
    let of_it = |one: &&Known| crate::task_id::number_of(&one.handle.id()) == runtime;
    let Some(one) = known.iter().find(of_it) else {
        return Place::None;
    };
    let metrics = one.handle.metrics();
    let parks = metrics.worker_park_unpark_count(index);
    // Parked is who has the place: see `seen`.
    if parks % 2 == 1 && one.handle.runtime_flavor() != RuntimeFlavor::CurrentThread {
        return Place::HandedOn;
    }
    let busy = metrics.worker_total_busy_duration(index).as_nanos() as u64;
    Place::Worker(busy.wrapping_add(parks))
}

/// A number for a worker of a runtime, never 0.
fn token(handle: &Handle, index: usize) -> u64 {
    // Runtimes count from 1, and none has so many workers.
    crate::task_id::number_of(&handle.id()) << 16 | (index as u64 + 1) & 0xffff
}

/// A runtime as it is now.
pub(super) struct Seen {
    /// Without its `blocked` and `in_doubt`.
    pub runtime: hotpoll_profile::Runtime,
    /// Whether all of its workers are listed: nothing can be said of those that are not.
    pub all_listed: bool,
    /// Whether a worker is parked: whatever the others do, that one is there for any task.
    pub is_any_parked: bool,
    /// Grows with what its workers get done: see [`progress`].
    pub progress: u64,
    /// Threads of its own that are none of the workers listed, nor in anything tracked: one may work in a worker's place.
    others: Vec<u32>,
}

impl Seen {
    /// Whether a thread that may work in a worker's place is on a processor, or wants to be. It may as well run a closure that nobody tracks.
    pub fn may_be_at_work(&self) -> bool {
        self.running().next().is_some()
    }

    /// Those threads.
    pub fn at_work(&self) -> Vec<u32> {
        self.running().collect()
    }

    fn running(&self) -> impl Iterator<Item = u32> {
        let others = self.others.iter().take(MOST_LOOKED_AT).copied();
        others.filter(|&tid| hotpoll_sampler::is_runnable(tid))
    }
}

/// Threads whose state is read: that takes some microseconds each.
const MOST_LOOKED_AT: usize = 64;

/// Every known runtime. `is_busy` says of a thread whether it is in a poll, or in a closure that may block.
pub(super) fn snapshot(is_busy: impl Fn(u32) -> bool) -> Vec<Seen> {
    known().iter().map(|one| seen(one, &is_busy)).collect()
}

fn seen(one: &Known, is_busy: &impl Fn(u32) -> bool) -> Seen {
    let metrics = one.handle.metrics();
    let count = metrics.num_workers();
    // The count is odd from before a worker parks until it is awake again, and is told both times.
    let is_parked = |index: &usize| metrics.worker_park_unpark_count(*index) % 2 == 1;
    // Who polls while the worker is parked is in `block_in_place`: another thread has taken its place, and has polled nothing tracked yet.
    let has_left = |index: &usize, tid: u32| *index < count && is_parked(index) && is_busy(tid);
    let is_current_thread = one.handle.runtime_flavor() == RuntimeFlavor::CurrentThread;
    let mut is_any_gone = false;
    let mut workers: Vec<u32> = Vec::new();
    for (index, &tid) in &one.workers {
        match !is_current_thread && has_left(index, tid) {
            true => is_any_gone = true,
            false => workers.push(tid),
        }
    }
    let add = |workers: &mut Vec<u32>, tid: u32| {
        if workers.len() < count && !workers.contains(&tid) {
            workers.push(tid);
        }
    };
    // Those that have polled nothing tracked yet: a runtime starts its workers before any other thread, and the one that takes a worker's place last.
    if is_current_thread {
        if workers.is_empty() {
            workers.extend(one.visitors.first());
        }
    } else if is_any_gone {
        let idle = one.threads.iter().rev().filter(|tid| !is_busy(**tid));
        idle.for_each(|&tid| add(&mut workers, tid));
    } else {
        one.threads.iter().for_each(|&tid| add(&mut workers, tid));
    }
    let is_other = |tid: &u32| !workers.contains(tid) && !is_busy(*tid);
    // The newest first: whoever took a worker's place is rather among them.
    let others = one.threads.iter().rev().copied().filter(is_other).collect();
    Seen {
        others,
        all_listed: workers.len() >= count,
        is_any_parked: (0..count).any(|index| is_parked(&index)),
        progress: done(&metrics),
        runtime: hotpoll_profile::Runtime {
            id: one.id,
            name: one.handle.name().unwrap_or_default().to_string(),
            workers,
            alive: metrics.num_alive_tasks() as u64,
            blocked: false,
            in_doubt: Vec::new(),
        },
    }
}

/// How many tasks are alive in a runtime by now; `None` once it is gone.
pub(super) fn alive(runtime: u64) -> Option<u64> {
    let known = known();
    let one = known.iter().find(|one| one.id == runtime)?;
    Some(one.handle.metrics().num_alive_tasks() as u64)
}

/// What [`Seen::progress`] is by now; `None` once the runtime is gone.
pub(super) fn progress(runtime: u64) -> Option<u64> {
    let known = known();
    let one = known.iter().find(|one| one.id == runtime)?;
    Some(done(&one.handle.metrics()))
}

/// How often workers have parked and been woken, and how long they were busy: told when they park, and each 61 polls of those that never do. Each term only
/// grows.
fn done(metrics: &RuntimeMetrics) -> u64 {
    (0..metrics.num_workers()).fold(0, |sum: u64, worker| {
        let busy = metrics.worker_total_busy_duration(worker).as_nanos() as u64;
        sum.wrapping_add(busy)
            .wrapping_add(metrics.worker_park_unpark_count(worker))
    })
}
