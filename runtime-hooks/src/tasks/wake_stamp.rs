//! When a task was first woken since its last poll, and by whom.
//!
//! In: wakes, from any thread, each before it is passed on; polls, which take the stamp. The first wake of several stands: the others find it there,
//! so the poll that follows any of them finds it too. A wake that was overtaken by a poll already running leaves its stamp for the next one.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

/// Not woken.
const NONE: u64 = 0;
/// Woken by its own running poll: from when on it is scheduled is the end of that poll, which is not known yet.
pub(super) const DURING_POLL: u64 = 1;
/// In `who`: a thread's number, rather than a task's.
const THREAD: u64 = 1 << 63;

/// Who woke a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Task(u64),
    Thread(u32),
}

impl Who {
    fn word(self) -> u64 {
        match self {
            Self::Task(id) => id & !THREAD,
            Self::Thread(tid) => THREAD | u64::from(tid),
        }
    }

    /// `None` for nobody.
    pub fn of_word(word: u64) -> Option<Self> {
        match word {
            0 => None,
            thread if thread & THREAD != 0 => Some(Self::Thread(thread as u32)),
            task => Some(Self::Task(task)),
        }
    }
}

pub(super) struct WakeStamp {
    ticks: AtomicU64,
    /// Of the last stamp, also when it was taken. Written after the ticks, so it may be of the wake before for a moment.
    who: AtomicU64,
}

impl WakeStamp {
    pub fn new() -> Self {
        Self {
            ticks: AtomicU64::new(NONE),
            who: AtomicU64::new(0),
        }
    }

    /// Stamps a wake unless there is a stamp, before the wake is passed on. Any thread; `now` is asked only if there is none.
    #[inline]
    pub fn stamp(&self, now: impl FnOnce() -> (u64, Who)) {
        // Relaxed: passing the wake on makes this visible to the poll that it leads to. A stamp that is seen here may just be being taken by a poll that
        // an earlier wake has led to; then this wake leaves none, and the poll after that counts as one that nobody woke. A stronger order would not
        // change it: whether the wake came before the poll took the stamp, or just after, is what the two race for. What the wake is for is seen by
        // one of the two polls, as it is passed on in any case; `a_poll_after_a_wake_finds_a_stamp_of_its_own_time` below has this order of events.
        if self.ticks.load(Ordering::Relaxed) != NONE {
            return;
        }
        let (ticks, who) = now();
        // Not exchanged: a locked instruction is half of what a wake costs here. Of wakes that find no stamp at the same time the last one's stands, and
        // may stand beside another's name. If a poll is just taking one of them, the others leave none, as above.
        (self.ticks).store(ticks.max(DURING_POLL + 1), Ordering::Relaxed);
        self.who.store(who.word(), Ordering::Relaxed);
    }

    /// Stamps a wake that the running poll itself makes. Only the poll may call it.
    #[inline(always)]
    pub fn stamp_from_poll(&self, task: u64) {
        // It may replace the stamp of another thread's wake during this poll: both count from the poll's end.
        self.ticks.store(DURING_POLL, Ordering::Relaxed);
        self.who.store(Who::Task(task).word(), Ordering::Relaxed);
    }

    /// Takes the stamp, as the poll begins; 0 is none. Only the poll may call it.
    #[inline(always)]
    pub fn take(&self) -> u64 {
        let ticks = self.ticks.load(Ordering::Relaxed);
        // No exchange: one that comes where there was none stays for the next poll, and one that comes over this one in between is of the same time.
        if ticks != NONE {
            self.ticks.store(NONE, Ordering::Relaxed);
        }
        ticks
    }

    /// The stamp, if the task has been woken and not polled since.
    pub fn peek(&self) -> Option<u64> {
        Some(self.ticks.load(Ordering::Relaxed)).filter(|ticks| *ticks != NONE)
    }

    /// Who woke it last.
    pub fn who(&self) -> Option<Who> {
        Who::of_word(self.who.load(Ordering::Relaxed))
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;
    use loom::thread;

    /// A runtime in small: passing a wake on sets a flag, and whoever takes the flag polls.
    #[test]
    fn a_poll_after_a_wake_finds_a_stamp_of_its_own_time() {
        loom::model(|| {
            let stamp = Arc::new(WakeStamp::new());
            let scheduled = Arc::new(AtomicBool::new(false));
            let threads = [10, 20].map(|ticks| {
                let (stamp, scheduled) = (Arc::clone(&stamp), Arc::clone(&scheduled));
                thread::spawn(move || {
                    stamp.stamp(|| (ticks, Who::Task(ticks)));
                    scheduled.swap(true, Ordering::AcqRel);
                })
            });
            let mut taken = Vec::new();
            let mut poll = || {
                if scheduled.swap(false, Ordering::AcqRel) {
                    taken.push(stamp.take());
                }
            };
            poll();
            for thread in threads {
                thread.join().unwrap();
            }
            poll();
            // The first poll that a wake led to has the stamp of a wake. (A second may find none: both wakes came before it.)
            assert!(taken[0] == 10 || taken[0] == 20, "{taken:?}");
            assert!(taken.iter().all(|ticks| [0, 10, 20].contains(ticks)));
            // No stamp is found twice, and none is left behind for a poll that no wake leads to.
            assert!(taken.len() < 2 || taken[0] != taken[1], "{taken:?}");
            assert_eq!(stamp.peek(), None);
        });
    }

    #[test]
    fn a_wake_by_the_poll_itself_and_one_from_outside_leave_one_stamp() {
        loom::model(|| {
            let stamp = Arc::new(WakeStamp::new());
            let thread = {
                let stamp = Arc::clone(&stamp);
                thread::spawn(move || stamp.stamp(|| (10, Who::Thread(3))))
            };
            stamp.stamp_from_poll(7);
            thread.join().unwrap();
            assert!(stamp.peek() == Some(DURING_POLL) || stamp.peek() == Some(10));
            assert!(matches!(stamp.who(), Some(Who::Task(7) | Who::Thread(3))));
            assert_ne!(stamp.take(), NONE);
            assert_eq!(stamp.take(), NONE);
        });
    }
}
