//! One whole SIGPROF: from the call that raises it, through whatever handler is installed, back to the next instruction.

use crate::clock::thread_cpu;

/// An installed handler, to be put back.
#[derive(Clone, Copy)]
pub struct Action(libc::sigaction);

extern "C" fn nothing(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

impl Action {
    /// The handler that is installed for SIGPROF now.
    pub fn installed() -> Self {
        // SAFETY: all bits zero is a valid sigaction, and sigaction(2) only writes to it.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut action);
            Self(action)
        }
    }

    /// A handler that does nothing: what is left is the kernel's price.
    pub fn empty() -> Self {
        // SAFETY: all bits zero is a valid sigaction (an empty mask).
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = nothing as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        Self(action)
    }

    /// Installs it for SIGPROF.
    pub fn install(&self) {
        // SAFETY: the action came from the kernel or is `empty`, whose handler has the signature that SA_SIGINFO promises.
        unsafe { libc::sigaction(libc::SIGPROF, &self.0, std::ptr::null_mut()) };
    }
}

/// Nanoseconds for one whole signal to the calling thread, over so many of them, by the thread's CPU clock: the signals are all that it
/// does, and what else runs on the machine is not counted.
#[inline(never)]
pub fn whole_signal_ns(signals: u32) -> f64 {
    // SAFETY: getpid and gettid have no preconditions.
    let (pid, tid) = unsafe { (libc::getpid(), libc::syscall(libc::SYS_gettid)) };
    let before = thread_cpu();
    for _ in 0..signals {
        // SAFETY: a signal to ourselves; SIGPROF has a handler while this runs.
        unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, libc::SIGPROF) };
    }
    (thread_cpu() - before).as_nanos() as f64 / f64::from(signals)
}
