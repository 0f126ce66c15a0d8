//! Finding the frame pointer of a frame that needs it, when all registers but sp and pc are unknown.
//!
//! Code that is built with frame pointers (the standard library is) begins with `push rbp; mov rbp, rsp`. What it pushes and subtracts next says
//! how far above the stack pointer its frame pointer is. Where it does not say, the return address above the frame pointer is looked for: the
//! call before it must be one of the very function that needs the frame pointer, as old frames leave other pairs behind. A call through a
//! register could be anybody's, and is not believed: an early version did, and skipped thirty frames of a worker blocked in a lock.

use super::call_site::{self, BYTES_BEFORE, Callee, STUB_BYTES};
use super::prologue::{self, PROLOGUE_BYTES};
use crate::unwind::{StackReader, Tables};

/// Slots looked at above the frame's stack pointer: 32 KB. A frame with larger arrays than that is not found.
const MOST_SLOTS: u64 = 4096;

/// Copies code and data: the bytes from an address on, or false.
pub(super) trait ReadBytes {
    fn read_bytes(&mut self, address: u64, into: &mut [u8]) -> bool;
}

/// The frame pointer of the frame of the function around `lookup`, whose stack pointer is `sp`.
pub(super) fn find<S: StackReader>(
    tables: &Tables,
    stack: &S,
    sp: u64,
    lookup: u64,
    memory: &mut impl ReadBytes,
) -> Option<u64> {
    let function = tables.function_start(lookup)?;
    let mut code = [0; PROLOGUE_BYTES];
    if memory.read_bytes(function, &mut code)
        && let Some(above) = prologue::frame_pointer_above(&code)
    {
        let slot = sp.wrapping_add(above);
        if let Some(bytes) = bytes_before(tables, stack, slot, memory).map(|(_, bytes)| bytes)
            && call_site::is_call(&bytes)
        {
            return Some(slot);
        }
    }
    let mut slots = (0..MOST_SLOTS).map(|slot| sp.wrapping_add(slot * 8));
    slots.find(|&slot| {
        bytes_before(tables, stack, slot, memory)
            .and_then(|(return_address, bytes)| call_site::callee(return_address, &bytes))
            .and_then(|callee| resolve(callee, memory))
            .is_some_and(|callee| {
                callee == function || through_stub(callee, memory) == Some(function)
            })
    })
}

/// The return address above a slot, and the code before it.
fn bytes_before<S: StackReader>(
    tables: &Tables,
    stack: &S,
    slot: u64,
    memory: &mut impl ReadBytes,
) -> Option<(u64, [u8; BYTES_BEFORE])> {
    let return_address = stack.read(slot.wrapping_add(8))?;
    if !tables.knows(return_address.wrapping_sub(1)) {
        return None;
    }
    let mut bytes = [0; BYTES_BEFORE];
    let start = return_address.checked_sub(BYTES_BEFORE as u64)?;
    memory
        .read_bytes(start, &mut bytes)
        .then_some((return_address, bytes))
}

fn resolve(callee: Callee, memory: &mut impl ReadBytes) -> Option<u64> {
    match callee {
        Callee::Is(address) => Some(address),
        Callee::At(place) => {
            let mut bytes = [0; 8];
            memory
                .read_bytes(place, &mut bytes)
                .then(|| u64::from_le_bytes(bytes))
        }
    }
}

fn through_stub(address: u64, memory: &mut impl ReadBytes) -> Option<u64> {
    let mut bytes = [0; STUB_BYTES];
    memory.read_bytes(address, &mut bytes).then_some(())?;
    resolve(call_site::stub(address, &bytes)?, memory)
}
