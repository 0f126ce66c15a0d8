//! What is wrong with a task by itself.

use hotpoll_profile::{Task, TaskState};

/// What can be wrong with a task, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// It waits to be woken, and nobody holds its waker.
    LostWaker,
    /// Its poll takes longer than a poll may.
    LongPoll,
    /// It was woken long ago, and no thread has polled it since.
    NotPolled,
}

impl Problem {
    /// A few words for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::LostWaker => "lost waker",
            Self::LongPoll => "long poll",
            Self::NotPolled => "not polled",
        }
    }
}

/// A task that was woken waits for a thread for some time on any busy runtime; this many times a long poll is not that.
const NOT_POLLED: u64 = 10;

/// What is wrong with a task, where a longer poll than `long_poll_ns` is a long one.
pub fn problem(task: &Task, long_poll_ns: u64) -> Option<Problem> {
    match task.state {
        // On a thread that is there to be blocked; and when it waits for one, the pool is full, as somebody wanted.
        _ if task.blocking => None,
        TaskState::LostWaker => Some(Problem::LostWaker),
        TaskState::Polling if long_poll_ns > 0 && task.state_ns >= long_poll_ns => {
            Some(Problem::LongPoll)
        }
        TaskState::Scheduled | TaskState::Yielded
            if long_poll_ns > 0 && task.state_ns / NOT_POLLED >= long_poll_ns =>
        {
            Some(Problem::NotPolled)
        }
        _ => None,
    }
}
