//! What is said of a process's locks and channels, ready to be written. As JSON this is the kind `locks`; JSON.md documents it.

use crate::stack::LevelData;
use serde::Serialize;

/// The version of the kind `locks`.
pub const SCHEMA: u32 = 1;

/// The locks, channels and semaphores of a process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    /// The process's ID in its own namespace.
    pub pid: u32,
    /// The executable's file name.
    pub name: String,
    /// When it was looked at.
    pub taken_unix_ns: u64,
    /// Resources ever made.
    pub created: u64,
    /// Registered ones alive.
    pub alive: u64,
    /// Live ones without a row of their own: their sites' rows count them.
    pub folded: u64,
    /// How many the filter lets through.
    pub selected: usize,
    /// What a person should know before she believes a number.
    pub notices: Vec<String>,
    /// Rows, sorted.
    pub resources: Vec<ResourceData>,
}

/// One resource, or all of one site.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceData {
    /// Its number.
    pub id: u64,
    /// `mutex`, `rwlock`, `semaphore`, `mpsc`, …
    pub kind: &'static str,
    /// `parking_lot`, `std`, `tokio` or `other`.
    pub library: &'static str,
    /// The name it was given, or empty.
    pub name: String,
    /// Where it was made.
    pub site: String,
    /// How many this row stands for.
    pub instances: u64,
    /// How long ago it was made.
    pub age_ns: u64,
    /// Whether stacks alone tell of it.
    pub inferred: bool,
    /// Whether a panic left it poisoned.
    pub poisoned: bool,
    /// Exclusive uses; of a channel: sending.
    pub exclusive: UsesData,
    /// Shared uses (reading); of a channel: receiving.
    pub shared: UsesData,
    /// Who holds it.
    pub holders: Vec<HolderData>,
    /// Who waits, in the order of arrival.
    pub waiters: Vec<WaiterData>,
    /// Holders that are not listed.
    pub more_holders: u64,
    /// Waiters that are not listed.
    pub more_waiters: u64,
    /// Of a channel.
    pub channel: Option<ChannelData>,
    /// Of a semaphore.
    pub permits: Option<PermitsData>,
    /// By the kinds of tasks that waited, longest first; since sampling began.
    pub by_kind: Vec<KindWaitsData>,
}

/// How it was used in one mode.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UsesData {
    /// Acquisitions.
    pub acquired: u64,
    /// Those that had to wait.
    pub contended: u64,
    /// Tries that failed.
    pub tries_failed: u64,
    /// Waits that gave up after their time.
    pub timed_out: u64,
    /// Waits that were dropped.
    pub cancelled: u64,
    /// Time waited by all.
    pub wait_ns: u64,
    /// Time held by those that were timed.
    pub hold_ns: u64,
    /// How many were timed.
    pub holds_timed: u64,
    /// Half of the waits took no longer; null: there were none.
    pub wait_p50_ns: Option<u64>,
    /// Ninety-nine of a hundred waits took no longer.
    pub wait_p99_ns: Option<u64>,
    /// Half of the timed holds took no longer.
    pub hold_p50_ns: Option<u64>,
    /// Ninety-nine of a hundred took no longer.
    pub hold_p99_ns: Option<u64>,
    /// The longest wait.
    pub longest_wait: Option<LongestData>,
    /// The longest hold.
    pub longest_hold: Option<LongestData>,
}

/// The longest wait or hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LongestData {
    /// How long.
    pub ns: u64,
    /// When it ended.
    pub at_unix_ns: u64,
    /// Who.
    pub who: String,
    /// The acquisition.
    pub site: String,
    /// Who held it meanwhile; null: not known.
    pub other: Option<String>,
    /// That one's acquisition.
    pub other_site: String,
    /// The stack, folded, innermost first.
    pub folded: Vec<LevelData>,
}

/// One who holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HolderData {
    /// What to call it.
    pub who: String,
    /// The task; 0: a thread.
    pub task: u64,
    /// The thread: of a task the one that polled it then.
    pub tid: u32,
    /// `exclusive`, `shared` or `upgradable`.
    pub mode: &'static str,
    /// The acquisition.
    pub site: String,
    /// For how long; see `since`.
    pub since_ns: u64,
    /// `exact`, `at least`, `sampled` or `unknown`.
    pub since: &'static str,
    /// Permits, or how many times it was taken again.
    pub amount: u64,
    /// Whether its guard may have gone to others.
    pub movable: bool,
    /// Whether the one who took it has ended, and did not give it back.
    pub ended: bool,
    /// Whether both looks found it.
    pub confirmed: bool,
    /// What it is doing: a few words.
    pub doing: String,
    /// Where it is, folded, innermost first.
    pub folded: Vec<LevelData>,
}

/// One who waits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaiterData {
    /// What to call it.
    pub who: String,
    /// The task; 0: a thread.
    pub task: u64,
    /// The thread: of a task the one that polled it then.
    pub tid: u32,
    /// `exclusive`, `shared`, `upgradable` or `upgrading`.
    pub mode: &'static str,
    /// The call.
    pub site: String,
    /// For how long: exact.
    pub since_ns: u64,
    /// Permits wanted; 0 and 1: one.
    pub amount: u64,
    /// Whether it gives up after a time.
    pub timed: bool,
    /// In how long it gives up, or what it waits for is due; 0: not known.
    pub ends_in_ns: u64,
    /// The same in words.
    #[serde(skip)]
    pub ends: String,
    /// Whether both looks found it.
    pub confirmed: bool,
    /// The stack, folded, innermost first.
    pub folded: Vec<LevelData>,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelData {
    /// How much fits in; null: no bound.
    pub capacity: Option<u64>,
    /// How much is in it.
    pub length: u64,
    /// Values ever put in.
    pub sent: u64,
    /// Values ever taken out.
    pub received: u64,
    /// Senders alive.
    pub senders: u64,
    /// Receivers alive.
    pub receivers: u64,
    /// Why nothing goes through any more; null: it is open.
    pub closed: Option<&'static str>,
    /// How long ago the last value was put in; 0: not known.
    pub last_sent_ns: u64,
    /// How long ago the last value was taken out; 0: not known.
    pub last_received_ns: u64,
    /// Who received last, or has the receiver.
    pub receiver: Option<String>,
    /// Who sent last, or has the sender.
    pub sender: Option<String>,
}

/// A semaphore's permits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PermitsData {
    /// How many there are.
    pub total: u64,
    /// How many nobody holds.
    pub available: u64,
    /// Whether it was made without any: who waits waits for others to add some, as for a signal.
    pub is_signal: bool,
}

/// How long tasks of one kind waited for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindWaitsData {
    /// The kind's number.
    pub kind: u64,
    /// Its title.
    pub title: String,
    /// Waits that have ended, in vain or not.
    pub waits: u64,
    /// How long they took, all together.
    pub wait_ns: u64,
    /// The part of the life of all tasks of the kind, from 0 to 1.
    pub share: f64,
}
