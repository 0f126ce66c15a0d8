//! A resource that tokens are taken of: what tasks wait for and hold, and channels. For the twins of tokio's and std's types.
//!
//! The same resource may be told of from anywhere: the party is the tracked task that the calling thread polls, or else the thread.

use super::holds::{self, Hold, SeenHold};
use super::lock::side;
use super::row::{Identity, Row, Side, SiteWord, site_word};
use super::threads::{self, Local};
use super::uses::Tell;
use super::waits::{self, About, MAX_FRAMES, Wait};
use super::{is_on, is_running, registry};
use hotpoll_profile::{Closed, Library, Mode, Party, Permits, ResourceKind};
use hotpoll_sampler::clock;
use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, Ordering::Relaxed};

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

    pub(super) fn is_registered(&self) -> bool {
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
        match (self.row).compare_exchange(seen, tagged, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Row::of(tagged),
            Err(first) => {
                registry::withdraw(tagged);
                Row::of(first)
            }
        }
    }

    /// The number that samples carry for it; 0 while sampling does not run.
    pub fn id(&self) -> u64 {
        self.row().map_or(0, |row| row.id.load(Relaxed))
    }

    /// Begins a wait of the calling task or thread, for so much (permits; else 1). `timed`: it gives up by itself. The token says how it ends; one that
    /// is dropped was cancelled. A task calls this in the poll that comes back pending for the first time, and keeps the token.
    #[inline(always)]
    pub fn begin_wait(
        &self,
        mode: Mode,
        amount: u64,
        timed: bool,
        site: &'static Location<'static>,
    ) -> WaitToken {
        let Some(row) = self.row() else {
            return WaitToken::default();
        };
        let since = clock::now();
        let local = threads::local();
        let record = waits::take();
        if let Some(record) = record {
            let party = local.map_or_else(Party::default, Local::party);
            let resource = row.id.load(Relaxed);
            record.begin(&About {
                resource,
                then: 0,
                words: 0,
                since,
                party,
                site: site_word(site),
                mode,
                amount,
                timed,
            });
            if let Some(local) = local {
                let mut frames = [0; MAX_FRAMES];
                let walked = local.walk(since, &mut frames);
                record.set_stack(&frames[..walked]);
            }
        }
        WaitToken {
            told: Some(Told {
                row,
                tagged: row.tagged(),
                record,
                mode,
                since,
                site: site_word(site),
            }),
        }
    }

    /// Runs `block`, in which the calling thread waits, on the processor's other side. What it returns says whether it got what it waited for.
    #[inline(always)]
    pub fn block_on<T>(
        &self,
        mode: Mode,
        timed: bool,
        site: &'static Location<'static>,
        block: impl FnOnce() -> (T, bool),
    ) -> T {
        let waiting = self.begin_block(mode, timed, site);
        let (value, got) = block();
        if got {
            waiting.got();
        }
        value
    }

    /// It was acquired, so much of it. The token gives it back when it is dropped.
    pub fn acquired(&self, mode: Mode, amount: u64, site: &'static Location<'static>) -> HoldToken {
        self.used(mode);
        self.held(mode, amount, site)
    }

    /// So much of it is held by what did not acquire it, or was counted already.
    pub fn held(&self, mode: Mode, amount: u64, site: &'static Location<'static>) -> HoldToken {
        let Some(row) = self.row() else {
            return HoldToken::default();
        };
        let Some(hold) = free_hold(row) else {
            return HoldToken::default(); // too many to tell of each
        };
        hold.begin(&SeenHold {
            resource: row.id.load(Relaxed),
            number: 0,
            since: clock::now(),
            party: threads::local().map_or_else(Party::default, Local::party),
            site: site_word(site),
            mode,
            amount,
            movable: false,
        });
        HoldToken {
            told: Some((row, row.tagged(), hold)),
        }
    }

    /// It was used, and nobody holds anything: a value was sent, a barrier passed.
    pub fn used(&self, mode: Mode) {
        if let Some(row) = self.row() {
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

    /// It is a channel: `None` has no bound. Call it when the channel is made.
    pub fn set_channel(&self, capacity: Option<u64>, senders: u64, receivers: u64) {
        if let Some(row) = self.row() {
            let channel = row.channel();
            channel.senders.store(senders, Relaxed);
            channel.receivers.store(receivers, Relaxed);
            channel.is_one(capacity);
        }
    }

    /// Values went in. Before they can come out: else the length would be short for a moment.
    pub fn sent(&self, values: u64) {
        if let Some(row) = self.row() {
            let channel = row.channel();
            channel.sent.fetch_add(values, Relaxed);
            channel.last_sent.store(clock::now(), Relaxed);
            if let Some(local) = threads::local() {
                channel.sender.set(local.party());
            }
            row.acquired[Side::Exclusive as usize].fetch_add(values, Relaxed);
        }
    }

    /// What [`Resource::sent`] said did not happen.
    pub fn not_sent(&self, values: u64) {
        if let Some(row) = self.row() {
            row.channel().sent.fetch_sub(values, Relaxed);
            row.acquired[Side::Exclusive as usize].fetch_sub(values, Relaxed);
        }
    }

    /// Values came out.
    pub fn received(&self, values: u64) {
        if let Some(row) = self.row() {
            let channel = row.channel();
            channel.received.fetch_add(values, Relaxed);
            channel.last_received.store(clock::now(), Relaxed);
            self.receiving();
            row.acquired[Side::Shared as usize].fetch_add(values, Relaxed);
        }
    }

    /// So many values went in since the channel was made, as whoever counts them knows. For channels that are counted while sampling does not run, too.
    pub fn sent_so_far(&self, values: u64) {
        if let Some(row) = self.row() {
            let channel = row.channel();
            channel.sent.fetch_max(values, Relaxed);
            channel.last_sent.store(clock::now(), Relaxed);
            if let Some(local) = threads::local() {
                channel.sender.set(local.party());
            }
            row.acquired[Side::Exclusive as usize].fetch_max(values, Relaxed);
        }
    }

    /// The same of values that came out.
    pub fn received_so_far(&self, values: u64) {
        if let Some(row) = self.row() {
            let channel = row.channel();
            channel.received.fetch_max(values, Relaxed);
            channel.last_received.store(clock::now(), Relaxed);
            self.receiving();
            row.acquired[Side::Shared as usize].fetch_max(values, Relaxed);
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

    /// Values left it that nobody received.
    pub fn dropped(&self, values: u64) {
        if let Some(row) = self.row() {
            row.channel().dropped.fetch_add(values, Relaxed);
        }
    }

    /// Senders came or went.
    pub fn senders(&self, change: i64) {
        if let Some(row) = self.row() {
            row.channel().senders.fetch_add(change as u64, Relaxed);
        }
    }

    /// Receivers came or went.
    pub fn receivers(&self, change: i64) {
        if let Some(row) = self.row() {
            row.channel().receivers.fetch_add(change as u64, Relaxed);
        }
    }

    /// Nothing goes through any more.
    pub fn closed(&self, why: Closed) {
        if let Some(row) = self.row() {
            row.channel().close(why);
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

/// A wait that was begun. Dropped without an end: it was cancelled.
#[derive(Debug, Default)]
pub struct WaitToken {
    told: Option<Told>,
}

struct Told {
    row: &'static Row,
    tagged: u64,
    record: Option<&'static Wait>,
    mode: Mode,
    since: u64,
    site: SiteWord,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Told").field("since", &self.since).finish()
    }
}

/// How a wait ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Got,
    TimedOut,
    Cancelled,
}

impl WaitToken {
    /// It got what it waited for. Before [`Resource::acquired`].
    pub fn got(mut self) {
        self.end(End::Got);
    }

    /// Its time was over.
    pub fn timed_out(mut self) {
        self.end(End::TimedOut);
    }

    /// The future was polled again. What one task began to wait for another may go on to: then it is that one's wait.
    pub fn polled(&self) {
        if let Some(record) = self.told.as_ref().and_then(|told| told.record)
            && let Some(local) = threads::local()
        {
            record.goes_to(local.party());
        }
    }

    /// Whether it tells of a wait: sampling ran when it began.
    pub fn is_told(&self) -> bool {
        self.told.is_some()
    }

    fn end(&mut self, end: End) {
        let Some(told) = self.told.take() else { return };
        let ticks = clock::now().saturating_sub(told.since);
        if told.row.tagged() == told.tagged {
            let counts = told.row.counts(side(told.mode));
            match end {
                End::Got => {
                    counts.waited(ticks);
                    let mut frames = [0; MAX_FRAMES];
                    let mut length = 0;
                    let stack = told.record.into_iter().flat_map(Wait::stack);
                    for (place, frame) in frames.iter_mut().zip(stack) {
                        *place = frame;
                        length += 1;
                    }
                    tell_longest(told.row, told.mode, ticks, told.site, &frames[..length]);
                }
                End::TimedOut => counts.waited_in_vain(ticks, true),
                End::Cancelled => counts.waited_in_vain(ticks, false),
            }
        }
        if let Some(record) = told.record {
            waits::give_back(record);
        }
    }
}

impl Drop for WaitToken {
    fn drop(&mut self) {
        self.end(End::Cancelled);
    }
}

/// A place to tell of a hold: the resource's own, or one of the pool's.
fn free_hold(row: &'static Row) -> Option<&'static Hold> {
    let own = row.holds().iter().find(|hold| hold.claim());
    own.or_else(holds::claim)
}

/// Something that is held, until this is dropped.
#[derive(Default)]
pub struct HoldToken {
    told: Option<(&'static Row, u64, &'static Hold)>,
}

impl std::fmt::Debug for HoldToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let amount = self.told.map(|(_, _, hold)| hold.copy().amount);
        f.debug_struct("HoldToken")
            .field("amount", &amount)
            .finish()
    }
}

impl HoldToken {
    /// The guard is an owned one, which may go to other tasks or threads: who acquired it need not be who holds it.
    pub fn movable(self) -> Self {
        if let Some((_, _, hold)) = self.told {
            hold.set_movable();
        }
        self
    }

    /// So much of it goes to another token, and the rest stays. No acquisition.
    pub fn split(&self, amount: u64) -> Self {
        let Some((row, tagged, hold)) = self.told else {
            return Self::default();
        };
        let held = hold.copy();
        hold.set_amount(held.amount.saturating_sub(amount));
        let Some(part) = free_hold(row) else {
            return Self::default();
        };
        part.begin(&SeenHold { amount, ..held });
        Self {
            told: Some((row, tagged, part)),
        }
    }

    /// A part of it was given back, or more was taken: so much is held now.
    pub fn set_amount(&self, amount: u64) {
        if let Some((_, _, hold)) = self.told {
            hold.set_amount(amount);
        }
    }
}

impl Drop for HoldToken {
    fn drop(&mut self) {
        let Some((row, tagged, hold)) = self.told.take() else {
            return;
        };
        let now = clock::now();
        let told = hold.copy();
        hold.end();
        let ticks = now.saturating_sub(told.since);
        if row.tagged() == tagged {
            let counts = row.counts(side(told.mode));
            counts.held(ticks);
            if counts.longest_hold.is_longest(ticks) {
                counts.longest_hold.tell(&Tell {
                    ticks,
                    at: now,
                    who: told.party,
                    site: told.site,
                    other: None,
                    other_site: 0,
                    stack: &[],
                });
            }
        }
    }
}

pub(super) fn tell_longest(row: &Row, mode: Mode, ticks: u64, site: SiteWord, stack: &[u64]) {
    let longest = &row.counts(side(mode)).longest_wait;
    if !longest.is_longest(ticks) {
        return;
    }
    let Some(local) = threads::local() else {
        return;
    };
    longest.tell(&Tell {
        ticks,
        at: clock::now(),
        who: local.party(),
        site,
        other: None,
        other_site: 0,
        stack,
    });
}
