//! What the sampler's threads tell the capture thread: who came, who went, and the newest unwind tables.

use super::{DescriptorPool, WallCounters};
use crate::sampler::ThreadKey;
use crate::slot::{Slot, table::SlotId};
use crate::unwind::Tables;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A thread to be looked at.
#[derive(Clone)]
pub(crate) struct Member {
    pub tid: u32,
    /// Where ordinary code of the thread publishes its words.
    pub slot: Option<(SlotId, &'static Slot)>,
    /// Whether it was there before sampling began: what its clocks showed then belongs to nobody's account.
    pub was_there: bool,
    /// Since when its life counts, by the monotonic clock.
    pub came_ns: u64,
    pub counters: Arc<WallCounters>,
}

/// Shared by the drain, the module thread and the capture thread of one start; a forked child makes its own. Locks are held for moments.
pub(crate) struct Roster {
    /// Whether anybody looks: nothing is noted for nobody.
    listening: AtomicBool,
    /// Whether looks count, so that accounts have wall time.
    counting: AtomicBool,
    /// Threads that came (`Some`) and went (`None`) since the last look. One that came and went in between leaves nothing.
    changes: Mutex<BTreeMap<ThreadKey, Option<Member>>>,
    tables: Mutex<Option<Arc<Tables>>>,
    pub descriptors: Arc<DescriptorPool>,
    /// The sampling signal, and the tag of this process's timers.
    pub signal: i32,
    pub tag: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Roster {
    pub fn new(descriptors: Arc<DescriptorPool>, signal: i32, tag: u64) -> Self {
        Self {
            listening: AtomicBool::new(false),
            counting: AtomicBool::new(false),
            changes: Mutex::default(),
            tables: Mutex::default(),
            descriptors,
            signal,
            tag,
        }
    }

    /// Whether threads are looked at.
    pub fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    /// Whether threads are looked at from now on. Afterwards nothing is noted.
    pub fn listen(&self, listening: bool) {
        self.listening.store(listening, Ordering::Release);
        if !listening {
            lock(&self.changes).clear();
        }
    }

    /// Looks count from now on.
    pub fn count(&self) {
        self.counting.store(true, Ordering::Relaxed);
    }

    /// Whether looks count.
    pub fn is_counting(&self) -> bool {
        self.is_listening() && self.counting.load(Ordering::Relaxed)
    }

    /// A thread came.
    pub fn came(&self, key: ThreadKey, member: Member) {
        if self.is_listening() {
            lock(&self.changes).insert(key, Some(member));
        }
    }

    /// A thread went.
    pub fn went(&self, key: ThreadKey) {
        if self.is_listening() {
            let mut changes = lock(&self.changes);
            if changes.insert(key, None).flatten().is_some() {
                changes.remove(&key);
            }
        }
    }

    /// Takes what has changed.
    pub fn take_changes(&self) -> BTreeMap<ThreadKey, Option<Member>> {
        std::mem::take(&mut lock(&self.changes))
    }

    /// The module thread has new tables.
    pub fn set_tables(&self, tables: Tables) {
        // The old ones are dropped outside of the lock.
        let _old = lock(&self.tables).replace(Arc::new(tables));
    }

    /// The newest tables.
    pub fn tables(&self) -> Option<Arc<Tables>> {
        lock(&self.tables).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> Member {
        Member {
            tid: 1,
            slot: None,
            was_there: false,
            came_ns: 0,
            counters: Arc::default(),
        }
    }

    #[test]
    fn came_and_went_in_between_leaves_nothing() {
        let roster = Roster::new(Arc::new(DescriptorPool::new(0)), 27, 1);
        roster.came(1, member());
        assert!(roster.take_changes().is_empty(), "nobody listens");
        roster.listen(true);
        roster.came(1, member());
        roster.came(2, member());
        roster.went(2);
        roster.went(7);
        let changes = roster.take_changes();
        assert_eq!(changes.keys().copied().collect::<Vec<_>>(), [1, 7]);
        assert!(changes[&1].is_some() && changes[&7].is_none());
        roster.went(1);
        assert!(roster.take_changes()[&1].is_none());
    }
}
