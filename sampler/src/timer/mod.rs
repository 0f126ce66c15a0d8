//! The timers that send the sampling signal. Ordinary code: the handler never touches a timer.

mod ctimer;
mod perf;

pub(crate) use ctimer::CpuTimer;
pub(crate) use perf::PerfEvent;
pub(crate) use perf::probe as probe_perf;

/// A thread's armed timer, kept to disarm it by dropping it.
pub(crate) enum Timer {
    Cpu(#[allow(dead_code, reason = "held for its Drop")] CpuTimer),
    Perf(#[allow(dead_code, reason = "held for its Drop")] PerfEvent),
}
