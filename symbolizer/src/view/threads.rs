//! Threads, with those of one pool put together.

use super::weight::Weight;
use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Engine, EngineReason, Profile, Thread};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Which threads are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Those with the same name but for digits at its end: `worker-1` and `worker-2` are `worker-*`.
    ByName,
    /// None.
    Each,
}

/// Threads that a report shows as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadGroup {
    /// The name: one thread's, or the common part with a `*` for the digits.
    pub label: String,
    /// Indices into [`Profile::threads`].
    pub threads: Vec<u32>,
    /// Whether these are hotpoll's own threads.
    pub own: bool,
    /// Their accounts together.
    pub accounts: Accounts,
    /// Their samples together.
    pub samples: Weight,
    /// How many of them have ended.
    pub exited: usize,
    /// How many block the sampling signal.
    pub signal_blocked: usize,
    /// How many ran in bursts of a few kernel ticks at most and are sampled by it still (not by perf since).
    pub tick_biased: usize,
    /// How many have each engine, and why.
    pub engines: BTreeMap<(Engine, EngineReason), usize>,
}

impl ThreadGroup {
    /// CPU time by the threads' clocks, or what the samples stand for where the profile has no clocks (other tools' files).
    pub fn cpu_ns(&self) -> u64 {
        if self.accounts.cpu_ns == 0 {
            self.samples.cpu_ns
        } else {
            self.accounts.cpu_ns
        }
    }

    /// CPU time that no sample stands for, never below zero; 0 where the profile has no clocks.
    pub fn unsampled_ns(&self) -> u64 {
        if self.accounts.cpu_ns == 0 {
            0
        } else {
            u64::try_from(self.accounts.unsampled_ns()).unwrap_or(0)
        }
    }
}

/// What hotpoll's own threads are called together.
const OWN: &str = "hotpoll";

/// Puts a profile's threads into groups, those with most CPU time first, hotpoll's own last.
pub fn group(profile: &Profile, grouping: Grouping) -> Vec<ThreadGroup> {
    let mut weights = vec![Weight::default(); profile.threads.len()];
    for sample in &profile.samples {
        if let Some(weight) = weights.get_mut(sample.thread as usize) {
            weight.add(Weight::of(sample));
        }
    }
    let mut groups: Vec<ThreadGroup> = Vec::new();
    let mut index_of: HashMap<(&str, bool), usize> = HashMap::new();
    let mut names: Vec<BTreeSet<&str>> = Vec::new();
    for (index, thread) in profile.threads.iter().enumerate() {
        let at = match grouping {
            Grouping::ByName => {
                // Hotpoll's own are one, whatever they are called.
                let stem = if thread.own { OWN } else { stem(&thread.name) };
                *index_of.entry((stem, thread.own)).or_insert(groups.len())
            }
            Grouping::Each => groups.len(),
        };
        if at == groups.len() {
            groups.push(empty_group(thread));
            names.push(BTreeSet::new());
        }
        names[at].insert(&thread.name);
        add(&mut groups[at], index as u32, thread, weights[index]);
    }
    for (group, names) in groups.iter_mut().zip(&names) {
        if group.own && group.threads.len() > 1 {
            group.label = OWN.to_owned();
        } else if names.len() > 1 {
            group.label = format!("{}*", stem(&group.label));
        }
    }
    groups.sort_by(|a, b| {
        (a.own.cmp(&b.own))
            .then(b.cpu_ns().cmp(&a.cpu_ns()))
            .then(b.samples.cmp(&a.samples))
            .then(a.label.cmp(&b.label))
            .then(a.threads.cmp(&b.threads))
    });
    groups
}

fn empty_group(thread: &Thread) -> ThreadGroup {
    ThreadGroup {
        label: thread.name.clone(),
        threads: Vec::new(),
        own: thread.own,
        accounts: Accounts::default(),
        samples: Weight::default(),
        exited: 0,
        signal_blocked: 0,
        tick_biased: 0,
        engines: BTreeMap::new(),
    }
}

fn add(group: &mut ThreadGroup, index: u32, thread: &Thread, weight: Weight) {
    group.threads.push(index);
    group.accounts.add(&thread.totals);
    group.samples.add(weight);
    group.exited += usize::from(thread.exited);
    group.signal_blocked += usize::from(thread.signal_blocked);
    group.tick_biased += usize::from(thread.tick_biased && thread.engine != Engine::Perf);
    *group
        .engines
        .entry((thread.engine, thread.engine_reason))
        .or_default() += 1;
}

/// A thread's name without the digits at its end; all of it where there is nothing else.
fn stem(name: &str) -> &str {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.is_empty() { name } else { stem }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;

    #[track_caller]
    fn check(names: &[&str], grouping: Grouping, expected: &[(&str, usize)]) {
        let mut profile = profile(&[]);
        profile.threads = names
            .iter()
            .map(|name| Thread {
                name: (*name).to_owned(),
                ..Thread::default()
            })
            .collect();
        let groups = group(&profile, grouping);
        let mut short: Vec<(&str, usize)> = groups
            .iter()
            .map(|group| (group.label.as_str(), group.threads.len()))
            .collect();
        short.sort_unstable();
        assert_eq!(short, expected);
    }

    #[test]
    fn equal_names() {
        check(
            &["pool", "main", "pool"],
            Grouping::ByName,
            &[("main", 1), ("pool", 2)],
        );
    }

    #[test]
    fn digits_at_the_end() {
        check(&["w-1", "w-2", "w-10"], Grouping::ByName, &[("w-*", 3)]);
    }

    #[test]
    fn one_thread_keeps_its_digits() {
        check(&["w-1", "v"], Grouping::ByName, &[("v", 1), ("w-1", 1)]);
    }

    #[test]
    fn nothing_but_digits() {
        check(&["1", "2"], Grouping::ByName, &[("1", 1), ("2", 1)]);
    }

    #[test]
    fn split() {
        check(
            &["w-1", "w-2", "w-2"],
            Grouping::Each,
            &[("w-1", 1), ("w-2", 1), ("w-2", 1)],
        );
    }

    #[test]
    fn most_cpu_first_and_own_threads_last() {
        let mut profile = profile(&[("a", "x", 1), ("b", "x", 5), ("hotpoll-drain", "y", 9)]);
        profile.threads[2].own = true;
        let labels: Vec<String> = group(&profile, Grouping::ByName)
            .into_iter()
            .map(|group| group.label)
            .collect();
        assert_eq!(labels, ["b", "a", "hotpoll-drain"]);
    }

    #[test]
    fn own_threads_are_one() {
        let mut profile = profile(&[
            ("a", "x", 1),
            ("hotpoll-drain", "y", 1),
            ("hotpoll-socket", "y", 1),
        ]);
        profile.threads[1].own = true;
        profile.threads[2].own = true;
        let groups = group(&profile, Grouping::ByName);
        assert_eq!((groups.len(), groups[1].label.as_str()), (2, "hotpoll"));
        assert_eq!(group(&profile, Grouping::Each).len(), 3);
    }

    #[test]
    fn accounts_add_up() {
        let mut profile = profile(&[("w1", "x", 1), ("w2", "x", 5)]);
        profile.threads[0].tick_biased = true;
        let groups = group(&profile, Grouping::ByName);
        assert_eq!(groups[0].accounts.recorded, 6);
        assert_eq!((groups[0].tick_biased, groups[0].samples.count), (1, 6));
    }
}
