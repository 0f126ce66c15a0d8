//! The runtimes that are known, and their worker threads: how many tasks there are beside the tracked ones.
//!
//! In: thread-start hooks, first polls, `block_on`. Out: for each runtime its workers and `num_alive_tasks`. A runtime is forgotten when the last of
//! its threads that are known has ended, so that its memory is not kept.

use super::thread::{self, Local};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::runtime::{Handle, RuntimeFlavor};

/// One runtime.
struct Known {
    id: u64,
    handle: Handle,
    /// Threads that it has started, blocking ones included, and threads inside its `block_on`; in the order in which they came.
    threads: Vec<u32>,
    /// Worker number -> thread, as far as polls have shown.
    workers: BTreeMap<usize, u32>,
}

static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());
static IDS: AtomicU64 = AtomicU64::new(1);

fn known() -> MutexGuard<'static, Vec<Known>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread of this runtime begins, or enters it.
pub(crate) fn enter(handle: &Handle, tid: u32) {
    with(handle, tid, |_| {});
}

fn with(handle: &Handle, tid: u32, and: impl FnOnce(&mut Known)) {
    let mut known = known();
    let place = match known.iter().position(|one| one.handle.id() == handle.id()) {
        Some(place) => place,
        None => {
            known.push(Known {
                id: IDS.fetch_add(1, Relaxed),
                handle: handle.clone(),
                threads: Vec::new(),
                workers: BTreeMap::new(),
            });
            known.len() - 1
        }
    };
    let one = &mut known[place];
    if !one.threads.contains(&tid) {
        one.threads.push(tid);
    }
    and(one);
}

/// A thread ends, or leaves the runtimes that it had entered.
pub(crate) fn leave(tid: u32) {
    let mut gone = Vec::new();
    let mut known = known();
    for one in known.iter_mut() {
        one.threads.retain(|thread| *thread != tid);
        one.workers.retain(|_, thread| *thread != tid);
    }
    gone.extend(known.extract_if(.., |one| one.threads.is_empty()));
    // The runtime's last reference may go with ours, and what its end runs is not to run under our lock.
    drop(known);
    drop(gone);
}

/// A thread inside of `block_on`; it leaves by a panic too.
pub(super) struct Inside(u32);

impl Inside {
    pub fn enter(handle: &Handle) -> Self {
        let tid = thread::tid();
        enter(handle, tid);
        Self(tid)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        leave(self.0);
    }
}

/// A task is polled for the first time: is its thread a worker that is not known yet?
#[inline]
pub(super) fn look(local: &'static Local) {
    let Some(index) = tokio::runtime::worker_index() else {
        return;
    };
    let token = index as u64 + 1;
    if local.worker.load(Relaxed) != token
        && let Ok(handle) = Handle::try_current()
    {
        local.worker.store(token, Relaxed);
        let tid = thread::tid();
        with(&handle, tid, |one| {
            one.workers.insert(index, tid);
        });
    }
}

/// Every known runtime, without its `blocked`.
pub(super) fn snapshot() -> Vec<hotpoll_profile::Runtime> {
    known()
        .iter()
        .map(|one| {
            let metrics = one.handle.metrics();
            let workers = if !one.workers.is_empty() {
                one.workers.values().copied().collect()
            } else if one.handle.runtime_flavor() == RuntimeFlavor::CurrentThread {
                Vec::new()
            } else {
                // A runtime starts its workers before any other thread.
                let threads = one.threads.iter().copied();
                threads.take(metrics.num_workers()).collect()
            };
            hotpoll_profile::Runtime {
                id: one.id,
                name: one.handle.name().unwrap_or_default().to_string(),
                workers,
                alive: metrics.num_alive_tasks() as u64,
                blocked: false,
            }
        })
        .collect()
}
