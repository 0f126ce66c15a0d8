//! One wait: who waits for what, since when, called from where. Written by who waits, read by anybody at any time.
//!
//! A thread has one record for its own waits; waits of tasks take theirs from a pool and bring them back. Records are never freed, so a reader
//! may look whenever it likes: the wait's number, read before and after, says whether what it read belongs together.

use super::record::Record;
use super::row::SiteWord;
use hotpoll_profile::{Mode, Party};
use hotpoll_sampler::ForkLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, Ordering::Relaxed};

/// Frames that are kept of a waiter's stack.
pub(super) const MAX_FRAMES: usize = 48;

/// One wait, or the place for one.
pub(super) struct Wait {
    record: Record<WORDS>,
    frames: AtomicU32,
    stack: [AtomicU64; MAX_FRAMES],
}

// The record's words.
const RESOURCE: usize = 0;
const THEN: usize = 1;
const AT: usize = 2;
const SINCE: usize = 3;
const ENDS: usize = 4;
const TID: usize = 5;
const TASK: usize = 6;
const KIND: usize = 7;
const SITE: usize = 8;
const MODE: usize = 9;
const AMOUNT: usize = 10;
const WORDS: usize = 11;

/// What a wait says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct About {
    pub resource: u64,
    /// What else is waited for after that: the mutex of a condition variable.
    pub then: u64,
    /// Where the lock's words are, if it has any.
    pub words: usize,
    pub since: u64,
    /// When it gives up, or what it waits for is due, in nanoseconds of the monotonic clock: ticks of a rate found in a moment put the end of five
    /// minutes a second off. 0: not known.
    pub ends: u64,
    pub party: Party,
    pub site: SiteWord,
    pub mode: Mode,
    pub amount: u64,
    pub timed: bool,
    /// It is one of several futures that its task drives with wakers of its own making.
    pub in_set: bool,
    /// It blocks the thread, and no task.
    pub by_thread: bool,
}

/// A wait as it was read.
#[derive(Clone)]
pub(super) struct Seen {
    of: &'static Wait,
    pub number: u64,
    pub about: About,
    pub stack: Vec<u64>,
}

impl Seen {
    /// Whether it has not ended yet: then it lasted all the time since it was read.
    pub fn lasts(&self) -> bool {
        self.of.record.tells(self.number)
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen")
            .field("number", &self.number)
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

const TIMED: u64 = 1 << 8;
const IN_SET: u64 = 1 << 9;
const BY_THREAD: u64 = 1 << 10;

impl Wait {
    pub fn new() -> Self {
        Self {
            record: Record::new(),
            frames: AtomicU32::new(0),
            stack: [const { AtomicU64::new(0) }; MAX_FRAMES],
        }
    }

    /// Whether it tells of a wait now. For its owner.
    pub fn is_active(&self) -> bool {
        self.record.is_taken()
    }

    /// Begins to tell of a wait. For its owner, while it tells of none.
    #[inline]
    pub fn begin(&self, about: &About) {
        // Before the number: a stack is of the wait that the number is of, or of none.
        self.frames.store(0, Relaxed);
        self.record.tell(&about.words());
    }

    /// Says when it ends by itself. For its owner.
    pub fn set_ends(&self, at: u64) {
        self.record.set(ENDS, at);
    }

    /// Says from where it is waited. For its owner.
    pub fn set_stack(&self, frames: &[u64]) {
        for (place, frame) in self.stack.iter().zip(frames) {
            place.store(*frame, Relaxed);
        }
        let count = frames.len().min(MAX_FRAMES) as u32;
        // Release: whoever sees the count sees the frames.
        self.frames.store(count, Ordering::Release);
    }

    /// The kind of the task that waits. For its owner.
    pub fn kind(&self) -> u64 {
        self.record.get(KIND)
    }

    /// The frames that were set. For its owner.
    pub fn stack(&self) -> impl Iterator<Item = u64> + '_ {
        let count = self.frames.load(Ordering::Acquire) as usize;
        self.stack
            .iter()
            .take(count)
            .map(|frame| frame.load(Relaxed))
    }

    /// Another one waits on, if it is another: a wait of its own, that began when this one did. For its owner.
    pub fn goes_to(&self, party: Party, in_set: bool) {
        let mode = self.record.get(MODE);
        if (mode & IN_SET != 0) != in_set {
            self.record.set(MODE, mode ^ IN_SET);
        }
        let (tid, task) = (self.record.get(TID) as u32, self.record.get(TASK));
        if task == party.task && (task != 0 || tid == party.tid) {
            return;
        }
        self.record.tell_anew(&[
            (TID, u64::from(party.tid)),
            (TASK, party.task),
            (KIND, party.kind),
        ]);
    }

    /// The wait is over. For its owner.
    pub fn end(&self) {
        self.record.end();
    }

    /// The wait that it tells of, if it stays the same one while it is read.
    pub fn read(&'static self) -> Option<Seen> {
        let (number, words, stack) = self.record.read(|| self.stack().collect())?;
        Some(Seen {
            of: self,
            number,
            about: About::of(&words),
            stack,
        })
    }
}

impl About {
    fn of(words: &[u64; WORDS]) -> Self {
        let mode = words[MODE];
        Self {
            resource: words[RESOURCE],
            then: words[THEN],
            words: words[AT] as usize,
            since: words[SINCE],
            ends: words[ENDS],
            party: Party {
                tid: words[TID] as u32,
                task: words[TASK],
                kind: words[KIND],
            },
            site: words[SITE],
            mode: mode_of(mode & (TIMED - 1)),
            amount: words[AMOUNT],
            timed: mode & TIMED != 0,
            in_set: mode & IN_SET != 0,
            by_thread: mode & BY_THREAD != 0,
        }
    }

    #[inline]
    fn words(&self) -> [u64; WORDS] {
        let flags = [
            (self.timed, TIMED),
            (self.in_set, IN_SET),
            (self.by_thread, BY_THREAD),
        ];
        let set = flags.iter().filter(|(is, _)| *is);
        let mode = set.fold(self.mode as u64, |word, (_, flag)| word | flag);
        let mut words = [0; WORDS];
        words[RESOURCE] = self.resource;
        words[THEN] = self.then;
        words[AT] = self.words as u64;
        words[SINCE] = self.since;
        words[ENDS] = self.ends;
        words[TID] = u64::from(self.party.tid);
        words[TASK] = self.party.task;
        words[KIND] = self.party.kind;
        words[SITE] = self.site;
        words[MODE] = mode;
        words[AMOUNT] = self.amount;
        words
    }
}

/// A mode from its number.
pub(super) fn mode_of(number: u64) -> Mode {
    let mode = Mode::ALL.get(number as usize).copied();
    mode.unwrap_or_default()
}

/// Records of tasks' waits.
#[derive(Default)]
struct Pool {
    all: Vec<&'static Wait>,
    spare: Vec<&'static Wait>,
}

static POOL: ForkLock<Pool> = ForkLock::new();

/// Waits of tasks that are told of at once; those beyond are counted where they wait, and not listed.
const MAX_POOLED: usize = 65_536;

/// A record for a wait of a task. `None`: there are too many.
pub(super) fn take() -> Option<&'static Wait> {
    let mut pool = POOL.lock();
    if let Some(wait) = pool.spare.pop() {
        return Some(wait);
    }
    if pool.all.len() >= MAX_POOLED {
        return None;
    }
    let wait: &'static Wait = Box::leak(Box::new(Wait::new()));
    pool.all.push(wait);
    Some(wait)
}

/// Brings a record back.
pub(super) fn give_back(wait: &'static Wait) {
    wait.end();
    POOL.lock().spare.push(wait);
}

/// All records of tasks.
pub(super) fn pooled() -> Vec<&'static Wait> {
    POOL.lock().all.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicPtr;

    fn about(resource: u64) -> About {
        About {
            resource,
            then: 0,
            words: 0,
            since: resource,
            ends: resource,
            party: Party {
                tid: resource as u32,
                task: resource,
                kind: resource,
            },
            site: resource,
            mode: Mode::Shared,
            amount: resource,
            timed: true,
            ..About::default()
        }
    }

    #[test]
    fn what_is_read_belongs_together() {
        // Kept: Miri counts what is leaked.
        static KEPT: AtomicPtr<Wait> = AtomicPtr::new(std::ptr::null_mut());
        let wait: &'static Wait = Box::leak(Box::new(Wait::new()));
        KEPT.store(std::ptr::from_ref(wait).cast_mut(), Relaxed);
        assert!(wait.read().is_none());
        let rounds = if cfg!(miri) { 50 } else { 20_000 };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 1..=rounds {
                    wait.begin(&about(n));
                    wait.set_stack(&[n, n]);
                    wait.end();
                }
            });
            let mut last = 0;
            for _ in 0..rounds {
                let Some(seen) = wait.read() else { continue };
                let n = seen.about.resource;
                assert!(seen.number >= last, "numbers go up");
                last = seen.number;
                let About {
                    since,
                    party,
                    site,
                    amount,
                    ..
                } = seen.about;
                assert_eq!((since, party.task, site, amount), (n, n, n, n));
                assert_eq!(party.kind, n);
                assert!(seen.stack.is_empty() || seen.stack == [n, n]);
            }
        });
    }
}
