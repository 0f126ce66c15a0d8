//! Reading stack memory within bounds.
#![allow(unsafe_code)] // One aligned load from the thread's own stack.

/// How far below rsp a leaf function may keep data, and signal handlers leave it alone. Some hand-written code keeps its frame's address there.
pub const RED_ZONE: u64 = 128;

/// A bounded way to read a stack. Implementations are called in SIGPROF: no allocation, lock, system call or panic.
pub trait StackReader {
    /// The eight bytes at this address; nothing when it is not aligned or not inside the stack.
    fn read(&self, address: u64) -> Option<u64>;
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
    fn copied_words_read_at_their_old_address() {
        let stack = (0x7000, &[5, 6][..]);
        assert_eq!(stack.read(0x7000), Some(5));
        assert_eq!(stack.read(0x7008), Some(6));
        assert_eq!(stack.read(0x7010), None);
        assert_eq!(stack.read(0x6ff8), None);
        assert_eq!(stack.read(0x7001), None);
    }
}
