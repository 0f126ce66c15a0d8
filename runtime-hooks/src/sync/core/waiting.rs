//! A thread's own wait, from its begin to its end: told in its record, in its published words, and with its stack.

use super::row::{Row, SiteWord};
use super::threads::{self, Local};
use super::waits::{About, MAX_FRAMES};
use crate::sync::GivesUp;
use hotpoll_profile::Mode;
use hotpoll_sampler::clock;
use std::sync::atomic::Ordering::Relaxed;

/// A wait of the calling thread. It ends when this is dropped.
pub(super) struct Waiting {
    local: Option<&'static Local>,
    /// The wait around it that its record told of: a closure that runs inside of a wait may wait itself.
    lock_before: u64,
}

impl Waiting {
    /// Begins; walks the stack, unless this thread did just before. No lock, no allocation.
    #[inline(always)]
    pub fn begin(
        row: &Row,
        mode: Mode,
        ends: GivesUp,
        site: SiteWord,
        since: u64,
        words: usize,
    ) -> Self {
        Self::begin_then(row, 0, mode, ends, site, since, words)
    }

    /// The same, where `then` is what will be waited for after that.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    pub fn begin_then(
        row: &Row,
        then: u64,
        mode: Mode,
        ends: GivesUp,
        site: SiteWord,
        since: u64,
        words: usize,
    ) -> Self {
        let none = Self {
            local: None,
            lock_before: 0,
        };
        let Some(local) = threads::local() else {
            return none;
        };
        if local.wait.is_active() {
            return none;
        }
        let (resource, party) = (row.id.load(Relaxed), local.party());
        local.wait.begin(&About {
            resource,
            then,
            words,
            since,
            ends: ends_at(ends, since),
            party,
            site,
            mode,
            amount: 0,
            timed: ends.is_timed(),
            in_set: false,
            by_thread: party.task == 0,
        });
        let mut lock_before = 0;
        if let Some(published) = local.words() {
            lock_before = published.lock.load(Relaxed);
            published.lock.store(resource, Relaxed);
        }
        let mut frames = [0; MAX_FRAMES];
        let walked = local.walk(since, &mut frames);
        local.wait.set_stack(&frames[..walked]);
        Self {
            local: Some(local),
            lock_before,
        }
    }

    /// The kind of the task that waits in its poll; 0: none.
    pub fn kind(&self) -> u64 {
        self.local.map_or(0, |local| local.wait.kind())
    }

    /// The wait is over.
    pub fn end(self) {}
}

/// When that is, by the monotonic clock; 0: never. Of a wait that began at these ticks.
fn ends_at(ends: GivesUp, since: u64) -> u64 {
    let Some(left) = ends.left() else { return 0 };
    let passed = match ends {
        GivesUp::In(_) => threads::ns_of(clock::now().saturating_sub(since)),
        _ => 0,
    };
    let ns = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
    (clock::monotonic_ns().saturating_sub(passed)).saturating_add(ns)
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(local) = self.local else { return };
        if let Some(published) = local.words() {
            published.lock.store(self.lock_before, Relaxed);
        }
        local.wait.end();
    }
}
