//! A thread of the profiled process and its accounts over the profile's window.

use crate::{CaptureFailure, Counts, Engine, EngineReason, Loss, Truncation};

/// One thread. `(tid, start_ticks)` tells it from a later thread with the same ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The kernel's thread ID.
    pub tid: u32,
    /// When it started, in kernel clock ticks since boot.
    pub start_ticks: u64,
    /// Its latest name.
    pub name: String,
    /// Whether it has ended.
    pub exited: bool,
    /// Whether it belongs to hotpoll itself.
    pub own: bool,
    /// Its engine now.
    pub engine: Engine,
    /// Why it has that engine.
    pub engine_reason: EngineReason,
    /// Whether it blocks the sampling signal.
    pub signal_blocked: bool,
    /// Whether it ran in bursts of a few kernel ticks at most while sampled by ctimer: its shares may be biased.
    pub tick_biased: bool,
    /// Its accounts over the window: the sum of its [`crate::ThreadSlice`]s.
    pub totals: Accounts,
}

impl Default for Thread {
    fn default() -> Self {
        Self {
            tid: 0,
            start_ticks: 0,
            name: String::new(),
            exited: false,
            own: false,
            engine: Engine::None,
            engine_reason: EngineReason::Default,
            signal_blocked: false,
            tick_biased: false,
            totals: Accounts::default(),
        }
    }
}

/// What is counted for a thread over a stretch of time. Each term is measured on its own; none is scaled to fit another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accounts {
    /// CPU time by the thread's own clock.
    pub cpu_ns: u64,
    /// CPU time that the samples stand for.
    pub sampled_ns: u64,
    /// CPU time in the kernel that no sample stands for, by the kernel's own count: perf events are blind there, and the timer beside them
    /// sees system calls only, not page faults. Kernel time with samples is in `sampled_ns`, under [`crate::State::Kernel`].
    pub kernel_ns: u64,
    /// Timer expiries that reached the handler: `recorded + overrun + lost`.
    pub fired: u64,
    /// Records written.
    pub recorded: u64,
    /// Expiries that the kernel folded into a record's weight.
    pub overrun: u64,
    /// Expiries without a record, by reason.
    pub lost: Counts<Loss>,
    /// Records by how their callchain ended.
    pub truncated: Counts<Truncation>,
    /// Callchains with a step that was taken on the evidence of the stack alone, where there is no unwind information.
    pub guessed: u64,
    /// Time spent in the handler, by the time stamp counter; a call in which the thread was preempted counts for at most some 50 µs.
    pub handler_ns: u64,
    /// Context switches of the thread (times that it was put on a processor); 0 when not known.
    pub switches: u64,
    /// The thread's life within the stretch, by the wall clock; 0 when not looked at by the wall clock.
    pub wall_ns: u64,
    /// Time that it was ready to run and waited for a processor, by the scheduler's own count.
    pub runnable_ns: u64,
    /// Looks by the wall clock.
    pub looks: u64,
    /// Looks that took its stack from outside.
    pub captured: u64,
    /// Looks that kept the stack before, as the thread's CPU clock had not moved.
    pub kept: u64,
    /// Looks without a stack, by reason.
    pub capture_failed: Counts<CaptureFailure>,
}

impl Accounts {
    /// CPU time that no sample and no `[kernel]` row stands for. Negative when samples stand for more than the clock says.
    pub fn unsampled_ns(&self) -> i64 {
        // In 128 bits and clamped: a damaged file must not end its reader.
        let rest =
            i128::from(self.cpu_ns) - i128::from(self.sampled_ns) - i128::from(self.kernel_ns);
        rest.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// Adds the accounts of another stretch.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.cpu_ns, other.cpu_ns),
            (&mut self.sampled_ns, other.sampled_ns),
            (&mut self.kernel_ns, other.kernel_ns),
            (&mut self.fired, other.fired),
            (&mut self.recorded, other.recorded),
            (&mut self.overrun, other.overrun),
            (&mut self.guessed, other.guessed),
            (&mut self.handler_ns, other.handler_ns),
            (&mut self.switches, other.switches),
            (&mut self.wall_ns, other.wall_ns),
            (&mut self.runnable_ns, other.runnable_ns),
            (&mut self.looks, other.looks),
            (&mut self.captured, other.captured),
            (&mut self.kept, other.kept),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        self.lost.add_all(&other.lost);
        self.truncated.add_all(&other.truncated);
        self.capture_failed.add_all(&other.capture_failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsampled_is_what_is_left() {
        let mut accounts = Accounts {
            cpu_ns: 100,
            sampled_ns: 70,
            kernel_ns: 20,
            ..Accounts::default()
        };
        assert_eq!(accounts.unsampled_ns(), 10);
        accounts.sampled_ns = 90;
        assert_eq!(accounts.unsampled_ns(), -10);
    }

    #[test]
    fn numbers_of_a_damaged_file_end_nobody() {
        let mut accounts = Accounts {
            sampled_ns: u64::MAX,
            kernel_ns: u64::MAX,
            ..Accounts::default()
        };
        assert_eq!(accounts.unsampled_ns(), i64::MIN);
        let same = accounts;
        accounts.add(&same);
        assert_eq!(accounts, same);
    }
}
