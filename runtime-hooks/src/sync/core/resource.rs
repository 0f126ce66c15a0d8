//! A resource that tokens are taken of: what tasks wait for and hold, and channels. For the twins of tokio's and std's types.
//!
//! The same resource may be told of from anywhere: the party is the tracked task that the calling thread polls, or else the thread.

use super::lock::side;
use super::row::{Identity, Row, site_word};
use super::threads;
use super::tokens::{HoldToken, WaitToken, free_hold};
use super::{is_on, is_running, registry};
use crate::sync::GivesUp;
use hotpoll_profile::{Library, Mode, Permits, ResourceKind};
use hotpoll_sampler::clock;
use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, Ordering::Relaxed};

/// One of so many holds is timed where nobody waits. A power of two.
const SAMPLED: u64 = 16;

/// A resource. It is registered at its first use while sampling runs, and its row goes to another when it is dropped.
#[derive(Debug)]
pub struct Resource {
    row: AtomicU64,
    kind: ResourceKind,
    library: Library,
    site: &'static Location<'static>,
    name: &'static str,
    /// The name that it got when it was shared already.
    renamed: OnceLock<&'static str>,
}

impl Resource {
    /// A resource that goes by the place of this call until it is named.
    #[track_caller]
    pub const fn new(kind: ResourceKind, library: Library) -> Self {
        Self {
            row: AtomicU64::new(0),
            kind,
            library,
            site: Location::caller(),
            name: "",
            renamed: OnceLock::new(),
        }
    }

    /// The same, of another place.
    pub const fn at(
        kind: ResourceKind,
        library: Library,
        site: &'static Location<'static>,
    ) -> Self {
        Self {
            row: AtomicU64::new(0),
            kind,
            library,
            site,
            name: "",
            renamed: OnceLock::new(),
        }
    }

    /// Gives it a name. Before its first use; it stays with what was registered later.
    pub const fn set_name(&mut self, name: &'static str) {
        self.name = name;
    }

    /// The same for one that is shared already, as both ends of a channel share it. The first name stays.
    pub fn rename(&self, name: &'static str) {
        let _ = self.renamed.set(name);
    }

    pub(super) fn identity(&self) -> Identity {
        Identity {
            kind: self.kind,
            library: self.library,
            site: self.site,
            name: self.renamed.get().unwrap_or(&self.name),
        }
    }

    /// Its row, while sampling runs.
    pub(super) fn row(&self) -> Option<&'static Row> {
        if !is_on() || !is_running() {
            return None;
        }
        let seen = self.row.load(Ordering::Acquire);
        match Row::of(seen) {
            Some(row) => Some(row),
            None => self.register(seen),
        }
    }

    /// Whether it was registered, in this process or the one that this was forked from.
    #[inline]
    pub fn is_registered(&self) -> bool {
        self.row.load(Relaxed) != 0
    }

    /// Its row if it has one already, while sampling runs.
    pub(super) fn known_row(&self) -> Option<&'static Row> {
        let seen = self.row.load(Ordering::Acquire);
        if seen == 0 { None } else { self.row() }
    }

    #[cold]
    fn register(&self, seen: u64) -> Option<&'static Row> {
        let tagged = registry::register(&self.identity())?;
        if let Some(row) = Row::of(tagged)
            && !row.is_sites
            && self.has_guards_to_send()
        {
            let address = std::ptr::from_ref(self).addr();
            row.address.store(address, Relaxed);
        }
        match (self.row).compare_exchange(seen, tagged, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Row::of(tagged),
            Err(first) => {
                registry::withdraw(tagged);
                Row::of(first)
            }
        }
    }

    /// Whether its guards may go to other tasks and threads where they borrow from what lives for ever: tokio's all may.
    fn has_guards_to_send(&self) -> bool {
        // What fills a cell is no guard, and stays in the future that does.
        self.library == Library::Tokio && self.kind != ResourceKind::OnceCell
    }

    /// The number that samples carry for it; 0 while sampling does not run.
    pub fn id(&self) -> u64 {
        self.row().map_or(0, |row| row.id.load(Relaxed))
    }

    /// Begins a wait of the calling task or thread, for so much (permits; else 1). `timed`: it gives up by itself. The token says how it ends; one that
    /// is dropped was cancelled. A task calls this in the poll that comes back pending for the first time, and keeps the token. `in_set`: the poll's waker
    /// is not the task's own, so that it is one of several futures of the task.
    #[inline(always)]
    pub fn begin_wait(
        &self,
        mode: Mode,
        amount: u64,
        timed: bool,
        in_set: bool,
        site: &'static Location<'static>,
    ) -> WaitToken {
        let Some(row) = self.row() else {
            return WaitToken::default();
        };
        WaitToken::begin(row, mode, amount, timed, in_set, site_word(site))
    }

    /// Runs `block`, in which the calling thread waits, on the processor's other side. What it returns says whether it got what it waited for.
    #[inline(always)]
    pub fn block_on<T>(
        &self,
        mode: Mode,
        ends: GivesUp,
        site: &'static Location<'static>,
        block: impl FnOnce() -> (T, bool),
    ) -> T {
        let waiting = self.begin_block(mode, ends, site);
        let (value, got) = block();
        if got {
            waiting.got();
        }
        value
    }

    /// It was acquired, so much of it. The token gives it back when it is dropped.
    #[inline(always)]
    pub fn acquired(&self, mode: Mode, amount: u64, site: &'static Location<'static>) -> HoldToken {
        if is_on() {
            self.acquired_now(mode, amount, site)
        } else {
            HoldToken::default()
        }
    }

    #[inline(never)]
    fn acquired_now(&self, mode: Mode, amount: u64, site: &'static Location<'static>) -> HoldToken {
        let Some(row) = self.row() else {
            return HoldToken::default();
        };
        let count = &row.acquired[side(mode) as usize];
        // What has one holder needs no agreement with others.
        let is_alone = self.kind == ResourceKind::Mutex && !row.is_sites;
        let before = if is_alone {
            let before = count.load(Relaxed);
            count.store(before.wrapping_add(1), Relaxed);
            before
        } else {
            count.fetch_add(1, Relaxed)
        };
        let timed = before.is_multiple_of(SAMPLED);
        if is_alone {
            let [first, ..] = row.holds();
            if first.claim_alone() {
                return HoldToken::begin(row, first, mode, amount, timed, site);
            }
        }
        match free_hold(row) {
            Some(hold) => HoldToken::begin(row, hold, mode, amount, timed, site),
            None => HoldToken::default(), // too many to tell of each
        }
    }

    /// So much of it is held by what did not acquire it, or was counted already.
    pub fn held(&self, mode: Mode, amount: u64, site: &'static Location<'static>) -> HoldToken {
        let Some(row) = self.row() else {
            return HoldToken::default();
        };
        match free_hold(row) {
            Some(hold) => HoldToken::begin(row, hold, mode, amount, false, site),
            None => HoldToken::default(),
        }
    }

    /// It was used, and nobody holds anything: a value was sent, a barrier passed.
    #[inline]
    pub fn used(&self, mode: Mode) {
        if is_on()
            && let Some(row) = self.row()
        {
            row.acquired[side(mode) as usize].fetch_add(1, Relaxed);
        }
    }

    /// A try found it taken, full or empty.
    pub fn try_failed(&self, mode: Mode) {
        if let Some(row) = self.row() {
            row.counts(side(mode)).tries_failed.fetch_add(1, Relaxed);
        }
    }

    /// A panic left it poisoned, or somebody cleared it of that.
    pub fn set_poisoned(&self, poisoned: bool) {
        if let Some(row) = self.row() {
            row.poisoned.store(poisoned, Relaxed);
        }
    }

    /// It is a semaphore, and has so many permits now.
    pub fn set_permits(&self, permits: Permits) {
        if let Some(row) = self.row()
            && !row.is_sites
        {
            row.channel().set_permits(permits);
        }
    }

    /// Somebody who waited got permits of it, if it is a semaphore.
    #[cold]
    pub fn has_granted(&self) {
        if self.kind == ResourceKind::Semaphore
            && is_on()
            && let Some(row) = self.row()
            && !row.is_sites
        {
            (row.channel().last_received).store(clock::now(), Relaxed);
        }
    }

    /// The calling task or thread has the receiver.
    pub fn receiving(&self) {
        if let Some(row) = self.row()
            && let Some(local) = threads::local()
        {
            row.channel().receiver.set(local.party());
        }
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        let row = *self.row.get_mut();
        if row != 0 {
            registry::retire(row, &self.identity());
        }
    }
}
