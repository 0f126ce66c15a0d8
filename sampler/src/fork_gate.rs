//! No fork while we hold the loader's lock.
//!
//! `dl_iterate_phdr` takes a lock that glibc (2.36) leaves in a forked child as it was: held, by a thread that the child does not have. There every
//! `dlopen`, every `dl_iterate_phdr` and with it many a panic waits for ever. Where the program does that to itself it is its own affair; our listing of
//! modules must not be why. So a fork waits for the listing under way, and a listing for the forks.
//!
//! A listing that has the lock needs nothing but a processor to come to its end, and a fork that has begun needs none of ours: for these one waits long,
//! as either may lose its processor or copy much. A listing that still waits for the lock may wait for the forking thread itself, as a callback
//! of `dl_iterate_phdr` may fork: for that one waits a moment only.
#![allow(unsafe_code)] // It calls dl_iterate_phdr, and registers what runs around forks.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Listings under way: they have the lock, or wait for it.
static LISTINGS: AtomicU32 = AtomicU32::new(0);
/// Which listing has the lock, by its number; 0: none that is known to.
static HOLDER: AtomicU64 = AtomicU64::new(0);
/// The last listing's number.
static NUMBERS: AtomicU64 = AtomicU64::new(0);
/// Listings that forks have kept waiting for long: new forks let them go first.
static WAITING: AtomicU32 = AtomicU32::new(0);
/// Forks under way.
static FORKS: AtomicU32 = AtomicU32::new(0);
static REGISTERED: AtomicBool = AtomicBool::new(false);

/// How long a fork waits for a listing that is not known to have the lock, and for one that lets no more forks go first.
const FORK_PATIENCE: Duration = Duration::from_millis(50);
/// How long a listing lets all forks go first: a program that forks without end must not keep its modules unknown.
const LISTING_PATIENCE: Duration = Duration::from_millis(200);
/// How long one waits for what comes to its end by itself. A listing takes microseconds, and some milliseconds where it copies a library's sections, but it
/// may lose its processor or wait for a disk meanwhile; a fork takes as long as the copy of a large process's page tables.
const LONG_PATIENCE: Duration = Duration::from_secs(10);
/// So often a fork yields before it sleeps: the listing may need this very processor.
const YIELDS: u32 = 100;
const A_MOMENT: Duration = Duration::from_micros(200);

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
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed) + 1;
    let mut call = Call {
        callback,
        data,
        number,
    };
    let gate = Listing::enter();
    // SAFETY: the caller answers for the callback and its data; `call` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(with_the_lock), (&raw mut call).cast()) };
    // Another listing may have the lock by now. Release, with before_fork's Acquire: who finds it cleared finds the lock given back.
    let _ = HOLDER.compare_exchange(number, 0, Ordering::Release, Ordering::Relaxed);
    drop(gate);
}

/// What a listing calls, and which one it is.
struct Call {
    callback: unsafe extern "C" fn(
        *mut libc::dl_phdr_info,
        libc::size_t,
        *mut libc::c_void,
    ) -> libc::c_int,
    data: *mut libc::c_void,
    number: u64,
}

/// Only here it is known that the lock is ours.
unsafe extern "C" fn with_the_lock(
    info: *mut libc::dl_phdr_info,
    size: libc::size_t,
    call: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: `list_modules` passes its own `Call`, which is there until dl_iterate_phdr returns, to nobody else.
    let call = unsafe { &*call.cast::<Call>() };
    HOLDER.store(call.number, Ordering::Relaxed);
    // SAFETY: the loader's own arguments, and the data that belongs to this callback.
    unsafe { (call.callback)(info, size, call.data) }
}

/// A listing under way.
struct Listing;

impl Listing {
    /// Waits until no fork is under way, and keeps those that come from beginning.
    fn enter() -> Self {
        let begun = Instant::now();
        let mut has_asked = false;
        // SeqCst, here and in before_fork: either this listing sees the fork, or the fork sees this listing.
        LISTINGS.fetch_add(1, Ordering::SeqCst);
        while FORKS.load(Ordering::SeqCst) != 0 && begun.elapsed() < LONG_PATIENCE {
            LISTINGS.fetch_sub(1, Ordering::SeqCst);
            if !has_asked && begun.elapsed() >= LISTING_PATIENCE {
                has_asked = true;
                WAITING.fetch_add(1, Ordering::Relaxed);
            }
            std::thread::sleep(Duration::from_millis(1));
            LISTINGS.fetch_add(1, Ordering::SeqCst);
        }
        if has_asked {
            WAITING.fetch_sub(1, Ordering::Relaxed);
        }
        Self
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        LISTINGS.fetch_sub(1, Ordering::SeqCst);
    }
}

extern "C" fn before_fork() {
    if WAITING.load(Ordering::Relaxed) != 0 {
        let begun = Instant::now();
        while WAITING.load(Ordering::Relaxed) != 0 && begun.elapsed() < FORK_PATIENCE {
            std::thread::sleep(A_MOMENT);
        }
    }
    FORKS.fetch_add(1, Ordering::SeqCst);
    if LISTINGS.load(Ordering::SeqCst) == 0 {
        return;
    }
    let begun = Instant::now();
    for turn in 0.. {
        let patience = match HOLDER.load(Ordering::Acquire) {
            0 => FORK_PATIENCE,
            _ => LONG_PATIENCE,
        };
        if LISTINGS.load(Ordering::SeqCst) == 0 || begun.elapsed() >= patience {
            return;
        }
        if turn < YIELDS {
            std::thread::yield_now();
        } else {
            std::thread::sleep(A_MOMENT);
        }
    }
}

extern "C" fn after_fork() {
    FORKS.fetch_sub(1, Ordering::SeqCst);
}

extern "C" fn in_child() {
    // Neither those who fork nor those who list are here.
    FORKS.store(0, Ordering::SeqCst);
    LISTINGS.store(0, Ordering::SeqCst);
    HOLDER.store(0, Ordering::Relaxed);
    WAITING.store(0, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
