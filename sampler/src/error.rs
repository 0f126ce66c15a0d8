//! Why sampling could not start.

use std::fmt;

/// Why sampling could not start, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// This platform has no sampler: hotpoll samples on Linux x86-64 only.
    Unsupported,
    /// The sampling interval is zero (or the rate is not a positive number).
    ZeroRate,
    /// The interval is shorter than the sampler can serve.
    TooFast {
        /// The interval asked for.
        interval_ns: u64,
    },
    /// The interval is too long to be meant.
    TooSlow {
        /// The interval asked for.
        interval_ns: u64,
    },
    /// Sampling is already running in this process.
    AlreadyRunning,
    /// Another profiler has armed `ITIMER_PROF`: its signals cannot be told from a clock's.
    ItimerProfArmed,
    /// The signal cannot be used for sampling.
    BadSignal {
        /// The signal asked for.
        signal: i32,
    },
    /// The callchain depth is 0 or over 1,024.
    BadDepth {
        /// The depth asked for.
        max_depth: usize,
    },
    /// The engine `perf` was asked for, and `perf_event_open` fails.
    PerfDenied {
        /// The system's error number.
        errno: i32,
    },
    /// `/proc` is missing, or is that of another PID namespace: threads cannot be found.
    NoProc,
    /// The kernel refused something that sampling cannot do without.
    System {
        /// What was tried.
        what: &'static str,
        /// The system's error number.
        errno: i32,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported => f.write_str("hotpoll samples on Linux x86-64 only; on this platform it does nothing"),
            Self::ZeroRate => f.write_str("the sampling rate must be above 0 Hz; 99 Hz is the default"),
            Self::TooFast { interval_ns } => write!(
                f,
                "a sampling interval of {interval_ns} ns is too short: the shortest is 100 µs (10,000 Hz); 99 Hz is the default"
            ),
            Self::TooSlow { interval_ns } => write!(
                f,
                "a sampling interval of {} s is too long: the longest is 10 s; 99 Hz is the default",
                interval_ns / 1_000_000_000
            ),
            Self::AlreadyRunning => f.write_str("hotpoll is already running in this process; keep and use the guard of the first start"),
            Self::ItimerProfArmed => f.write_str(
                "another profiler has armed ITIMER_PROF in this process; stop it first, or give hotpoll another signal such as SIGURG",
            ),
            Self::BadSignal { signal } => write!(
                f,
                "signal {signal} cannot be used for sampling; use SIGPROF (the default), SIGURG, SIGVTALRM, SIGIO, SIGPWR or SIGSTKFLT"
            ),
            Self::BadDepth { max_depth } => write!(f, "a callchain depth of {max_depth} is out of range: 1 to 1,024"),
            Self::PerfDenied { errno } => write!(
                f,
                "the perf engine is not permitted here (perf_event_open: {}); use engine auto or ctimer, or allow it \
                 (kernel.perf_event_paranoid <= 2 and a seccomp profile that permits perf_event_open)",
                std::io::Error::from_raw_os_error(*errno)
            ),
            Self::NoProc => f.write_str(
                "/proc does not show this process, so its threads cannot be found: mount it (mount -t proc proc /proc), \
                 in the PID namespace that the process is in (unshare --mount-proc)",
            ),
            Self::System { what, errno } => {
                write!(f, "{what} failed: {}", std::io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

impl std::error::Error for StartError {}
