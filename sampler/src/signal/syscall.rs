//! Whether the thread was in the kernel: its program counter stands right after a system call instruction, or on one that will be restarted.
#![allow(unsafe_code)] // It reads the instruction bytes around the program counter.

use crate::unwind::Tables;

/// `syscall`.
const INSTRUCTION: [u8; 2] = [0x0f, 0x05];

/// The smallest page: what one address of is mapped is mapped whole.
const PAGE: u64 = 4096;

/// Whether the interrupted thread was executing a system call. Bytes beyond the program
/// counter's own page are not looked at: then the answer is no. Called in SIGPROF.
pub(super) fn is_at(tables: &Tables, pc: u64) -> bool {
    if tables.find(pc).is_none() {
        return false;
    }
    let read = |at: u64| {
        if at / PAGE != pc / PAGE || at.wrapping_add(1) / PAGE != pc / PAGE {
            return [0, 0];
        }
        // SAFETY: both bytes lie in the page of the program counter of this thread, which is executing there, so the page is mapped; the bounds of
        // the mapping, as the tables know them, may be those of a module that has gone since. Linkers and loaders make code readable on x86-64.
        unsafe { (at as *const [u8; 2]).read_volatile() }
    };
    read(pc.wrapping_sub(2)) == INSTRUCTION || read(pc) == INSTRUCTION
}
