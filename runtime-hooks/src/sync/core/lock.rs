//! The words inside of each lock: who has it, how often it was taken, whether anybody asks.
//!
//! What an uncontended acquisition costs is three plain stores and two looks at a word that is nearly always 0. The owner's word is cleared *before* the
//! lock is given back, and written after it was taken: so it names who holds the lock, or nobody, and never who held it before. A contended one writes no
//! memory that others write but these words: what is counted lies with the thread (`tallies.rs`).
//!
//! The snapshot reads these words from outside, through the kernel (`snapshot.rs`): the lock may be gone by then, or have been moved.

use super::owner::{Owner, checked};
use super::row::{ADDRESS, Identity, Row, Side, SiteWord, TaggedRow, site_word};
use super::tallies::Tally;
use super::threads::{self, Local};
use super::uses::Tell;
use super::{is_on, is_running, registry, tallies};
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
    /// The row, once there is one. First: allocators write into the beginning of what was freed, and then it is no lock's any more.
    pub(super) row: AtomicU64,
    /// Who holds it exclusive (or upgradable), and how often it was taken.
    pub(super) owner: Owner,
    /// How many wait.
    pub(super) waiters: AtomicU32,
    pub(super) kind: ResourceKind,
    library: Library,
    site: &'static Location<'static>,
    name: &'static str,
}

/// The first of the words, as they are read from outside.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub row: u64,
    /// Believed only if `check` says so.
    owner: u64,
    pub count: u64,
    check: u64,
    pub since: u64,
}

const _: () = assert!(
    std::mem::offset_of!(LockWords, row) == 0 && std::mem::offset_of!(LockWords, owner) == 8
);
const _: () = assert!(size_of::<Owner>() + size_of::<u64>() == size_of::<Head>());

impl Head {
    /// Whether the count may be a lock's: nobody holds it, or the words belong together.
    pub fn is_whole(self) -> bool {
        self.owner == 0 || self.check == checked(self.owner)
    }

    /// Who holds the lock; 0: nobody, or these are not a lock's words any more.
    pub fn owner(self) -> u64 {
        if self.check == checked(self.owner) {
            self.owner
        } else {
            0
        }
    }

    pub fn is_timed(self) -> bool {
        self.since != 0
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
            owner: Owner {
                word: AtomicU64::new(0),
                count: AtomicU64::new(0),
                check: AtomicU64::new(0),
                since: AtomicU64::new(0),
            },
            row: AtomicU64::new(0),
            waiters: AtomicU32::new(0),
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
        if self.owner.next().is_multiple_of(SAMPLED) || self.has_waiters() {
            self.taken_and_timed(place);
        } else {
            self.note(place);
        }
    }

    #[inline(always)]
    pub(super) fn note(&self, place: u64) -> u64 {
        self.owner.note(threads::number() | place)
    }

    #[cold]
    #[inline(never)]
    fn taken_and_timed(&self, place: u64) {
        let row = if is_running() { self.row() } else { None };
        let Some(row) = row else {
            self.note(place);
            return;
        };
        if row.is_sites {
            let count = self.note(place);
            if count.is_multiple_of(SAMPLED) {
                row.acquired[Side::Exclusive as usize].fetch_add(SAMPLED, Relaxed);
            }
            return;
        }
        let count = self.note_at(place, clock::now());
        brings_count(row, count);
        self.is_timed(row);
    }

    /// The lock was taken then, and is timed. Before its holder is named: whoever finds the holder finds since when, and does not take it for one that has
    /// held it since before all waits.
    pub(super) fn note_at(&self, place: u64, now: u64) -> u64 {
        self.owner.time_from(now);
        self.note(place)
    }

    /// The holder is timed. Plain stores: what is done here keeps others waiting.
    pub(super) fn is_timed(&self, row: &Row) {
        self.is_here(row);
        if self.has_waiters()
            && let Some(words) = threads::local().and_then(Local::words)
            && words.holds.load(Relaxed) == 0
        {
            words.holds.store(row.id.load(Relaxed), Relaxed);
        }
    }

    /// Tells the row where the lock is.
    #[inline]
    pub(super) fn is_here(&self, row: &Row) {
        // Nearly always known: what is not written stays with all processors.
        if row.words.load(Relaxed) != self.address() {
            row.words.store(self.address(), Relaxed);
        }
    }

    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The lock is about to be given back. By its holder, in any case: on or off.
    #[inline(always)]
    pub fn released(&self) {
        if u64::from(self.waiters.load(Relaxed)) | self.owner.since() != 0 {
            self.released_and_timed();
        }
        self.owner.clear();
    }

    #[cold]
    #[inline(never)]
    fn released_and_timed(&self) {
        let timed = self.owner.since();
        self.owner.time_from(0);
        let Some(row) = Row::of(self.row.load(Ordering::Acquire)) else {
            return;
        };
        if row.is_sites || !is_running() {
            return;
        }
        let owner = self.owner.word();
        let since = match timed {
            0 => row.first_wait.load(Relaxed),
            timed => timed,
        };
        if since != 0 {
            self.held(row, Side::Exclusive, owner & ADDRESS & !UPGRADABLE, since);
        }
        // Where guards are sent, who took it said so, and not who gives it back.
        let holder = match cfg!(feature = "send_guard") {
            true => threads::by_word(owner),
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
        match self.tally(side, Local::tally) {
            Some(tally) => tally.held(ticks),
            None => counts.held(ticks),
        }
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

    /// What the calling thread counts in for itself, in exclusive use.
    #[inline]
    pub(super) fn tally(
        &self,
        side: Side,
        of: impl FnOnce(&'static Local, TaggedRow) -> Option<&'static Tally>,
    ) -> Option<&'static Tally> {
        match side {
            Side::Exclusive => of(threads::local()?, self.row.load(Relaxed)),
            Side::Shared => None,
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
        (self.owner).becomes(threads::number() | site_word(site) | upgradable);
    }
}

impl Drop for LockWords {
    #[inline]
    fn drop(&mut self) {
        let (row, count) = (*self.row.get_mut(), *self.owner.count.get_mut());
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
            if !row.is_sites && row.is_tallied.load(Relaxed) {
                tallies::ends(tagged);
            }
        }
        registry::retire(tagged, &self.identity());
    }
}

/// The row learns how often the lock was taken, now and then: who looks reads the lock's own word, where it can.
#[inline]
pub(super) fn brings_count(row: &Row, count: u64) {
    let known = &row.acquired[Side::Exclusive as usize];
    let before = known.load(Relaxed);
    if before == 0 || count.wrapping_sub(before) >= SAMPLED {
        known.store(count, Relaxed);
    }
}

/// Which side a mode is counted on.
pub(super) fn side(mode: Mode) -> Side {
    match mode {
        Mode::Shared => Side::Shared,
        Mode::Exclusive | Mode::Upgradable | Mode::Upgrading => Side::Exclusive,
    }
}
