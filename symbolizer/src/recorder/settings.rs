//! How much the recorder keeps.

/// How much the recorder keeps, and the interval that most samples stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How far back slices are kept.
    pub span_ns: u64,
    /// The most memory that the recorder holds; less than [`Settings::LEAST_BYTES`] counts as that, more than
    /// [`Settings::GREATEST_BYTES`] as that.
    pub bytes: usize,
    /// How many single tasks are told apart; the others count under their kind alone.
    pub top_tasks: usize,
    /// The CPU time that one timer expiry stands for: rows that agree with it are stored in fewer bytes.
    pub interval_ns: u64,
}

impl Settings {
    /// Below this the fixed parts leave no room for samples.
    pub const LEAST_BYTES: usize = 64 * 1024;

    /// The most that a recorder may be given: 1 GiB. It is filled as samples come; what is more is a mistake of units.
    pub const GREATEST_BYTES: usize = 1 << 30;

    /// The bound in force.
    pub(super) fn bound(&self) -> usize {
        self.bytes.clamp(Self::LEAST_BYTES, Self::GREATEST_BYTES)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            span_ns: 300 * 1_000_000_000,
            bytes: 8 * 1024 * 1024,
            top_tasks: 64,
            interval_ns: 1_000_000_000 / 99,
        }
    }
}
