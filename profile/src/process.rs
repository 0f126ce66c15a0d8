//! The process that was profiled, and how it was sampled.

/// Facts about the profiled process. Neither its arguments nor its environment are among them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Process {
    /// The process ID, in its own PID namespace.
    pub pid: u32,
    /// The executable's file name.
    pub name: String,
    /// When the process started, in kernel clock ticks since boot (field 22 of `/proc/PID/stat`): with the PID it is unique on a host.
    pub start_ticks: u64,
    /// When the process started, nanoseconds since 1970; 0 when not known.
    pub start_unix_ns: u64,
    /// The version of hotpoll in the process.
    pub hotpoll_version: String,
    /// The sampling rate that was asked for, in Hz.
    pub asked_hz: f64,
    /// The engine setting: `auto`, `ctimer` or `perf`.
    pub engine_setting: String,
    /// The kernel's tick rate, in Hz.
    pub tick_hz: u32,
    /// Nanoseconds that delivering one signal costs here, a perf event's interrupt included, as measured at start: the mean over the signals of both
    /// engines. 0 when not measured.
    pub delivery_ns: u64,
    /// Whether handler self-time could be measured (the TSC is invariant and the kernel's clock source).
    pub self_time_measured: bool,
    /// Processors that the process may use.
    pub cpus: u32,
    /// Bytes of the compiled unwind tables.
    pub unwind_table_bytes: u64,
    /// How often each thread was to be looked at by the wall clock, in Hz; 0 when that was off.
    pub wall_asked_hz: f64,
    /// How often it was, on average.
    pub wall_delivered_hz: f64,
    /// By how much the agent stretches the time between two looks, to keep to its share of a processor; 0 and 1 are not at all.
    pub wall_stretch: u32,
    /// Sentences that belong in every report: a handler that was replaced, an engine that was denied.
    pub notices: Vec<String>,
}
