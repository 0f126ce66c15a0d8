//! What was counted rather than sampled in a window: polls, delays from wake to poll, and waits for locks.

use crate::{Histogram, Library, ResourceKind, Site};

/// Totals of the window, by task kind and by resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exact {
    /// By task kind.
    pub polls: Vec<PollTotals>,
    /// By lock, channel and the like.
    pub waits: Vec<WaitTotals>,
}

/// What the tasks of one kind did in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollTotals {
    /// The kind's name; empty: it goes by its site.
    pub name: String,
    /// Where its tasks are spawned.
    pub site: Site,
    /// Tasks that ran to their end.
    pub completed: u64,
    /// Polls.
    pub polls: u64,
    /// Time in polls.
    pub poll_ns: u64,
    /// How long polls took.
    pub poll_time: Histogram,
    /// Time woken and not yet polled.
    pub delay_ns: u64,
    /// How long from wake to poll.
    pub wake_delay: Histogram,
}

/// What was waited for at one resource in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitTotals {
    /// The resource's name; empty: it goes by its site.
    pub name: String,
    /// Where it is made.
    pub site: Site,
    /// What it is.
    pub kind: ResourceKind,
    /// Whose.
    pub library: Library,
    /// Acquisitions, or messages.
    pub acquired: u64,
    /// Those that had to wait.
    pub contended: u64,
    /// Time waited.
    pub wait_ns: u64,
    /// How long waits took.
    pub wait: Histogram,
}
