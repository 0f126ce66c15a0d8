//! What is wrong with a thread by itself.

use super::inferred::wait_of;
use crate::view::Frames;
use crate::view::live_threads::Role;
use crate::waits::WaitKind;
use hotpoll_profile::{State, ThreadNow};

/// Why a thread is stuck, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stuck {
    /// It is blocked in a poll, for longer than a poll may take: nothing else on this worker makes progress.
    BlockedPoll,
    /// A runtime's worker is blocked in something that is not tracked, for longer than a poll may take.
    BlockedWorker,
    /// It runs in one poll for longer than a poll may take.
    LongPoll,
    /// It waits for a mutex or the like, for a second at least.
    Lock,
    /// It has been ready to run for long, and no processor took it.
    NoProcessor,
    /// It is in the kernel where no signal reaches it, for a second at least.
    Uninterruptible,
}

impl Stuck {
    /// A few words for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::BlockedPoll => "blocked in a long poll",
            Self::BlockedWorker => "a worker, blocked in what is not tracked",
            Self::LongPoll => "busy in a long poll",
            Self::Lock => "waits for a lock",
            Self::NoProcessor => "gets no processor",
            Self::Uninterruptible => "stuck in the kernel",
        }
    }
}

/// Waiting for a lock, or in the kernel, for less than this is ordinary.
const LONG_WAIT_NS: u64 = 1_000_000_000;
/// Being ready and not running for less than this is ordinary.
const LONG_RUNNABLE_NS: u64 = 100_000_000;

/// Why a thread is stuck, where a longer poll than `long_poll_ns` is a long one.
pub fn stuck(
    frames: &Frames,
    now: &ThreadNow,
    role: Option<Role>,
    long_poll_ns: u64,
) -> Option<Stuck> {
    let is_long = long_poll_ns > 0 && now.poll_ns >= long_poll_ns;
    match now.state {
        state if is_long && state.is_blocked() => Some(Stuck::BlockedPoll),
        _ if is_long => Some(Stuck::LongPoll),
        _ if role == Some(Role::BlockedElsewhere)
            && long_poll_ns > 0
            && now.state_ns >= long_poll_ns =>
        {
            Some(Stuck::BlockedWorker)
        }
        State::Runnable if now.state_ns >= LONG_RUNNABLE_NS => Some(Stuck::NoProcessor),
        State::Uninterruptible if now.state_ns >= LONG_WAIT_NS => Some(Stuck::Uninterruptible),
        state if state.is_blocked() && now.state_ns >= LONG_WAIT_NS => {
            is_at_lock(frames, now).then_some(Stuck::Lock)
        }
        _ => None,
    }
}

/// Whether a thread waits for a mutex or a read-write lock, and not for work (a condition, a channel, to be unparked).
fn is_at_lock(frames: &Frames, now: &ThreadNow) -> bool {
    let wait = wait_of(frames, &now.stack);
    wait.is_some_and(|wait| wait.kind.is_lock() && wait.kind != WaitKind::FileLock)
}
