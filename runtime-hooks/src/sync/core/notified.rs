//! Waiting to be notified, with a mutex that is given back meanwhile and taken again.
//!
//! The library wakes in the order of arrival, and takes the mutex again before its wait comes back. So of those who wait as many as were notified and
//! have not come back, the oldest, wait for the mutex: the row counts both (as sent and received), and a look hands them over (`look.rs`).

use super::lock::LockWords;
use super::resource::Resource;
use super::row::{Row, Side, site_word};
use super::waiting::Waiting;
use crate::sync::GivesUp;
use hotpoll_profile::{Library, Mode, ResourceKind};
use hotpoll_sampler::clock;
use std::panic::Location;
use std::sync::atomic::Ordering::Relaxed;

/// What stands beside a condition variable.
#[derive(Debug)]
pub struct Notified(Resource);

impl Notified {
    /// Of this place.
    pub const fn new(
        kind: ResourceKind,
        library: Library,
        site: &'static Location<'static>,
    ) -> Self {
        Self(Resource::at(kind, library, site))
    }

    /// Gives it a name.
    pub const fn set_name(&mut self, name: &'static str) {
        self.0.set_name(name);
    }

    /// So many of those who wait were woken.
    pub fn notified(&self, count: u64) {
        if let Some(row) = self.0.row() {
            let channel = row.channel();
            channel.last_sent.store(clock::now(), Relaxed);
            channel.sent.fetch_add(count, Relaxed);
            row.acquired[Side::Exclusive as usize].fetch_add(count, Relaxed);
        }
    }

    /// Waits by `wait`, which gives the mutex back, takes it again, and says whether the time was over.
    #[inline(always)]
    pub fn wait(
        &self,
        mutex: &LockWords,
        ends: GivesUp,
        site: &'static Location<'static>,
        wait: impl FnOnce() -> bool,
    ) -> bool {
        match self.0.row() {
            Some(row) => told(row, mutex, ends, site, wait),
            None => {
                mutex.released();
                let timed_out = wait();
                mutex.retaken(site, 0);
                timed_out
            }
        }
    }
}

#[inline(always)]
fn told(
    row: &'static Row,
    mutex: &LockWords,
    ends: GivesUp,
    site: &'static Location<'static>,
    wait: impl FnOnce() -> bool,
) -> bool {
    let since = clock::now();
    let then = mutex.id();
    mutex.released();
    let word = site_word(site);
    let waiting = Waiting::begin_then(row, then, Mode::Exclusive, ends, word, since, 0);
    let timed_out = wait();
    let now = clock::now();
    waiting.end();
    let (channel, counts) = (row.channel(), row.counts(Side::Exclusive));
    if timed_out {
        counts.waited_in_vain(now.saturating_sub(since), true);
        mutex.retaken(site, 0);
    } else {
        channel.received.fetch_add(1, Relaxed);
        // The last one to be notified may have been another: what is left for the mutex is at least so long.
        // Where nobody says who is woken, all of it is this wait.
        let woken = match channel.last_sent.load(Relaxed) {
            0 => now,
            last => last.clamp(since, now),
        };
        counts.waited(woken - since);
        mutex.retaken(site, now - woken);
    }
    timed_out
}
