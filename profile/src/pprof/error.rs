//! Why a file could not be read as a profile.

use std::fmt;

/// Why bytes could not be read as a [`crate::Profile`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are no bytes: perhaps the writer ended before its first write.
    Empty,
    /// The bytes begin like gzip and do not go on like it (cut short, or damaged).
    Gzip,
    /// The bytes are no pprof message, or a damaged one; says what was being read.
    Malformed(&'static str),
    /// A table refers to an entry that is not there; says what refers.
    DanglingIndex(&'static str),
    /// Reading on would take more than [`crate::pprof::Limits`] allows.
    TooLarge {
        /// The limit that was met, in bytes.
        limit: usize,
    },
    /// A later hotpoll wrote the file, in a format that this one cannot read.
    NewerVersion {
        /// The file's version.
        found: u32,
        /// The newest version that can be read here.
        known: u32,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the file is empty"),
            Self::Gzip => write!(f, "the gzip stream is damaged or cut short"),
            Self::Malformed(what) => {
                write!(f, "not a pprof profile, or a damaged one (at: {what})")
            }
            Self::DanglingIndex(what) => write!(
                f,
                "a damaged profile: {what} refers to an entry that is not there"
            ),
            Self::TooLarge { limit } => write!(
                f,
                "the profile is larger than the limit of {} MiB",
                limit >> 20
            ),
            Self::NewerVersion { found, known } => write!(
                f,
                "the profile was written in format {found} and this hotpoll reads formats up to {known}: update hotpoll"
            ),
        }
    }
}

impl std::error::Error for DecodeError {}
