//! The operating system's own figures for the calling thread and the process.
#![allow(unsafe_code)] // clock_gettime and getrusage

/// The calling thread's CPU clock, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// The monotonic clock, in nanoseconds.
pub fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// How long the calling thread has waited for a processor so far, by the scheduler's count; 0 where that is not kept.
pub fn thread_delayed_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let mut fields = text.split_whitespace();
    fields.nth(1).and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

/// Time that a host has taken from this machine's processors so far, all together, in nanoseconds: the kernel counts it in hundredths of a second.
pub fn stolen_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let all = text.lines().next().unwrap_or_default();
    // cpu user nice system idle iowait irq softirq steal
    let hundredths = all
        .split_whitespace()
        .nth(8)
        .and_then(|text| text.parse().ok());
    hundredths.map_or(0, |hundredths: u64| hundredths * 10_000_000)
}

/// User and kernel time of the calling thread, in nanoseconds: their sum is exact, their ratio comes from the ticks.
pub fn thread_usage() -> Usage {
    usage(libc::RUSAGE_THREAD)
}

/// User and kernel time of the process, threads that have ended included.
pub fn process_usage() -> Usage {
    usage(libc::RUSAGE_SELF)
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    pub user_ns: u64,
    pub kernel_ns: u64,
}

impl Usage {
    pub fn total_ns(&self) -> u64 {
        self.user_ns + self.kernel_ns
    }
}

fn usage(who: libc::c_int) -> Usage {
    // SAFETY: zero is a valid rusage, and it is a valid place for the result.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(who, &mut usage), 0);
        usage
    };
    let ns = |time: libc::timeval| time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1_000;
    Usage {
        user_ns: ns(usage.ru_utime),
        kernel_ns: ns(usage.ru_stime),
    }
}
