//! A walk that is likely to be made again: a task that waits where it waited before has the same stack as then.
//!
//! In: a walk of the calling thread's own stack, with the stack pointer and the rule of each frame. Out: whether the stack is the same now, for a load and a
//! comparison a frame. That is as good as walking: the first frame is the same function's, at the same distance from the mark. As long as each frame's rule
//! takes the next one's place from the stack pointer alone, the return address lies where it lay; if it is the same address, so is the rule of the frame that
//! it leads to. A walk for which that does not hold is not kept.
#![allow(unsafe_code)] // It reads the stack in place.

use crate::unwind::{Note, Walk, step_by_sp};
use hotpoll_profile::Truncation;

/// Frames of a walk that is kept.
pub(crate) const MOST_FRAMES: usize = 32;

/// One walk, kept. The tables that it was made by must still be the newest.
#[derive(Debug)]
pub struct WalkAgain {
    /// From the stack pointer to the mark, in bytes.
    distance: u32,
    /// 0 is no walk.
    frames: u32,
    /// How far above the stack pointer each frame's own stack pointer was, in words: the return address lies a word below.
    places: [u16; MOST_FRAMES],
    addresses: [u64; MOST_FRAMES],
}

impl WalkAgain {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            distance: 0,
            frames: 0,
            places: [0; MOST_FRAMES],
            addresses: [0; MOST_FRAMES],
        }
    }

    /// The callchain, leaf first, with the frame at which the walk ended.
    #[inline(always)]
    pub fn addresses(&self) -> &[u64] {
        self.addresses
            .get(..self.frames as usize)
            .unwrap_or_default()
    }

    /// Whether a walk from this stack pointer up to the mark would be the same.
    ///
    /// # Safety
    /// From the stack pointer up to the mark is a part of the calling thread's stack.
    #[inline(always)]
    pub(crate) unsafe fn is_at(&self, sp: u64, mark: u64) -> bool {
        if self.frames == 0 || u64::from(self.distance) != mark.wrapping_sub(sp) {
            return false;
        }
        let frames = self.addresses().iter().zip(&self.places).skip(1);
        frames.fold(true, |same, (address, place)| {
            let at = sp.wrapping_add(u64::from(*place) << 3).wrapping_sub(8);
            // SAFETY: `keep` has seen that it lies between the stack pointer and the mark, which are as far from each other as then. Volatile, as other frames
            // own the memory.
            same & (unsafe { (at as *const u64).read_volatile() } == *address)
        })
    }

    /// Keeps a walk from this stack pointer up to the mark, with what it noted of its frames, if it can be known again.
    pub(crate) fn keep(
        &mut self,
        sp: u64,
        mark: u64,
        notes: &[Note],
        addresses: &[u64],
        walk: &Walk,
    ) {
        self.frames = 0;
        let (Some(notes), Some(addresses)) =
            (notes.get(..walk.frames), addresses.get(..walk.frames))
        else {
            return;
        };
        // It ended at the mark, and each step was by a rule.
        let Ok(distance) = u32::try_from(mark.wrapping_sub(sp)) else {
            return;
        };
        if walk.end != Truncation::StackRead || walk.guessed != 0 || !sp.is_multiple_of(8) {
            return;
        }
        for (number, note) in notes.iter().enumerate() {
            let Some(words) = step_by_sp(*note, sp) else {
                return;
            };
            let (Ok(place), Some(mine)) = (u16::try_from(words), self.places.get_mut(number))
            else {
                return;
            };
            // Of the leaf there is no return address.
            if number > 0 && (words == 0 || words << 3 > u64::from(distance)) {
                return;
            }
            *mine = place;
        }
        self.addresses[..walk.frames].copy_from_slice(addresses);
        self.distance = distance;
        self.frames = walk.frames as u32;
    }
}

impl Default for WalkAgain {
    fn default() -> Self {
        Self::new()
    }
}
