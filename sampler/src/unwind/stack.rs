//! Reading stack memory within bounds.
#![allow(unsafe_code)] // One aligned load from the thread's own stack.

use std::cell::Cell;

/// How far below rsp a leaf function may keep data, and signal handlers leave it alone. Some hand-written code keeps its frame's address there.
pub const RED_ZONE: u64 = 128;

/// A bounded way to read a stack. Implementations are called in SIGPROF: no allocation, lock, system call or panic.
pub trait StackReader {
    /// The eight bytes at this address; nothing when it is not aligned or not inside the stack.
    fn read(&self, address: u64) -> Option<u64>;

    /// The walk has passed a signal's frame: what it goes on with was interrupted at this stack pointer, perhaps on another stack.
    #[inline]
    fn interrupted_at(&self, _sp: u64) {}
}

/// A stack in this process's memory, read in place.
#[derive(Clone, Copy, Debug)]
pub struct BoundedStack {
    low: u64,
    /// How far above `low` the last readable word starts; `None` when there is none.
    last: Option<u64>,
}

impl BoundedStack {
    /// A stack whose words between the two addresses may be read. `low` is usually the interrupted stack pointer less the [`RED_ZONE`], as far
    /// as the stack reaches.
    ///
    /// # Safety
    /// While the value is used, `[low, high)` is mapped and readable: it is the live stack of the calling thread, or one that cannot go away.
    pub unsafe fn new(low: u64, high: u64) -> Self {
        Self {
            low,
            last: high
                .checked_sub(low)
                .and_then(|length| length.checked_sub(8)),
        }
    }
}

impl StackReader for BoundedStack {
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn read(&self, address: u64) -> Option<u64> {
        let last = self.last?;
        // An address below `low` wraps around to a number far above `last`.
        if address.wrapping_sub(self.low) > last || !address.is_multiple_of(8) {
            return None;
        }
        // SAFETY: the address is aligned and its eight bytes lie in [low, high), which is readable (whoever called `new`). Volatile, as other
        // frames of this thread own the memory.
        Some(unsafe { (address as usize as *const u64).read_volatile() })
    }
}

/// The stack that a thread runs on, and those that a signal's frame on it may lead back to.
///
/// How far down one of the others may be read is known only when the walk comes to it: from where the signal interrupted it. So at any time one is read.
#[derive(Debug)]
pub struct LinkedStacks {
    now: Cell<BoundedStack>,
    others: [(u64, u64); 2],
}

impl LinkedStacks {
    /// Reads `now` until a signal's frame leads to one of the others, which are given by their lowest address and one past the highest. Empty ones are
    /// none.
    ///
    /// # Safety
    /// While the value is used each of the others is mapped and readable from every stack pointer up that code on it was interrupted at.
    pub unsafe fn new(now: BoundedStack, others: [(u64, u64); 2]) -> Self {
        let now = Cell::new(now);
        Self { now, others }
    }
}

impl StackReader for LinkedStacks {
    #[inline]
    fn read(&self, address: u64) -> Option<u64> {
        self.now.get().read(address)
    }

    fn interrupted_at(&self, sp: u64) {
        let [first, second] = self.others;
        let (low, high) = if first.0 <= sp && sp < first.1 {
            first
        } else {
            second
        };
        if low <= sp && sp < high {
            let low = low.max(sp.saturating_sub(RED_ZONE));
            // SAFETY: code on this stack was interrupted at this stack pointer, so it may be read from there (whoever called `new`). Its red zone is its own.
            self.now.set(unsafe { BoundedStack::new(low, high) });
        }
    }
}

/// A copy of a stack, or a made-up one: the address of the first word, and the words.
impl StackReader for (u64, &[u64]) {
    #[inline]
    fn read(&self, address: u64) -> Option<u64> {
        let distance = address.wrapping_sub(self.0);
        if !distance.is_multiple_of(8) {
            return None;
        }
        self.1.get(usize::try_from(distance / 8).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_stack_reads_only_inside() {
        let words = [1u64, 2, 3];
        let low = words.as_ptr() as u64;
        // SAFETY: the array outlives the reader.
        let stack = unsafe { BoundedStack::new(low, low + 24) };
        assert_eq!(stack.read(low), Some(1));
        assert_eq!(stack.read(low + 16), Some(3));
        assert_eq!(stack.read(low + 24), None);
        assert_eq!(
            stack.read(low + 17),
            None,
            "the word would reach beyond the end"
        );
        assert_eq!(stack.read(low + 4), None, "not aligned");
        assert_eq!(stack.read(low - 8), None);
        assert_eq!(stack.read(0), None);
        assert_eq!(stack.read(u64::MAX - 7), None);
    }

    #[test]
    fn empty_and_reversed_bounds_read_nothing() {
        for (low, high) in [(4096, 4096), (4096, 4100), (8192, 4096)] {
            // SAFETY: nothing is readable in these bounds, so nothing is read.
            let stack = unsafe { BoundedStack::new(low, high) };
            assert_eq!(stack.read(low), None);
        }
    }

    #[test]
    fn another_stack_is_read_from_where_it_was_interrupted() {
        let (first, second) = ([1u64, 2, 3, 4], [5u64; 40]);
        let (low, other) = (first.as_ptr() as u64, second.as_ptr() as u64);
        let end = other + 40 * 8;
        // SAFETY: both arrays outlive the reader.
        let stack =
            unsafe { LinkedStacks::new(BoundedStack::new(low, low + 32), [(0, 0), (other, end)]) };
        assert_eq!((stack.read(low), stack.read(other)), (Some(1), None));
        stack.interrupted_at(low);
        assert_eq!(stack.read(low), Some(1), "that is the same one still");
        stack.interrupted_at(other + 20 * 8);
        assert_eq!((stack.read(low), stack.read(end - 8)), (None, Some(5)));
        let lowest = other + 20 * 8 - RED_ZONE;
        assert_eq!(
            (stack.read(lowest), stack.read(lowest - 8)),
            (Some(5), None)
        );
    }

    #[test]
    fn copied_words_read_at_their_old_address() {
        let stack = (0x7000, &[5, 6][..]);
        assert_eq!(stack.read(0x7000), Some(5));
        assert_eq!(stack.read(0x7008), Some(6));
        assert_eq!(stack.read(0x7010), None);
        assert_eq!(stack.read(0x6ff8), None);
        assert_eq!(stack.read(0x7001), None);
    }
}
