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
use std::sync::atomic::{Ordering, Ordering::Relaxed};

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
            // Release: who counts this one finds when it was.
            channel.sent.fetch_add(count, Ordering::Release);
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
    let (channel, counts) = (row.channel(), row.counts(Side::Exclusive));
    // Acquire: pairs with the Release below. Who has come back by now has counted itself.
    if row.waiting.fetch_add(1, Ordering::Acquire) == 0 {
        // Whoever was notified is back. Some waited since before anything was told, and do not say so.
        let sent = channel.sent.load(Ordering::Acquire);
        channel.received.fetch_max(sent, Relaxed);
    }
    mutex.released();
    let word = site_word(site);
    let waiting = Waiting::begin_then(row, then, Mode::Exclusive, ends, word, since, 0);
    let timed_out = wait();
    let now = clock::now();
    // Before its wait is over: it would be taken for one who is not back, and another one for the one who was notified. And before somebody finds that
    // nobody waits, and that so all are back: this one would be back twice, and nobody would ever seem to be notified.
    let back = match timed_out {
        true => 0,
        false => channel.received.fetch_add(1, Relaxed) + 1,
    };
    waiting.end();
    row.waiting.fetch_sub(1, Ordering::Release);
    if timed_out {
        counts.waited_in_vain(now.saturating_sub(since), true);
        mutex.retaken(site, 0);
    } else {
        let sent = channel.sent.load(Ordering::Acquire);
        let last = channel.last_sent.load(Relaxed);
        let woken = notified_at((sent, last), back, since, now);
        counts.waited(woken - since);
        mutex.retaken(site, now - woken);
    }
    timed_out
}

/// When one was notified who waited from `since` to `now`, and is the `back`th to come back; `sent` notifications were told of, the last one then.
///
/// The last one to be notified may have been another: what is left for the mutex is at least so long. Where nobody says who is woken, all of it is this wait.
/// Who notifies tells of it after it has: one who is back before that took no time to take the mutex.
fn notified_at((sent, last): (u64, u64), back: u64, since: u64, now: u64) -> u64 {
    match last {
        0 => now,
        _ if back > sent => now,
        last => last.clamp(since, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was the notification before, and the mutex was waited for since then: for as long as a queue was empty.
    #[test]
    fn who_is_back_before_its_notification_is_told_of_waited_for_no_mutex() {
        assert_eq!(notified_at((3, 100), 4, 50, 200), 200);
        assert_eq!(notified_at((4, 199), 4, 50, 200), 199);
        // Nobody says who is woken; and one that came after the last notification.
        assert_eq!(notified_at((0, 0), 1, 50, 200), 200);
        assert_eq!(notified_at((4, 20), 4, 50, 200), 50);
    }
}
