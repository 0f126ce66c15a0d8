//! The polls that are running now: of each thread the outermost, and those inside of it.
//!
//! A tracked future inside of a task is polled in the task's poll, and a thread's words are the innermost poll's. A task whose every poll is a thousand
//! short ones of its children keeps its worker as long as one that computes by itself: so the polls around the running one are kept here, where
//! the watchdog finds them. A poll that is not inside of another costs nothing more for that.

use super::thread::{self, Local};
use hotpoll_sampler::Published;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, Ordering::Relaxed, fence};

/// Polls around the running one that are kept, from the outermost on. Those between these and the innermost one are not listed.
const MAX_AROUND: usize = 8;

/// The polls that a thread's running one is inside of. The thread writes, anybody reads.
pub(super) struct Around {
    /// Odd while a poll begins or ends inside of another.
    changes: AtomicU32,
    depth: AtomicU32,
    polls: [Words; MAX_AROUND],
}

/// What a poll had published before another began inside of it.
struct Words {
    task: AtomicU64,
    kind: AtomicU64,
    start: AtomicU64,
}

impl Around {
    pub const fn new() -> Self {
        Self {
            changes: AtomicU32::new(0),
            depth: AtomicU32::new(0),
            polls: [const {
                Words {
                    task: AtomicU64::new(0),
                    kind: AtomicU64::new(0),
                    start: AtomicU64::new(0),
                }
            }; MAX_AROUND],
        }
    }

    /// A poll begins inside of the one whose words these are. They may be replaced until [`Around::changed`].
    #[inline]
    pub fn enter(&self, words: &Published, task: u64, kind: u64, start: u64) {
        self.changes();
        let depth = self.depth.load(Relaxed);
        if depth == 0 {
            words.root_start.store(start, Relaxed);
        }
        if let Some(poll) = self.polls.get(depth as usize) {
            poll.task.store(task, Relaxed);
            poll.kind.store(kind, Relaxed);
            poll.start.store(start, Relaxed);
        }
        self.depth.store(depth.wrapping_add(1), Relaxed);
    }

    /// That poll ends, and the one around it goes on. Its words may be put back until [`Around::changed`].
    #[inline]
    pub fn leave(&self, words: &Published) {
        self.changes();
        let depth = self.depth.load(Relaxed).saturating_sub(1);
        self.depth.store(depth, Relaxed);
        if depth == 0 {
            words.root_start.store(0, Relaxed);
        }
    }

    fn changes(&self) {
        self.changes
            .store(self.changes.load(Relaxed).wrapping_add(1) | 1, Relaxed);
        // Release: who sees a word that is stored from now on sees the odd number.
        fence(Ordering::Release);
    }

    /// The words are whole again.
    #[inline]
    pub fn changed(&self) {
        // Release: who sees the even number sees the words.
        self.changes.store(
            self.changes.load(Relaxed).wrapping_add(1),
            Ordering::Release,
        );
    }

    /// The thread has ended, perhaps in the middle of a poll.
    pub fn forget(&self) {
        self.depth.store(0, Relaxed);
        self.changes.store(0, Relaxed);
    }
}

/// A poll that is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenPoll {
    /// The thread that polls.
    pub tid: u32,
    /// The task: what samples say.
    pub task: u64,
    /// Its kind.
    pub kind: u64,
    /// When the poll began, in ticks of [`hotpoll_sampler::clock`].
    pub start: u64,
    /// How many polls it is inside of.
    pub depth: u32,
    /// Whether it is the innermost of its thread: the one that samples name.
    pub innermost: bool,
}

/// Whether any thread has ever polled a tracked task.
pub fn any_pollers() -> bool {
    thread::any()
}

/// Every poll of a tracked task that is running now: a thread's outermost first, then those inside of it. Not the closures that run on blocking
/// threads, and what these poll. Cheap: a few loads for each thread that has ever polled.
pub fn open_polls() -> Vec<OpenPoll> {
    let mut polls = Vec::new();
    let all = thread::all().into_iter();
    for local in all.filter(|local| !local.blocking.load(Relaxed)) {
        read(local, &mut polls);
    }
    polls
}

/// The outermost poll of every thread that is in one: what it has been busy with since. A closure on a blocking thread counts here.
pub fn outermost_polls() -> Vec<OpenPoll> {
    let mut polls = Vec::new();
    for local in thread::all() {
        let before = polls.len();
        read(local, &mut polls);
        polls.truncate(before + 1);
    }
    polls
}

/// Adds a thread's open polls. They are of one moment; a thread that begins and ends polls faster than they can be read has its outermost one listed
/// alone, or none.
fn read(local: &'static Local, into: &mut Vec<OpenPoll>) {
    const TRIES: usize = 16;
    let tid = local.tid.load(Relaxed);
    let Some(words) = local.words().filter(|_| tid != 0) else {
        return;
    };
    let before = into.len();
    for _ in 0..TRIES {
        into.truncate(before);
        // Acquire: nothing below is read before these.
        let changes = local.around.changes.load(Ordering::Acquire);
        let start = words.poll_start.load(Ordering::Acquire);
        if start == 0 {
            return;
        }
        let depth = local.around.depth.load(Relaxed);
        for (at, poll) in (0..depth).zip(&local.around.polls) {
            into.push(OpenPoll {
                tid,
                task: poll.task.load(Relaxed),
                kind: poll.kind.load(Relaxed),
                start: poll.start.load(Relaxed),
                depth: at,
                innermost: false,
            });
        }
        into.push(OpenPoll {
            tid,
            task: words.task.load(Relaxed),
            kind: words.kind.load(Relaxed),
            start,
            depth,
            innermost: true,
        });
        // All of the above is read before these.
        fence(Ordering::Acquire);
        let is_same = changes & 1 == 0
            && local.around.changes.load(Relaxed) == changes
            && words.poll_start.load(Relaxed) == start;
        // A thread's polls each begin at a time of their own.
        if is_same {
            return;
        }
    }
    into.truncate(before);
    into.extend(outermost(local, words, tid));
}

/// The outermost of a thread's polls, by its own words alone: they stay while polls inside of it come and go.
fn outermost(local: &Local, words: &Published, tid: u32) -> Option<OpenPoll> {
    let root = words.root_start.load(Ordering::Acquire);
    let poll = &local.around.polls[0];
    let open = OpenPoll {
        tid,
        task: poll.task.load(Relaxed),
        kind: poll.kind.load(Relaxed),
        start: poll.start.load(Relaxed),
        depth: 0,
        innermost: false,
    };
    fence(Ordering::Acquire);
    // Zero between two polls inside of it, too: then it is seen by the next check.
    (root != 0 && open.start == root && poll.start.load(Relaxed) == root).then_some(open)
}
