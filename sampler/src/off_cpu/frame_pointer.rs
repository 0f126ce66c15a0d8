//! Finding the frame pointer of a frame that needs it, when all registers but sp and pc are unknown. Pure.
//!
//! Code that is built with frame pointers (the standard library is) begins with `push rbp; mov rbp, rsp`: its frame pointer points to a slot
//! that holds the caller's frame pointer, a larger address on the same stack, and above that slot stands the return address. Old frames leave
//! such pairs behind, so the return address must fit: the call before it must be one of the very function that needs the frame pointer.
//! The outermost such function was called by the C library, which keeps no frame pointer: there only the return address speaks.

use super::call_site::{self, CallSite, LONGEST_CALL};
use crate::unwind::{StackReader, Tables};

/// Slots looked at above the frame's stack pointer: 32 KB. A frame with larger arrays than that is not found.
const MOST_SLOTS: u64 = 4096;
/// Slots of either kind with indirect calls that are tried.
const MOST_UNSURE: usize = 6;

/// The frame pointers that the frame may have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Candidates {
    /// Its return address follows a direct call of the function.
    pub sure: Option<u64>,
    /// Their return addresses follow a call through a pointer or the PLT: any function may be behind that. First those whose caller has a
    /// frame pointer too, then those whose caller keeps something else in that register, as C libraries do.
    unsure: [List; 2],
}

#[derive(Debug, Default, PartialEq, Eq)]
struct List {
    slots: [u64; MOST_UNSURE],
    count: usize,
}

impl List {
    fn push(&mut self, slot: u64) {
        if let Some(place) = self.slots.get_mut(self.count) {
            *place = slot;
            self.count += 1;
        }
    }
}

impl Candidates {
    /// The likeliest first.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let unsure = self.unsure.iter();
        let unsure = unsure.flat_map(|list| list.slots.iter().take(list.count));
        self.sure.into_iter().chain(unsure.copied())
    }
}

/// Looks for frame pointers from `sp` upwards, for a frame of the function around `lookup`. `high` is where the stack ends at the latest;
/// `code` reads the bytes that end at an address.
pub(super) fn candidates<S: StackReader>(
    tables: &Tables,
    stack: &S,
    sp: u64,
    high: u64,
    lookup: u64,
    mut code: impl FnMut(u64) -> Option<[u8; LONGEST_CALL]>,
) -> Candidates {
    let mut found = Candidates::default();
    let function = tables.function_start(lookup);
    for slot in 0..MOST_SLOTS {
        let slot = sp.wrapping_add(slot * 8);
        let (Some(caller_bp), Some(return_address)) =
            (stack.read(slot), stack.read(slot.wrapping_add(8)))
        else {
            break;
        };
        // A frame's caller's frame pointer is above its return address, and aligned as stacks are.
        let has_pointer = caller_bp > slot + 8 && caller_bp < high && caller_bp % 8 == 0;
        if !tables.knows(return_address.wrapping_sub(1)) {
            continue;
        }
        let Some(bytes) = code(return_address) else {
            continue;
        };
        match call_site::before(return_address, &bytes) {
            CallSite::Direct(target) if Some(target) == function => {
                found.sure = Some(slot);
                break;
            }
            CallSite::None => {}
            // A function that the tables know, and not this one: an old frame's. (What a PLT stub leads to is not known.)
            CallSite::Direct(target) if tables.function_start(target) == Some(target) => {}
            // An old frame of something that this very function has called.
            _ if tables.function_start(return_address.wrapping_sub(1)) == function => {}
            CallSite::Direct(_) | CallSite::Indirect => {
                found.unsure[usize::from(!has_pointer)].push(slot);
            }
        }
    }
    found
}
