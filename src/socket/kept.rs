//! A descriptor of ours in a process that is not ours.
//!
//! Daemons close all descriptors that they do not know, and what they open next gets the same numbers. So each use asks first whether the
//! number still means what we opened. Between the question and the use another thread of the host may still close it; what is left of
//! the danger is that moment.

use super::sys;
use std::os::fd::AsFd;

/// A descriptor, and what it was when it was made. Dropping it closes the descriptor only if it is still that.
#[derive(Debug)]
pub(super) struct Kept<T: AsFd> {
    /// Taken out by the drop alone.
    inner: Option<T>,
    identity: Option<sys::Identity>,
}

impl<T: AsFd> Kept<T> {
    /// Remembers what the descriptor is now. Sockets and pipes have a number of their own; anonymous files like an eventfd share one.
    pub fn new(inner: T) -> Self {
        let identity = sys::identity(inner.as_fd());
        Self {
            inner: Some(inner),
            identity,
        }
    }

    /// The descriptor, if it is still ours.
    pub fn get(&self) -> Option<&T> {
        let inner = self.inner.as_ref()?;
        let is_ours = self.identity.is_some() && sys::identity(inner.as_fd()) == self.identity;
        is_ours.then_some(inner)
    }
}

impl<T: AsFd> Drop for Kept<T> {
    fn drop(&mut self) {
        if self.get().is_none() {
            // The number is the host's now, or nobody's.
            std::mem::forget(self.inner.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::pipe;
    use std::os::fd::AsRawFd;

    #[test]
    fn closes_what_is_its_own() {
        let (reader, writer) = pipe().unwrap();
        let number = writer.as_raw_fd();
        let kept = Kept::new(writer);
        assert_eq!(kept.get().map(AsRawFd::as_raw_fd), Some(number));
        drop(kept);
        // Nobody else has the writing end: the reader sees the end.
        assert_eq!(std::io::read_to_string(reader).unwrap(), "");
    }
}
