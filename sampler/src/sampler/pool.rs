//! Slots that no timer serves: of threads that have ended, and of threads that lived on when sampling stopped.

use crate::slot::table::SlotId;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

struct Spare {
    id: SlotId,
    /// The thread that alone may have it: a late signal of an earlier start may still look at the slot there.
    only_for: Option<(u32, u64)>,
}

static POOL: Mutex<Vec<Spare>> = Mutex::new(Vec::new());

/// `None` in a forked child whose parent held the lock at the fork: then slots are simply not reused.
fn pool() -> Option<MutexGuard<'static, Vec<Spare>>> {
    match POOL.try_lock() {
        Ok(pool) => Some(pool),
        Err(TryLockError::Poisoned(poisoned)) => Some(PoisonError::into_inner(poisoned)),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Keeps a slot for later.
pub(super) fn give(id: SlotId, only_for: Option<(u32, u64)>) {
    if let Some(mut pool) = pool() {
        pool.push(Spare { id, only_for });
    }
}

/// A slot for this thread: its own of an earlier start, or one whose thread has ended.
pub(super) fn take(tid: u32, start_ticks: u64) -> Option<SlotId> {
    let mut pool = pool()?;
    let place = pool
        .iter()
        .position(|spare| spare.only_for == Some((tid, start_ticks)))
        .or_else(|| pool.iter().rposition(|spare| spare.only_for.is_none()))?;
    Some(pool.swap_remove(place).id)
}

/// Takes out the slots of threads that lived when sampling stopped, and have ended since.
pub(super) fn take_dead(is_alive: impl Fn(u32, u64) -> bool) -> Vec<SlotId> {
    let Some(mut pool) = pool() else {
        return Vec::new();
    };
    pool.extract_if(.., |spare| {
        spare
            .only_for
            .is_some_and(|(tid, start_ticks)| !is_alive(tid, start_ticks))
    })
    .map(|spare| spare.id)
    .collect()
}

/// Forgets everything: in a forked child, whose slots are only copies.
pub(super) fn reset() {
    if let Some(mut pool) = pool() {
        pool.clear();
    }
}
