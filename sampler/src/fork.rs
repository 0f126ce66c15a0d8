//! Telling parent from child: a page that the kernel wipes in a forked child.
//!
//! In a child of fork nothing of hotpoll runs until it is started there: the handler and the exit hooks ask this page first.
//!
//! What a child that starts may meet half made, as another thread of the parent was at work on it when it forked:
//! - locks of what threads have told (own.rs) and of the hooks: on this page, or behind a `ForkLock`; both anew in each process;
//! - the pool of slots (sampler/pool.rs): only tried, and forgotten where it is held;
//! - the clock's first reading (clock.rs), the thread descriptor's offsets (signal/stack_bounds.rs), the handler before ours (signal/forward.rs), the
//!   unwind tables (unwind/publish.rs), the stacks and kinds of tasks, the hooks' switch: one atomic store makes each of them known, and nobody waits for another to make it;
//! - the loader's lock (fork_gate.rs): a fork waits for our listing of modules;
//! - the locks of one start (the agent's `Shared`): a child asks whether that start is its own before it takes one;
//! - the standard library's lock of the environment: only `set_var` holds it against readers, whose callers promise that no other thread is about;
//! - the allocator's and standard output's: the C library makes them anew; thread-local variables are the forking thread's own, and whole.
#![allow(unsafe_code)] // It maps the page and reads through a raw pointer.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// The page. Zero means: not started, or in a forked child of the process that started.
#[repr(C)]
pub(crate) struct Page {
    /// Random, never zero once started; a part of every timer's cookie.
    pub tag: AtomicU64,
    /// The number of the start in force, 0 when none is; a guard remembers its own.
    pub start_number: AtomicU64,
    /// What threads have said of themselves (own.rs). The parent's may have been locked at the fork, so a child makes its own.
    pub told: AtomicPtr<Mutex<crate::own::Told>>,
    /// Which process this is among its forefathers; 0 until somebody asks.
    generation: AtomicU32,
}

static PAGE: AtomicPtr<Page> = AtomicPtr::new(std::ptr::null_mut());
/// Whether this process, or the one that it was forked from, has ever started.
static EVER_STARTED: AtomicBool = AtomicBool::new(false);
/// The next generation's number. A child has its parent's copy, which is above every number given out before the fork.
static GENERATIONS: AtomicU32 = AtomicU32::new(1);

/// The page, once mapped. Called in SIGPROF.
#[inline]
pub(crate) fn page() -> Option<&'static Page> {
    // Acquire: pairs with the Release in map(): the page is mapped before its address is seen.
    let pointer = PAGE.load(Ordering::Acquire);
    // SAFETY: a non-null address is that of a mapping made in map(), never unmapped; all-zero is a valid `Page`.
    unsafe { pointer.as_ref() }
}

/// Maps the page, the first time.
pub(crate) fn map() -> Result<&'static Page, i32> {
    if let Some(page) = page() {
        return Ok(page);
    }
    // SAFETY: an anonymous private mapping at an address of the kernel's choice touches no existing memory.
    let memory = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if memory == libc::MAP_FAILED {
        return Err(crate::sys::errno());
    }
    // SAFETY: the range is the whole mapping just made.
    if unsafe { libc::madvise(memory, 4096, libc::MADV_WIPEONFORK) } != 0 {
        let errno = crate::sys::errno();
        // SAFETY: nobody else has the address yet.
        unsafe { libc::munmap(memory, 4096) };
        return Err(errno);
    }
    match PAGE.compare_exchange(
        std::ptr::null_mut(),
        memory.cast(),
        Ordering::AcqRel,
        Ordering::Acquire,
    ) {
        Ok(_) => {}
        // Another thread was first; use its page.
        // SAFETY: nobody else has the address of ours.
        Err(_) => unsafe {
            libc::munmap(memory, 4096);
        },
    }
    page().ok_or(libc::ENOMEM)
}

/// Which process this is among those that it was forked from: another number in a child than in its parent. What a thread keeps of its own (a
/// reference in a thread-local variable) is the parent's when the number differs, though it is the same thread that forked. 0 when there is no memory
/// for the page.
#[inline]
pub fn generation() -> u32 {
    if cfg!(miri) {
        return 1; // it neither forks nor knows such a page
    }
    // Relaxed: only the number itself is compared.
    match page().map(|page| page.generation.load(Ordering::Relaxed)) {
        Some(number) if number != 0 => number,
        _ => first_generation(),
    }
}

#[cold]
fn first_generation() -> u32 {
    let Ok(page) = map() else { return 0 };
    let number = GENERATIONS.fetch_add(1, Ordering::Relaxed);
    match page
        .generation
        .compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed)
    {
        Ok(_) => number,
        Err(first) => first,
    }
}

/// Says which tag this process's timers carry from now on.
pub(crate) fn set_tag(page: &Page, tag: u64) {
    page.tag.store(tag, Ordering::Release);
    EVER_STARTED.store(true, Ordering::Release);
}

/// Whether this process is a forked child of one that had started sampling, and has not started itself.
pub fn in_forked_child() -> bool {
    EVER_STARTED.load(Ordering::Acquire)
        && page().is_some_and(|page| page.tag.load(Ordering::Acquire) == 0)
}

/// Whether this start is the one in force. What belongs to another start must be left alone: it is the parent's, whose descriptors a forked
/// child shares and whose timers' numbers may be those of the child's own.
pub(crate) fn is_in_force(start_number: u64) -> bool {
    start_number != 0 && self::start_number() == start_number
}

/// The number of the start in force; 0 when sampling is not running here, as in a forked child of a process that samples.
/// Whoever remembers the number of its own start can tell later whether that start is still the one.
#[inline]
pub fn start_number() -> u64 {
    page().map_or(0, |page| page.start_number.load(Ordering::Acquire))
}
