//! The states of a profile's threads, told apart by their stacks.
//!
//! Who captures a thread knows its system call, and nearly all waits for other threads are `futex`. With names it is known which of them are for a lock that
//! somebody holds, and which are idle: parked, at a condition, at a channel.

use super::{Frame, KnownWait, known_wait};
use hotpoll_profile::{Function, Location, Profile, State};
use std::collections::HashMap;

/// What a stack (locations, leaf first) waits for, by its names.
pub fn wait_of(profile: &Profile, stack: &[u32]) -> Option<KnownWait> {
    of_tables(&profile.locations, &profile.functions, stack)
}

fn of_tables(locations: &[Location], functions: &[Function], stack: &[u32]) -> Option<KnownWait> {
    let locations = stack.iter().filter_map(|&at| locations.get(at as usize));
    let lines = locations.flat_map(|location| &location.lines);
    let functions = lines.filter_map(|line| functions.get(line.function as usize));
    known_wait(functions.map(|function| Frame {
        name: &function.name,
        file: &function.file,
    }))
}

/// Says of every wait in `futex` whether it is one for a lock; where the stack does not say, it stays what it was. Once the addresses have names.
pub fn refine(profile: &mut Profile) {
    let (locations, functions) = (&profile.locations, &profile.functions);
    let mut known: HashMap<Vec<u32>, Option<bool>> = HashMap::new();
    let mut refine = |state: &mut State, stack: &Vec<u32>| {
        // Before version 1.3 both were one.
        if !matches!(state, State::Lock | State::Futex) || stack.is_empty() {
            return;
        }
        let is_lock = match known.get(stack) {
            Some(known) => *known,
            None => {
                let wait = of_tables(locations, functions, stack);
                let is_lock = wait.map(|wait| wait.kind.is_lock());
                known.insert(stack.clone(), is_lock);
                is_lock
            }
        };
        match is_lock {
            Some(true) => *state = State::Lock,
            Some(false) => *state = State::Futex,
            None => {}
        }
    };
    for sample in &mut profile.samples {
        refine(&mut sample.state, &sample.stack);
    }
    let Some(snapshot) = &mut profile.snapshot else {
        return;
    };
    for now in &mut snapshot.threads {
        refine(&mut now.state, &now.stack);
    }
    for kind in &mut snapshot.tasks.kinds {
        let polls = kind.longest_poll.iter_mut().chain(&mut kind.long_polls);
        for look in polls.flat_map(|poll| &mut poll.stacks) {
            refine(&mut look.state, &look.stack);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture::profile;
    use hotpoll_profile::{Snapshot, ThreadNow};

    #[test]
    fn waits_for_locks_are_told_from_idle_threads() {
        let mut profile = profile(&[
            (
                "a",
                "shop::db;std::sys::sync::mutex::futex::Mutex::lock_contended;syscall",
                1,
            ),
            ("a", "shop::main;std::thread::park;syscall", 1),
            ("a", "shop::main;syscall", 1),
            ("a", "shop::main;flock", 1),
            ("a", "shop::main;epoll_wait", 1),
        ]);
        let states = [
            State::Futex,
            State::Futex,
            State::Futex,
            State::Lock,
            State::Io,
        ];
        for (sample, state) in profile.samples.iter_mut().zip(states) {
            sample.state = state;
        }
        let stack = profile.samples[0].stack.clone();
        profile.snapshot = Some(Snapshot {
            threads: vec![ThreadNow {
                state: State::Futex,
                stack,
                ..ThreadNow::default()
            }],
            ..Snapshot::default()
        });
        refine(&mut profile);
        let states: Vec<State> = profile.samples.iter().map(|sample| sample.state).collect();
        assert_eq!(
            states,
            [
                State::Lock,
                State::Futex,
                State::Futex,
                State::Lock,
                State::Io
            ]
        );
        assert_eq!(profile.snapshot.unwrap().threads[0].state, State::Lock);
    }

    #[test]
    fn a_file_of_an_older_version_called_both_a_lock() {
        let mut profile = profile(&[("a", "shop::main;std::thread::park;syscall", 1)]);
        profile.samples[0].state = State::Lock;
        refine(&mut profile);
        assert_eq!(profile.samples[0].state, State::Futex);
    }
}
