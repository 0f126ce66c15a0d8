//! What sleepers have shown of themselves in the sampling signal, on its way from the drain to the thread that looks by the wall clock. Only where
//! the program wants sleepers to get one (`Builder::signal_sleepers`).

use super::lock;
use hotpoll_profile::Truncation;
use hotpoll_sampler::ThreadKey;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Kept between two rounds of looks: more than sleepers are asked in several rounds. Long polls' records are among them, and may be lost here.
const MOST: usize = 64;

/// A thread, how its callchain ended, and the callchain.
pub(crate) type Show = (ThreadKey, Truncation, Vec<u64>);

/// What sleepers have shown.
#[derive(Debug)]
pub(crate) struct Shown {
    is_wanted: bool,
    shows: Mutex<Vec<Show>>,
    signalled: AtomicU64,
}

impl Shown {
    pub fn new(is_wanted: bool) -> Self {
        Self {
            is_wanted,
            shows: Mutex::default(),
            signalled: AtomicU64::new(0),
        }
    }

    /// A record that stands for no expiry.
    pub fn put(&self, thread: ThreadKey, truncation: Truncation, callchain: &[u64]) {
        if !self.is_wanted {
            return;
        }
        let mut shows = lock(&self.shows);
        if shows.len() < MOST {
            shows.push((thread, truncation, callchain.to_vec()));
        }
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<Show> {
        match self.is_wanted {
            true => std::mem::take(&mut *lock(&self.shows)),
            false => Vec::new(),
        }
    }

    /// How many signals sleepers have got.
    pub fn signalled(&self, signals: u64) {
        self.signalled.store(signals, Relaxed);
    }

    /// What reports say of it.
    pub fn notice(&self) -> Option<String> {
        match self.signalled.load(Relaxed) {
            0 => None,
            signals => Some(format!(
                "{signals} signals were sent to sleeping threads whose stack cannot be read from outside, as signal_sleepers asks for: \
                 system calls of theirs may have returned EINTR"
            )),
        }
    }
}
