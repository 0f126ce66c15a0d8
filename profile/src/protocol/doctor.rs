//! What the process runs on, and what that means for sampling: the live half of `hotpoll doctor`.

use crate::{Counts, Engine, EngineReason, Reason, Truncation};
use prost::Message;

/// What the process runs on.
#[derive(Clone, PartialEq, Message)]
pub struct DoctorReport {
    /// The process ID, in its own PID namespace.
    #[prost(uint32, tag = "1")]
    pub pid: u32,
    /// The executable's file name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The version of hotpoll in the process.
    #[prost(string, tag = "3")]
    pub hotpoll_version: String,
    /// Whether the crate was compiled with debug assertions: the handler is then several times as slow.
    #[prost(bool, tag = "4")]
    pub debug_assertions: bool,

    /// The engine setting: `auto`, `ctimer` or `perf`.
    #[prost(string, tag = "5")]
    pub engine_setting: String,
    /// How many threads have which engine, and why.
    #[prost(message, repeated, tag = "6")]
    pub engines: Vec<EngineCount>,
    /// The rate that was asked for.
    #[prost(double, tag = "7")]
    pub asked_hz: f64,
    /// Signals a second of CPU time in the recorder, those that the kernel folded into others not counted; 0 when too little ran to
    /// say.
    #[prost(double, tag = "8")]
    pub delivered_hz: f64,
    /// The signal's number.
    #[prost(uint32, tag = "9")]
    pub signal: u32,

    /// `/proc/sys/kernel/perf_event_paranoid`; `None` when it cannot be read.
    #[prost(sint32, optional, tag = "10")]
    pub perf_event_paranoid: Option<i32>,
    /// Why perf events cannot be opened, in the kernel's words; empty when they can.
    #[prost(string, tag = "11")]
    pub perf_denied: String,
    /// Whether a seccomp filter is set on the process (`Seccomp:` in `/proc/self/status`).
    #[prost(bool, tag = "12")]
    pub seccomp_filter: bool,
    /// `RLIMIT_SIGPENDING`.
    #[prost(uint64, tag = "13")]
    pub pending_signal_limit: u64,
    /// How many of them hotpoll may use for timers.
    #[prost(uint64, tag = "14")]
    pub pending_signal_budget: u64,
    /// How many timers there are.
    #[prost(uint64, tag = "15")]
    pub timers: u64,
    /// `RLIMIT_NOFILE`.
    #[prost(uint64, tag = "16")]
    pub descriptor_limit: u64,
    /// How many of them hotpoll may use for perf events.
    #[prost(uint64, tag = "17")]
    pub descriptor_budget: u64,
    /// How many perf descriptors there are.
    #[prost(uint64, tag = "18")]
    pub perf_descriptors: u64,

    /// The kernel's release, as `uname -r` says it.
    #[prost(string, tag = "19")]
    pub kernel_release: String,
    /// The kernel's clock source.
    #[prost(string, tag = "20")]
    pub clock_source: String,
    /// Whether handler time can be measured: the TSC is invariant and the kernel's clock source.
    #[prost(bool, tag = "21")]
    pub tsc_usable: bool,
    /// The kernel's tick rate, in Hz.
    #[prost(uint32, tag = "22")]
    pub tick_hz: u32,
    /// Processors that the process may use.
    #[prost(uint32, tag = "23")]
    pub cpus: u32,
    /// What delivering one signal costs here; 0 when not measured.
    #[prost(uint64, tag = "24")]
    pub delivery_ns: u64,

    /// The loaded modules and their unwind tables.
    #[prost(message, repeated, tag = "25")]
    pub modules: Vec<UnwindModule>,
    /// Records in the recorder by how their callchain ended, in the order of [`Truncation`]: [`DoctorReport::truncated`].
    #[prost(uint64, repeated, tag = "26")]
    pub truncated_counts: Vec<u64>,
    /// hotpoll's own threads.
    #[prost(message, repeated, tag = "27")]
    pub agent_threads: Vec<AgentThread>,
    /// Sentences that belong in every report.
    #[prost(string, repeated, tag = "28")]
    pub notices: Vec<String>,
    /// Whether sampling has been stopped.
    #[prost(bool, tag = "29")]
    pub stopped: bool,
}

impl DoctorReport {
    /// Records in the recorder by how their callchain ended.
    pub fn truncated(&self) -> Counts<Truncation> {
        Counts::from_slice(&self.truncated_counts)
    }

    /// Bytes of all unwind tables.
    pub fn unwind_table_bytes(&self) -> u64 {
        let bytes = self.modules.iter().map(|module| module.table_bytes);
        bytes.fold(0, u64::saturating_add)
    }
}

/// How many threads have one engine for one reason.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct EngineCount {
    /// The index of the engine: [`EngineCount::engine`].
    #[prost(uint32, tag = "1")]
    pub engine_index: u32,
    /// The index of the reason: [`EngineCount::reason`].
    #[prost(uint32, tag = "2")]
    pub reason_index: u32,
    /// How many threads.
    #[prost(uint32, tag = "3")]
    pub threads: u32,
}

impl EngineCount {
    /// A count for the report.
    pub fn new(engine: Engine, reason: EngineReason, threads: u32) -> Self {
        Self {
            engine_index: engine.index() as u32,
            reason_index: reason.index() as u32,
            threads,
        }
    }

    /// The engine, if it is known here.
    pub fn engine(&self) -> Option<Engine> {
        Engine::from_index(self.engine_index as usize)
    }

    /// The reason, if it is known here.
    pub fn reason(&self) -> Option<EngineReason> {
        EngineReason::from_index(self.reason_index as usize)
    }
}

/// A loaded module and its unwind table.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UnwindModule {
    /// The path as the process sees it.
    #[prost(string, tag = "1")]
    pub path: String,
    /// The GNU build ID; empty when the file has none.
    #[prost(bytes = "vec", tag = "2")]
    pub build_id: Vec<u8>,
    /// Whether the module has unwind information at all.
    #[prost(bool, tag = "3")]
    pub has_eh_frame: bool,
    /// Whether its table is ready.
    #[prost(bool, tag = "4")]
    pub ready: bool,
    /// Rows of its table.
    #[prost(uint64, tag = "5")]
    pub rows: u64,
    /// Rows among them whose rule the table cannot express.
    #[prost(uint64, tag = "6")]
    pub unsupported_rows: u64,
    /// Bytes of its table.
    #[prost(uint64, tag = "7")]
    pub table_bytes: u64,
    /// How long compiling it took.
    #[prost(uint64, tag = "8")]
    pub compile_ns: u64,
}

/// One of hotpoll's own threads.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AgentThread {
    /// The kernel's thread ID.
    #[prost(uint32, tag = "1")]
    pub tid: u32,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// CPU time since it started.
    #[prost(uint64, tag = "3")]
    pub cpu_ns: u64,
}
