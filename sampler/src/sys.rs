//! Small system facts and calls that several parts of the agent side need. Never called in SIGPROF.
#![allow(unsafe_code)] // Thin wrappers of libc calls.

/// The calling thread's error number.
pub(crate) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// The calling thread's kernel ID.
pub fn current_tid() -> u32 {
    // SAFETY: gettid has no preconditions and cannot fail.
    unsafe { libc::syscall(libc::SYS_gettid) as u32 }
}

/// The clock ID of a thread's CPU clock, as the kernel numbers it: any thread of this process, by its ID.
pub(crate) fn thread_cpu_clock(tid: u32) -> libc::clockid_t {
    (!(tid as i32)) << 3 | 6
}

/// A clock's time in nanoseconds; `None` when the clock is gone (the thread has ended).
pub(crate) fn clock_ns(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result.
    let result = unsafe { libc::clock_gettime(clock, &mut time) };
    (result == 0).then(|| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// The calling thread's CPU clock, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or(0)
}

/// How long the calling thread has waited for a processor since it began, in nanoseconds: the scheduler's own count. `None` where the kernel does not
/// tell. A few microseconds; no memory is taken.
pub fn own_run_delay_ns() -> Option<u64> {
    let mut text = [0u8; 96];
    // SAFETY: the path is a C string, and the place for the text is as long as it is said to be; the descriptor is closed here, where nobody else
    // knows it.
    let length = unsafe {
        let file = libc::open(
            c"/proc/thread-self/schedstat".as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC,
        );
        if file < 0 {
            return None;
        }
        let length = libc::read(file, text.as_mut_ptr().cast(), text.len());
        libc::close(file);
        length
    };
    let text = text.get(..usize::try_from(length).ok()?)?;
    crate::thread::files::parse_run_delay(text)
}

/// The CPU clock of a thread of this process, in nanoseconds; `None` when it has ended.
pub fn cpu_ns_of(tid: u32) -> Option<u64> {
    clock_ns(thread_cpu_clock(tid))
}

/// The monotonic clock, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC).unwrap_or(0)
}

/// Whether a file is the kernel's own in `/proc`, and not one that was mounted over it.
pub(crate) fn is_on_procfs(path: &str) -> bool {
    let Ok(path) = std::ffi::CString::new(path) else {
        return false;
    };
    // SAFETY: zero is a valid value of every field.
    let mut system: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with a zero, and `system` is a valid place for the result.
    let result = unsafe { libc::statfs(path.as_ptr(), &mut system) };
    result == 0 && system.f_type == libc::PROC_SUPER_MAGIC
}

/// Time since boot, in nanoseconds: what start times of threads count from.
pub(crate) fn boot_ns() -> u64 {
    clock_ns(libc::CLOCK_BOOTTIME).unwrap_or(0)
}

/// A soft resource limit; `u64::MAX` when there is none.
pub(crate) fn soft_limit(resource: libc::__rlimit_resource_t) -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place for the result.
    if unsafe { libc::getrlimit(resource, &mut limit) } == 0 {
        limit.rlim_cur
    } else {
        0
    }
}

/// Random bytes for tags and first expiries; falls back to the clock when the kernel has none yet.
pub(crate) fn random_u64() -> u64 {
    let mut bytes = [0u8; 8];
    // SAFETY: the buffer is valid for its length.
    let got =
        unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    if got == bytes.len() as isize {
        u64::from_ne_bytes(bytes)
    } else {
        monotonic_ns().wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// The kernel's tick rate in Hz, as far as it can be seen from user space: the resolution of the coarse clock.
pub fn tick_hz() -> u32 {
    let mut resolution = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `resolution` is a valid place for the result.
    let result = unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &mut resolution) };
    if result == 0 && resolution.tv_sec == 0 && resolution.tv_nsec > 0 {
        (1_000_000_000 / resolution.tv_nsec) as u32
    } else {
        250
    }
}
