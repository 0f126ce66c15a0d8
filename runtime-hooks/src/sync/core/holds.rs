//! One hold that was told of by a token: who holds a task's lock or permits of a semaphore, since when, taken where.
//!
//! A resource has room for a few of its own; those beyond come from a pool. Records are never freed; the hold's number, read before and after, says
//! whether what was read belongs together.

use super::record::Record;
use super::row::{Row, SiteWord, TaggedRow};
use super::waits::mode_of;
use hotpoll_profile::{Mode, Party};
use hotpoll_sampler::ForkLock;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// Holds that a resource has room for.
pub(super) const OWN: usize = 4;

/// One hold, or the place for one.
#[derive(Default)]
pub(super) struct Hold {
    record: Record<WORDS>,
    /// What the task held before it took this: see `task_holds.rs`.
    pub beneath: AtomicPtr<Hold>,
}

// The record's words.
const RESOURCE: usize = 0;
const ROW: usize = 1;
const SINCE: usize = 2;
const TID: usize = 3;
const TASK: usize = 4;
const KIND: usize = 5;
const SITE: usize = 6;
const MODE: usize = 7;
const AMOUNT: usize = 8;
const WORDS: usize = 9;

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

/// Above the mode.
const MOVABLE: u64 = 1 << 8;
/// Beside it.
const TIMED: u64 = 1 << 9;
const IN_SET: u64 = 1 << 10;
const BY_THREAD: u64 = 1 << 11;
/// Below all of these.
const MODES: u64 = MOVABLE - 1;

impl Hold {
    /// Takes the place, if nobody has it.
    pub fn claim(&self) -> bool {
        self.record.claim()
    }

    /// The same where nobody else can want it: the caller holds what there is one holder of.
    #[inline]
    pub fn claim_alone(&self) -> bool {
        self.record.claim_alone()
    }

    /// Tells of a hold. For who claimed it.
    #[inline]
    pub fn begin(&self, hold: &SeenHold) {
        self.record.tell(&hold.words());
    }

    /// Whether its time is counted in any case.
    #[inline]
    pub fn is_timed(&self) -> bool {
        self.record.get(MODE) & TIMED != 0
    }

    /// How much is held has changed: another acquisition from now on.
    pub fn set_amount(&self, amount: u64) {
        self.record.tell_anew(&[(AMOUNT, amount)]);
    }

    /// What it tells. For its owner.
    pub fn copy(&self) -> SeenHold {
        SeenHold::of(0, &self.record.all())
    }

    /// The task that took it, or did last; and whether it is held.
    pub fn task(&self) -> (u64, bool) {
        let is_held = self.record.is_telling();
        (self.record.get(TASK), is_held)
    }

    /// The row of what is held, if somebody waits for it.
    pub fn waited_for(&self) -> Option<&'static Row> {
        let row = Row::serving(self.record.get(ROW))?;
        (row.waiting.load(Relaxed) != 0).then_some(row)
    }

    /// The guard may go to others from now on.
    pub fn set_movable(&self) {
        self.set(MOVABLE);
    }

    /// It is one of several futures of its task that took it.
    pub fn set_in_set(&self) {
        self.set(IN_SET);
    }

    /// The thread took it, unless a task did that is told of.
    pub fn set_by_thread(&self) {
        if self.record.get(TASK) == 0 {
            self.set(BY_THREAD);
        }
    }

    fn set(&self, flag: u64) {
        self.record.set(MODE, self.record.get(MODE) | flag);
    }

    /// The hold is over, and the place free.
    pub fn end(&self) {
        self.record.end();
    }

    /// The hold that it tells of, if it stays the same one while it is read.
    pub fn read(&self) -> Option<SeenHold> {
        let (number, words, ()) = self.record.read(|| ())?;
        Some(SeenHold::of(number, &words))
    }
}

impl SeenHold {
    fn of(number: u64, words: &[u64; WORDS]) -> Self {
        let mode = words[MODE];
        Self {
            resource: words[RESOURCE],
            row: words[ROW],
            number,
            since: words[SINCE],
            party: Party {
                tid: words[TID] as u32,
                task: words[TASK],
                kind: words[KIND],
            },
            site: words[SITE],
            mode: mode_of(mode & MODES),
            amount: words[AMOUNT],
            movable: mode & MOVABLE != 0,
            timed: mode & TIMED != 0,
            in_set: mode & IN_SET != 0,
            by_thread: mode & BY_THREAD != 0,
            gone: false,
        }
    }

    #[inline]
    fn words(&self) -> [u64; WORDS] {
        let flags = [
            (self.movable, MOVABLE),
            (self.timed, TIMED),
            (self.in_set, IN_SET),
            (self.by_thread, BY_THREAD),
        ];
        let set = flags.iter().filter(|(is, _)| *is);
        let mode = set.fold(self.mode as u64, |word, (_, flag)| word | flag);
        let mut words = [0; WORDS];
        words[RESOURCE] = self.resource;
        words[ROW] = self.row;
        words[SINCE] = self.since;
        words[TID] = u64::from(self.party.tid);
        words[TASK] = self.party.task;
        words[KIND] = self.party.kind;
        words[SITE] = self.site;
        words[MODE] = mode;
        words[AMOUNT] = self.amount;
        words
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
