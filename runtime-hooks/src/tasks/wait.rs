//! A place where a task is suspended, as the one word that its record keeps of it.

use super::stacks;
use super::waker::MAX_CAPTURES;

/// A place where a task is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// Of `stacks`.
    pub stack: u32,
    /// The poll in which it was taken, counted from 1; its low 31 bits.
    pub poll: u32,
    /// Which one of that poll it was, counted from 1; `MAX_ORDER` for any after that.
    pub order: u32,
    /// The task gave way there, rather than waiting.
    pub yielded: bool,
}

impl Wait {
    pub fn word(self) -> u64 {
        u64::from(self.order.min(MAX_ORDER)) << ORDER_SHIFT
            | u64::from(self.stack & MAX_STACK) << 32
            | u64::from(self.yielded) << 31
            | u64::from(self.poll & MAX_POLL)
    }

    pub fn of_word(word: u64) -> Option<Self> {
        (word != 0).then_some(Self {
            stack: (word >> 32) as u32 & MAX_STACK,
            poll: word as u32 & MAX_POLL,
            order: (word >> ORDER_SHIFT) as u32,
            yielded: word >> 31 & 1 == 1,
        })
    }
}

/// Polls are counted up to here, and then from 0.
pub(super) const MAX_POLL: u32 = (1 << 31) - 1;
const ORDER_SHIFT: u32 = 61;
const MAX_ORDER: u32 = (1 << (64 - ORDER_SHIFT)) - 1;
/// The largest number of a stack that a wait has room for.
const MAX_STACK: u32 = (1 << (ORDER_SHIFT - 32)) - 1;
const _: () = assert!(stacks::MOST_WORDS <= MAX_STACK as usize);
const _: () = assert!(MAX_CAPTURES <= MAX_ORDER);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_survives_its_word() {
        for wait in [
            Wait {
                stack: 1,
                poll: 0,
                order: 1,
                yielded: false,
            },
            Wait {
                stack: MAX_STACK,
                poll: MAX_POLL,
                order: MAX_ORDER,
                yielded: true,
            },
        ] {
            assert_eq!(Wait::of_word(wait.word()), Some(wait));
        }
        assert_eq!(Wait::of_word(0), None);
    }
}
