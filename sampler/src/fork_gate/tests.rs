//! Listings and forks that lose their processor at the worst moment. Both left a child whose `dl_iterate_phdr` never came back: seen on a crowded machine.

use super::*;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

/// One test at a time: forks of one would keep the other's listings waiting.
static ALONE: Mutex<()> = Mutex::new(());

/// Longer than a fork waits for a listing that may wait for the lock, and than a listing lets all forks go first.
const PREEMPTED: Duration = Duration::from_millis(400);

unsafe extern "C" fn nothing(_: *mut libc::dl_phdr_info, _: libc::size_t, _: *mut c_void) -> i32 {
    1
}

/// Says that it runs, with the loader's lock held, and takes long.
unsafe extern "C" fn preempted(
    _: *mut libc::dl_phdr_info,
    _: libc::size_t,
    runs: *mut c_void,
) -> i32 {
    // SAFETY: the test's flag, which outlives the listing.
    unsafe { &*runs.cast::<AtomicBool>() }.store(true, Ordering::Release);
    std::thread::sleep(PREEMPTED);
    1
}

/// Says how many forks are under way.
unsafe extern "C" fn forks(_: *mut libc::dl_phdr_info, _: libc::size_t, found: *mut c_void) -> i32 {
    // SAFETY: the test's number, which outlives the listing and is nobody else's meanwhile.
    unsafe { *found.cast::<u32>() = FORKS.load(Ordering::SeqCst) };
    1
}

#[test]
fn a_fork_waits_for_a_listing_that_lost_its_processor() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    register();
    let runs = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runs = (&raw const runs).cast_mut();
            // SAFETY: the callback neither forks nor panics, and its flag outlives the call.
            unsafe { list_modules(preempted, runs.cast()) };
        });
        while !runs.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        // SAFETY: the child makes three calls that take no lock of ours, and leaves.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: as above. A child that waits for ever is ended, and shows as killed.
            unsafe {
                libc::alarm(20);
                libc::dl_iterate_phdr(Some(nothing), std::ptr::null_mut());
                libc::_exit(0);
            }
        }
        let mut status = -1;
        // SAFETY: the place for the result is valid.
        let waited = unsafe { libc::waitpid(child, &mut status, 0) };
        assert_eq!((waited, status), (child, 0));
    });
}

#[test]
fn a_listing_waits_for_a_fork_that_takes_long() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    before_fork();
    let found = std::thread::scope(|scope| {
        let listing = scope.spawn(|| {
            let mut found = u32::MAX;
            // SAFETY: the callback neither forks nor panics, and its number outlives the call.
            unsafe { list_modules(forks, (&raw mut found).cast()) };
            found
        });
        std::thread::sleep(PREEMPTED);
        after_fork();
        listing.join().unwrap()
    });
    assert_eq!(found, 0, "the child would have had the lock held");
}

/// Threads that fork without end keep no listing waiting for ever: somebody is always in a fork here, new ones let the listing go first, and while it has the
/// lock nobody is.
#[test]
fn a_listing_comes_to_its_turn_among_forks_without_end() {
    const LISTINGS: u32 = 8;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let stop = AtomicBool::new(false);
    let inside = AtomicU32::new(0);
    let beside_forks = std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    before_fork();
                    inside.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(3));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    after_fork();
                }
            });
        }
        let count = (0..LISTINGS)
            .filter(|_| {
                let mut looks = (&raw const inside, u32::MAX);
                // SAFETY: the callback neither forks nor panics, and its data outlives the call.
                unsafe { list_modules(look_inside, (&raw mut looks).cast()) };
                looks.1 != 0
            })
            .count();
        stop.store(true, Ordering::Relaxed);
        count
    });
    // Between its beginning and the lock a listing may lose its processor for longer than forks wait for what may wait for them.
    assert!(beside_forks <= 1, "{beside_forks} of {LISTINGS}");
    assert_eq!(WAITING.load(Ordering::Relaxed), 0);
}

/// Says how many of the test's forks are under way.
unsafe extern "C" fn look_inside(
    _: *mut libc::dl_phdr_info,
    _: libc::size_t,
    looks: *mut c_void,
) -> i32 {
    // SAFETY: the test's pair, whose number of forks outlives the listing.
    unsafe {
        let looks = &mut *looks.cast::<(*const AtomicU32, u32)>();
        looks.1 = (*looks.0).load(Ordering::SeqCst);
    }
    1
}
