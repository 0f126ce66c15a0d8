//! One hold that was told of by a token: who holds a task's lock or permits of a semaphore, since when, taken where.
//!
//! A resource has room for a few of its own; those beyond come from a pool. Records are never freed; the hold's number, read before and after, says
//! whether what was read belongs together.

use super::row::{Row, SiteWord, TaggedRow};
use super::waits::mode_of;
use hotpoll_profile::{Mode, Party};
use hotpoll_sampler::ForkLock;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, Ordering::Relaxed, fence};

/// Holds that a resource has room for.
pub(super) const OWN: usize = 4;

/// One hold, or the place for one.
#[derive(Default)]
pub(super) struct Hold {
    /// The acquisition's number; 0 while it tells of none, and `TAKEN` while it is written.
    number: AtomicU64,
    /// What numbers are made of: the record's own, and how many holds it told of.
    serial: AtomicU32,
    begun: AtomicU32,
    resource: AtomicU64,
    row: AtomicU64,
    /// What the task held before it took this: see `task_holds.rs`.
    pub beneath: AtomicPtr<Hold>,
    since: AtomicU64,
    tid: AtomicU32,
    task: AtomicU64,
    kind: AtomicU64,
    site: AtomicU64,
    mode: AtomicU32,
    amount: AtomicU64,
}

/// A hold as it was read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SeenHold {
    pub resource: u64,
    pub row: TaggedRow,
    pub number: u64,
    pub since: u64,
    pub party: Party,
    pub site: SiteWord,
    pub mode: Mode,
    pub amount: u64,
    /// The guard may be in other hands by now.
    pub movable: bool,
    /// It is one of those whose time is counted, whether others wait for it or not.
    pub timed: bool,
    /// It was taken in one of several futures that its task drives with wakers of its own making.
    pub in_set: bool,
    /// The thread itself took it, outside of any task.
    pub by_thread: bool,
    /// Its thread has ended, and left it.
    pub gone: bool,
}

const TAKEN: u64 = u64::MAX;
/// Above the mode.
const MOVABLE: u32 = 1 << 8;
/// Beside it.
const TIMED: u32 = 1 << 9;
const IN_SET: u32 = 1 << 10;
const BY_THREAD: u32 = 1 << 11;
/// Below all of these.
const MODE: u32 = MOVABLE - 1;
static SERIALS: AtomicU32 = AtomicU32::new(1);

impl Hold {
    /// Takes the place, if nobody has it.
    pub fn claim(&self) -> bool {
        self.number.load(Relaxed) == 0
            && (self.number)
                .compare_exchange(0, TAKEN, Ordering::Acquire, Relaxed)
                .is_ok()
    }

    /// The same where nobody else can want it: the caller holds what there is one holder of.
    #[inline]
    pub fn claim_alone(&self) -> bool {
        let is_free = self.number.load(Relaxed) == 0;
        if is_free {
            self.number.store(TAKEN, Relaxed);
        }
        is_free
    }

    /// Tells of a hold. For who claimed it.
    pub fn begin(&self, hold: &SeenHold) {
        // Release fence: whoever reads any of what follows does not find an earlier number.
        fence(Ordering::Release);
        self.resource.store(hold.resource, Relaxed);
        self.row.store(hold.row, Relaxed);
        self.since.store(hold.since, Relaxed);
        self.tid.store(hold.party.tid, Relaxed);
        self.task.store(hold.party.task, Relaxed);
        self.kind.store(hold.party.kind, Relaxed);
        self.site.store(hold.site, Relaxed);
        self.mode.store(hold.mode_word(), Relaxed);
        self.amount.store(hold.amount, Relaxed);
        if self.serial.load(Relaxed) == 0 {
            self.serial.store(SERIALS.fetch_add(1, Relaxed), Relaxed);
        }
        let begun = self.begun.load(Relaxed).wrapping_add(1);
        self.begun.store(begun, Relaxed);
        let number = u64::from(self.serial.load(Relaxed)) << 32 | u64::from(begun);
        self.number.store(number, Ordering::Release);
    }

    /// Whether its time is counted in any case.
    #[inline]
    pub fn is_timed(&self) -> bool {
        self.mode.load(Relaxed) & TIMED != 0
    }

    /// How much is held has changed: another acquisition from now on.
    pub fn set_amount(&self, amount: u64) {
        let hold = SeenHold {
            amount,
            ..self.copy()
        };
        self.number.store(TAKEN, Relaxed);
        self.begin(&hold);
    }

    pub fn copy(&self) -> SeenHold {
        let mode = self.mode.load(Relaxed);
        SeenHold {
            resource: self.resource.load(Relaxed),
            row: self.row.load(Relaxed),
            number: 0,
            since: self.since.load(Relaxed),
            party: Party {
                tid: self.tid.load(Relaxed),
                task: self.task.load(Relaxed),
                kind: self.kind.load(Relaxed),
            },
            site: self.site.load(Relaxed),
            mode: mode_of(mode & MODE),
            amount: self.amount.load(Relaxed),
            movable: mode & MOVABLE != 0,
            timed: mode & TIMED != 0,
            in_set: mode & IN_SET != 0,
            by_thread: mode & BY_THREAD != 0,
            gone: false,
        }
    }

    /// The task that took it, or did last; and whether it is held.
    pub fn task(&self) -> (u64, bool) {
        let number = self.number.load(Relaxed);
        (self.task.load(Relaxed), number != 0 && number != TAKEN)
    }

    /// The row of what is held, if somebody waits for it.
    pub fn waited_for(&self) -> Option<&'static Row> {
        let row = Row::serving(self.row.load(Relaxed))?;
        (row.waiting.load(Relaxed) != 0).then_some(row)
    }

    /// The guard may go to others from now on.
    pub fn set_movable(&self) {
        self.mode.fetch_or(MOVABLE, Relaxed);
    }

    /// It is one of several futures of its task that took it.
    pub fn set_in_set(&self) {
        self.mode.fetch_or(IN_SET, Relaxed);
    }

    /// The thread took it, unless a task did that is told of.
    pub fn set_by_thread(&self) {
        if self.task.load(Relaxed) == 0 {
            self.mode.fetch_or(BY_THREAD, Relaxed);
        }
    }

    /// The hold is over, and the place free.
    pub fn end(&self) {
        self.number.store(0, Ordering::Release);
    }

    /// The hold that it tells of, if it stays the same one while it is read.
    pub fn read(&self) -> Option<SeenHold> {
        let number = self.number.load(Ordering::Acquire);
        if number == 0 || number == TAKEN {
            return None;
        }
        let seen = SeenHold {
            number,
            ..self.copy()
        };
        fence(Ordering::Acquire);
        (self.number.load(Relaxed) == number).then_some(seen)
    }
}

impl SeenHold {
    fn mode_word(&self) -> u32 {
        let flags = [
            (self.movable, MOVABLE),
            (self.timed, TIMED),
            (self.in_set, IN_SET),
            (self.by_thread, BY_THREAD),
        ];
        let set = flags.iter().filter(|(is, _)| *is);
        set.fold(self.mode as u32, |word, (_, flag)| word | flag)
    }
}

/// Holds beyond what resources have room for.
#[derive(Default)]
struct Pool {
    all: Vec<&'static Hold>,
    /// Where the search for a free one begins.
    next: usize,
}

static POOL: ForkLock<Pool> = ForkLock::new();
/// Holds that are told of at once, beside those that resources have room for.
const MAX_POOLED: usize = 16_384;

/// A place in the pool, claimed. `None`: there are too many.
pub(super) fn claim() -> Option<&'static Hold> {
    let mut pool = POOL.lock();
    let count = pool.all.len();
    for step in 0..count.min(64) {
        let at = (pool.next + step) % count;
        let hold = pool.all[at];
        if hold.claim() {
            pool.next = at + 1;
            return Some(hold);
        }
    }
    if count >= MAX_POOLED {
        return None;
    }
    let hold: &'static Hold = Box::leak(Box::default());
    hold.claim();
    pool.all.push(hold);
    Some(hold)
}

pub(super) fn pooled() -> Vec<&'static Hold> {
    POOL.lock().all.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_holds_at_a_time() {
        let hold = Hold::default();
        assert!(hold.claim() && !hold.claim());
        assert!(hold.read().is_none(), "nothing is told yet");
        let told = SeenHold {
            resource: 7,
            row: 0,
            number: 0,
            since: 3,
            party: Party::default(),
            site: 0,
            mode: Mode::Shared,
            amount: 2,
            movable: true,
            timed: true,
            in_set: true,
            ..SeenHold::default()
        };
        hold.begin(&told);
        let seen = hold.read().unwrap();
        assert_eq!(
            (seen.resource, seen.amount, seen.mode),
            (7, 2, Mode::Shared)
        );
        hold.set_amount(1);
        let after = hold.read().unwrap();
        assert_eq!((after.amount, after.since), (1, 3));
        assert!(after.movable && after.in_set && !after.by_thread && after.mode == Mode::Shared);
        assert_ne!(seen.number, after.number, "not the same hold any more");
        hold.end();
        assert!(hold.read().is_none() && hold.claim());
    }
}
