//! For tests and benchmarks: expiries at will, in place of a timer's.
#![allow(unsafe_code)] // It sends a signal with a siginfo of its own.

use super::{Sampler, ThreadKey};
use crate::signal::source::{Scope, cookie};

/// Makes the signals of a thread's CPU timer. Only that thread may use it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Injector {
    signal: libc::c_int,
    cookie: u64,
}

impl Injector {
    /// Sends the calling thread the signal of an expiry that came with this many overruns. It has been handled when the call returns, unless
    /// the thread blocks the signal.
    ///
    /// # Errors
    /// The system's error number.
    pub fn fire(&self, overrun: u32) -> Result<(), i32> {
        // The kernel's siginfo of a timer: signal, errno, code, padding, timer, overrun, value.
        let mut info = [0i32; 32];
        info[0] = self.signal;
        info[2] = libc::SI_TIMER;
        info[5] = overrun as i32;
        info[6] = self.cookie as i32;
        info[7] = (self.cookie >> 32) as i32;
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

impl Sampler {
    /// An injector for a thread that has a slot.
    #[doc(hidden)]
    pub fn injector(&self, key: ThreadKey) -> Option<Injector> {
        let (id, _) = self.entries.get(&key)?.attached?;
        Some(Injector {
            signal: self.settings.signal,
            cookie: cookie(id, self.tag, Scope::All),
        })
    }
}
