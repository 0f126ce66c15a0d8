//! The signal that asks for a dump, where the program or its environment asked for one.
//!
//! The handler counts the request and wakes the dump thread: one word in memory and a futex, no descriptor that the host could close. It runs on
//! whichever thread the kernel chooses, so a system call of that thread may be interrupted; those that can be are begun again. A handler of the
//! host's own is never replaced. Ours stays installed when hotpoll stops, and then does nothing: the default action would end the process.
#![allow(unsafe_code)] // A signal handler, and the futex that it wakes.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Requests that no dump has been written for.
static REQUESTS: AtomicU32 = AtomicU32::new(0);
/// Counts up with whatever the dump thread has to look at: what it waits on.
static NEWS: AtomicU32 = AtomicU32::new(0);

/// Why the signal cannot be used.
#[derive(Debug)]
pub(super) enum Taken {
    /// The host has a handler for it, or ignores it on purpose.
    ByHost,
    /// The system says no.
    System(io::Error),
}

/// Installs the handler.
pub(super) fn install(signal: i32) -> Result<(), Taken> {
    let ours = on_signal as *const () as libc::sighandler_t;
    // SAFETY: zero is a valid sigaction, and both are valid places.
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, std::ptr::null(), &mut before) != 0 {
            return Err(Taken::System(io::Error::last_os_error()));
        }
        if before.sa_sigaction == ours {
            return Ok(());
        }
        if before.sa_sigaction != libc::SIG_DFL {
            return Err(Taken::ByHost);
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ours;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        if libc::sigaction(signal, &action, std::ptr::null_mut()) != 0 {
            return Err(Taken::System(io::Error::last_os_error()));
        }
    }
    Ok(())
}

/// Runs in the signal: two words and a futex.
extern "C" fn on_signal(_: libc::c_int) {
    // In a forked child nothing of hotpoll runs; after it has stopped neither.
    if hotpoll_sampler::start_number() == 0 {
        return;
    }
    // SAFETY: errno is the interrupted thread's own.
    let errno = unsafe { *libc::__errno_location() };
    REQUESTS.fetch_add(1, Ordering::Relaxed);
    wake();
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Has the dump thread look for what it has to do.
pub(super) fn wake() {
    // Release: publishes the request above to the Acquire in wait().
    NEWS.fetch_add(1, Ordering::Release);
    // SAFETY: the word is static. Wakes nobody where nobody waits.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            NEWS.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            1,
        );
    }
}

/// What the dump thread has seen.
pub(super) fn news() -> u32 {
    // Acquire: see wake().
    NEWS.load(Ordering::Acquire)
}

/// Whether a dump was asked for since the last time; several requests are one dump.
pub(super) fn take_requests() -> bool {
    REQUESTS.swap(0, Ordering::Relaxed) > 0
}

/// Waits until there is something newer than `seen`, or for so long.
pub(super) fn wait(seen: u32, at_most: Option<Duration>) {
    let time = at_most.map(|time| libc::timespec {
        tv_sec: time.as_secs() as libc::time_t,
        tv_nsec: time.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the word is static, and the time is null or valid during the call. It returns at once if the word has changed.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            NEWS.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            seen,
            time,
        );
    }
}
