//! What a process was doing at one moment: every thread, task and resource, sampled or not.

use crate::{CaptureFailure, Resources, State, Tasks};

/// A process at one moment, beside the window that the profile is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was taken, nanoseconds since 1970; 0 where it is of no moment.
    pub taken_unix_ns: u64,
    /// How long it took. A task that has been in its state for longer was in it all the while, so that what else was seen meanwhile was so at the same time.
    pub took_ns: u64,
    /// The threads that were alive. None at all: it was put together, or taken when sampling had stopped, and says nothing of one moment; the kinds of
    /// tasks have their names and counts nonetheless.
    pub threads: Vec<ThreadNow>,
    /// The tracked tasks.
    pub tasks: Tasks,
    /// Locks, channels and whatever else is held or waited for.
    pub resources: Resources,
}

/// A thread at that moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThreadNow {
    /// Index into [`crate::Profile::threads`].
    pub thread: u32,
    /// What it was doing.
    pub state: State,
    /// For at least how long; 0 when not known.
    pub state_ns: u64,
    /// The system call that it was in, by number.
    pub syscall: Option<u32>,
    /// Where the word in memory lies that it waits at, in `futex`; 0 when it does not, or that is not known.
    pub waits_at: u64,
    /// Indices into [`crate::Profile::locations`], leaf first.
    pub stack: Vec<u32>,
    /// How old the stack was: the thread's CPU clock has stood still since, so that it was still there.
    pub stack_age_ns: u64,
    /// Why there is no stack.
    pub failure: Option<CaptureFailure>,
    /// Whether it is a worker of an async runtime.
    pub runtime_worker: bool,
    /// Whether it is a worker that has nothing to do.
    pub parked: bool,
    /// The task that it was polling, the outermost of several polls that run inside of one another; 0 for none.
    pub task: u64,
    /// That task's kind; 0 for none.
    pub kind: u64,
    /// How long it had been polling it; 0 when it was not.
    pub poll_ns: u64,
}

impl Snapshot {
    /// Every stack in it.
    pub fn stacks(&self) -> impl Iterator<Item = &Vec<u32>> {
        let threads = self.threads.iter().map(|now| &now.stack);
        let tasks = self.tasks.tasks.iter().flat_map(|task| &task.waits);
        let polls = self.tasks.kinds.iter().flat_map(|kind| {
            let polls = kind.longest_poll.iter().chain(&kind.long_polls);
            polls.flat_map(|poll| &poll.stacks)
        });
        let waits = self.resources.stacks();
        (threads.chain(tasks.map(|wait| &wait.stack)))
            .chain(polls.map(|look| &look.stack))
            .chain(waits)
    }

    /// Every stack in it, to be rewritten.
    pub fn stacks_mut(&mut self) -> impl Iterator<Item = &mut Vec<u32>> {
        let threads = self.threads.iter_mut().map(|now| &mut now.stack);
        let tasks = self.tasks.tasks.iter_mut();
        let waits = tasks.flat_map(|task| &mut task.waits);
        let polls = self.tasks.kinds.iter_mut().flat_map(|kind| {
            let polls = kind.longest_poll.iter_mut().chain(&mut kind.long_polls);
            polls.flat_map(|poll| &mut poll.stacks)
        });
        let resources = self.resources.stacks_mut();
        (threads.chain(waits.map(|wait| &mut wait.stack)))
            .chain(polls.map(|look| &mut look.stack))
            .chain(resources)
    }
}
