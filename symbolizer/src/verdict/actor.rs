//! Who can wait and hold.

use hotpoll_profile::{Holder, Library, Party, Resource, Waiter};

/// One who waits, holds, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Actor {
    /// A task, by its number.
    Task(u64),
    /// A thread outside of any tracked poll, by its ID.
    Thread(u32),
}

impl Actor {
    /// Who a party to a resource is. What tokio's primitives know of a task that nobody tracks is the thread that polled it: that may be any of
    /// thousands of tasks, and is nobody.
    pub fn of(party: Party, resource: &Resource) -> Option<Self> {
        match party {
            Party {
                task: 0, tid: 0, ..
            } => None,
            Party { task: 0, .. } if waits_in_polls(resource) => None,
            Party { task: 0, tid, .. } => Some(Self::Thread(tid)),
            Party { task, .. } => Some(Self::Task(task)),
        }
    }

    /// Who waits.
    pub fn waiting(waiter: &Waiter, resource: &Resource) -> Option<Self> {
        Self::surely(waiter.by_thread, waiter.party).or_else(|| Self::of(waiter.party, resource))
    }

    /// Who holds it. A thread that has ended is nobody: another one may have its number by now.
    pub fn holding(holder: &Holder, resource: &Resource) -> Option<Self> {
        if holder.gone && holder.party.task == 0 {
            return None;
        }
        Self::surely(holder.by_thread, holder.party).or_else(|| Self::of(holder.party, resource))
    }

    /// A call that blocks (`blocking_lock`) is the thread's, whoever's the resource is.
    fn surely(by_thread: bool, party: Party) -> Option<Self> {
        (by_thread && party.task == 0 && party.tid != 0).then_some(Self::Thread(party.tid))
    }
}

/// Whether a wait suspends a task, and blocks no thread.
pub fn suspends(waiter: &Waiter, resource: &Resource) -> bool {
    waits_in_polls(resource) && !waiter.by_thread
}

/// Whether waiting for it suspends a task, unless a blocking call does.
fn waits_in_polls(resource: &Resource) -> bool {
    resource.library == Library::Tokio
}
