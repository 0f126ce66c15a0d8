//! One wait: who waits for what, since when, called from where. Written by who waits, read by anybody at any time.
//!
//! A thread has one record for its own waits; waits of tasks take theirs from a pool and bring them back. Records are never freed, so a reader
//! may look whenever it likes: the wait's number, read before and after, says whether what it read belongs together.

use super::row::SiteWord;
use hotpoll_profile::{Mode, Party};
use hotpoll_sampler::ForkLock;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, Ordering::Relaxed, fence};

/// Frames that are kept of a waiter's stack.
pub(super) const MAX_FRAMES: usize = 48;

/// One wait, or the place for one.
pub(super) struct Wait {
    /// The wait's number: the record's own serial and how many waits it told of. 0 while it tells of none.
    number: AtomicU64,
    serial: AtomicU32,
    begun: AtomicU32,
    resource: AtomicU64,
    /// What else is waited for after that: the mutex of a condition variable.
    then: AtomicU64,
    /// Where the lock's words are, if it has any.
    words: AtomicUsize,
    since: AtomicU64,
    /// When it gives up, or what it waits for is due; 0: not known.
    ends: AtomicU64,
    tid: AtomicU32,
    task: AtomicU64,
    kind: AtomicU64,
    site: AtomicU64,
    amount: AtomicU64,
    /// The mode; above it, what else is so.
    mode: AtomicU32,
    frames: AtomicU32,
    stack: [AtomicU64; MAX_FRAMES],
}

/// What a wait says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct About {
    pub resource: u64,
    pub then: u64,
    pub words: usize,
    pub since: u64,
    /// When it gives up, or what it waits for is due; 0: not known.
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
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub number: u64,
    pub about: About,
    pub stack: Vec<u64>,
}

const TIMED: u32 = 1 << 8;
const IN_SET: u32 = 1 << 9;
const BY_THREAD: u32 = 1 << 10;

static SERIALS: AtomicU32 = AtomicU32::new(1);

impl Wait {
    pub const fn new() -> Self {
        Self {
            number: AtomicU64::new(0),
            serial: AtomicU32::new(0),
            begun: AtomicU32::new(0),
            resource: AtomicU64::new(0),
            then: AtomicU64::new(0),
            words: AtomicUsize::new(0),
            since: AtomicU64::new(0),
            ends: AtomicU64::new(0),
            tid: AtomicU32::new(0),
            task: AtomicU64::new(0),
            kind: AtomicU64::new(0),
            site: AtomicU64::new(0),
            amount: AtomicU64::new(0),
            mode: AtomicU32::new(0),
            frames: AtomicU32::new(0),
            stack: [const { AtomicU64::new(0) }; MAX_FRAMES],
        }
    }

    /// Whether it tells of a wait now. For its owner.
    pub fn is_active(&self) -> bool {
        self.number.load(Relaxed) != 0
    }

    /// Begins to tell of a wait. For its owner, while it tells of none.
    pub fn begin(&self, about: &About) {
        if self.serial.load(Relaxed) == 0 {
            self.serial.store(SERIALS.fetch_add(1, Relaxed), Relaxed);
        }
        // Release fence: whoever reads any of what follows finds the number 0, or the new one.
        fence(Ordering::Release);
        self.resource.store(about.resource, Relaxed);
        self.then.store(about.then, Relaxed);
        self.words.store(about.words, Relaxed);
        self.since.store(about.since, Relaxed);
        self.ends.store(about.ends, Relaxed);
        self.tid.store(about.party.tid, Relaxed);
        self.task.store(about.party.task, Relaxed);
        self.kind.store(about.party.kind, Relaxed);
        self.site.store(about.site, Relaxed);
        self.amount.store(about.amount, Relaxed);
        self.mode.store(about.mode_word(), Relaxed);
        self.frames.store(0, Relaxed);
        self.publish();
    }

    fn publish(&self) {
        let begun = self.begun.load(Relaxed).wrapping_add(1);
        self.begun.store(begun, Relaxed);
        let number = u64::from(self.serial.load(Relaxed)) << 32 | u64::from(begun);
        // Release: publishes the words above to the Acquire in `read`.
        self.number.store(number, Ordering::Release);
    }

    /// Says when it ends by itself. For its owner.
    pub fn set_ends(&self, at: u64) {
        self.ends.store(at, Relaxed);
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
        self.kind.load(Relaxed)
    }

    /// The frames that were set. For its owner.
    pub fn stack(&self) -> impl Iterator<Item = u64> + '_ {
        let count = self.frames.load(Relaxed) as usize;
        self.stack
            .iter()
            .take(count)
            .map(|frame| frame.load(Relaxed))
    }

    /// Another one waits on, if it is another: a wait of its own, that began when this one did. For its owner.
    pub fn goes_to(&self, party: Party, in_set: bool) {
        let mode = self.mode.load(Relaxed);
        if (mode & IN_SET != 0) != in_set {
            self.mode.store(mode ^ IN_SET, Relaxed);
        }
        let (tid, task) = (self.tid.load(Relaxed), self.task.load(Relaxed));
        if task == party.task && (task != 0 || tid == party.tid) {
            return;
        }
        self.number.store(0, Relaxed);
        // Release fence: as in `begin`.
        fence(Ordering::Release);
        self.tid.store(party.tid, Relaxed);
        self.task.store(party.task, Relaxed);
        self.kind.store(party.kind, Relaxed);
        self.publish();
    }

    /// The wait is over. For its owner.
    pub fn end(&self) {
        self.number.store(0, Ordering::Release);
    }

    /// The wait that it tells of, if it stays the same one while it is read.
    pub fn read(&self) -> Option<Seen> {
        // Acquire: pairs with the Release in `begin`.
        let number = self.number.load(Ordering::Acquire);
        if number == 0 {
            return None;
        }
        let mode = self.mode.load(Relaxed);
        let about = About {
            resource: self.resource.load(Relaxed),
            then: self.then.load(Relaxed),
            words: self.words.load(Relaxed),
            since: self.since.load(Relaxed),
            ends: self.ends.load(Relaxed),
            party: Party {
                tid: self.tid.load(Relaxed),
                task: self.task.load(Relaxed),
                kind: self.kind.load(Relaxed),
            },
            site: self.site.load(Relaxed),
            mode: mode_of(mode & (TIMED - 1)),
            amount: self.amount.load(Relaxed),
            timed: mode & TIMED != 0,
            in_set: mode & IN_SET != 0,
            by_thread: mode & BY_THREAD != 0,
        };
        let frames = self.frames.load(Ordering::Acquire) as usize;
        let stack = self.stack.iter().take(frames);
        let stack = stack.map(|frame| frame.load(Relaxed)).collect();
        // Acquire fence: with the one in `begin`, words of a later wait are not read with this number.
        fence(Ordering::Acquire);
        (self.number.load(Relaxed) == number).then_some(Seen {
            number,
            about,
            stack,
        })
    }
}

impl About {
    fn mode_word(&self) -> u32 {
        let flags = [
            (self.timed, TIMED),
            (self.in_set, IN_SET),
            (self.by_thread, BY_THREAD),
        ];
        let set = flags.iter().filter(|(is, _)| *is);
        set.fold(self.mode as u32, |word, (_, flag)| word | flag)
    }
}

/// A mode from its number.
pub(super) fn mode_of(number: u32) -> Mode {
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
        let wait = Wait::new();
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

    #[test]
    fn numbers_differ_between_records() {
        let (one, other) = (Wait::new(), Wait::new());
        one.begin(&about(1));
        other.begin(&about(1));
        assert_ne!(one.read().unwrap().number, other.read().unwrap().number);
        one.end();
        assert!(one.read().is_none());
    }
}
