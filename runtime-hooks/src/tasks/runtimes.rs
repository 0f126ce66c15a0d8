//! The runtimes that are known, and their worker threads: how many tasks there are beside the tracked ones.
//!
//! In: thread-start hooks, first polls, `block_on`. Out: for each runtime its workers and `num_alive_tasks`. A runtime is forgotten when the last of
//! its threads that are known has ended, so that its memory is not kept.

use super::thread::{self, Local};
use hotpoll_sampler::ForkLock;
use std::collections::BTreeMap;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::runtime::{Handle, RuntimeFlavor};

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

/// A task is polled for the first time: is its thread a worker that is not known yet?
#[inline]
pub(super) fn look(local: &'static Local) {
    let Some(index) = tokio::runtime::worker_index() else {
        return;
    };
    // A thread may be the worker of one runtime after another, each time with the same number: the runtime's ID is what is known of it.
    let Ok(handle) = Handle::try_current() else {
        return;
    };
    let token = token(&handle, index);
    let before = local.worker.swap(token, Relaxed);
    if before == token {
        return;
    }
    let tid = thread::tid();
    with(&handle, |one| {
        one.workers.insert(index, tid);
        if !one.threads.contains(&tid) && !one.visitors.contains(&tid) {
            one.visitors.push(tid);
            one.passing.push(tid);
        }
    });
    if before != 0 {
        let id = handle.id();
        change(|one| {
            if one.handle.id() != id {
                one.left_by(tid);
            }
        });
    }
}

/// A number for a worker of a runtime, never 0.
fn token(handle: &Handle, index: usize) -> u64 {
    // Runtimes count from 1, and none has so many workers.
    crate::task_id::number_of(&handle.id()) << 16 | (index as u64 + 1) & 0xffff
}

/// Every known runtime, without its `blocked`, and whether all of its workers are listed: nothing can be said of those that are not.
pub(super) fn snapshot() -> Vec<(hotpoll_profile::Runtime, bool)> {
    known()
        .iter()
        .map(|one| {
            let metrics = one.handle.metrics();
            let mut workers: Vec<u32> = one.workers.values().copied().collect();
            // Those that have polled nothing tracked yet: a runtime starts its workers before any other thread. (After a `block_in_place` a
            // blocking thread is the worker, which its first poll of a new task shows.)
            if one.handle.runtime_flavor() == RuntimeFlavor::CurrentThread {
                if workers.is_empty() {
                    workers.extend(one.visitors.first());
                }
            } else {
                for thread in &one.threads {
                    if workers.len() < metrics.num_workers() && !workers.contains(thread) {
                        workers.push(*thread);
                    }
                }
            }
            let all = workers.len() >= metrics.num_workers();
            let runtime = hotpoll_profile::Runtime {
                id: one.id,
                name: one.handle.name().unwrap_or_default().to_string(),
                workers,
                alive: metrics.num_alive_tasks() as u64,
                blocked: false,
            };
            (runtime, all)
        })
        .collect()
}
