//! Shared holds: who reads under which lock.
//!
//! Readers share no word of the lock but its own state, else they would not be concurrent. Each thread has a few lines; one tells of one lock: how
//! often this thread took it shared, how often it gave it back, where it took it last. So the difference is how often it holds it now. Only the
//! thread writes (but for what is given back elsewhere), and anybody may read.

use super::row::{Row, Side, SiteWord, TaggedRow};
use super::threads::{self, LINES, Local};
use std::sync::atomic::{AtomicU64, Ordering, Ordering::Relaxed, fence};

/// What a thread knows of one lock that it takes shared.
#[derive(Debug)]
pub(super) struct Line {
    /// The lock; 0 is none.
    row: AtomicU64,
    acquired: AtomicU64,
    released: AtomicU64,
    /// Released by other threads, to which the guard was sent.
    released_elsewhere: AtomicU64,
    /// How many of `acquired` the row's own number has.
    brought: AtomicU64,
    site: AtomicU64,
    /// When the acquisition with the number `timed` began.
    since: AtomicU64,
    timed: AtomicU64,
}

/// In the place of what was brought, while that is done.
const BRINGING: u64 = u64::MAX;

/// How often a line is read whose thread takes and gives back the lock just then.
const MOST_READS: usize = 16;

/// A line as it was read: somebody holds the lock shared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub row: TaggedRow,
    pub site: SiteWord,
    /// How many acquisitions there were: equal in two looks, it is the same one.
    pub acquisition: u64,
    pub amount: u64,
    /// When it was taken last, if that was timed: it was if somebody waited then. 0: it was not.
    pub since: u64,
}

impl Line {
    pub const fn new() -> Self {
        Self {
            row: AtomicU64::new(0),
            acquired: AtomicU64::new(0),
            released: AtomicU64::new(0),
            released_elsewhere: AtomicU64::new(0),
            brought: AtomicU64::new(0),
            site: AtomicU64::new(0),
            since: AtomicU64::new(0),
            timed: AtomicU64::new(0),
        }
    }

    /// Whether it tells of this lock.
    #[inline(always)]
    pub fn is_of(&self, row: TaggedRow) -> bool {
        self.row.load(Relaxed) == row
    }

    /// How often the thread will have taken the lock when it takes it once more. For its thread.
    #[inline(always)]
    pub fn next(&self) -> u64 {
        self.acquired.load(Relaxed).wrapping_add(1)
    }

    /// The thread has taken the lock. For its thread.
    #[inline(always)]
    pub fn take(&self, site: SiteWord) {
        let acquired = self.next();
        self.site.store(site, Relaxed);
        // Release: who sees the acquisition sees its site.
        self.acquired.store(acquired, Ordering::Release);
    }

    /// The same, then: whoever finds the acquisition finds that it is timed. It was held since before all waits for a moment, and seemed to be what a
    /// writer had waited for all the time.
    pub fn take_at(&self, site: SiteWord, now: u64) {
        self.timed.store(0, Relaxed);
        self.since.store(now, Ordering::Release);
        // Release: who sees that it is timed sees since when.
        self.timed.store(self.next(), Ordering::Release);
        self.take(site);
    }

    /// The thread gives the lock back. For its thread.
    #[inline(always)]
    pub fn give_back(&self) {
        let released = self.released.load(Relaxed).wrapping_add(1);
        self.released.store(released, Relaxed);
    }

    /// Another thread gives the lock back.
    #[cfg(feature = "send_guard")]
    pub fn give_back_elsewhere(&self) {
        self.released_elsewhere.fetch_add(1, Relaxed);
    }

    fn given_back(&self) -> u64 {
        // Acquire: what is read after this is not read before it.
        let released = self.released.load(Ordering::Acquire);
        released.wrapping_add(self.released_elsewhere.load(Ordering::Acquire))
    }

    fn held(&self) -> u64 {
        let released = self.given_back();
        // Acquire: pairs with the Release in `take`.
        let acquired = self.acquired.load(Ordering::Acquire);
        acquired.saturating_sub(released)
    }

    /// When the acquisition began that was timed last.
    pub fn since(&self) -> u64 {
        self.since.load(Relaxed)
    }

    /// Where the lock was taken last.
    pub fn site(&self) -> SiteWord {
        self.site.load(Relaxed)
    }

    /// Whether the thread holds the lock no more.
    pub fn is_free(&self) -> bool {
        self.held() == 0
    }

    /// How many acquisitions of this lock the row's own number does not have. Nothing: it is being brought just now.
    pub fn not_brought(&self, row: TaggedRow) -> Option<u64> {
        let before = self.row.load(Ordering::Acquire);
        // Acquire: pairs with the Release in `bring`.
        let brought = self.brought.load(Ordering::Acquire);
        let missing = self
            .acquired
            .load(Ordering::Acquire)
            .saturating_sub(brought);
        match (before == row, self.row.load(Relaxed) == row) {
            (true, true) if brought == BRINGING => None,
            (true, true) => Some(missing),
            (false, false) => Some(0),
            // It goes to another lock, or comes from one.
            _ => None,
        }
    }

    /// Brings what was counted to the row. For its thread.
    pub fn bring(&self, row: &Row) {
        let acquired = self.acquired.load(Relaxed);
        let missing = acquired.saturating_sub(self.brought.load(Relaxed));
        if missing == 0 {
            return;
        }
        self.brought.store(BRINGING, Relaxed);
        // AcqRel: who finds the row's number finds that it is being brought, or was.
        row.acquired[Side::Shared as usize].fetch_add(missing, Ordering::AcqRel);
        self.brought.store(acquired, Ordering::Release);
    }

    /// Tells of another lock from now on. For its thread, while it is free.
    fn tell_of(&self, row: TaggedRow) {
        if let Some(before) = Row::serving(self.row.load(Relaxed)) {
            self.bring(before);
        }
        self.row.store(0, Relaxed);
        // Numbers only go up, so that an acquisition's number is not another one's of an earlier lock.
        let acquired = self.acquired.load(Relaxed);
        self.brought.store(acquired, Relaxed);
        self.row.store(row, Ordering::Release);
    }

    /// What it tells, if the lock is held.
    pub fn read(&self) -> Option<Held> {
        self.read_while(&mut || {})
    }

    /// The same; `meanwhile` runs when a part of it was read.
    fn read_while(&self, meanwhile: &mut dyn FnMut()) -> Option<Held> {
        for _ in 0..MOST_READS {
            let row = self.row.load(Ordering::Acquire);
            if row == 0 {
                return None;
            }
            let released = self.given_back();
            meanwhile();
            let acquisition = self.acquired.load(Ordering::Acquire);
            let timed = self.timed.load(Ordering::Acquire);
            let since = self.since.load(Relaxed);
            let held = Held {
                row,
                site: self.site.load(Relaxed),
                acquisition,
                amount: acquisition.saturating_sub(released),
                since: if timed == acquisition { since } else { 0 },
            };
            // Acquire fence: what was read above is not read after this.
            fence(Ordering::Acquire);
            // Released and taken again meanwhile it would be held more often than it ever was, or from another place.
            let is_one = self.given_back() == released
                && self.acquired.load(Relaxed) == acquisition
                && self.row.load(Relaxed) == row;
            if is_one {
                return (held.amount > 0).then_some(held);
            }
        }
        // What is held for so short a time holds up nobody.
        None
    }

    /// The thread ends. What it still holds it never gives back.
    pub fn thread_ends(&self) {
        if let Some(row) = Row::serving(self.row.load(Relaxed)) {
            self.bring(row);
            if !self.is_free() {
                row.left_site.store(self.site(), Relaxed);
                row.left_shared.fetch_add(self.held(), Relaxed);
            }
        }
        self.row.store(0, Relaxed);
        // Given back elsewhere later, or never: the next thread begins even.
        let elsewhere = self.released_elsewhere.load(Relaxed);
        let acquired = self.acquired.load(Relaxed);
        self.released
            .store(acquired.wrapping_sub(elsewhere), Relaxed);
    }
}

/// How often a row is read to which somebody brings something meanwhile.
const MOST_SUMS: usize = 64;

/// How often a lock was taken shared: what its row has, and what lines have that was not brought to it, at one time.
pub(super) fn acquired(row: &Row, tagged: TaggedRow) -> u64 {
    let number = &row.acquired[Side::Shared as usize];
    let mut sum = 0;
    for _ in 0..MOST_SUMS {
        let before = number.load(Ordering::Acquire);
        let lines = threads::all().flat_map(|local| &local.lines);
        let missing: Option<u64> = lines.map(|line| line.not_brought(tagged)).sum();
        // Acquire fence: lines are not read after this.
        fence(Ordering::Acquire);
        let after = number.load(Relaxed);
        sum = before + missing.unwrap_or(0);
        // Brought meanwhile it would be there twice, or not at all.
        if missing.is_some() && after == before {
            break;
        }
        std::hint::spin_loop();
    }
    sum
}

impl Local {
    /// The thread's line of a lock, new or known. `None`: it holds as many others as there are lines. For the thread itself.
    pub fn line_for(&'static self, row: TaggedRow) -> Option<&'static Line> {
        let first = first_line(row);
        let lines = || (0..LINES).filter_map(|step| self.lines.get((first + step) % LINES));
        if let Some(line) = lines().find(|line| line.is_of(row)) {
            return Some(line);
        }
        let line = lines().find(|line| line.is_free())?;
        line.tell_of(row);
        Some(line)
    }
}

/// Threads that are looked at when a writer begins to wait.
const MOST_MARKED: usize = 256;

/// The samples of who holds the lock shared say so from now on, until the reader gives it back.
pub(super) fn mark(row: &'static Row) {
    let (tagged, id) = (row.tagged(), row.id.load(Relaxed));
    for local in threads::all().take(MOST_MARKED) {
        let holds = |line: &&Line| line.read().is_some_and(|held| held.row == tagged);
        let Some(line) = local.lines.iter().find(holds) else {
            continue;
        };
        if let Some(words) = local.words()
            && words.holds.compare_exchange(0, id, Relaxed, Relaxed).is_ok()
            // Given back meanwhile, without having seen that anybody waits.
            && !holds(&line)
        {
            let _ = words.holds.compare_exchange(id, 0, Relaxed, Relaxed);
        }
    }
}

/// Where the search for a lock's line begins.
#[inline(always)]
pub(super) fn first_line(row: TaggedRow) -> usize {
    // Rows lie at multiples of 64, and most are some 256 bytes apart.
    (row >> 8) as usize % LINES
}

#[cfg(test)]
mod tests {
    use super::super::row::Identity;
    use super::*;
    use hotpoll_profile::{Library, ResourceKind};

    #[test]
    fn a_line_tells_how_often_its_lock_is_held() {
        let line = Line::new();
        assert!(line.read().is_none());
        line.row.store(7, Relaxed);
        line.take(40);
        line.take(41);
        let held = line.read().unwrap();
        assert_eq!((held.row, held.site, held.amount), (7, 41, 2));
        line.give_back();
        assert_eq!(line.read().unwrap().amount, 1);
        line.give_back();
        assert!(line.read().is_none());
        assert_eq!(
            (line.not_brought(7), line.not_brought(8)),
            (Some(2), Some(0))
        );
    }

    /// Held once at any time, and from one place at a time: it was held as often as it had been taken while somebody looked.
    #[test]
    fn a_lock_that_is_taken_again_meanwhile_is_held_once() {
        let line = Line::new();
        line.row.store(7, Relaxed);
        line.take(40);
        let mut times = 0;
        let held = line.read_while(&mut || {
            times += 1;
            if times == 1 {
                line.give_back();
                line.take(41);
                line.give_back();
                line.take_at(42, 1000);
            }
        });
        let held = held.unwrap();
        assert_eq!(
            (held.acquisition, held.amount, held.site, held.since),
            (3, 1, 42, 1000)
        );
        // Never at rest: nobody is held up by that.
        let held = line.read_while(&mut || {
            line.give_back();
            line.take(43);
        });
        assert!(held.is_none());
    }

    #[test]
    fn an_ended_threads_line_begins_even() {
        let row = || {
            let who = Identity {
                kind: ResourceKind::RwLock,
                library: Library::Other,
                site: std::panic::Location::caller(),
                name: "",
            };
            super::super::registry::register(&who).unwrap()
        };
        let (one, other) = (row(), row());
        // A true one: other tests' snapshots find the row.
        let site = super::super::row::site_word(std::panic::Location::caller());
        let line = Line::new();
        line.tell_of(one);
        line.take(site);
        line.take(site);
        line.take(site);
        line.released_elsewhere.store(1, Relaxed);
        line.thread_ends();
        let left = Row::serving(one).unwrap();
        assert_eq!(left.left_shared.load(Relaxed), 2);
        assert_eq!(left.acquired[Side::Shared as usize].load(Relaxed), 3);
        assert!(line.is_free() && line.read().is_none());
        line.tell_of(other);
        line.take(site);
        assert_eq!(line.read().unwrap().amount, 1);
        assert_eq!(line.not_brought(other), Some(1));
    }
}
