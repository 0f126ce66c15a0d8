//! Folded stacks: one line a stack, `thread;root;…;leaf weight`, as flame graph tools read them.
//!
//! Threads of the same name share their lines. A semicolon in a name (`[u8; 4]`) would cut the frame in two: it becomes a comma.

use super::options::{Options, Unit};
use super::rows::{self, Row};
use super::stacks::{Stacks, UNSEEN_THREADS};
use super::text::printable;
use hotpoll_profile::{Profile, Thread};
use std::collections::BTreeMap;

/// The profile as folded stacks, sorted. In samples, time that no sample stands for has no line.
pub fn folded(profile: &Profile, options: &Options) -> String {
    let stacks = Stacks::new(profile);
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows::of_window(profile, &stacks) {
        let weight = match options.unit {
            Unit::Samples => row.count,
            Unit::Ns => row.cpu_ns,
        };
        if weight > 0 {
            *lines.entry(line(profile, &stacks, &row)).or_default() += weight;
        }
    }
    if options.unit == Unit::Ns && profile.unseen_cpu_ns > 0 {
        lines.insert(UNSEEN_THREADS.into(), profile.unseen_cpu_ns);
    }
    lines
        .into_iter()
        .map(|(line, weight)| format!("{line} {weight}\n"))
        .collect()
}

fn line(profile: &Profile, stacks: &Stacks, row: &Row) -> String {
    let mut line = frame(&thread_name(profile.threads.get(row.thread as usize)));
    for level in stacks.frames_of(row.stack) {
        line.push(';');
        line.push_str(&frame(&level.name));
    }
    line
}

fn frame(name: &str) -> String {
    name.replace(';', ",")
}

/// A thread's name, or its ID while it has none.
pub fn thread_name(thread: Option<&Thread>) -> String {
    match thread {
        None => "[unknown thread]".into(),
        Some(thread) if thread.name.is_empty() => format!("thread {}", thread.tid),
        Some(thread) => printable(&thread.name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::golden;

    #[test]
    fn in_nanoseconds() {
        let profile = fixture::service();
        let text = folded(&profile, &Options::default());
        golden::check("service.ns.folded", &text);
        let total: u64 = text
            .lines()
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
            .sum();
        assert_eq!(total, profile.process_cpu_ns);
    }

    #[test]
    fn in_samples() {
        let text = folded(
            &fixture::service(),
            &Options {
                unit: Unit::Samples,
                ..Options::default()
            },
        );
        golden::check("service.samples.folded", &text);
    }

    #[test]
    fn empty_profile() {
        assert_eq!(folded(&Profile::default(), &Options::default()), "");
    }
}
