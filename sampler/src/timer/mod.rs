//! The timers that send the sampling signal. Ordinary code: the handler never touches a timer.

mod ctimer;
mod expiry_cost;
mod perf;

pub(crate) use ctimer::CpuTimer;
pub(crate) use expiry_cost::measure_ns as perf_expiry_ns;
pub(crate) use perf::PerfEvent;
pub(crate) use perf::probe as probe_perf;

/// A thread's armed timer, kept to disarm it by dropping it.
pub(crate) enum Timer {
    /// A POSIX timer on the thread's CPU clock.
    Cpu(#[allow(dead_code, reason = "held for its Drop")] CpuTimer),
    /// A perf event, which is blind in the kernel, and a POSIX timer beside it that speaks for the kernel only.
    Perf(PerfEvent, Option<CpuTimer>),
}
