//! Has waiting tasks show anew where they wait: each is woken once, by a waker that is another than before, so that every leaf takes it again.
//!
//! Nothing that the tasks wait for has happened: no stamp is left, neither with the task nor, where the wake goes through a set of futures, with the task
//! around it; so who woke a task last, and how often it was woken, stays true.

use super::live;
use super::record::{HOLDS_PARENTS, Record};
use std::cell::Cell;
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

/// Wakes every task that is waiting, in batches, with a pause between them; returns how many tasks were woken. Each costs a poll that would not have
/// been: so only when somebody asks. From a thread that polls nothing.
pub fn refresh(batch: usize, pause: Duration) -> u64 {
    super::waker::next_generation();
    let _on = On::new();
    let mut woken = 0;
    let mut in_batch = 0;
    for list in 0..live::LISTS {
        for task in live::hold_all(list) {
            if !wake(&task) {
                continue;
            }
            woken += 1;
            in_batch += 1;
            if in_batch >= batch.max(1) {
                in_batch = 0;
                drop(task);
                std::thread::sleep(pause);
            }
        }
    }
    woken
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
