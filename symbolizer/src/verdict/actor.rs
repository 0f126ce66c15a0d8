//! Who can wait and hold.

use hotpoll_profile::{Library, Party, Resource};

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
}

/// Whether waiting for it suspends a task, and blocks no thread.
pub fn waits_in_polls(resource: &Resource) -> bool {
    resource.library == Library::Tokio
}
