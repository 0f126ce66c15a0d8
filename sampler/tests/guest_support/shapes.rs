//! Stacks of every shape that a walk can meet: deep, with large frames, through signal frames, through code without unwind information, on
//! another stack, in libraries.

use std::sync::atomic::{AtomicU64, Ordering};

/// The stack that a thread needs for all of them.
pub const STACK: usize = 16 << 20;

static INTERRUPTIONS: AtomicU64 = AtomicU64::new(0);

/// How often [`on_signal`] has run.
pub fn interruptions() -> u64 {
    INTERRUPTIONS.load(Ordering::Relaxed)
}

/// The program's own signal handler, to be installed by the test: a sample in it has a signal frame to pass. Makes no system call.
pub extern "C" fn on_signal(_: i32) {
    let count = INTERRUPTIONS.fetch_add(1, Ordering::Relaxed);
    for step in 0..2_000u64 {
        std::hint::black_box(step.wrapping_mul(count));
    }
}

/// What the shapes need; made before a thread may no longer make system calls.
pub struct Shapes {
    unknown: extern "C" fn(u64),
    other_stack: Vec<u64>,
    numbers: Vec<u64>,
}

impl Shapes {
    pub fn new() -> Self {
        Self {
            unknown: code_without_unwind_information(),
            other_stack: vec![0; 32 << 10],
            numbers: (0..500).collect(),
        }
    }

    /// Runs each of them for some microseconds, without a system call.
    pub fn run_each(&mut self) {
        descend(3);
        descend(100);
        descend(1_500); // deeper than a callchain may be
        large_frame();
        (self.unknown)(20_000);
        on_another_stack(&mut self.other_stack, work_on_another_stack);
        // Through the standard library, with a closure.
        self.numbers
            .sort_unstable_by_key(|number| number.wrapping_mul(0x9e37_79b9));
        self.numbers.sort_unstable();
    }
}

impl Default for Shapes {
    fn default() -> Self {
        Self::new()
    }
}

/// Recursion that does its work at the bottom.
#[inline(never)]
pub fn descend(depth: u32) -> u64 {
    if depth == 0 {
        let mut x = 1u64;
        for step in 0..5_000u64 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
        }
        return std::hint::black_box(x);
    }
    descend(depth - 1).wrapping_add(std::hint::black_box(1))
}

/// A frame of 200 KB: its unwind rule has a large offset.
#[inline(never)]
pub fn large_frame() -> u64 {
    let memory = std::hint::black_box([3u8; 200 << 10]);
    descend(5) + u64::from(memory[7])
}

/// Code without unwind information: `f(n)` counts down from n and returns. With a frame pointer, so that the walk can guess its way out.
pub fn code_without_unwind_information() -> extern "C" fn(u64) {
    // push rbp; mov rbp, rsp; 1: dec rdi; jnz 1b; pop rbp; ret
    const CODE: [u8; 11] = [
        0x55, 0x48, 0x89, 0xe5, 0x48, 0xff, 0xcf, 0x75, 0xfb, 0x5d, 0xc3,
    ];
    // SAFETY: a fresh mapping, filled before it is called; the code follows the C calling convention.
    unsafe {
        let memory = libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(memory, libc::MAP_FAILED);
        memory
            .cast::<u8>()
            .copy_from_nonoverlapping(CODE.as_ptr(), CODE.len());
        std::mem::transmute::<*mut libc::c_void, extern "C" fn(u64)>(memory)
    }
}

/// Calls `f` on another stack.
pub fn on_another_stack(stack: &mut [u64], f: extern "C" fn()) {
    let top = (stack.as_mut_ptr_range().end as usize & !15) as u64;
    // SAFETY: the stack is large enough for `f`, which returns; r12 is kept by the call, and put back.
    unsafe {
        std::arch::asm!(
            "xchg r12, rsp",
            "call {f}",
            "xchg r12, rsp",
            f = in(reg) f,
            inout("r12") top => _,
            clobber_abi("C"),
        );
    }
}

extern "C" fn work_on_another_stack() {
    std::hint::black_box(descend(20));
}

/// Loads a library that is on every machine and takes it away again: the unwind tables change.
pub fn load_and_unload_a_library() {
    // SAFETY: the library has no initialisers that matter; its handle is closed once.
    unsafe {
        let handle = libc::dlopen(c"libresolv.so.2".as_ptr(), libc::RTLD_NOW);
        if !handle.is_null() {
            libc::dlclose(handle);
        }
    }
}
