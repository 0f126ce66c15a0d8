//! Has waiting tasks show anew where they wait: each is woken once, by a waker that is another than before, so that every leaf takes it again.
//!
//! Nothing that the tasks wait for has happened: no stamp is left, neither with the task nor, where the wake goes through a set of futures, with the task
//! around it; so who woke a task last, and how often it was woken, stays true.

use super::live;
use super::record::{HOLDS_PARENTS, Handle, Record};
use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

thread_local! {
    static REFRESHING: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread wakes for this only. A thread that is in a poll need not ask.
pub(super) fn is_on() -> bool {
    REFRESHING.get()
}

struct On;

impl On {
    fn new() -> Self {
        REFRESHING.set(true);
        Self
    }
}

impl Drop for On {
    fn drop(&mut self) {
        REFRESHING.set(false);
    }
}

/// From now on every task's waker is another than before: what a task waits for takes it again when the task is polled for whatever reason, and its stack
/// with it. Nobody is woken. For when stacks can be walked that could not be before.
pub fn take_stacks_anew() {
    super::waker::next_generation();
}

/// Every task that is waiting is woken, in steps: whoever takes them has other things to do in between. Each task costs a poll that would not have
/// been: so only when somebody asks. From a thread that polls nothing.
pub struct Refresh {
    /// The lists of live tasks that are still to come.
    lists: Range<usize>,
    /// Tasks of the list before these.
    held: Vec<Handle>,
    woken: u64,
}

impl std::fmt::Debug for Refresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refresh")
            .field("woken", &self.woken)
            .finish_non_exhaustive()
    }
}

impl Refresh {
    /// From now on every task's waker is another than before.
    pub fn begin() -> Self {
        take_stacks_anew();
        Self {
            lists: 0..live::LISTS,
            held: Vec::new(),
            woken: 0,
        }
    }

    /// Wakes so many of them. False when all were woken.
    pub fn step(&mut self, batch: usize) -> bool {
        let _on = On::new();
        let mut left = batch.max(1);
        loop {
            let Some(task) = self.held.pop() else {
                let Some(list) = self.lists.next() else {
                    return false;
                };
                self.held = live::hold_all(list);
                continue;
            };
            if wake(&task) {
                self.woken += 1;
                left -= 1;
            }
            if left == 0 {
                return true;
            }
        }
    }

    /// How many were woken so far.
    pub fn woken(&self) -> u64 {
        self.woken
    }
}

/// All of a [`Refresh`], with a pause after each step; returns how many tasks were woken.
pub fn refresh(batch: usize, pause: Duration) -> u64 {
    let mut refresh = Refresh::begin();
    while refresh.step(batch) {
        std::thread::sleep(pause);
    }
    refresh.woken()
}

fn wake(task: &Record) -> bool {
    let waits = task.poll_start.load(Relaxed) == 0
        && task.totals.polls.load(Relaxed) > 0
        && task.stamp.peek().is_none()
        // The task around it is woken, and polls it along.
        && task.flags.load(Relaxed) & HOLDS_PARENTS == 0;
    if waits {
        task.inner.wake();
    }
    waits
}
