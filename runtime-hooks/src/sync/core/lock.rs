//! The words inside of each lock: who has it, how often it was taken, whether anybody asks.
//!
//! What an uncontended acquisition costs is three plain stores and two looks at a word that is nearly always 0. The owner's word is cleared *before* the
//! lock is given back, and written after it was taken: so it names who holds the lock, or nobody, and never who held it before.
//!
//! The snapshot reads these words from outside, through the kernel (`snapshot.rs`): the lock may be gone by then, or have been moved.

use super::row::{ADDRESS, Identity, Row, Side, SiteWord, TaggedRow, site_word};
use super::threads::{self, Local};
use super::uses::Tell;
use super::{is_on, is_running, registry};
use hotpoll_profile::{Library, Mode, ResourceKind};
use hotpoll_sampler::clock;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, Ordering::Relaxed};

/// One of so many acquisitions is timed. A power of two.
pub(super) const SAMPLED: u64 = 64;
/// In an owner's word: the lock is held upgradable. Addresses of sites are multiples of 8.
pub(super) const UPGRADABLE: u64 = 1;

/// The words.
#[repr(C)]
#[derive(Debug)]
pub struct LockWords {
    /// Number of the thread that holds it exclusive (or upgradable), and where it was taken. 0: nobody that is known.
    pub(super) owner: AtomicU64,
    /// Exclusive acquisitions. Written by the holder.
    pub(super) count: AtomicU64,
    /// The row, once there is one.
    pub(super) row: AtomicU64,
    /// How many wait.
    pub(super) waiters: AtomicU32,
    /// 1: the present exclusive acquisition is timed. Written by the holder.
    timed: AtomicU32,
    pub(super) kind: ResourceKind,
    library: Library,
    site: &'static Location<'static>,
    name: &'static str,
}

/// The first of the words, as they are read from outside.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub owner: u64,
    pub count: u64,
    pub row: u64,
    pub waiters: u32,
    pub timed: u32,
}

const _: () = assert!(std::mem::offset_of!(LockWords, timed) == 28);

impl Head {
    pub fn is_timed(self) -> bool {
        self.timed != 0
    }
}

impl LockWords {
    /// The words of a new lock, which goes by this place until it is named.
    pub const fn new(
        kind: ResourceKind,
        library: Library,
        site: &'static Location<'static>,
    ) -> Self {
        Self {
            owner: AtomicU64::new(0),
            count: AtomicU64::new(0),
            row: AtomicU64::new(0),
            waiters: AtomicU32::new(0),
            timed: AtomicU32::new(0),
            kind,
            library,
            site,
            name: "",
        }
    }

    /// Gives the lock a name.
    pub const fn set_name(&mut self, name: &'static str) {
        self.name = name;
    }

    /// What the lock says of itself.
    pub(super) fn identity(&self) -> Identity {
        Identity {
            kind: self.kind,
            library: self.library,
            site: self.site,
            name: self.name,
        }
    }

    /// The row; registers the lock if it has none.
    pub(super) fn row(&self) -> Option<&'static Row> {
        let seen = self.row.load(Ordering::Acquire);
        match Row::of(seen) {
            Some(row) => Some(row),
            None => self.register(seen),
        }
    }

    #[cold]
    fn register(&self, seen: TaggedRow) -> Option<&'static Row> {
        let tagged = registry::register(&self.identity())?;
        match (self.row).compare_exchange(seen, tagged, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                let row = Row::of(tagged)?;
                row.words.store(self.address(), Relaxed);
                Some(row)
            }
            Err(first) => {
                registry::withdraw(tagged);
                Row::of(first)
            }
        }
    }

    /// The number that samples carry for this lock; registers it.
    pub fn id(&self) -> u64 {
        self.row().map_or(0, |row| row.id.load(Relaxed))
    }

    /// The lock was left poisoned, or was cleared of it.
    pub fn set_poisoned(&self, poisoned: bool) {
        if let Some(row) = self.row() {
            row.poisoned.store(poisoned, Relaxed);
        }
    }

    // What follows is for exclusive use. Upgradable holders count as exclusive: there is only one, and no writer beside it.

    /// The lock was taken at once. By its holder, while [`is_on`].
    #[inline(always)]
    pub fn taken(&self, site: &'static Location<'static>) {
        self.taken_as(site_word(site));
    }

    /// The same for an upgradable read lock.
    #[inline(always)]
    pub fn taken_upgradable(&self, site: &'static Location<'static>) {
        self.taken_as(site_word(site) | UPGRADABLE);
    }

    #[inline(always)]
    fn taken_as(&self, place: u64) {
        let count = self.note(place);
        if count.is_multiple_of(SAMPLED) || self.has_waiters() {
            self.taken_and_timed(count);
        }
    }

    #[inline(always)]
    pub(super) fn note(&self, place: u64) -> u64 {
        // Relaxed, and no read-modify-write: only the holder writes, and the lock itself orders one holder's words after the other's.
        self.owner.store(threads::number() | place, Relaxed);
        let count = self.count.load(Relaxed).wrapping_add(1);
        self.count.store(count, Relaxed);
        count
    }

    #[cold]
    #[inline(never)]
    fn taken_and_timed(&self, count: u64) {
        if !is_running() {
            return;
        }
        let Some(row) = self.row() else { return };
        if row.is_sites {
            if count.is_multiple_of(SAMPLED) {
                row.acquired[Side::Exclusive as usize].fetch_add(SAMPLED, Relaxed);
            }
            return;
        }
        row.acquired[Side::Exclusive as usize].store(count, Relaxed);
        self.time_from(row, clock::now());
    }

    /// The holder begins to time. Plain stores: what is done here keeps others waiting.
    pub(super) fn time_from(&self, row: &Row, now: u64) {
        row.words.store(self.address(), Relaxed);
        row.since.store(now, Relaxed);
        self.timed.store(1, Relaxed);
        if self.has_waiters()
            && let Some(words) = threads::local().and_then(Local::words)
            && words.holds.load(Relaxed) == 0
        {
            words.holds.store(row.id.load(Relaxed), Relaxed);
        }
    }

    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The lock is about to be given back. By its holder, in any case: on or off.
    #[inline(always)]
    pub fn released(&self) {
        if self.waiters.load(Relaxed) | self.timed.load(Relaxed) != 0 {
            self.released_and_timed();
        }
        self.owner.store(0, Relaxed);
    }

    #[cold]
    #[inline(never)]
    fn released_and_timed(&self) {
        let timed = self.timed.load(Relaxed) != 0;
        self.timed.store(0, Relaxed);
        let Some(row) = Row::of(self.row.load(Ordering::Acquire)) else {
            return;
        };
        if row.is_sites || !is_running() {
            return;
        }
        let since = if timed { &row.since } else { &row.first_wait };
        let since = since.load(Relaxed);
        if since != 0 {
            self.held(
                row,
                Side::Exclusive,
                self.owner.load(Relaxed) & ADDRESS & !UPGRADABLE,
                since,
            );
        }
        // Where guards are sent, who took it said so, and not who gives it back.
        let holder = match cfg!(feature = "send_guard") {
            true => threads::by_word(self.owner.load(Relaxed)),
            false => threads::existing(),
        };
        if let Some(words) = holder.and_then(Local::words)
            && words.holds.load(Relaxed) == row.id.load(Relaxed)
        {
            words.holds.store(0, Relaxed);
        }
        // A waiter said so.
        if !row.holds_on.load(Relaxed).is_null() {
            row.clear_holds(std::ptr::null_mut());
        }
    }

    /// An acquisition that began then ends now.
    pub(super) fn held(&self, row: &Row, side: Side, site: SiteWord, since: u64) {
        let now = clock::now();
        let ticks = now.saturating_sub(since);
        let counts = row.counts(side);
        counts.held_by(super::lock_wait::adds(row, side), ticks);
        if counts.longest_hold.is_longest(ticks)
            && let Some(local) = threads::local()
        {
            let mut frames = [0; super::waits::MAX_FRAMES];
            let walked = local.walk(now, &mut frames);
            counts.longest_hold.tell(&Tell {
                ticks,
                at: now,
                who: local.party(),
                site,
                other: None,
                other_site: 0,
                stack: &frames[..walked],
            });
        }
    }

    /// Somebody waits. For who has a cheaper way when nobody does.
    #[inline(always)]
    pub fn has_waiters(&self) -> bool {
        self.waiters.load(Relaxed) != 0
    }

    /// A try found the lock taken.
    #[cold]
    pub fn try_failed(&self, mode: Mode) {
        if is_on()
            && is_running()
            && let Some(row) = self.row()
        {
            row.counts(side(mode)).tries_failed.fetch_add(1, Relaxed);
        }
    }

    /// The upgradable holder has become an exclusive one at once, or the other way round.
    #[inline]
    pub fn changed(&self, mode: Mode, site: &'static Location<'static>) {
        let upgradable = if mode == Mode::Upgradable {
            UPGRADABLE
        } else {
            0
        };
        self.owner
            .store(threads::number() | site_word(site) | upgradable, Relaxed);
    }
}

impl Drop for LockWords {
    #[inline]
    fn drop(&mut self) {
        let (row, count) = (*self.row.get_mut(), *self.count.get_mut());
        if row != 0 {
            self.retire(row, count);
        } else if count != 0 && is_running() {
            let _ = registry::ended_without(&self.identity(), count);
        }
    }
}

impl LockWords {
    #[cold]
    #[inline(never)]
    fn retire(&self, tagged: TaggedRow, count: u64) {
        if let Some(row) = Row::serving(tagged) {
            if row.is_sites {
                row.acquired[Side::Exclusive as usize].fetch_add(count % SAMPLED, Relaxed);
            } else {
                row.acquired[Side::Exclusive as usize].store(count, Relaxed);
            }
            if let Some(local) = threads::existing() {
                for line in local.lines.iter().filter(|line| line.is_of(tagged)) {
                    line.bring(row);
                }
            }
        }
        registry::retire(tagged, &self.identity());
    }
}

/// Which side a mode is counted on.
pub(super) fn side(mode: Mode) -> Side {
    match mode {
        Mode::Shared => Side::Shared,
        Mode::Exclusive | Mode::Upgradable | Mode::Upgrading => Side::Exclusive,
    }
}
