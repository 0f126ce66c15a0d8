//! A second CPU timer on one thread, for a moment: it shows what a poll that takes long is doing, as often as the kernel's tick permits.
//!
//! It speaks for no time: its records stand for no expiry, so that the thread's accounts stay those of the timer that samples it.

use super::{Member, Roster};
use crate::signal::source::Scope;
use crate::timer::CpuTimer;

/// The kernel looks at such timers on its ticks only; this is below the period of any.
const INTERVAL_NS: u64 = 500_000;

/// Armed as long as it lives.
pub struct Raised {
    _timer: CpuTimer,
}

impl Raised {
    /// Arms it. `None` for a thread that is not sampled, or when the kernel gives no timer.
    pub(super) fn arm(member: &Member, roster: &Roster) -> Option<Self> {
        let (id, _) = member.slot?;
        let timer = CpuTimer::arm(
            member.tid,
            roster.signal,
            INTERVAL_NS,
            id,
            roster.tag,
            Scope::Nothing,
        );
        Some(Self {
            _timer: timer.ok()?,
        })
    }
}

impl std::fmt::Debug for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Raised")
    }
}
