//! How much a file may make us allocate. A profile can come from anywhere: 10 KB of gzip can hold 10 MB of zeros, and two bytes
//! of protobuf can stand for a struct of three hundred.

use super::DecodeError;

/// Bounds of [`crate::pprof::decode_with`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the message, after gzip is undone.
    pub message_bytes: usize,
    /// Bytes of the profile that it becomes, roughly counted.
    pub profile_bytes: usize,
}

/// One sample, location, slice … may have this many bytes; it bounds what decoding a single one can take before it is counted.
/// A slice of a hundred thousand rows has about 1 MB.
pub(super) const MAX_ENTRY_BYTES: usize = 16 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 512 << 20,
            profile_bytes: 2 << 30,
        }
    }
}

/// What is left of [`Limits::profile_bytes`].
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    left: usize,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limit: limits.profile_bytes,
            left: limits.profile_bytes,
        }
    }

    /// Takes `bytes` for something about to be allocated.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), DecodeError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(DecodeError::TooLarge { limit: self.limit }),
        }
    }

    /// Takes room for `n` values of `T`.
    pub(super) fn take_many<T>(&mut self, n: usize) -> Result<(), DecodeError> {
        self.take(n.saturating_mul(size_of::<T>()))
    }
}
