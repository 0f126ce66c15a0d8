//! Whether the thread was in the kernel: its program counter stands right after a system call instruction, or on one that will be restarted.
#![allow(unsafe_code)] // It reads the instruction bytes around the program counter.

use crate::unwind::Tables;

/// `syscall`.
const INSTRUCTION: [u8; 2] = [0x0f, 0x05];

/// Whether the interrupted thread was executing a system call. Called in SIGPROF.
pub(super) fn is_at(tables: &Tables, pc: u64) -> bool {
    let Some(mapping) = tables.find(pc) else {
        return false;
    };
    let read = |at: u64| {
        if at < mapping.start || at.wrapping_add(2) > mapping.end {
            return [0, 0];
        }
        // SAFETY: both bytes lie in the executable mapping that holds the program counter of this thread, which is executing there, so the
        // mapping is loaded; linkers and loaders make code readable on x86-64.
        unsafe { (at as *const [u8; 2]).read_volatile() }
    };
    read(pc.wrapping_sub(2)) == INSTRUCTION || read(pc) == INSTRUCTION
}
