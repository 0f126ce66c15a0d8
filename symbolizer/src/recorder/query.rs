//! Which part of the recorder is asked for.

/// Which part of the recorder is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// Everything that is kept.
    All,
    /// The slices that reach into the last so many nanoseconds, counted back from the end of the newest slice.
    LastNs(u64),
    /// The slices with a higher sequence number.
    Since(u64),
}
