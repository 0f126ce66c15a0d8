//! A program raises its stack limit after exec: the main thread's stack is then not all that lies below it.
//!
//! The kernel laid libraries and heaps out below the stack for the limit at exec. Taken at its word, the raised limit made all of that "the
//! stack": a main thread that ran on a stack of its own, with a frame pointer that was none, led the handler into a hole, and the process died.
//!
//! Without the test harness, because it is the main thread that must run here.
#![allow(unsafe_code)] // it changes the stack pointer and the frame pointer

#[path = "common/mod.rs"]
mod common;

use common::{Harness, at_hz, thread_cpu};
use hotpoll_profile::Truncation;
use std::time::Duration;

// Spins `rounds` times on another stack, with a frame pointer that its unwind information relies on and that is wrong.
std::arch::global_asm!(
    ".globl guest_main_stack_spin",
    ".type guest_main_stack_spin, @function",
    "guest_main_stack_spin:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "mov r8, rsp",
    "mov rsp, rdi",
    "mov rbp, rsi",
    "2: dec rdx",
    "jnz 2b",
    "mov rsp, r8",
    "mov rbp, r8",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size guest_main_stack_spin, . - guest_main_stack_spin",
);

unsafe extern "C" {
    fn guest_main_stack_spin(stack: u64, frame: u64, rounds: u64);
}

const STACK_BYTES: usize = 64 << 10;
const HOLE_BYTES: usize = 1 << 20;

fn main() {
    let unlimited = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the limit is initialised.
    if unsafe { libc::setrlimit(libc::RLIMIT_STACK, &unlimited) } != 0 {
        println!(
            "skipped: the hard limit of the stack is below unlimited here, and only root may raise it"
        );
        return;
    }
    // A stack, and a hole above it. Both lie below the main thread's stack, as all mappings of the kernel's choice do.
    // SAFETY: a mapping of the kernel's choice, of which the upper part is then closed.
    let stack = unsafe {
        let memory = libc::mmap(
            std::ptr::null_mut(),
            STACK_BYTES + HOLE_BYTES,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(memory, libc::MAP_FAILED);
        let hole = memory.byte_add(STACK_BYTES);
        assert_eq!(libc::mprotect(hole, HOLE_BYTES, libc::PROT_NONE), 0);
        memory as u64
    };
    let local = 0u8;
    assert!(
        stack < &raw const local as u64,
        "mappings lie below the stack"
    );
    let (top, frame) = (
        stack + STACK_BYTES as u64 - 256,
        stack + (STACK_BYTES + HOLE_BYTES / 2) as u64,
    );
    let mut harness = Harness::start(at_hz(1_000));
    harness.keep_callchains = true;
    let until = thread_cpu() + Duration::from_millis(400);
    while thread_cpu() < until {
        // SAFETY: the function uses the stack not at all, and puts back what it changed.
        unsafe { guest_main_stack_spin(top, frame, 1 << 20) };
    }
    harness.drain();
    harness.close_slice();
    harness.sampler.stop();
    let tid = hotpoll_sampler::current_tid();
    let key = harness.info.iter().find(|(_, info)| info.tid == tid);
    let seen = &harness.seen[key.expect("the main thread").0];
    let lost = seen.callchains.iter();
    let lost: Vec<_> = lost
        .filter(|(_, truncation, _)| *truncation == Truncation::ForeignStack)
        .collect();
    assert!(
        lost.iter().all(|(callchain, ..)| callchain.len() == 1),
        "a foreign stack gives the leaf alone"
    );
    assert!(
        lost.len() * 2 > seen.callchains.len() && lost.len() > 10,
        "{} of {} on the foreign stack",
        lost.len(),
        seen.callchains.len()
    );
    println!("test result: ok. 1 passed; 0 failed");
}
