//! How much stack the handler takes: it runs on a painted alternate stack, over work of many shapes, and the paint shows how deep it went.
//!
//! std's alternate stack is about 12 KB, of which the kernel's own frame takes 3.4 KB where registers are 512 bits wide: the frame of an empty
//! handler, in the same run, is what counts as the kernel's.
#![allow(unsafe_code)] // alternate stacks, and a handler without a frame

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::Truncation;
use hotpoll_sampler::EngineSetting;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Agent, perf_permitted, shapes, with_engine};

/// What the handler may take below the kernel's frame.
const PROMISE: u64 = if cfg!(debug_assertions) {
    4 << 10
} else {
    2 << 10
};
const PAINT: u64 = 0x5ca1_ab1e_0dd5_eed5;
const WORDS: usize = 8 << 10;

/// The stack pointer at the entry of the empty handler.
static EMPTY_HANDLER_SP: AtomicU64 = AtomicU64::new(0);

/// Notes the stack pointer that the kernel enters handlers with, and returns.
#[unsafe(naked)]
extern "C" fn empty_handler(_: i32) {
    std::arch::naked_asm!("mov qword ptr [rip + {sp}], rsp", "ret", sp = sym EMPTY_HANDLER_SP)
}

/// An alternate stack for the calling thread, painted.
struct Painted(Box<[AtomicU64; WORDS]>);

impl Painted {
    fn new() -> Self {
        // On the heap from the start: it is larger than some stacks.
        let words: Box<[AtomicU64]> = (0..WORDS).map(|_| AtomicU64::new(PAINT)).collect();
        let painted = Self(words.try_into().ok().unwrap());
        let stack = libc::stack_t {
            ss_sp: painted.0.as_ptr() as *mut libc::c_void,
            ss_flags: 0,
            ss_size: WORDS * 8,
        };
        // SAFETY: the memory stays until drop() has taken the alternate stack away.
        let result = unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
        assert_eq!(result, 0);
        painted
    }

    fn top(&self) -> u64 {
        self.0.as_ptr_range().end as u64
    }

    /// Bytes below the top that were ever written; paints them again.
    fn take_depth(&self) -> u64 {
        let clean = self
            .0
            .iter()
            .take_while(|word| word.load(Ordering::Relaxed) == PAINT)
            .count();
        for word in self.0.iter() {
            word.store(PAINT, Ordering::Relaxed);
        }
        ((WORDS - clean) * 8) as u64
    }
}

impl Drop for Painted {
    fn drop(&mut self) {
        let none = libc::stack_t {
            ss_sp: std::ptr::null_mut(),
            ss_flags: libc::SS_DISABLE,
            ss_size: 0,
        };
        // SAFETY: it takes the alternate stack away; nothing runs on it.
        unsafe { libc::sigaltstack(&none, std::ptr::null_mut()) };
    }
}

/// Works on a painted alternate stack until told to stop. Returns the bytes that the kernel and the sampling handler took, and those of the
/// kernel alone.
fn work_painted(stop: &AtomicBool) -> (u64, u64) {
    let painted = Painted::new();
    support::signal_thread(support::tid(), libc::SIGUSR1);
    let kernel = painted.top() - EMPTY_HANDLER_SP.load(Ordering::Relaxed);
    let mut shapes = shapes::Shapes::new();
    painted.take_depth();
    while !stop.load(Ordering::Relaxed) {
        shapes.run_each();
    }
    (painted.take_depth(), kernel)
}

#[test]
fn handler_keeps_to_its_stack() {
    support::in_child("handler_keeps_to_its_stack", || {
        support::install(libc::SIGUSR1, empty_handler, libc::SA_ONSTACK);
        support::install(libc::SIGUSR2, shapes::on_signal, 0);
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = hotpoll_hooks::runtime(&mut builder)
            .worker_threads(1)
            .build()
            .unwrap();
        let settings = if perf_permitted() {
            with_engine(10_000, EngineSetting::Perf)
        } else {
            with_engine(250, EngineSetting::Ctimer)
        };
        let stop: &'static AtomicBool = Box::leak(Box::default());
        let plain = std::thread::Builder::new()
            .name("plain".into())
            .stack_size(shapes::STACK)
            .spawn(|| work_painted(stop))
            .unwrap();
        let task = runtime.spawn(async { work_painted(stop) });
        let agent = Agent::start_keeping(settings, true);
        // New tables while it runs: the handlers forget their cached rules.
        let seconds = if std::env::var_os("HOTPOLL_TEST_LONG").is_some() {
            120
        } else {
            3
        };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(seconds) {
            shapes::load_and_unload_a_library();
            std::thread::sleep(Duration::from_millis(300));
        }
        stop.store(true, Ordering::Relaxed);
        let measured = [plain.join().unwrap(), runtime.block_on(task).unwrap()];
        drop(runtime);
        let harness = agent.finish();

        let mut ends = std::collections::BTreeMap::<Truncation, u64>::new();
        for (key, seen) in &harness.seen {
            let mut mine = std::collections::BTreeMap::<Truncation, u64>::new();
            for (_, end, _) in &seen.callchains {
                *ends.entry(*end).or_default() += 1;
                *mine.entry(*end).or_default() += 1;
            }
            println!("{}: {mine:?}", harness.info[key].name);
        }
        for end in [
            Truncation::Complete,
            Truncation::Depth,
            Truncation::ForeignStack,
        ] {
            assert!(ends.contains_key(&end), "no sample ended with {end:?}");
        }
        for (name, (all, kernel)) in ["plain thread", "tokio task"].iter().zip(measured) {
            let handler = all - kernel;
            println!("kernel's frame = {kernel} bytes");
            println!("handler's stack, {name} = {handler} bytes");
            // Less than a handful of calls deep would mean that it never ran there.
            assert!(handler > 100, "the handler never ran on the painted stack");
            assert!(
                handler <= PROMISE,
                "the handler took {handler} bytes of stack, more than {PROMISE}"
            );
        }
    });
}
