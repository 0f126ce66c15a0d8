//! Waiting for a lock: tried again a little, then told of, then left to the library's own waiting.

use super::lock::{LockWords, UPGRADABLE, brings_count, side};
use super::row::{ADDRESS, Row, Side, SiteWord, site_word};
use super::threads::{self, Local};
use super::uses::Tell;
use super::waiting::Waiting;
use super::{is_on, is_running};
use crate::sync::GivesUp;
use hotpoll_profile::{Mode, Party, ResourceKind};
use hotpoll_sampler::clock;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering, Ordering::Relaxed};

/// How long a lock is tried again before anything is told of the wait: twice as many pauses each time.
const SPINS: u32 = 4;
/// How long the first of these tries takes, in ticks.
static A_MOMENT: AtomicU64 = AtomicU64::new(0);
/// So many are timed to know that.
const MOMENTS: u64 = 64;
/// Taking a mutex again after a notification is a wait from this on: waking up alone takes some microseconds.
const LEAST_RETAKING_NS: u64 = 100_000;

fn a_moment() -> u64 {
    A_MOMENT.load(Relaxed)
}

/// Finds out how long a moment is. The shortest of a few: others may have the processor meanwhile.
pub(super) fn time_a_moment() {
    let took = (0..8).map(|_| {
        let begun = clock::now();
        (0..MOMENTS).for_each(|_| std::hint::spin_loop());
        clock::now().saturating_sub(begun) / MOMENTS
    });
    A_MOMENT.store(took.min().unwrap_or(0), Relaxed);
}

impl LockWords {
    /// Waits for the lock, exclusive or upgradable, and takes it. `again` tries without waiting; `block` waits, and may come back with nothing when
    /// its time is over.
    #[cold]
    #[inline(never)]
    pub fn wait_for<G>(
        &self,
        mode: Mode,
        ends: GivesUp,
        site: &'static Location<'static>,
        again: impl Fn() -> Option<G>,
        block: impl FnOnce() -> Option<G>,
    ) -> Option<G> {
        let place = match mode {
            Mode::Upgradable => site_word(site) | UPGRADABLE,
            _ => site_word(site),
        };
        self.wait(mode, ends, site, again, block, |wait| match wait {
            Some((row, now, waiters)) => {
                // After a short wait nobody need be told how long this holds it, unless somebody waits.
                let is_timed = !row.is_sites && (waiters != 0 || self.has_waiters());
                let count = match (is_timed, now) {
                    (false, _) => self.note(place),
                    (true, 0) => self.note_at(place, clock::now()),
                    (true, now) => self.note_at(place, now),
                };
                if waiters != 0 {
                    self.waiters.fetch_sub(waiters, Relaxed);
                }
                if row.is_sites {
                    row.acquired[Side::Exclusive as usize].fetch_add(1, Relaxed);
                } else {
                    brings_count(row, count);
                }
                if is_timed {
                    self.is_timed(row);
                }
            }
            None => {
                self.note(place);
            }
        })
    }

    /// The holder's upgrade to exclusive: it waits until no reader is left. The lock stays its own meanwhile.
    #[cold]
    #[inline(never)]
    pub fn wait_to_upgrade<G>(
        &self,
        ends: GivesUp,
        site: &'static Location<'static>,
        block: impl FnOnce() -> Option<G>,
    ) -> Option<G> {
        let word = site_word(site);
        self.wait(
            Mode::Upgrading,
            ends,
            site,
            || None,
            block,
            |wait| {
                self.owner.becomes(threads::number() | word);
                if let Some((_, _, waiters)) = wait {
                    self.waiters.fetch_sub(waiters, Relaxed);
                }
            },
        )
    }

    /// The lock was given back for a while, and taken again by the library itself, which waited so many ticks for it.
    pub fn retaken(&self, site: &'static Location<'static>, waited: u64) {
        if !is_on() {
            return;
        }
        let place = site_word(site);
        let row = if is_running() { self.row() } else { None };
        let Some(row) = row.filter(|row| !row.is_sites) else {
            self.note(place);
            return;
        };
        let count = self.note_at(place, clock::now());
        brings_count(row, count);
        if waited > threads::ticks_of(LEAST_RETAKING_NS) {
            row.counts(Side::Exclusive).waited(waited);
        }
        self.is_timed(row);
    }

    /// The wait itself. `taken` is told the row, the time (0: it was not read), and how many waiters there are fewer; or nothing where nothing could be
    /// told of the wait.
    pub(super) fn wait<G>(
        &self,
        mode: Mode,
        ends: GivesUp,
        site: &'static Location<'static>,
        again: impl Fn() -> Option<G>,
        block: impl FnOnce() -> Option<G>,
        taken: impl FnOnce(Option<(&'static Row, u64, u32)>),
    ) -> Option<G> {
        let row = if is_running() { self.row() } else { None };
        let Some(row) = row else {
            let guard = block()?;
            taken(None);
            return Some(guard);
        };
        let side = side(mode);
        std::hint::spin_loop();
        if let Some(guard) = again() {
            // It took a moment: reading the clock twice would take as long. It counts as what such a moment takes.
            let ticks = a_moment();
            match self.tally(side, Local::tally_to_wait) {
                Some(tally) => tally.waited(ticks),
                None => row.counts(side).waited(ticks),
            }
            taken(Some((row, 0, 0)));
            return Some(guard);
        }
        let begun = clock::now().saturating_sub(a_moment());
        let before = self.owner.word();
        let mut waiters = 0;
        let mut holder = None;
        // A wait that was over at once is not told of, and is nobody's.
        let mut kind = 0;
        let quick = (1..SPINS).find_map(|spin| {
            (0..1 << spin).for_each(|_| std::hint::spin_loop());
            again()
        });
        let guard = match quick {
            Some(guard) => guard,
            None => {
                // A holder that has looked at this just before does not see it: its hold is not counted, and `mark_holders` may say of its thread that it
                // holds what it gives back at this moment. That is taken back with the next release, which is this waiter's own at the latest.
                if self.waiters.fetch_add(1, Ordering::SeqCst) == 0 {
                    row.first_wait.store(begun, Relaxed);
                }
                waiters = 1;
                // Now, as its thread may have ended by the end of the wait.
                holder = threads::by_word(before).map(Local::party);
                self.is_here(row);
                let waiting =
                    Waiting::begin(row, mode, ends, site_word(site), begun, self.address());
                self.mark_holders(row, mode);
                kind = waiting.kind();
                match block() {
                    Some(guard) => {
                        waiting.end();
                        guard
                    }
                    None => {
                        waiting.end();
                        self.waiters.fetch_sub(1, Relaxed);
                        let ticks = clock::now().saturating_sub(begun);
                        row.waited(kind, ticks);
                        row.counts(side).waited_in_vain(ticks, ends.is_timed());
                        return None;
                    }
                }
            }
        };
        let now = clock::now();
        let ticks = now.saturating_sub(begun);
        let counts = row.counts(side);
        match self.tally(side, Local::tally_to_wait) {
            Some(tally) => tally.waited(ticks),
            None => counts.waited(ticks),
        }
        row.waited(kind, ticks);
        if counts.longest_wait.is_longest(ticks) {
            let meanwhile = (holder, before & ADDRESS & !UPGRADABLE);
            tell_longest(
                row,
                side,
                ticks,
                now,
                site_word(site),
                meanwhile,
                waiters != 0,
            );
        }
        taken(Some((row, now, waiters)));
        Some(guard)
    }

    /// The samples of who holds the lock say so from now on.
    fn mark_holders(&self, row: &'static Row, mode: Mode) {
        if row.is_sites {
            return;
        }
        let owner = self.owner.word();
        let is_mine = owner >> threads::NUMBER_SHIFT == threads::number() >> threads::NUMBER_SHIFT;
        if owner != 0
            && !is_mine
            && let Some(words) = threads::by_word(owner).and_then(Local::words)
        {
            row.set_holds(words);
            // It gave the lock back meanwhile, without having seen that anybody waits.
            if self.owner.word_now() != owner {
                row.clear_holds(std::ptr::null_mut());
            }
        } else if mode != Mode::Shared && matches!(self.kind, ResourceKind::RwLock) {
            super::readers::mark(row);
        }
    }
}

/// Tells of the longest wait so far. `walked`: the wait's record has the stack; else it is walked now.
#[cold]
fn tell_longest(
    row: &Row,
    side: Side,
    ticks: u64,
    now: u64,
    place: SiteWord,
    (holder, holders_place): (Option<Party>, SiteWord),
    walked: bool,
) {
    let Some(local) = threads::local() else {
        return;
    };
    let mut frames = [0; super::waits::MAX_FRAMES];
    let mut length = 0;
    if walked {
        for (place, frame) in frames.iter_mut().zip(local.wait.stack()) {
            *place = frame;
            length += 1;
        }
    }
    if length == 0 {
        length = local.walk(now, &mut frames);
    }
    row.counts(side).longest_wait.tell(&Tell {
        ticks,
        at: now,
        who: local.party(),
        site: place,
        other: holder,
        other_site: holders_place,
        stack: &frames[..length],
    });
}
