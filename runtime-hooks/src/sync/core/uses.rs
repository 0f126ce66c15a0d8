//! What is counted of a resource's uses in one mode: how often, how long waited, how long held, and the longest of both.

use super::row::{SiteWord, site};
use super::threads::ns_of;
use hotpoll_profile::histogram::{BUCKETS, bucket};
use hotpoll_profile::{Histogram, Longest, Party, Uses};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, Ordering::Relaxed};

/// Frames that are kept of the longest wait and hold.
pub(super) const LONGEST_FRAMES: usize = 32;

/// Numbers of one mode, added to by anybody. Time is in clock ticks.
#[derive(Default)]
pub(super) struct Counts {
    pub contended: AtomicU64,
    pub tries_failed: AtomicU64,
    pub timed_out: AtomicU64,
    pub cancelled: AtomicU64,
    wait: AtomicU64,
    wait_in_vain: AtomicU64,
    hold: AtomicU64,
    holds_timed: AtomicU64,
    wait_times: Buckets,
    times_in_vain: Buckets,
    hold_times: Buckets,
    pub longest_wait: LongestOf,
    pub longest_hold: LongestOf,
}

impl Counts {
    /// A wait has ended with the acquisition.
    pub fn waited(&self, ticks: u64) {
        self.add(1, ticks, 0, 0);
        self.wait_times.count(ns_of(ticks));
    }

    /// So much more of each.
    pub fn add(&self, contended: u64, wait: u64, holds_timed: u64, hold: u64) {
        for (number, more) in [
            (&self.contended, contended),
            (&self.wait, wait),
            (&self.holds_timed, holds_timed),
            (&self.hold, hold),
        ] {
            if more != 0 {
                number.fetch_add(more, Relaxed);
            }
        }
    }

    /// Takes these times over.
    pub fn add_times(&self, wait: &Buckets, hold: &Buckets) {
        self.wait_times.take_from(wait);
        self.hold_times.take_from(hold);
    }

    /// A wait has ended with nothing.
    pub fn waited_in_vain(&self, ticks: u64, timed_out: bool) {
        let counter = if timed_out {
            &self.timed_out
        } else {
            &self.cancelled
        };
        counter.fetch_add(1, Relaxed);
        self.wait_in_vain.fetch_add(ticks, Relaxed);
        self.times_in_vain.count(ns_of(ticks));
    }

    /// An acquisition that was timed has ended.
    pub fn held(&self, ticks: u64) {
        self.add(0, 0, 1, ticks);
        self.hold_times.count(ns_of(ticks));
    }

    /// The numbers, without how many acquisitions there were.
    pub fn read(&self, clock: &Clock, intern: &mut dyn FnMut(&[u64]) -> Vec<u32>) -> Uses {
        let mut wait = self.wait_times.read();
        wait.add(&self.times_in_vain.read());
        let waited = self.wait.load(Relaxed) + self.wait_in_vain.load(Relaxed);
        Uses {
            acquired: 0,
            contended: self.contended.load(Relaxed),
            tries_failed: self.tries_failed.load(Relaxed),
            timed_out: self.timed_out.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
            wait_ns: clock.ns(waited),
            hold_ns: clock.ns(self.hold.load(Relaxed)),
            holds_timed: self.holds_timed.load(Relaxed),
            wait,
            hold: self.hold_times.read(),
            longest_wait: self.longest_wait.read(clock, intern),
            longest_hold: self.longest_hold.read(clock, intern),
        }
    }

    /// Adds another's numbers, and leaves it with none. Nobody else uses the other one.
    pub fn take_from(&self, other: &Self) {
        let mine = self.numbers();
        for (mine, theirs) in mine.into_iter().zip(other.numbers()) {
            mine.fetch_add(theirs.swap(0, Relaxed), Relaxed);
        }
        self.wait_times.take_from(&other.wait_times);
        self.times_in_vain.take_from(&other.times_in_vain);
        self.hold_times.take_from(&other.hold_times);
        self.longest_wait.take_from(&other.longest_wait);
        self.longest_hold.take_from(&other.longest_hold);
    }

    fn numbers(&self) -> [&AtomicU64; 8] {
        [
            &self.contended,
            &self.tries_failed,
            &self.timed_out,
            &self.cancelled,
            &self.wait,
            &self.wait_in_vain,
            &self.hold,
            &self.holds_timed,
        ]
    }
}

/// The clocks at a snapshot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub now: u64,
    pub monotonic_ns: u64,
    pub unix_ns: u64,
    pub ns_per_tick: f64,
}

impl Clock {
    pub fn read() -> Self {
        let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            now: hotpoll_sampler::clock::now(),
            monotonic_ns: hotpoll_sampler::clock::monotonic_ns(),
            unix_ns: unix.map_or(0, |unix| u64::try_from(unix.as_nanos()).unwrap_or(0)),
            ns_per_tick: hotpoll_sampler::clock::ns_per_tick(),
        }
    }

    pub fn ns(&self, ticks: u64) -> u64 {
        (ticks as f64 * self.ns_per_tick) as u64
    }

    /// How long ago that was.
    pub fn ago(&self, ticks: u64) -> u64 {
        self.ns(self.now.saturating_sub(ticks))
    }

    /// How long until that nanosecond of the monotonic clock; 0 where it is past, or none.
    pub fn until(&self, monotonic_ns: u64) -> u64 {
        monotonic_ns.saturating_sub(self.monotonic_ns)
    }
}

/// A histogram of nanoseconds, with the profile's buckets.
pub(super) struct Buckets([AtomicU32; BUCKETS]);

impl Default for Buckets {
    fn default() -> Self {
        Self([const { AtomicU32::new(0) }; BUCKETS])
    }
}

impl Buckets {
    #[inline]
    fn count(&self, ns: u64) {
        if let Some(counter) = self.0.get(bucket(ns)) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// The same, where nobody else counts.
    #[inline]
    pub fn count_alone(&self, ns: u64) {
        if let Some(counter) = self.0.get(bucket(ns)) {
            counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    pub fn clear(&self) {
        for counter in &self.0 {
            counter.store(0, Relaxed);
        }
    }

    pub fn read(&self) -> Histogram {
        let used = self.0.iter().rposition(|count| count.load(Relaxed) != 0);
        let counts = self.0.iter().take(used.map_or(0, |last| last + 1));
        Histogram {
            counts: counts.map(|count| u64::from(count.load(Relaxed))).collect(),
        }
    }

    fn take_from(&self, other: &Self) {
        for (mine, theirs) in self.0.iter().zip(&other.0) {
            if theirs.load(Relaxed) != 0 {
                mine.fetch_add(theirs.swap(0, Relaxed), Relaxed);
            }
        }
    }
}

/// The longest so far: what it was, written by one at a time.
#[derive(Default)]
pub(super) struct LongestOf {
    ticks: AtomicU64,
    /// Somebody writes or reads it: whoever else comes then goes by.
    busy: AtomicBool,
    told: std::cell::UnsafeCell<Told>,
}

// SAFETY: `told` is touched only by who set `busy`.
#[allow(unsafe_code)]
unsafe impl Sync for LongestOf {}

#[derive(Clone, Copy)]
struct Told {
    ticks: u64,
    at: u64,
    who: Party,
    site: SiteWord,
    other: Option<Party>,
    other_site: SiteWord,
    frames: usize,
    stack: [u64; LONGEST_FRAMES],
}

impl Default for Told {
    fn default() -> Self {
        Self {
            ticks: 0,
            at: 0,
            who: Party::default(),
            site: 0,
            other: None,
            other_site: 0,
            frames: 0,
            stack: [0; LONGEST_FRAMES],
        }
    }
}

/// What is told of a longest wait or hold.
pub(super) struct Tell<'a> {
    pub ticks: u64,
    pub at: u64,
    pub who: Party,
    pub site: SiteWord,
    pub other: Option<Party>,
    pub other_site: SiteWord,
    pub stack: &'a [u64],
}

impl LongestOf {
    /// Whether one of so many ticks would be the longest.
    pub fn is_longest(&self, ticks: u64) -> bool {
        ticks > self.ticks.load(Relaxed)
    }

    pub fn tell(&self, tell: &Tell<'_>) {
        self.with(|told| {
            if tell.ticks <= told.ticks {
                return;
            }
            self.ticks.store(tell.ticks, Relaxed);
            told.ticks = tell.ticks;
            told.at = tell.at;
            told.who = tell.who;
            told.site = tell.site;
            told.other = tell.other;
            told.other_site = tell.other_site;
            told.frames = tell.stack.len().min(LONGEST_FRAMES);
            for (place, frame) in told.stack.iter_mut().zip(tell.stack) {
                *place = *frame;
            }
        });
    }

    /// Runs this with what is told, if nobody else does.
    #[allow(unsafe_code)]
    fn with<R>(&self, run: impl FnOnce(&mut Told) -> R) -> Option<R> {
        // Acquire: what the one before wrote is seen.
        if self.busy.swap(true, Ordering::Acquire) {
            return None;
        }
        // SAFETY: only who found `busy` false comes here.
        let result = run(unsafe { &mut *self.told.get() });
        self.busy.store(false, Ordering::Release);
        Some(result)
    }

    /// As one who is not in a hurry: waits for the other, who needs a moment.
    fn copy(&self) -> Option<Told> {
        (0..1000).find_map(|_| {
            let copy = self.with(|told| *told);
            if copy.is_none() {
                std::thread::yield_now();
            }
            copy
        })
    }

    fn read(&self, clock: &Clock, intern: &mut dyn FnMut(&[u64]) -> Vec<u32>) -> Option<Longest> {
        if self.ticks.load(Relaxed) == 0 {
            return None;
        }
        let told = self.copy()?;
        Some(Longest {
            ns: clock.ns(told.ticks),
            at_unix_ns: clock.unix_ns.saturating_sub(clock.ago(told.at)),
            who: told.who,
            stack: intern(&told.stack[..told.frames]),
            site: site(told.site),
            other: told.other,
            other_site: site(told.other_site),
        })
    }

    fn take_from(&self, other: &Self) {
        if other.ticks.load(Relaxed) == 0 {
            return;
        }
        let Some(told) = other.copy() else { return };
        self.tell(&Tell {
            ticks: told.ticks,
            at: told.at,
            who: told.who,
            site: told.site,
            other: told.other,
            other_site: told.other_site,
            stack: &told.stack[..told.frames],
        });
        other.with(|told| *told = Told::default());
        other.ticks.store(0, Relaxed);
    }
}
