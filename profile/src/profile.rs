//! A profile: what one process did over a window of time.

use crate::{
    Function, Location, Module, Process, Sample, Slice, Snapshot, Thread, thread::Accounts,
};

/// What one process did over a window of time. The agent makes it with addresses only; symbolizing fills in
/// [`Location::lines`] and [`Profile::functions`].
///
/// Totals ([`Sample::count`], [`Sample::cpu_ns`], [`Sample::wall_ns`], [`Thread::totals`]) are the sums over [`Profile::slices`].
/// A profile read from another tool's pprof file has no slices, and threads without clocks: those that its labels name, or one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// The process, and how it was sampled.
    pub process: Process,
    /// When the window began, nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// How long the window is.
    pub duration_ns: u64,
    /// The sampling interval that was asked for.
    pub interval_ns: u64,
    /// The files of code.
    pub modules: Vec<Module>,
    /// The threads that ran, or were alive, in the window.
    pub threads: Vec<Thread>,
    /// The addresses that occur in stacks.
    pub locations: Vec<Location>,
    /// The functions that [`Location::lines`] name.
    pub functions: Vec<Function>,
    /// What was seen, folded over the window.
    pub samples: Vec<Sample>,
    /// The window, second by second.
    pub slices: Vec<Slice>,
    /// CPU time of the whole process in the window, by the process's clock.
    pub process_cpu_ns: u64,
    /// CPU time of threads that lived and died unseen.
    pub unseen_cpu_ns: u64,
    /// Slices of the window asked for that had already fallen out of the flight recorder for want of memory.
    pub evicted_slices: u64,
    /// Distinct stacks that were folded into "other" to keep the recorder within its memory.
    pub folded_stacks: u64,
    /// What the process got done, by counter.
    pub work: Vec<crate::Work>,
    /// What the run was made with.
    pub fingerprint: crate::Fingerprint,
    /// Polls and lock waits of the window, counted rather than sampled; `None` where that is not known.
    pub exact: Option<crate::Exact>,
    /// Threads and tasks as they were when the profile was made, if that was asked for.
    pub snapshot: Option<Snapshot>,
}

impl Profile {
    /// The accounts of all threads together.
    pub fn totals(&self) -> Accounts {
        let mut totals = Accounts::default();
        for thread in &self.threads {
            totals.add(&thread.totals);
        }
        totals
    }

    /// Timer expiries that the samples of CPU time stand for; looks at waiting threads are not among them.
    pub fn cpu_samples(&self) -> u64 {
        let on_cpu = self
            .samples
            .iter()
            .filter(|sample| sample.state.is_on_cpu());
        on_cpu.fold(0, |sum, sample| sum.saturating_add(sample.count))
    }

    /// Whether threads were looked at by the wall clock, so that there are samples of waiting too, or could be.
    pub fn has_wall(&self) -> bool {
        self.process.wall_asked_hz > 0.0
            || self.samples.iter().any(|sample| !sample.state.is_on_cpu())
    }

    /// The highest slice sequence in the profile: what the next "since" asks for. 0 when there are no slices.
    pub fn last_sequence(&self) -> u64 {
        self.slices
            .iter()
            .map(|slice| slice.sequence)
            .max()
            .unwrap_or(0)
    }
}
