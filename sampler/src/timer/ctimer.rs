//! A POSIX timer on one thread's CPU clock, signalling that thread (or once, at once, where the thread is to show itself).
//!
//! The kernel looks at it on its ticks only, so it fires at most at the tick rate; how many expiries a signal stands for comes with it as the
//! overrun count. The total is exact; which instructions are seen depends on the tick.
#![allow(unsafe_code)] // timer_create and friends, with a sigevent that libc does not know in full.

use crate::signal::source::{Scope, cookie};
use crate::slot::table::SlotId;
use crate::sys;

/// An armed CPU timer; dropping it deletes it.
pub(crate) struct CpuTimer {
    id: libc::c_int,
    start_number: u64,
}

/// The kernel's sigevent for SIGEV_THREAD_ID.
#[repr(C)]
struct SigEvent {
    value: u64,
    signal: libc::c_int,
    notify: libc::c_int,
    tid: libc::c_int,
    padding: [libc::c_int; 11],
}
const _: () = assert!(size_of::<SigEvent>() == 64);

impl CpuTimer {
    /// Makes and arms a timer for a thread of this process. The first expiry comes after a uniformly random part of the interval,
    /// so that threads that live shorter than an interval are sampled in proportion to their CPU time.
    pub fn arm(
        tid: u32,
        signal: libc::c_int,
        interval_ns: u64,
        id: SlotId,
        tag: u64,
        scope: Scope,
    ) -> Result<Self, i32> {
        let timer = Self::make(
            sys::thread_cpu_clock(tid),
            tid,
            signal,
            cookie(id, tag, scope),
        )?;
        timer.set_period(interval_ns)?;
        Ok(timer)
    }

    /// Makes a timer that expires once, at once, whatever the thread does.
    pub fn once(
        tid: u32,
        signal: libc::c_int,
        id: SlotId,
        tag: u64,
        scope: Scope,
    ) -> Result<Self, i32> {
        let timer = Self::make(libc::CLOCK_MONOTONIC, tid, signal, cookie(id, tag, scope))?;
        timer.set(1, 0)?;
        Ok(timer)
    }

    fn make(
        clock: libc::clockid_t,
        tid: u32,
        signal: libc::c_int,
        value: u64,
    ) -> Result<Self, i32> {
        let event = SigEvent {
            value,
            signal,
            notify: libc::SIGEV_THREAD_ID,
            tid: tid as libc::c_int,
            padding: [0; 11],
        };
        let mut timer: libc::c_int = 0;
        // The system call itself, not the C library's wrapper: that one keeps timers of its own kind and needs a pointer as timer ID.
        // SAFETY: the event is laid out as the kernel's, and `timer` is a valid place for the ID.
        let result = unsafe { libc::syscall(libc::SYS_timer_create, clock, &event, &mut timer) };
        if result != 0 {
            return Err(sys::errno());
        }
        Ok(Self {
            id: timer,
            start_number: crate::fork::start_number(),
        })
    }

    /// Expires by this period from now on. What has passed of the running one is forgotten.
    pub fn set_period(&self, interval_ns: u64) -> Result<(), i32> {
        self.set(sys::random_u64() % interval_ns + 1, interval_ns)
    }

    fn set(&self, first_ns: u64, interval_ns: u64) -> Result<(), i32> {
        let time = |ns: u64| libc::timespec {
            tv_sec: (ns / 1_000_000_000) as i64,
            tv_nsec: (ns % 1_000_000_000) as i64,
        };
        let setting = libc::itimerspec {
            it_interval: time(interval_ns),
            it_value: time(first_ns),
        };
        // SAFETY: the timer exists and the setting is initialised.
        let result = unsafe {
            libc::syscall(
                libc::SYS_timer_settime,
                self.id,
                0,
                &setting,
                std::ptr::null_mut::<libc::itimerspec>(),
            )
        };
        match result {
            0 => Ok(()),
            _ => Err(sys::errno()),
        }
    }
}

impl Drop for CpuTimer {
    fn drop(&mut self) {
        // In a forked child the timer does not exist, and its number may be one of the child's own.
        if crate::fork::is_in_force(self.start_number) {
            // SAFETY: the timer is ours; it is deleted once. A signal that is pending already still finds its slot mapped (slot/table.rs).
            unsafe { libc::syscall(libc::SYS_timer_delete, self.id) };
        }
    }
}
