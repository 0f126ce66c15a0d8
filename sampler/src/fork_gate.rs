//! No fork while we hold the loader's lock.
//!
//! `dl_iterate_phdr` takes a lock that glibc (2.36) leaves in a forked child as it was: held, by a thread that the child does not have. There every
//! `dlopen`, every `dl_iterate_phdr` and with it many a panic waits for ever. Where the program does that to itself it is its own affair; our listing of
//! modules must not be why. So a fork waits for the listing under way, and a listing for the forks: both for a bounded time, as a
//! callback of `dl_iterate_phdr` may fork, whose lock we wait for.
#![allow(unsafe_code)] // It calls dl_iterate_phdr, and registers what runs around forks.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Listings under way.
static LISTINGS: AtomicU32 = AtomicU32::new(0);
/// Forks under way.
static FORKS: AtomicU32 = AtomicU32::new(0);
static REGISTERED: AtomicBool = AtomicBool::new(false);

/// How long a fork waits. A listing takes microseconds, and some milliseconds where it copies a library's sections.
const FORK_PATIENCE: Duration = Duration::from_millis(50);
/// How long a listing waits: a program that forks without end must not keep its modules unknown.
const LISTING_PATIENCE: Duration = Duration::from_millis(200);

/// Has forks wait from now on. Ordinary code; what a forked child inherits needs no second time.
pub(crate) fn register() {
    if !REGISTERED.swap(true, Ordering::AcqRel) {
        // SAFETY: three functions of the right type, in code that stays loaded (pin.rs). Without memory for it nothing is registered, and forks do
        // not wait.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(in_child)) };
    }
}

/// Calls `dl_iterate_phdr`.
///
/// # Safety
/// The callback may be called with `data`, and neither forks nor panics.
pub(crate) unsafe fn list_modules(
    callback: unsafe extern "C" fn(
        *mut libc::dl_phdr_info,
        libc::size_t,
        *mut libc::c_void,
    ) -> libc::c_int,
    data: *mut libc::c_void,
) {
    let begun = Instant::now();
    // SeqCst, here and in before_fork: either this listing sees the fork, or the fork sees this listing.
    LISTINGS.fetch_add(1, Ordering::SeqCst);
    while FORKS.load(Ordering::SeqCst) != 0 && begun.elapsed() < LISTING_PATIENCE {
        LISTINGS.fetch_sub(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(1));
        LISTINGS.fetch_add(1, Ordering::SeqCst);
    }
    // SAFETY: the caller answers for both.
    unsafe { libc::dl_iterate_phdr(Some(callback), data) };
    LISTINGS.fetch_sub(1, Ordering::SeqCst);
}

extern "C" fn before_fork() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    if LISTINGS.load(Ordering::SeqCst) == 0 {
        return;
    }
    let begun = Instant::now();
    while LISTINGS.load(Ordering::SeqCst) != 0 && begun.elapsed() < FORK_PATIENCE {
        std::thread::yield_now();
    }
}

extern "C" fn after_fork() {
    FORKS.fetch_sub(1, Ordering::SeqCst);
}

extern "C" fn in_child() {
    // Neither those who fork nor those who list are here.
    FORKS.store(0, Ordering::SeqCst);
    LISTINGS.store(0, Ordering::SeqCst);
}
