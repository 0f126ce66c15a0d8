//! Which part of the recorder is asked for.

/// Which part of the recorder is asked for: the slices that meet both conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// Only slices with a higher sequence number.
    pub since_sequence: u64,
    /// Only slices that reach into the last so many nanoseconds, counted back from the end of the newest slice.
    pub last_ns: u64,
}

impl Query {
    /// Everything that is kept.
    pub const ALL: Self = Self {
        since_sequence: 0,
        last_ns: u64::MAX,
    };

    /// The slices with a higher sequence number.
    pub fn since(since_sequence: u64) -> Self {
        Self {
            since_sequence,
            ..Self::ALL
        }
    }

    /// The slices that reach into the last so many nanoseconds.
    pub fn last_ns(last_ns: u64) -> Self {
        Self {
            last_ns,
            ..Self::ALL
        }
    }
}
