//! The threads of an answer: each on its own, or those of a pool as one.

use super::observation::ThreadKey;
use super::threads::{KnownThread, OTHER_THREADS, other_threads};
use hotpoll_profile::Thread;
use std::collections::HashMap;

/// Threads by their place in the answer.
pub(super) struct AnswerThreads<'a> {
    known: &'a [KnownThread],
    /// How many threads each pool has; `None` while each thread is on its own.
    pools: Option<HashMap<Pool<'a>, usize>>,
    places: HashMap<ThreadKey, u32>,
    pool_places: HashMap<Pool<'a>, u32>,
    pub threads: Vec<Thread>,
}

/// Threads with the same name but for digits at its end; hotpoll's own are never among others.
type Pool<'a> = (&'a str, bool);

fn pool(thread: &KnownThread) -> Pool<'_> {
    let name = thread.name();
    (
        name.trim_end_matches(|last: char| last.is_ascii_digit()),
        thread.own(),
    )
}

impl<'a> AnswerThreads<'a> {
    /// Each thread on its own. Those that are alive are in the answer whether they ran or not.
    pub fn each(known: &'a [KnownThread]) -> Self {
        Self::new(known, None)
    }

    /// The threads of each pool as one.
    pub fn by_pool(known: &'a [KnownThread]) -> Self {
        let mut pools: HashMap<Pool<'a>, usize> = HashMap::new();
        for thread in known {
            *pools.entry(pool(thread)).or_default() += 1;
        }
        Self::new(known, Some(pools))
    }

    fn new(known: &'a [KnownThread], pools: Option<HashMap<Pool<'a>, usize>>) -> Self {
        let mut threads = Self {
            known,
            pools,
            places: HashMap::new(),
            pool_places: HashMap::new(),
            threads: Vec::new(),
        };
        for alive in known.iter().filter(|known| !known.exited()) {
            threads.place(alive.key);
        }
        threads
    }

    /// A thread's place in the answer.
    pub fn place(&mut self, key: ThreadKey) -> u32 {
        if let Some(&place) = self.places.get(&key) {
            return place;
        }
        let known = self.known.binary_search_by_key(&key, |known| known.key);
        let place = match known.map(|place| &self.known[place]) {
            Ok(known) => self.place_of_known(known),
            Err(_) if key == OTHER_THREADS => self.push(other_threads()),
            Err(_) => self.push(Thread::default()),
        };
        self.places.insert(key, place);
        place
    }

    fn place_of_known(&mut self, known: &'a KnownThread) -> u32 {
        let members = self
            .pools
            .as_ref()
            .and_then(|pools| pools.get(&pool(known)));
        let Some(&members) = members.filter(|members| **members > 1) else {
            return self.push(known.thread());
        };
        let thread = known.thread();
        match self.pool_places.get(&pool(known)) {
            Some(&place) => {
                let together = &mut self.threads[place as usize];
                together.exited &= thread.exited;
                together.signal_blocked |= thread.signal_blocked;
                together.tick_biased |= thread.tick_biased;
                place
            }
            None => {
                let place = self.push(Thread {
                    tid: 0,
                    start_ticks: 0,
                    name: format!("{} ({members} threads)", pool(known).0),
                    ..thread
                });
                self.pool_places.insert(pool(known), place);
                place
            }
        }
    }

    fn push(&mut self, thread: Thread) -> u32 {
        self.threads.push(thread);
        self.threads.len() as u32 - 1
    }
}
