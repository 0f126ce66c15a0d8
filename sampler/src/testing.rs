//! What the tests and benchmarks of this repository need beside the public API: expiries at will, in place of a timer's, and the handler's
//! limits. It may change at any time.
#![allow(unsafe_code)] // It sends a signal with a siginfo of its own.

use crate::off_cpu::OffCpu;
use crate::sampler::{Sampler, ThreadKey};
use crate::signal::source::{self, Scope};

pub use crate::signal::{ROOM_FOR_LEAF, ROOM_FOR_WALK, ROOM_TO_LOOK};

/// Makes the signals of a thread's CPU timer. Only that thread may send them.
#[derive(Debug, Clone, Copy)]
pub struct Injector {
    signal: libc::c_int,
    cookie: u64,
}

impl Injector {
    /// An injector for a thread while it is attached.
    pub fn of(sampler: &Sampler, thread: ThreadKey) -> Option<Self> {
        let (id, tag) = sampler.slot_id(thread)?;
        Some(Self {
            signal: sampler.settings().signal,
            cookie: source::cookie(id, tag, Scope::All),
        })
    }

    /// The siginfo that the kernel would hand over with an expiry that comes with this many overruns.
    pub fn siginfo(&self, overrun: u32) -> [u64; 16] {
        // Signal and errno, code and padding, timer and overrun, value: two of the kernel's 32-bit fields a word, the first one low.
        let mut info = [0; 16];
        info[0] = self.signal as u64;
        info[1] = u64::from(libc::SI_TIMER as u32);
        info[2] = u64::from(overrun) << 32;
        info[3] = self.cookie;
        info
    }

    /// Sends the calling thread the signal of such an expiry. It has been handled when the call returns, unless the thread blocks the signal.
    ///
    /// # Errors
    /// The system's error number.
    pub fn fire(&self, overrun: u32) -> Result<(), i32> {
        let info = self.siginfo(overrun);
        // SAFETY: the siginfo is as large as the kernel's and outlives the call, which may send any code but a kill's to its own thread.
        let result = unsafe {
            libc::syscall(
                libc::SYS_rt_tgsigqueueinfo,
                libc::getpid(),
                crate::sys::current_tid(),
                self.signal,
                info.as_ptr(),
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(crate::sys::errno())
        }
    }
}

/// Where the function around an address starts, by the tables that looks from outside use.
pub fn function_start(off_cpu: &OffCpu, address: u64) -> Option<u64> {
    off_cpu.tables().function_start(address)
}

/// Makes the next look at each thread a fresh one.
pub fn forget_stacks(off_cpu: &mut OffCpu) {
    off_cpu.forget_stacks();
}
