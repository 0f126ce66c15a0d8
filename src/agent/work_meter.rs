//! How much got done since the last slice: what the program counts itself, and completed tasks.

use crate::work;
use hotpoll_profile::{Work, WorkSource};
use std::collections::HashMap;

/// What the counter of completed tasks is called.
const TASKS: &str = "tasks";

/// Where the counters stood when they were read last.
#[derive(Debug)]
pub(super) struct WorkMeter {
    before: HashMap<(&'static str, WorkSource), u64>,
}

impl WorkMeter {
    /// From now on: what was counted before is not this start's.
    pub fn start() -> Self {
        Self {
            before: counters().collect(),
        }
    }

    /// What has been counted since the last time. A counter of the program's that stands still is there, too: nothing done is an answer.
    pub fn read(&mut self) -> Vec<Work> {
        let mut work = Vec::new();
        for ((name, source), now) in counters() {
            let before = self.before.insert((name, source), now);
            work.push(Work {
                name: name.to_owned(),
                source,
                units: now.wrapping_sub(before.unwrap_or(0)),
            });
        }
        work
    }

    /// The sentence about names that found no room, if there are such.
    pub fn notice(&self) -> Option<String> {
        let other = (work::OTHER, WorkSource::Program);
        (self.before.contains_key(&other)).then(|| {
            format!(
                "the program counts work under too many names: units of those that came last are together under “{}”",
                work::OTHER
            )
        })
    }
}

fn counters() -> impl Iterator<Item = ((&'static str, WorkSource), u64)> {
    let program = work::totals().into_iter();
    program
        .map(|(name, units)| ((name, WorkSource::Program), units))
        .chain(tasks().map(|units| ((TASKS, WorkSource::Tasks), units)))
}

/// Tracked tasks that no tracked task spawned, and that ran to their end. None while there are none: a program without tracked tasks has no such counter.
#[cfg(feature = "tokio")]
fn tasks() -> Option<u64> {
    Some(hotpoll_hooks::tasks::completed_roots()).filter(|&units| units > 0)
}

/// Without hooks there are no tasks.
#[cfg(not(feature = "tokio"))]
fn tasks() -> Option<u64> {
    None
}
