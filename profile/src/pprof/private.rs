//! The messages inside the private field: what pprof has no words for.
//!
//! Fields are added at the end under new numbers ([`MINOR`] + 1), and readers skip those they do not know. A change that an older
//! reader would misunderstand takes [`VERSION`] + 1, and an older reader then says so.
//! Tables that run along with others (a thread for each sample) are columns: a column of zeros is left out.

use crate::thread::Accounts;
use crate::{Counts, Engine, EngineReason, Process, Reason, Thread};
use prost::Message;

/// The field number of hotpoll's own message in a pprof file.
pub const PRIVATE_FIELD: u32 = 1000;
/// The version of that message.
pub const VERSION: u32 = 1;
/// Counts additions that older readers of the same [`VERSION`] can skip.
///
/// 1: states off the processor with wall time, accounts of looks, the snapshot.
/// 2: resources in the snapshot, and those that samples wait for or hold.
/// 3: waits in futex are a state of their own, and tasks that left their waker with nobody.
/// 4: work, also by slice; the fingerprint; exact totals of polls and waits.
pub(super) const MINOR: u32 = 4;

/// Field numbers of the private message.
pub(super) mod field {
    pub const VERSION: u32 = 1;
    pub const MINOR: u32 = 2;
    pub const WINDOW: u32 = 3;
    pub const PROCESS: u32 = 4;
    pub const THREAD: u32 = 5;
    pub const MODULE_COLUMNS: u32 = 6;
    pub const SAMPLE_COLUMNS: u32 = 7;
    pub const SLICE: u32 = 8;
    pub const SNAPSHOT: u32 = 9;
    pub const WORK: u32 = 10;
    pub const FINGERPRINT: u32 = 11;
    pub const EXACT: u32 = 12;
}

/// The profile's own numbers, and how many entries of pprof's tables are real: those after them say `[kernel]` and the like to
/// other readers, and are told to us by the accounts.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct WindowMessage {
    #[prost(uint64, tag = "1")]
    pub process_cpu_ns: u64,
    #[prost(uint64, tag = "2")]
    pub unseen_cpu_ns: u64,
    #[prost(uint64, tag = "3")]
    pub evicted_slices: u64,
    #[prost(uint64, tag = "4")]
    pub folded_stacks: u64,
    #[prost(uint64, tag = "5")]
    pub locations: u64,
    #[prost(uint64, tag = "6")]
    pub functions: u64,
    #[prost(uint64, tag = "7")]
    pub samples: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ProcessMessage {
    #[prost(uint32, tag = "1")]
    pid: u32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint64, tag = "3")]
    start_ticks: u64,
    #[prost(uint64, tag = "4")]
    start_unix_ns: u64,
    #[prost(string, tag = "5")]
    hotpoll_version: String,
    #[prost(double, tag = "6")]
    asked_hz: f64,
    #[prost(string, tag = "7")]
    engine_setting: String,
    #[prost(uint32, tag = "8")]
    tick_hz: u32,
    #[prost(uint64, tag = "9")]
    delivery_ns: u64,
    #[prost(bool, tag = "10")]
    self_time_measured: bool,
    #[prost(uint32, tag = "11")]
    cpus: u32,
    #[prost(uint64, tag = "12")]
    unwind_table_bytes: u64,
    #[prost(string, repeated, tag = "13")]
    notices: Vec<String>,
    #[prost(double, tag = "14")]
    wall_asked_hz: f64,
    #[prost(double, tag = "15")]
    wall_delivered_hz: f64,
    #[prost(uint32, tag = "16")]
    wall_stretch: u32,
}

impl From<&Process> for ProcessMessage {
    fn from(process: &Process) -> Self {
        Self {
            pid: process.pid,
            name: process.name.clone(),
            start_ticks: process.start_ticks,
            start_unix_ns: process.start_unix_ns,
            hotpoll_version: process.hotpoll_version.clone(),
            asked_hz: process.asked_hz,
            engine_setting: process.engine_setting.clone(),
            tick_hz: process.tick_hz,
            delivery_ns: process.delivery_ns,
            self_time_measured: process.self_time_measured,
            cpus: process.cpus,
            unwind_table_bytes: process.unwind_table_bytes,
            notices: process.notices.clone(),
            wall_asked_hz: process.wall_asked_hz,
            wall_delivered_hz: process.wall_delivered_hz,
            wall_stretch: process.wall_stretch,
        }
    }
}

impl From<ProcessMessage> for Process {
    fn from(message: ProcessMessage) -> Self {
        Self {
            pid: message.pid,
            name: message.name,
            start_ticks: message.start_ticks,
            start_unix_ns: message.start_unix_ns,
            hotpoll_version: message.hotpoll_version,
            asked_hz: message.asked_hz,
            engine_setting: message.engine_setting,
            tick_hz: message.tick_hz,
            delivery_ns: message.delivery_ns,
            self_time_measured: message.self_time_measured,
            cpus: message.cpus,
            unwind_table_bytes: message.unwind_table_bytes,
            wall_asked_hz: message.wall_asked_hz,
            wall_delivered_hz: message.wall_delivered_hz,
            wall_stretch: message.wall_stretch,
            notices: message.notices,
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ThreadMessage {
    #[prost(uint32, tag = "1")]
    tid: u32,
    #[prost(uint64, tag = "2")]
    start_ticks: u64,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(bool, tag = "4")]
    exited: bool,
    #[prost(bool, tag = "5")]
    own: bool,
    #[prost(uint32, tag = "6")]
    engine: u32,
    #[prost(uint32, tag = "7")]
    engine_reason: u32,
    #[prost(bool, tag = "8")]
    signal_blocked: bool,
    #[prost(bool, tag = "9")]
    tick_biased: bool,
    #[prost(message, optional, tag = "10")]
    totals: Option<AccountsMessage>,
}

impl From<&Thread> for ThreadMessage {
    fn from(thread: &Thread) -> Self {
        Self {
            tid: thread.tid,
            start_ticks: thread.start_ticks,
            name: thread.name.clone(),
            exited: thread.exited,
            own: thread.own,
            engine: thread.engine.index() as u32,
            engine_reason: thread.engine_reason.index() as u32,
            signal_blocked: thread.signal_blocked,
            tick_biased: thread.tick_biased,
            totals: Some(AccountsMessage::from(&thread.totals)),
        }
    }
}

impl From<ThreadMessage> for Thread {
    fn from(message: ThreadMessage) -> Self {
        Self {
            tid: message.tid,
            start_ticks: message.start_ticks,
            name: message.name,
            exited: message.exited,
            own: message.own,
            // A later minor version may know engines and reasons that this one does not: they read as none and the default.
            engine: Engine::from_index(message.engine as usize).unwrap_or(Engine::None),
            engine_reason: EngineReason::from_index(message.engine_reason as usize)
                .unwrap_or(EngineReason::Default),
            signal_blocked: message.signal_blocked,
            tick_biased: message.tick_biased,
            totals: message.totals.map(Accounts::from).unwrap_or_default(),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
struct AccountsMessage {
    #[prost(uint64, tag = "1")]
    cpu_ns: u64,
    #[prost(uint64, tag = "2")]
    sampled_ns: u64,
    #[prost(uint64, tag = "3")]
    kernel_ns: u64,
    #[prost(uint64, tag = "4")]
    fired: u64,
    #[prost(uint64, tag = "5")]
    recorded: u64,
    #[prost(uint64, tag = "6")]
    overrun: u64,
    #[prost(uint64, tag = "7")]
    handler_ns: u64,
    #[prost(uint64, tag = "8")]
    switches: u64,
    #[prost(uint64, repeated, tag = "9")]
    lost: Vec<u64>,
    #[prost(uint64, repeated, tag = "10")]
    truncated: Vec<u64>,
    #[prost(uint64, tag = "11")]
    wall_ns: u64,
    #[prost(uint64, tag = "12")]
    runnable_ns: u64,
    #[prost(uint64, tag = "13")]
    looks: u64,
    #[prost(uint64, tag = "14")]
    captured: u64,
    #[prost(uint64, tag = "15")]
    kept: u64,
    #[prost(uint64, repeated, tag = "16")]
    capture_failed: Vec<u64>,
    #[prost(uint64, tag = "17")]
    guessed: u64,
}

impl From<&Accounts> for AccountsMessage {
    fn from(accounts: &Accounts) -> Self {
        Self {
            cpu_ns: accounts.cpu_ns,
            sampled_ns: accounts.sampled_ns,
            kernel_ns: accounts.kernel_ns,
            fired: accounts.fired,
            recorded: accounts.recorded,
            overrun: accounts.overrun,
            guessed: accounts.guessed,
            handler_ns: accounts.handler_ns,
            switches: accounts.switches,
            lost: accounts.lost.as_slice().to_vec(),
            truncated: accounts.truncated.as_slice().to_vec(),
            wall_ns: accounts.wall_ns,
            runnable_ns: accounts.runnable_ns,
            looks: accounts.looks,
            captured: accounts.captured,
            kept: accounts.kept,
            capture_failed: accounts.capture_failed.as_slice().to_vec(),
        }
    }
}

impl From<AccountsMessage> for Accounts {
    fn from(message: AccountsMessage) -> Self {
        Self {
            cpu_ns: message.cpu_ns,
            sampled_ns: message.sampled_ns,
            kernel_ns: message.kernel_ns,
            fired: message.fired,
            recorded: message.recorded,
            overrun: message.overrun,
            guessed: message.guessed,
            handler_ns: message.handler_ns,
            switches: message.switches,
            lost: Counts::from_slice(&message.lost),
            truncated: Counts::from_slice(&message.truncated),
            wall_ns: message.wall_ns,
            runnable_ns: message.runnable_ns,
            looks: message.looks,
            captured: message.captured,
            kept: message.kept,
            capture_failed: Counts::from_slice(&message.capture_failed),
        }
    }
}
