//! How many timers and descriptors may be taken from the host: a share of its limits.

use crate::sys;

/// What may be taken, and what is.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// POSIX timers: each holds a place in the user's pending-signal limit.
    pub timers_allowed: u64,
    /// Timers armed now.
    pub timers: u64,
    /// perf events: each is a descriptor.
    pub descriptors_allowed: u64,
    /// perf events open now.
    pub descriptors: u64,
}

impl Budget {
    /// This share of the limits in force now.
    pub(super) fn of_limits(share: f64) -> Self {
        let part = |limit: u64| (limit as f64 * share.clamp(0.0, 1.0)) as u64;
        Self {
            timers_allowed: part(sys::soft_limit(libc::RLIMIT_SIGPENDING)),
            timers: 0,
            descriptors_allowed: part(sys::soft_limit(libc::RLIMIT_NOFILE)),
            descriptors: 0,
        }
    }

    pub(super) fn may_arm_timer(&self) -> bool {
        self.timers < self.timers_allowed
    }

    pub(super) fn may_open_descriptor(&self) -> bool {
        self.descriptors < self.descriptors_allowed
    }
}
