//! The words of a lock in shared use: readers are told of by their own threads' lines.

use super::is_running;
use super::lock::{LockWords, SAMPLED};
use super::readers::{Line, first_line};
use super::row::{Row, Side, site_word};
use super::threads::{self, Local};
use crate::sync::GivesUp;
use hotpoll_profile::Mode;
use hotpoll_sampler::clock;
use std::panic::Location;
use std::sync::atomic::{Ordering, Ordering::Relaxed};

/// What a shared acquisition has to give back.
#[derive(Debug)]
pub struct SharedHold {
    line: Option<&'static Line>,
    /// It is one of those that are timed.
    timed: bool,
}

impl SharedHold {
    /// Of an acquisition that nothing is told of.
    #[inline(always)]
    pub const fn untold() -> Self {
        Self {
            line: None,
            timed: false,
        }
    }
}

impl LockWords {
    /// The lock was taken shared at once. By the reader, while [`super::is_on`].
    #[inline(always)]
    pub fn taken_shared(&self, site: &'static Location<'static>) -> SharedHold {
        let row = self.row.load(Relaxed);
        if row != 0
            && let Some(local) = threads::existing()
            && let Some(line) = local.lines.get(first_line(row))
            && line.is_of(row)
        {
            if !line.next().is_multiple_of(SAMPLED) && !self.has_waiters() {
                line.take(site_word(site));
                return SharedHold {
                    line: Some(line),
                    timed: false,
                };
            }
            return self.shared_and_timed(line, site);
        }
        self.first_shared(site)
    }

    #[cold]
    #[inline(never)]
    fn first_shared(&self, site: &'static Location<'static>) -> SharedHold {
        if !is_running() {
            return SharedHold::untold();
        }
        // Readers are known by their lock's row, so a lock that is read has one from its first reader on.
        let Some(row) = self.row() else {
            return SharedHold::untold();
        };
        self.is_here(row);
        let tagged = self.row.load(Relaxed);
        match threads::local().and_then(|local| local.line_for(tagged)) {
            Some(line) => {
                if self.has_waiters() {
                    return self.shared_and_timed(line, site);
                }
                line.take(site_word(site));
                SharedHold {
                    line: Some(line),
                    timed: false,
                }
            }
            None => {
                row.acquired[Side::Shared as usize].fetch_add(1, Relaxed);
                SharedHold::untold()
            }
        }
    }

    /// The lock was taken shared then, after a wait.
    fn taken_shared_at(
        &self,
        row: &'static Row,
        site: &'static Location<'static>,
        now: u64,
    ) -> SharedHold {
        self.is_here(row);
        let tagged = self.row.load(Relaxed);
        let line = threads::local().and_then(|local| local.line_for(tagged));
        match line {
            Some(line) => line.take_at(site_word(site), now),
            None => {
                row.acquired[Side::Shared as usize].fetch_add(1, Relaxed);
            }
        }
        SharedHold {
            line,
            timed: line.is_some(),
        }
    }

    #[cold]
    #[inline(never)]
    fn shared_and_timed(
        &self,
        line: &'static Line,
        site: &'static Location<'static>,
    ) -> SharedHold {
        let timed = match self.row() {
            Some(row) if is_running() => {
                line.take_at(site_word(site), clock::now());
                self.is_here(row);
                line.bring(row);
                !row.is_sites
            }
            _ => {
                line.take(site_word(site));
                false
            }
        };
        SharedHold {
            line: Some(line),
            timed,
        }
    }

    /// The lock is about to be given back by a reader. In any case: on or off.
    #[inline(always)]
    pub fn released_shared(&self, hold: SharedHold) {
        if hold.timed || self.has_waiters() {
            self.shared_release_timed(&hold);
        }
        if let Some(line) = hold.line {
            #[cfg(feature = "send_guard")]
            if !threads::existing().is_some_and(|local| local.has(line)) {
                line.give_back_elsewhere();
                return;
            }
            line.give_back();
        }
    }

    #[cold]
    #[inline(never)]
    fn shared_release_timed(&self, hold: &SharedHold) {
        let Some(row) = Row::of(self.row.load(Ordering::Acquire)) else {
            return;
        };
        if row.is_sites || !is_running() {
            return;
        }
        let since = match hold.line {
            Some(line) if hold.timed => line.since(),
            _ if self.has_waiters() => row.first_wait.load(Relaxed),
            _ => 0,
        };
        if since != 0 {
            let site = hold.line.map_or(0, Line::site);
            self.held(row, Side::Shared, site, since);
        }
        // Where guards are sent, who took it said so, and not who gives it back.
        #[cfg(feature = "send_guard")]
        let holder = (hold.line).and_then(|line| threads::all().find(|local| local.has(line)));
        #[cfg(not(feature = "send_guard"))]
        let holder = threads::local();
        if let Some(words) = holder.and_then(Local::words) {
            let id = row.id.load(Relaxed);
            let _ = words.holds.compare_exchange(id, 0, Relaxed, Relaxed);
        }
    }

    /// Waits for the lock, shared, and takes it.
    #[cold]
    #[inline(never)]
    pub fn wait_for_shared<G>(
        &self,
        ends: GivesUp,
        site: &'static Location<'static>,
        again: impl Fn() -> Option<G>,
        block: impl FnOnce() -> Option<G>,
    ) -> Option<(G, SharedHold)> {
        let mut hold = None;
        let guard = self.wait(Mode::Shared, ends, site, again, block, |wait| {
            hold = Some(match wait {
                Some((row, now @ 1.., _)) => self.taken_shared_at(row, site, now),
                _ => self.taken_shared(site),
            });
            if let Some((_, _, waiters)) = wait {
                self.waiters.fetch_sub(waiters, Relaxed);
            }
        })?;
        Some((guard, hold?))
    }
}
