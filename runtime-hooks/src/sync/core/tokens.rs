//! What a twin keeps of a wait or a hold that it told of: dropping it ends what it tells.

use super::holds::{self, Hold, SeenHold};
use super::lock::side;
use super::row::{Row, SiteWord, site_word};
use super::task_holds;
use super::threads::{self, Local};
use super::uses::Tell;
use super::waits::{self, About, MAX_FRAMES, Wait};
use hotpoll_profile::{Mode, Party};
use hotpoll_sampler::clock;
use std::panic::Location;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// A wait that was begun. Dropped without an end: it was cancelled.
#[derive(Debug, Default)]
pub struct WaitToken {
    told: Option<Told>,
}

struct Told {
    row: &'static Row,
    tagged: u64,
    record: Option<&'static Wait>,
    mode: Mode,
    since: u64,
    site: SiteWord,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Told").field("since", &self.since).finish()
    }
}

/// How a wait ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Got,
    TimedOut,
    Cancelled,
}

impl WaitToken {
    /// The calling task or thread begins to wait.
    pub(super) fn begin(
        row: &'static Row,
        mode: Mode,
        amount: u64,
        timed: bool,
        in_set: bool,
        site: SiteWord,
    ) -> Self {
        let since = clock::now();
        row.waiting.fetch_add(1, Relaxed);
        let local = threads::local();
        let record = waits::take();
        if let Some(record) = record {
            record.begin(&About {
                resource: row.id.load(Relaxed),
                then: 0,
                words: 0,
                since,
                ends: 0,
                party: local.map_or_else(Party::default, Local::party),
                site,
                mode,
                amount,
                timed,
                in_set,
                by_thread: false,
            });
            if let Some(local) = local {
                let mut frames = [0; MAX_FRAMES];
                let walked = local.walk(since, &mut frames);
                record.set_stack(&frames[..walked]);
            }
        }
        task_holds::begins_to_wait(row);
        Self {
            told: Some(Told {
                row,
                tagged: row.tagged(),
                record,
                mode,
                since,
                site,
            }),
        }
    }

    /// So long from now it gives up by itself, or what it waits for is due.
    pub fn ends_in(&self, time: Duration) {
        if let Some(record) = self.told.as_ref().and_then(|told| told.record) {
            let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            record.set_ends(clock::monotonic_ns().saturating_add(ns));
        }
    }

    /// It got what it waited for. Before `Resource::acquired`.
    pub fn got(mut self) {
        self.end(End::Got);
    }

    /// Its time was over.
    pub fn timed_out(mut self) {
        self.end(End::TimedOut);
    }

    /// The future was polled again. What one task began to wait for another may go on to: then it is that one's wait.
    /// `in_set`: see [`Resource::begin_wait`](super::Resource::begin_wait).
    pub fn polled(&self, in_set: bool) {
        if let Some(record) = self.told.as_ref().and_then(|told| told.record)
            && let Some(local) = threads::local()
        {
            record.goes_to(local.party(), in_set);
        }
    }

    /// Whether it tells of a wait: sampling ran when it began.
    #[inline]
    pub fn is_told(&self) -> bool {
        self.told.is_some()
    }

    fn end(&mut self, end: End) {
        let Some(told) = self.told.take() else { return };
        let ticks = clock::now().saturating_sub(told.since);
        if told.row.tagged() == told.tagged {
            if let Some(record) = told.record {
                told.row.waited(record.kind(), ticks);
            }
            told.row.waiting.fetch_sub(1, Relaxed);
            let counts = told.row.counts(side(told.mode));
            match end {
                End::Got => {
                    counts.waited(ticks);
                    let mut frames = [0; MAX_FRAMES];
                    let mut length = 0;
                    let stack = told.record.into_iter().flat_map(Wait::stack);
                    for (place, frame) in frames.iter_mut().zip(stack) {
                        *place = frame;
                        length += 1;
                    }
                    tell_longest(told.row, told.mode, ticks, told.site, &frames[..length]);
                }
                End::TimedOut => counts.waited_in_vain(ticks, true),
                End::Cancelled => counts.waited_in_vain(ticks, false),
            }
        }
        if let Some(record) = told.record {
            waits::give_back(record);
        }
    }
}

impl Drop for WaitToken {
    #[inline]
    fn drop(&mut self) {
        if self.told.is_some() {
            self.end(End::Cancelled);
        }
    }
}

/// A place to tell of a hold: the resource's own, or one of the pool's.
pub(super) fn free_hold(row: &'static Row) -> Option<&'static Hold> {
    let own = row.holds().iter().find(|hold| hold.claim());
    own.or_else(holds::claim)
}

/// Something that is held, until this is dropped.
#[derive(Default)]
pub struct HoldToken {
    told: Option<(&'static Row, u64, &'static Hold)>,
}

impl std::fmt::Debug for HoldToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let amount = self.told.map(|(_, _, hold)| hold.copy().amount);
        f.debug_struct("HoldToken")
            .field("amount", &amount)
            .finish()
    }
}

impl HoldToken {
    /// The calling task or thread holds it, and this place, which was claimed, tells so.
    #[inline]
    pub(super) fn begin(
        row: &'static Row,
        hold: &'static Hold,
        mode: Mode,
        amount: u64,
        timed: bool,
        site: &'static Location<'static>,
    ) -> Self {
        hold.begin(&SeenHold {
            resource: row.id.load(Relaxed),
            row: row.tagged(),
            number: 0,
            since: clock::now(),
            party: threads::local().map_or_else(Party::default, Local::party),
            site: site_word(site),
            mode,
            amount,
            timed,
            ..SeenHold::default()
        });
        task_holds::took(hold);
        Self {
            told: Some((row, row.tagged(), hold)),
        }
    }

    /// The guard is an owned one, which may go to other tasks or threads: who acquired it need not be who holds it.
    pub fn movable(self) -> Self {
        if let Some((_, _, hold)) = self.told {
            hold.set_movable();
        }
        self
    }

    /// It was taken in a future that its task drives with a waker of its own making: the task goes on while that future waits, and is no less its holder.
    pub fn in_set(self) -> Self {
        if let Some((_, _, hold)) = self.told {
            hold.set_in_set();
        }
        self
    }

    /// Whether that was said.
    pub fn is_in_set(&self) -> bool {
        self.told.is_some_and(|(_, _, hold)| hold.copy().in_set)
    }

    /// It was taken by a call that blocks the thread, and in no task of the runtime's. Not said of what a tracked task took.
    pub fn by_thread(self) -> Self {
        if let Some((row, _, hold)) = self.told {
            hold.set_by_thread();
            if row.waiting.load(Relaxed) != 0 {
                task_holds::begins_to_wait(row);
            }
        }
        self
    }

    /// So much of it goes to another token, and the rest stays. No acquisition.
    pub fn split(&self, amount: u64) -> Self {
        let Some((row, tagged, hold)) = self.told else {
            return Self::default();
        };
        let held = hold.copy();
        hold.set_amount(held.amount.saturating_sub(amount));
        let Some(part) = free_hold(row) else {
            return Self::default();
        };
        part.begin(&SeenHold { amount, ..held });
        task_holds::took(part);
        Self {
            told: Some((row, tagged, part)),
        }
    }

    /// A part of it was given back, or more was taken: so much is held now.
    pub fn set_amount(&self, amount: u64) {
        if let Some((_, _, hold)) = self.told {
            hold.set_amount(amount);
        }
    }
}

impl Drop for HoldToken {
    #[inline]
    fn drop(&mut self) {
        let Some((row, tagged, hold)) = self.told else {
            return;
        };
        task_holds::gives_back(hold);
        let is_quiet = row.waiting.load(Relaxed) == 0 && row.holds_on.load(Relaxed).is_null();
        if !hold.is_timed() && is_quiet {
            hold.end();
        } else {
            end_timed(row, tagged, hold);
        }
    }
}

#[cold]
fn end_timed(row: &Row, tagged: u64, hold: &Hold) {
    let now = clock::now();
    let told = hold.copy();
    hold.end();
    let ticks = now.saturating_sub(told.since);
    if row.tagged() != tagged {
        return;
    }
    row.clear_holds(std::ptr::null_mut());
    task_holds::tell_the_rest();
    let counts = row.counts(side(told.mode));
    counts.held(ticks);
    if counts.longest_hold.is_longest(ticks) {
        counts.longest_hold.tell(&Tell {
            ticks,
            at: now,
            who: told.party,
            site: told.site,
            other: None,
            other_site: 0,
            stack: &[],
        });
    }
}

pub(super) fn tell_longest(row: &Row, mode: Mode, ticks: u64, site: SiteWord, stack: &[u64]) {
    let longest = &row.counts(side(mode)).longest_wait;
    if !longest.is_longest(ticks) {
        return;
    }
    let Some(local) = threads::local() else {
        return;
    };
    longest.tell(&Tell {
        ticks,
        at: clock::now(),
        who: local.party(),
        site,
        other: None,
        other_site: 0,
        stack,
    });
}
