//! How sampling is going: what `hotpoll list` shows.

use crate::{Counts, Loss};
use prost::Message;

/// How a process is, and how its sampling is going.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// The process ID, in its own PID namespace.
    #[prost(uint32, tag = "1")]
    pub pid: u32,
    /// The executable's file name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// When the process started, in kernel clock ticks since boot.
    #[prost(uint64, tag = "3")]
    pub start_ticks: u64,
    /// When the process started, nanoseconds since 1970.
    #[prost(uint64, tag = "4")]
    pub start_unix_ns: u64,
    /// How long the process has been running.
    #[prost(uint64, tag = "5")]
    pub uptime_ns: u64,
    /// Threads alive now, hotpoll's own not among them.
    #[prost(uint32, tag = "6")]
    pub threads: u32,
    /// The engine setting: `auto`, `ctimer` or `perf`.
    #[prost(string, tag = "7")]
    pub engine_setting: String,
    /// The rate that was asked for.
    #[prost(double, tag = "8")]
    pub asked_hz: f64,
    /// Signals a second of CPU time in the recorder, those that the kernel folded into others not counted; 0 when too little ran to
    /// say.
    #[prost(double, tag = "9")]
    pub delivered_hz: f64,
    /// CPU time of the process in the recorder.
    #[prost(uint64, tag = "10")]
    pub cpu_ns: u64,
    /// Time in the handler in the recorder; 0 when it cannot be measured.
    #[prost(uint64, tag = "11")]
    pub handler_ns: u64,
    /// The calibrated cost of delivering the signals in the recorder.
    #[prost(uint64, tag = "12")]
    pub delivery_ns: u64,
    /// CPU time of hotpoll's own threads in the recorder.
    #[prost(uint64, tag = "13")]
    pub agent_cpu_ns: u64,
    /// Timer expiries in the recorder that reached the handler.
    #[prost(uint64, tag = "14")]
    pub fired: u64,
    /// Expiries in the recorder without a record, in the order of [`Loss`]: [`Status::lost`].
    #[prost(uint64, repeated, tag = "15")]
    pub lost_counts: Vec<u64>,
    /// The newest slice.
    #[prost(uint64, tag = "16")]
    pub last_sequence: u64,
    /// The version of hotpoll in the process.
    #[prost(string, tag = "17")]
    pub hotpoll_version: String,
    /// The time that the recorder holds now.
    #[prost(uint64, tag = "18")]
    pub recorder_span_ns: u64,
    /// The time that it may hold.
    #[prost(uint64, tag = "19")]
    pub recorder_limit_ns: u64,
    /// Memory that the recorder takes now.
    #[prost(uint64, tag = "20")]
    pub recorder_bytes: u64,
    /// Memory that it may take.
    #[prost(uint64, tag = "21")]
    pub recorder_limit_bytes: u64,
    /// Whether sampling has been stopped.
    #[prost(bool, tag = "22")]
    pub stopped: bool,
    /// Sentences that belong in every report.
    #[prost(string, repeated, tag = "23")]
    pub notices: Vec<String>,
}

impl Status {
    /// Expiries in the recorder without a record, by reason.
    pub fn lost(&self) -> Counts<Loss> {
        Counts::from_slice(&self.lost_counts)
    }

    /// Sampling's share of the process's CPU time: handler and delivery. `None` when nothing ran.
    pub fn overhead(&self) -> Option<f64> {
        let ours = self.handler_ns.saturating_add(self.delivery_ns);
        (self.cpu_ns > 0).then(|| ours as f64 / self.cpu_ns as f64)
    }
}
