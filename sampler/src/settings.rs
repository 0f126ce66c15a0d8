//! What the sampler is asked to do.

use crate::record::MAX_DEPTH;

/// Which timers to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum EngineSetting {
    /// Decide per thread: `ctimer`, and `perf` where it fits better and is permitted.
    #[default]
    Auto,
    /// `timer_create` on each thread's CPU clock: cheap, exact in total, at most the kernel's tick rate.
    Ctimer,
    /// A perf `task-clock` event for each thread, user space only: up to 10 kHz, dearer context switches.
    Perf,
}

impl EngineSetting {
    /// The name used in settings, the environment and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ctimer => "ctimer",
            Self::Perf => "perf",
        }
    }
}

/// Settings of the sampler.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// CPU time between two samples of a thread, in nanoseconds.
    pub interval_ns: u64,
    /// Which timers to use.
    pub engine: EngineSetting,
    /// The signal that the timers send: SIGPROF, or another whose default action may be replaced, such as SIGURG.
    pub signal: i32,
    /// The longest callchain captured, at most 1,024 frames.
    pub max_depth: usize,
    /// At most this part of the process's descriptor limit goes to perf events, and of its pending-signal limit to timers.
    pub limit_share: f64,
}

impl Settings {
    /// The shortest interval: 10 kHz.
    pub const LEAST_INTERVAL_NS: u64 = 100_000;
    /// The longest interval: one sample in ten seconds of CPU time.
    pub const GREATEST_INTERVAL_NS: u64 = 10_000_000_000;
    /// 99 Hz: out of step with work that repeats every 10 ms.
    pub const DEFAULT_INTERVAL_NS: u64 = 1_000_000_000 / 99;
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval_ns: Self::DEFAULT_INTERVAL_NS,
            engine: EngineSetting::Auto,
            signal: 27, // SIGPROF on every Linux architecture but MIPS and SPARC
            max_depth: MAX_DEPTH,
            limit_share: 0.25,
        }
    }
}
