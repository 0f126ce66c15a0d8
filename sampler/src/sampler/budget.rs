//! How many timers and descriptors may be taken from the host: a share of its limits.

use crate::off_cpu::DescriptorPool;
use crate::sys;
use std::sync::Arc;

/// What may be taken, and what is.
#[derive(Debug, Clone)]
pub struct Budget {
    /// POSIX timers: each holds a place in the user's pending-signal limit.
    pub timers_allowed: u64,
    /// Timers armed now.
    pub timers: u64,
    /// perf events are descriptors, and so are the files that looks at sleeping threads keep open.
    pool: Arc<DescriptorPool>,
}

impl Budget {
    /// This share of the limits in force now.
    pub(super) fn of_limits(share: f64) -> Self {
        let part = |limit: u64| (limit as f64 * share.clamp(0.0, 1.0)) as u64;
        Self {
            timers_allowed: part(sys::soft_limit(libc::RLIMIT_SIGPENDING)),
            timers: 0,
            pool: Arc::new(DescriptorPool::new(part(sys::soft_limit(
                libc::RLIMIT_NOFILE,
            )))),
        }
    }

    /// Descriptors that may be taken.
    pub fn descriptors_allowed(&self) -> u64 {
        self.pool.allowed()
    }

    /// perf events open now.
    pub fn perf_descriptors(&self) -> u64 {
        self.pool.events()
    }

    /// Files of `/proc` kept open now.
    pub fn file_descriptors(&self) -> u64 {
        self.pool.files()
    }

    pub(super) fn pool(&self) -> &Arc<DescriptorPool> {
        &self.pool
    }

    pub(super) fn may_arm_timer(&self) -> bool {
        self.timers < self.timers_allowed
    }

    pub(super) fn may_open_descriptor(&self) -> bool {
        self.pool.has_room()
    }
}
