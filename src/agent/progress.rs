//! How the threads wait for each other: slices asked for and closed, threads running and ended.

use super::lock;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// What is asked of the drain, and what has come of it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// Numbers the questions for a slice up to now.
    asked: u64,
    /// The last question whose asker wants a slice however short.
    asked_exactly: u64,
    /// The last question that was dealt with.
    answered: u64,
    /// The newest closed slice.
    closed: u64,
    /// The drain will close no slice any more.
    drained: bool,
    /// Somebody is going to look at threads and tasks once more when all ends, and needs the sampler for it.
    last_look_expected: bool,
    stopping: bool,
    /// The first unwind tables are there, or will not come.
    unwinding: bool,
    expected: u32,
    running: u32,
    ended: u32,
}

/// What the drain finds when it looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Pass it to [`Progress::answer`].
    pub number: u64,
    /// Whether somebody waits for a slice.
    pub close: bool,
    /// Whether the slice is wanted however short it is.
    pub exactly: bool,
    pub stop: bool,
}

impl Progress {
    /// Asks for a slice up to now; `wake` wakes the drain. Waits until it is there, within reason.
    pub fn ask_for_slice(&self, exactly: bool, wake: impl FnOnce(), patience: Duration) {
        let mut state = lock(&self.state);
        state.asked += 1;
        let mine = state.asked;
        if exactly {
            state.asked_exactly = mine;
        }
        drop(state);
        wake();
        self.wait(patience, |state| state.answered >= mine || state.drained);
    }

    /// What is asked of the drain now.
    pub fn asked(&self) -> Asked {
        let state = lock(&self.state);
        Asked {
            number: state.asked,
            close: state.asked > state.answered,
            exactly: state.asked_exactly > state.answered,
            stop: state.stopping,
        }
    }

    /// Every question up to `number` was dealt with.
    pub fn answer(&self, number: u64) {
        lock(&self.state).answered = number;
        self.changed.notify_all();
    }

    /// A slice was closed.
    pub fn slice_closed(&self, sequence: u64) {
        lock(&self.state).closed = sequence;
    }

    /// The newest closed slice; 0 before the first.
    pub fn last_closed(&self) -> u64 {
        lock(&self.state).closed
    }

    /// There will be no slice any more.
    pub fn drained(&self) {
        lock(&self.state).drained = true;
        self.changed.notify_all();
    }

    /// Somebody will look at threads and tasks once more at the end.
    pub fn expect_last_look(&self) {
        lock(&self.state).last_look_expected = true;
    }

    /// It has looked, or will not.
    pub fn last_look_done(&self) {
        lock(&self.state).last_look_expected = false;
        self.changed.notify_all();
    }

    /// Waits for the last look, if there is one to come, or for so long.
    pub fn wait_for_last_look(&self, patience: Duration) {
        self.wait(patience, |state| !state.last_look_expected);
    }

    /// Tells everybody to end.
    pub fn stop(&self) {
        lock(&self.state).stopping = true;
        self.changed.notify_all();
    }

    /// Whether everybody is to end.
    pub fn is_stopping(&self) -> bool {
        lock(&self.state).stopping
    }

    /// Waits until everybody is to end, or for so long; whether they are.
    pub fn wait_for_stop(&self, patience: Duration) -> bool {
        self.wait(patience, |state| state.stopping)
    }

    /// Waits until the last slice is closed, or for so long.
    pub fn wait_for_drained(&self, patience: Duration) {
        self.wait(patience, |state| state.drained);
    }

    /// Stacks can be walked from now on.
    pub fn unwinding(&self) {
        // Said after each look for modules: woken each time, those who wait for other things took more of a core than the looks.
        if !std::mem::replace(&mut lock(&self.state).unwinding, true) {
            self.changed.notify_all();
        }
    }

    /// Waits until stacks can be walked, or for so long; whether they can, or nobody will ever walk any.
    pub fn wait_for_unwinding(&self, patience: Duration) -> bool {
        self.wait(patience, |state| {
            state.unwinding || state.stopping || state.ended > 0
        })
    }

    /// A thread is about to be made.
    pub fn expect_thread(&self) {
        lock(&self.state).expected += 1;
    }

    /// A thread runs, and has said that it is ours.
    pub fn thread_runs(&self) {
        lock(&self.state).running += 1;
        self.changed.notify_all();
    }

    /// Waits until all threads run, or for so long.
    pub fn wait_for_threads(&self, patience: Duration) {
        self.wait(patience, |state| state.running == state.expected);
    }

    /// A thread has ended, or could not be made.
    pub fn thread_ended(&self) {
        lock(&self.state).ended += 1;
        self.changed.notify_all();
    }

    /// Waits until all threads have ended, or for so long.
    pub fn wait_for_end(&self, patience: Duration) {
        self.wait(patience, |state| state.ended == state.expected);
    }

    fn wait(&self, patience: Duration, done: impl Fn(&State) -> bool) -> bool {
        let state = lock(&self.state);
        let waited = self
            .changed
            .wait_timeout_while(state, patience, |state| !done(state));
        done(&waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0)
    }
}
