//! Samples of tasks that hold an async lock say so while others wait for it, as those of threads do.
//!
//! A task is suspended and goes from thread to thread, so its holds are told where it is polled: a poll's entry tells in the thread's word `holds`, its exit
//! takes that back, and who begins to wait tells in the word of the thread that polls the holder then. What a task took hangs on its record, newest first
//! ([`TaskHolds`]): a poll of a task that holds nothing costs one load.
//!
//! A resource names one of its holders at a time: of several readers, or holders of permits, the one that was polled last.
#![allow(unsafe_code)] // Records of holds live for ever, behind atomic pointers.

use super::holds::Hold;
use super::row::Row;
use super::threads::{self, Local};
use std::sync::atomic::{AtomicPtr, Ordering, Ordering::Relaxed, fence};

/// Holds of one task that are looked at.
const DEEPEST: usize = 8;

/// What a task took and did not give back: the newest hold, on which those beneath hang. Written by polls of the task alone.
///
/// One that was given back elsewhere stays until the task's next poll, and the place may tell of another's hold by then: what is not this task's is not told, and
/// what hangs on it is forgotten.
#[derive(Default)]
pub struct TaskHolds(AtomicPtr<Hold>);

impl std::fmt::Debug for TaskHolds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_none = self.is_none();
        f.debug_struct("TaskHolds")
            .field("is_none", &is_none)
            .finish()
    }
}

impl TaskHolds {
    /// None.
    pub const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Whether the task holds nothing that is known.
    #[inline(always)]
    pub fn is_none(&self) -> bool {
        self.0.load(Relaxed).is_null()
    }

    /// A poll of the task with this number begins, and it holds something.
    #[cold]
    #[inline(never)]
    pub fn poll_begins(&self, task: u64) {
        let mut at = self.0.load(Relaxed);
        let mut all_told = true;
        for _ in 0..DEEPEST {
            let Some(hold) = hold_at(at) else { break };
            let (of, is_told) = hold.task();
            if of != task {
                at = std::ptr::null_mut();
                break;
            }
            if !is_told && all_told {
                // Given back elsewhere.
                at = hold.beneath.load(Relaxed);
                self.0.store(at, Relaxed);
                continue;
            }
            all_told = false;
            if is_told
                && let Some(row) = hold.waited_for()
                && tell(row)
            {
                return;
            }
            at = hold.beneath.load(Relaxed);
        }
        if all_told {
            self.0.store(at, Relaxed);
        }
    }

    /// A poll has ended, and its thread's word says that something is held. `around`: the poll that it ran in, if any.
    #[cold]
    #[inline(never)]
    pub fn poll_ended(around: Option<(&Self, u64)>) {
        let Some(local) = threads::local() else {
            return;
        };
        take_back(local);
        if let Some((holds, task)) = around {
            holds.poll_begins(task);
        }
    }
}

fn hold_at(pointer: *mut Hold) -> Option<&'static Hold> {
    // SAFETY: null, or from a reference that lives for ever (`took`).
    unsafe { pointer.as_ref() }
}

/// The task that is polled now has taken something.
#[cfg(feature = "tokio")]
#[inline]
pub(super) fn took(hold: &'static Hold) {
    crate::tasks::with_holds(|holds| {
        let before = holds.0.load(Relaxed);
        hold.beneath.store(before, Relaxed);
        let newest = std::ptr::from_ref(hold).cast_mut();
        if newest != before {
            holds.0.store(newest, Relaxed);
        }
    });
    if let Some(row) = hold.waited_for() {
        tell(row);
    }
}

/// The task that is polled now gives back what it took last, perhaps.
#[cfg(feature = "tokio")]
#[inline]
pub(super) fn gives_back(hold: &'static Hold) {
    crate::tasks::with_holds(|holds| {
        if std::ptr::eq(holds.0.load(Relaxed), hold) {
            holds.0.store(hold.beneath.load(Relaxed), Relaxed);
        }
    });
}

#[cfg(not(feature = "tokio"))]
pub(super) fn took(_hold: &'static Hold) {}

#[cfg(not(feature = "tokio"))]
pub(super) fn gives_back(_hold: &'static Hold) {}

/// What was told is held no more. What the task holds beside it may be waited for, too.
pub(super) fn tell_the_rest() {
    #[cfg(feature = "tokio")]
    if let Some(words) = threads::local().and_then(Local::words) {
        crate::tasks::with_holds(|holds| {
            if !holds.is_none() {
                holds.poll_begins(words.task.load(Relaxed));
            }
        });
    }
}

/// The calling thread polls a task that holds this: its samples say so, unless they say something else.
fn tell(row: &'static Row) -> bool {
    let Some(local) = threads::local() else {
        return false;
    };
    let Some(words) = local.words() else {
        return false;
    };
    // A task that is not tracked does not say when its poll ends. And what is told already stays: what is taken back is one.
    if words.task.load(Relaxed) == 0 || words.holds.load(Relaxed) != 0 {
        return false;
    }
    local.told_row.store(row.tagged(), Relaxed);
    row.set_holds(words);
    true
}

/// Somebody begins to wait for this. Who is told already need not be told again.
pub(super) fn begins_to_wait(row: &'static Row) {
    if !row.holds_on.load(Relaxed).is_null() {
        return;
    }
    let Some(holds) = row.existing_holds() else {
        return;
    };
    for hold in holds {
        let Some(seen) = hold.read() else { continue };
        let by_task = seen.party.task != 0;
        let holder = threads::all().find(|local| match by_task {
            true => {
                (local.words()).is_some_and(|words| words.task.load(Relaxed) == seen.party.task)
            }
            false => seen.by_thread && local.tid.load(Relaxed) == seen.party.tid,
        });
        let Some(local) = holder else { continue };
        let words = local.words();
        let Some(words) = words.filter(|words| words.holds.load(Relaxed) == 0) else {
            continue;
        };
        if by_task {
            local.told_row.store(row.tagged(), Relaxed);
        }
        row.set_holds(words);
        // The poll may have ended meanwhile, or the hold: then nobody takes this back who comes later than this. Who does not see either of that here is
        // seen at the end of the thread's next poll, or where it is given back.
        fence(Ordering::SeqCst);
        let is_polled = !by_task || words.task.load(Relaxed) == seen.party.task;
        if !is_polled || hold.read().is_none_or(|now| now.number != seen.number) {
            row.clear_holds_of(words);
            continue;
        }
        return;
    }
}

/// What was told of a task that the thread polled is not so any more.
fn take_back(local: &'static Local) {
    let told = local.told_row.swap(0, Relaxed);
    if let (Some(row), Some(words)) = (Row::serving(told), local.words()) {
        row.clear_holds_of(words);
    }
}
