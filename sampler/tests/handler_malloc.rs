//! The handler allocates nothing: the C library's allocator is interposed, and says when it is called on an alternate signal stack.
//!
//! A counting Rust allocator does not see the C library's own allocations, such as the one that registers a thread-local destructor. Nothing else
//! in this test runs on an alternate stack, so any such call is the handler's.
#![allow(unsafe_code)] // it is the allocator

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_sampler::EngineSetting;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Agent, perf_permitted, shapes, with_engine};

static CALLS: AtomicU64 = AtomicU64::new(0);
static CALLS_IN_A_HANDLER: AtomicU64 = AtomicU64::new(0);

/// Counts a call, and whether it came from a signal handler.
fn note() {
    CALLS.fetch_add(1, Ordering::Relaxed);
    let mut stack = libc::stack_t {
        ss_sp: std::ptr::null_mut(),
        ss_flags: 0,
        ss_size: 0,
    };
    // The system call itself: it keeps errno, and calls no allocator.
    // SAFETY: `stack` is a valid place for the result. The call takes no other memory.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") libc::SYS_sigaltstack => _,
            in("rdi") 0,
            in("rsi") &raw mut stack,
            out("rcx") _,
            out("r11") _,
        );
    }
    if stack.ss_flags & libc::SS_ONSTACK != 0 {
        CALLS_IN_A_HANDLER.fetch_add(1, Ordering::Relaxed);
    }
}

unsafe extern "C" {
    // The C library's allocator under its other names.
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(memory: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_free(memory: *mut c_void);
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
}

/// # Safety
/// As for the C library's function; this goes for all of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    note();
    // SAFETY: the caller keeps the C library's contract.
    unsafe { __libc_malloc(size) }
}

/// # Safety
/// See `malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    note();
    // SAFETY: the caller keeps the C library's contract.
    unsafe { __libc_calloc(count, size) }
}

/// # Safety
/// See `malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(memory: *mut c_void, size: usize) -> *mut c_void {
    note();
    // SAFETY: the caller keeps the C library's contract.
    unsafe { __libc_realloc(memory, size) }
}

/// # Safety
/// See `malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(memory: *mut c_void) {
    note();
    // SAFETY: the caller keeps the C library's contract.
    unsafe { __libc_free(memory) }
}

/// # Safety
/// See `malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(
    place: *mut *mut c_void,
    alignment: usize,
    size: usize,
) -> i32 {
    note();
    // SAFETY: the caller keeps the C library's contract, and `place` takes the result.
    unsafe {
        *place = __libc_memalign(alignment, size);
        if (*place).is_null() { libc::ENOMEM } else { 0 }
    }
}

/// # Safety
/// See `malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    note();
    // SAFETY: the caller keeps the C library's contract.
    unsafe { __libc_memalign(alignment, size) }
}

fn allocate_until(stop: &AtomicBool) {
    let mut kept: Vec<String> = Vec::new();
    let mut shapes = shapes::Shapes::new();
    while !stop.load(Ordering::Relaxed) {
        for length in 1..200 {
            kept.push("x".repeat(length * 7 % 300));
            if kept.len() > 100 {
                kept.drain(..50);
            }
        }
        shapes.run_each();
    }
}

#[test]
fn handler_does_not_allocate() {
    support::in_child("handler_does_not_allocate", || {
        let settings = if perf_permitted() {
            with_engine(5_000, EngineSetting::Perf)
        } else {
            with_engine(250, EngineSetting::Ctimer)
        };
        let stop: &'static AtomicBool = Box::leak(Box::default());
        let agent = Agent::start(settings);
        let before = CALLS.load(Ordering::Relaxed);
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = hotpoll_hooks::runtime(&mut builder)
            .worker_threads(2)
            .build()
            .unwrap();
        let task = runtime.spawn(async { allocate_until(stop) });
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        pool.spawn(|| allocate_until(stop));
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2)
            || CALLS.load(Ordering::Relaxed) - before <= 10_000
            || agent.watched.all_records() <= 100
        {
            // Threads in their first and last moments.
            std::thread::spawn(|| shapes::descend(200)).join().unwrap();
            shapes::load_and_unload_a_library();
        }
        stop.store(true, Ordering::Relaxed);
        runtime.block_on(task).unwrap();
        drop((runtime, pool));
        let harness = agent.finish();
        let records: u64 = harness.seen.values().map(|seen| seen.records).sum();
        let calls = CALLS.load(Ordering::Relaxed) - before;
        println!("{records} records, {calls} calls of the allocator");
        assert!(records > 100 && calls > 10_000);
        assert_eq!(CALLS_IN_A_HANDLER.load(Ordering::Relaxed), 0);
    });
}

extern "C" fn handler_that_allocates(_: i32) {
    std::hint::black_box(vec![1u8; 100]);
}

#[test]
fn a_handler_that_allocates_is_caught() {
    support::in_child("a_handler_that_allocates_is_caught", || {
        support::install(libc::SIGUSR1, handler_that_allocates, libc::SA_ONSTACK);
        support::signal_thread(support::tid(), libc::SIGUSR1);
        assert!(CALLS_IN_A_HANDLER.load(Ordering::Relaxed) > 0);
    });
}
