//! A thread that blocks for a resource: told from its begin to its end.

use super::lock::side;
use super::resource::Resource;
use super::row::{Row, SiteWord, site_word};
use super::task_holds;
use super::tokens::tell_longest;
use super::waiting::Waiting;
use crate::sync::GivesUp;
use hotpoll_profile::Mode;
use hotpoll_sampler::clock;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::atomic::Ordering::Relaxed;

/// The calling thread blocks, until this is dropped: in vain, unless [`Blocking::got`] is called.
pub struct Blocking {
    told: Option<Told>,
    /// It tells in the thread's own record, and so stays on the thread.
    stays: PhantomData<*const ()>,
}

struct Told {
    waiting: Waiting,
    row: &'static Row,
    mode: Mode,
    timed: bool,
    since: u64,
    site: SiteWord,
}

impl Resource {
    /// The calling thread begins to block. `ends`: when it gives up by itself.
    #[inline(always)]
    pub fn begin_block(
        &self,
        mode: Mode,
        ends: GivesUp,
        site: &'static Location<'static>,
    ) -> Blocking {
        let told = self.row().map(|row| {
            let (since, site) = (clock::now(), site_word(site));
            row.waiting.fetch_add(1, Relaxed);
            let waiting = Waiting::begin(row, mode, ends, site, since, 0);
            task_holds::begins_to_wait(row);
            Told {
                waiting,
                row,
                mode,
                timed: ends.is_timed(),
                since,
                site,
            }
        });
        Blocking {
            told,
            stays: PhantomData,
        }
    }
}

impl Blocking {
    /// It got what it blocked for.
    pub fn got(mut self) {
        self.end(true);
    }

    fn end(&mut self, got: bool) {
        let Some(told) = self.told.take() else { return };
        let kind = told.waiting.kind();
        told.waiting.end();
        told.row.waiting.fetch_sub(1, Relaxed);
        let ticks = clock::now().saturating_sub(told.since);
        told.row.waited(kind, ticks);
        let counts = told.row.counts(side(told.mode));
        if got {
            counts.waited(ticks);
            tell_longest(told.row, told.mode, ticks, told.site, &[]);
        } else {
            counts.waited_in_vain(ticks, told.timed);
        }
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        self.end(false);
    }
}

impl std::fmt::Debug for Blocking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_told = self.told.is_some();
        f.debug_struct("Blocking")
            .field("is_told", &is_told)
            .finish()
    }
}
