//! The threads that some slice speaks of, or that are alive.

use super::callchains::{grow, growth};
use super::observation::{ThreadFacts, ThreadKey};
use hotpoll_profile::{Engine, EngineReason, Thread};
use std::sync::Arc;

/// All threads beyond the bound together.
pub(super) const OTHER_THREADS: ThreadKey = ThreadKey::MAX;
/// What they are called.
pub(super) const OTHER_THREADS_NAME: &str = "[other threads]";

/// The longest name kept: the kernel's own limit is 15 bytes.
const LONGEST_NAME: usize = 32;
/// What an `Arc<str>` holds besides its text.
const ARC_BYTES: usize = 2 * size_of::<usize>();

/// Threads by key, at most as many as fit the bytes given.
#[derive(Debug)]
pub(super) struct Threads {
    /// Ascending keys: a new thread has the highest.
    known: Vec<KnownThread>,
    most: usize,
    /// Bytes of all names.
    names: usize,
}

/// What is kept of a thread.
#[derive(Debug, Clone)]
pub(super) struct KnownThread {
    pub key: ThreadKey,
    tid: u32,
    start_ticks: u64,
    name: Arc<str>,
    exited: bool,
    own: bool,
    engine: Engine,
    engine_reason: EngineReason,
    signal_blocked: bool,
    tick_biased: bool,
    /// The last slice that it is in; 0 is none.
    last_sequence: u64,
}

impl KnownThread {
    fn new(key: ThreadKey) -> Self {
        Self {
            key,
            tid: 0,
            start_ticks: 0,
            name: Arc::from(""),
            // Until it is described: one that nobody ever describes must not stay for good.
            exited: true,
            own: false,
            engine: Engine::None,
            engine_reason: EngineReason::Default,
            signal_blocked: false,
            tick_biased: false,
            last_sequence: 0,
        }
    }

    /// Whether it has ended.
    pub fn exited(&self) -> bool {
        self.exited
    }

    /// Its latest name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it belongs to hotpoll itself.
    pub fn own(&self) -> bool {
        self.own
    }

    /// The noun, its totals still zero.
    pub fn thread(&self) -> Thread {
        Thread {
            tid: self.tid,
            start_ticks: self.start_ticks,
            name: self.name.to_string(),
            exited: self.exited,
            own: self.own,
            engine: self.engine,
            engine_reason: self.engine_reason,
            signal_blocked: self.signal_blocked,
            tick_biased: self.tick_biased,
            ..Thread::default()
        }
    }
}

impl Threads {
    /// Room for as many threads as fit into `bytes`.
    pub fn new(bytes: usize) -> Self {
        Self {
            known: Vec::new(),
            most: bytes / (size_of::<KnownThread>() + ARC_BYTES + LONGEST_NAME),
            names: 0,
        }
    }

    /// The key under which a thread is counted: its own, or [`OTHER_THREADS`] when there is no room for it.
    #[inline]
    pub fn counted_as(&mut self, key: ThreadKey) -> ThreadKey {
        if self.place(key).is_ok() || self.insert(key).is_some() {
            key
        } else {
            OTHER_THREADS
        }
    }

    /// Takes down what is known of a thread now.
    pub fn describe(&mut self, key: ThreadKey, facts: &ThreadFacts<'_>) {
        let Some(place) = self.place(key).ok().or_else(|| self.insert(key)) else {
            return;
        };
        let known = &mut self.known[place];
        let name = shortened(facts.name);
        if *known.name != *name {
            self.names -= known.name.len();
            self.names += name.len();
            known.name = Arc::from(name);
        }
        known.tid = facts.tid;
        known.start_ticks = facts.start_ticks;
        known.exited = facts.exited;
        known.own = facts.own;
        known.engine = facts.engine;
        known.engine_reason = facts.engine_reason;
        known.signal_blocked = facts.signal_blocked;
        known.tick_biased = facts.tick_biased;
    }

    /// Notes that a slice speaks of the thread.
    pub fn mark(&mut self, key: ThreadKey, sequence: u64) {
        if let Ok(place) = self.place(key) {
            self.known[place].last_sequence = sequence;
        }
    }

    /// Forgets the threads that have ended and are in no slice from `oldest_sequence` on.
    pub fn forget_gone(&mut self, oldest_sequence: u64) {
        let names = &mut self.names;
        self.known.retain(|known| {
            let keep = !known.exited || known.last_sequence >= oldest_sequence;
            if !keep {
                *names -= known.name.len();
            }
            keep
        });
    }

    /// All of them, by ascending key.
    pub fn all(&self) -> &[KnownThread] {
        &self.known
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.known.capacity() * size_of::<KnownThread>() + self.known.len() * ARC_BYTES + self.names
    }

    /// The most bytes that one more thread would add.
    pub fn growth(&self) -> usize {
        growth(&self.known, 1) + ARC_BYTES + LONGEST_NAME
    }

    #[inline]
    fn place(&self, key: ThreadKey) -> Result<usize, usize> {
        // Nearly always all threads since the first are still known, and the key is the place.
        if self
            .known
            .get(key as usize)
            .is_some_and(|known| known.key == key)
        {
            return Ok(key as usize);
        }
        self.known.binary_search_by_key(&key, |known| known.key)
    }

    fn insert(&mut self, key: ThreadKey) -> Option<usize> {
        if self.known.len() >= self.most || key == OTHER_THREADS {
            return None;
        }
        let place = self.place(key).unwrap_or_else(|place| place);
        grow(&mut self.known, 1);
        self.known.insert(place, KnownThread::new(key));
        Some(place)
    }
}

fn shortened(name: &str) -> &str {
    let mut end = name.len().min(LONGEST_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// What stands for [`OTHER_THREADS`] in a profile.
pub(super) fn other_threads() -> Thread {
    Thread {
        name: OTHER_THREADS_NAME.to_owned(),
        ..Thread::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(name: &str, exited: bool) -> ThreadFacts<'_> {
        ThreadFacts {
            tid: 1,
            start_ticks: 2,
            name,
            exited,
            own: false,
            engine: Engine::Ctimer,
            engine_reason: EngineReason::Default,
            signal_blocked: false,
            tick_biased: false,
        }
    }

    #[test]
    fn a_thread_renamed_keeps_its_latest_name() {
        let mut threads = Threads::new(4096);
        threads.describe(3, &facts("first", false));
        threads.describe(3, &facts("second", false));
        assert_eq!(threads.all()[0].thread().name, "second");
        assert_eq!(threads.all().len(), 1);
    }

    #[test]
    fn a_million_short_threads_leave_nothing() {
        let mut threads = Threads::new(64 * 1024);
        for key in 0..1_000_000 {
            threads.describe(key, &facts("worker", true));
            threads.mark(key, u64::from(key / 100) + 1);
            if key % 100 == 99 {
                threads.forget_gone(u64::from(key / 100));
                assert!(threads.all().len() <= 200 && threads.bytes() <= 64 * 1024);
            }
        }
        threads.forget_gone(1_000_000);
        assert!(threads.all().is_empty());
        assert_eq!(threads.names, 0);
    }

    #[test]
    fn beyond_the_room_threads_count_together() {
        let mut threads = Threads::new(4096);
        let counted: Vec<_> = (0..1_000).map(|key| threads.counted_as(key)).collect();
        assert_eq!(counted[0], 0);
        assert_eq!(counted[999], OTHER_THREADS);
        assert!(threads.bytes() <= 4096);
        // One that has a place keeps it.
        assert_eq!(threads.counted_as(0), 0);
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name = "ä".repeat(40);
        assert_eq!(shortened(&name), "ä".repeat(16));
        let odd = format!("x{name}");
        assert_eq!(shortened(&odd).len(), 31);
    }
}
