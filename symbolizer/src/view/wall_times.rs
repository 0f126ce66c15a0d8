//! Where threads' time went by the wall clock: on a processor, waiting for one, blocked in what.
//!
//! Each term is measured on its own, and none is what the others leave: CPU time by the threads' clocks, the wait for a processor by the
//! scheduler's count, blocked time by the looks, a thread's life by the wall clock.

use super::await_stack::{self, Level};
use super::frames::{FrameId, Frames};
use super::threads::{Grouping, group};
use crate::waits::{WaitKind, wait_of};
use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Profile, Sample, State};
use std::collections::HashMap;

/// Time by the wall clock, of some threads together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WallTimes {
    /// How long they lived within the window, summed.
    pub lived_ns: u64,
    /// On a processor, by their clocks.
    pub on_cpu_ns: u64,
    /// Ready and waiting for a processor, by the scheduler's count.
    pub runnable_ns: u64,
    /// What looks stand for that found them off the processor, in the order of [`State::ALL`].
    pub looked_ns: [u64; State::ALL.len()],
    /// Looks, those that took a stack and those that kept one among them.
    pub looks: u64,
    /// Looks that took a stack.
    pub captured: u64,
    /// Looks that kept the stack before.
    pub kept: u64,
}

impl WallTimes {
    /// Blocked, in whatever.
    pub fn blocked_ns(&self) -> u64 {
        let states = State::ALL.iter().zip(self.looked_ns);
        (states.filter(|(state, _)| state.is_blocked()))
            .map(|(_, ns)| ns)
            .sum()
    }

    /// What the terms come to together. Each has a meter of its own, so that is their lives only nearly.
    fn told_ns(&self) -> u64 {
        (self.on_cpu_ns)
            .saturating_add(self.runnable_ns)
            .saturating_add(self.blocked_ns())
    }

    /// Time of their lives that no term stands for: no look found what they did.
    pub fn unlooked_ns(&self) -> u64 {
        self.lived_ns.saturating_sub(self.told_ns())
    }

    /// By how much the terms are more than their lives: a look stands for all of the time since the one before, whatever the thread did in between.
    pub fn overlap_ns(&self) -> u64 {
        self.told_ns().saturating_sub(self.lived_ns)
    }

    /// What looks found in one state.
    pub fn in_state(&self, state: State) -> u64 {
        self.looked_ns[state.index()]
    }

    fn add_accounts(&mut self, accounts: &Accounts) {
        self.lived_ns = self.lived_ns.saturating_add(accounts.wall_ns);
        self.on_cpu_ns = self.on_cpu_ns.saturating_add(accounts.cpu_ns);
        self.runnable_ns = self.runnable_ns.saturating_add(accounts.runnable_ns);
        self.looks = self.looks.saturating_add(accounts.looks);
        self.captured = self.captured.saturating_add(accounts.captured);
        self.kept = self.kept.saturating_add(accounts.kept);
    }

    fn add_sample(&mut self, sample: &Sample) {
        if !sample.state.is_on_cpu() {
            let sum = &mut self.looked_ns[sample.state.index()];
            *sum = sum.saturating_add(sample.wall_ns);
        }
    }

    fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.lived_ns, other.lived_ns),
            (&mut self.on_cpu_ns, other.on_cpu_ns),
            (&mut self.runnable_ns, other.runnable_ns),
            (&mut self.looks, other.looks),
            (&mut self.captured, other.captured),
            (&mut self.kept, other.kept),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        for (mine, theirs) in self.looked_ns.iter_mut().zip(other.looked_ns) {
            *mine = mine.saturating_add(theirs);
        }
    }
}

/// Threads that a report shows as one.
#[derive(Debug, Clone)]
pub struct WallGroup {
    /// Their name, with a `*` for digits that differ.
    pub label: String,
    /// Indices into [`Profile::threads`].
    pub threads: Vec<u32>,
    /// Their time.
    pub times: WallTimes,
    /// Where they were blocked, longest first.
    pub places: Vec<WallPlace>,
}

/// A place where threads were off the processor.
#[derive(Debug, Clone)]
pub struct WallPlace {
    /// What they did there.
    pub state: State,
    /// What they waited for, where the stack says.
    pub wait: Option<WaitKind>,
    /// The stack of the first sample there, folded, innermost first; empty where none was taken.
    pub stack: Vec<Level>,
    /// For how long.
    pub wall_ns: u64,
}

/// The time of all threads but hotpoll's own.
pub fn total(groups: &[WallGroup]) -> WallTimes {
    groups.iter().fold(WallTimes::default(), |mut sum, group| {
        sum.add(&group.times);
        sum
    })
}

/// Groups of threads with their time, those that were blocked outside of idle waiting longest first; hotpoll's own left out. `selects` says which
/// samples count.
pub fn wall_times(
    frames: &Frames,
    grouping: Grouping,
    selects: impl Fn(&Sample) -> bool,
) -> Vec<WallGroup> {
    let profile = frames.profile();
    let mut of_thread: HashMap<u32, Vec<&Sample>> = HashMap::new();
    let off_cpu = (profile.samples.iter()).filter(|sample| !sample.state.is_on_cpu());
    for sample in off_cpu.filter(|sample| selects(sample)) {
        of_thread.entry(sample.thread).or_default().push(sample);
    }
    let mut groups: Vec<WallGroup> = group(profile, grouping)
        .into_iter()
        .filter(|group| !group.own)
        .map(|group| {
            let samples = (group.threads.iter()).flat_map(|thread| of_thread.get(thread));
            let samples: Vec<&Sample> = samples.flatten().copied().collect();
            let mut times = times_of(profile, &group.threads);
            for sample in &samples {
                times.add_sample(sample);
            }
            WallGroup {
                label: group.label,
                threads: group.threads,
                times,
                places: places(frames, &samples),
            }
        })
        .collect();
    groups.retain(|group| group.times != WallTimes::default());
    groups.sort_by(|a, b| {
        let weight = |group: &WallGroup| {
            let times = &group.times;
            (
                times.on_cpu_ns.saturating_add(times.runnable_ns),
                times.blocked_ns(),
            )
        };
        weight(b)
            .cmp(&weight(a))
            .then_with(|| a.label.cmp(&b.label))
    });
    groups
}

fn times_of(profile: &Profile, threads: &[u32]) -> WallTimes {
    let mut times = WallTimes::default();
    for &thread in threads {
        times.add_accounts(&profile.threads[thread as usize].totals);
    }
    times
}

/// Where samples of waiting are, those of one state at one place of the program together. Not those that were ready to run: they have no stack, as a
/// look from outside finds them at work.
pub fn places(frames: &Frames, samples: &[&Sample]) -> Vec<WallPlace> {
    type Spot = (FrameId, u32);
    let spot = |at: super::FrameAt| (at.frame, at.line);
    let mut places: Vec<WallPlace> = Vec::new();
    let mut place_of: HashMap<(State, Option<Spot>, Option<FrameId>), usize> = HashMap::new();
    for sample in samples.iter().filter(|sample| sample.state.is_blocked()) {
        let stack = await_stack::fold(frames, &sample.stack);
        let own = await_stack::own(&stack).map(spot);
        let called = await_stack::called(&stack).map(|at| at.frame);
        let at = *place_of
            .entry((sample.state, own, called))
            .or_insert(places.len());
        if at == places.len() {
            places.push(WallPlace {
                state: sample.state,
                wait: wait_of(frames.profile(), &sample.stack).map(|wait| wait.kind),
                stack,
                wall_ns: 0,
            });
        }
        places[at].wall_ns = places[at].wall_ns.saturating_add(sample.wall_ns);
    }
    places.sort_by_key(|place| std::cmp::Reverse(place.wall_ns));
    places
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;

    const MS: u64 = 1_000_000;

    /// A thread that computes 100 ms and waits for a lock 300 ms in one place and for input 50 ms in another, and one that sleeps.
    fn waiting() -> Profile {
        let mut profile = profile(&[
            ("w1", "shop::main;shop::hash", 10),
            ("w1", "shop::main;shop::db;std::sync::Mutex::lock", 0),
            (
                "w1",
                "shop::main;shop::db;std::sync::Mutex::lock;syscall",
                0,
            ),
            ("w1", "shop::main;shop::net;std::io::read", 0),
            ("idle", "shop::main;std::thread::sleep", 0),
        ]);
        let waits = [
            (1, State::Lock, 200),
            (2, State::Lock, 100),
            (3, State::Io, 50),
            (4, State::Sleep, 500),
        ];
        for (at, state, ms) in waits {
            let sample = &mut profile.samples[at];
            sample.state = state;
            sample.wall_ns = ms * MS;
            sample.count = ms / 50;
        }
        for (thread, runnable) in profile.threads.iter_mut().zip([30, 0]) {
            thread.totals.wall_ns = 500 * MS;
            thread.totals.runnable_ns = runnable * MS;
            thread.totals.looks = 10;
        }
        profile
    }

    #[test]
    fn each_term_on_its_own() {
        let profile = waiting();
        let frames = Frames::new(&profile);
        let groups = wall_times(&frames, Grouping::ByName, |_| true);
        let labels: Vec<&str> = groups.iter().map(|group| group.label.as_str()).collect();
        assert_eq!(labels, ["w1", "idle"]);
        let times = &groups[0].times;
        assert_eq!((times.lived_ns, times.on_cpu_ns), (500 * MS, 100 * MS));
        assert_eq!(times.runnable_ns, 30 * MS);
        assert_eq!(times.in_state(State::Lock), 300 * MS);
        assert_eq!(times.blocked_ns(), 350 * MS);
        assert_eq!((times.unlooked_ns(), times.overlap_ns()), (20 * MS, 0));
        let short = WallTimes {
            lived_ns: 450 * MS,
            ..*times
        };
        assert_eq!((short.unlooked_ns(), short.overlap_ns()), (0, 30 * MS));
        let all = total(&groups);
        assert_eq!(
            (all.lived_ns, all.blocked_ns(), all.looks),
            (1_000 * MS, 850 * MS, 20)
        );
    }

    #[test]
    fn places_are_the_programs() {
        let profile = waiting();
        let frames = Frames::new(&profile);
        let groups = wall_times(&frames, Grouping::Each, |_| true);
        let places: Vec<(State, &str, u64)> = (groups[0].places.iter())
            .map(|place| {
                let own = await_stack::own(&place.stack).unwrap();
                (
                    place.state,
                    frames.get(own.frame).name.as_str(),
                    place.wall_ns,
                )
            })
            .collect();
        assert_eq!(
            places,
            [
                (State::Lock, "shop::db", 300 * MS),
                (State::Io, "shop::net", 50 * MS)
            ]
        );
    }

    #[test]
    fn only_what_is_selected() {
        let profile = waiting();
        let frames = Frames::new(&profile);
        let groups = wall_times(&frames, Grouping::Each, |sample| sample.state == State::Io);
        assert_eq!(groups[0].times.blocked_ns(), 50 * MS);
    }
}
