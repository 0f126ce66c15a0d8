//! Computes what is said of a process's threads.

use super::data::{CountData, Data, DominantData, PollData, ThreadData};
use crate::now::Now;
use crate::stack;
use hotpoll_profile::{Reason, State, TaskKind};
use hotpoll_symbolizer::view::Frames;
use hotpoll_symbolizer::view::live_threads::{LiveThread, Role, Stuck, live_threads};
use hotpoll_symbolizer::waits;
use regex::Regex;

/// The threads of a process whose name, or a function on whose stack, matches.
pub fn collect(now: &Now, filter: Option<&Regex>, top: Option<usize>) -> Data {
    let profile = now.profile();
    let frames = Frames::new(profile);
    let all = live_threads(&frames, now.snapshot());
    let wait = |one: &LiveThread| {
        let is_blocked = one.now.state.is_blocked();
        let wait = is_blocked.then(|| waits::wait_of(profile, &one.now.stack));
        wait.flatten().map(|wait| wait.kind.label())
    };
    let all: Vec<_> = all.into_iter().map(|one| (wait(&one), one)).collect();
    let theirs = || all.iter().filter(|(_, one)| !one.thread.own);
    let of_theirs = || theirs().map(|(_, one)| one);
    Data {
        pid: profile.process.pid,
        name: profile.process.name.clone(),
        taken_unix_ns: now.snapshot().taken_unix_ns,
        window_ns: profile.duration_ns,
        long_poll_ns: now.snapshot().tasks.long_poll_ns,
        states: counted(theirs().map(|(wait, one)| shown(one.now.state.label(), *wait))),
        workers: counted(
            of_theirs()
                .filter(|one| one.worker)
                .filter_map(|one| one.role.map(Role::label)),
        ),
        stuck: counted(of_theirs().filter_map(|one| one.stuck.map(Stuck::label))),
        notices: profile.process.notices.clone(),
        threads: (all.iter())
            .filter(|(_, one)| filter.is_none_or(|filter| selects(filter, &frames, one)))
            .take(top.unwrap_or(usize::MAX))
            .map(|(wait, one)| thread(&frames, one, *wait))
            .collect(),
    }
}

fn selects(filter: &Regex, frames: &Frames, one: &LiveThread<'_>) -> bool {
    let stack = one.now.stack.iter();
    filter.is_match(&one.thread.name)
        || (stack.flat_map(|&location| frames.at(location)))
            .any(|at| filter.is_match(&frames.get(at.frame).name))
        || (one.dominant).is_some_and(|(frame, _)| filter.is_match(&frames.get(frame).name))
}

/// How often each occurs, the most frequent first.
fn counted(labels: impl Iterator<Item = &'static str>) -> Vec<CountData> {
    let mut counts: Vec<CountData> = Vec::new();
    for what in labels {
        match counts.iter_mut().find(|known| known.what == what) {
            Some(known) => known.threads += 1,
            None => counts.push(CountData { what, threads: 1 }),
        }
    }
    counts.sort_by_key(|known| std::cmp::Reverse(known.threads));
    counts
}

/// The one word for what a thread does, in the head and in its row: of a wait in futex what it is for; a lock stays a lock.
pub fn shown(state: &'static str, wait: Option<&'static str>) -> &'static str {
    match wait {
        Some(wait) if state == State::Futex.label() => wait,
        _ => state,
    }
}

fn thread(frames: &Frames, one: &LiveThread<'_>, wait: Option<&'static str>) -> ThreadData {
    let now = one.now;
    ThreadData {
        tid: one.thread.tid,
        name: one.thread.name.clone(),
        own: one.thread.own,
        state: now.state.label(),
        wait,
        state_ns: now.state_ns,
        syscall: now.syscall,
        role: one.role.map(Role::label),
        polls: (now.poll_ns > 0).then(|| PollData {
            task: now.task,
            kind: one.kind.map_or_else(String::new, TaskKind::title),
            poll_ns: now.poll_ns,
        }),
        stuck: one.stuck.map(Stuck::label),
        cores: one.cores,
        dominant: one.dominant.map(|(frame, share)| DominantData {
            name: frames.get(frame).name.clone(),
            share,
        }),
        failure: now.failure.map(|why| why.label()),
        stack_age_ns: now.stack_age_ns,
        folded: stack::folded(frames, &one.stack),
        stack: stack::whole(frames, &now.stack),
    }
}
