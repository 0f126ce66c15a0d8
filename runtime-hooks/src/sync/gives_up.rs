//! When a wait gives up by itself.

use std::time::{Duration, Instant};

/// When a wait gives up by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivesUp {
    /// It does not.
    Never,
    /// So long after it began.
    In(Duration),
    /// Then.
    At(Instant),
}

impl GivesUp {
    /// Whether it ever does.
    pub const fn is_timed(self) -> bool {
        !matches!(self, Self::Never)
    }

    /// How long that is from now on. `None`: it does not, or not in a time that can be told.
    pub fn left(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            // As `Duration::MAX` says "for ever" in many programs.
            Self::In(time) => (time < Duration::from_secs(u32::MAX as u64)).then_some(time),
            Self::At(then) => Some(then.saturating_duration_since(Instant::now())),
        }
    }
}
