//! Profiles from literals, for the tests of the views.

use hotpoll_profile::{Function, Line, Location, Module, Process, Profile, Sample, Thread};
use std::collections::HashMap;

/// What one sample weighs here: 10 ms.
pub const INTERVAL_NS: u64 = 10_000_000;

/// A profile of rows `(thread name, "root;…;leaf", samples)`. `a+b` is one address: `a` with `b` inlined into it.
pub fn profile(rows: &[(&str, &str, u64)]) -> Profile {
    let mut profile = Profile {
        process: Process {
            pid: 42,
            name: "demo".to_owned(),
            asked_hz: 100.0,
            ..Process::default()
        },
        duration_ns: 1_000_000_000,
        interval_ns: INTERVAL_NS,
        modules: vec![Module {
            path: "/srv/demo".to_owned(),
            ..Module::default()
        }],
        ..Profile::default()
    };
    let mut threads: HashMap<&str, u32> = HashMap::new();
    let mut functions: HashMap<&str, u32> = HashMap::new();
    let mut locations: HashMap<&str, u32> = HashMap::new();
    for &(thread, stack, count) in rows {
        let thread = *threads.entry(thread).or_insert_with(|| {
            profile.threads.push(Thread {
                tid: 100 + profile.threads.len() as u32,
                name: thread.to_owned(),
                ..Thread::default()
            });
            profile.threads.len() as u32 - 1
        });
        let mut leaf_first = Vec::new();
        for address in stack.split(';').rev().filter(|name| !name.is_empty()) {
            let location = *locations.entry(address).or_insert_with(|| {
                let lines = address
                    .split('+')
                    .rev()
                    .map(|name| Line {
                        function: *functions.entry(name).or_insert_with(|| {
                            profile.functions.push(Function {
                                name: name.to_owned(),
                                ..Function::default()
                            });
                            profile.functions.len() as u32 - 1
                        }),
                        line: 7,
                    })
                    .collect();
                profile.locations.push(Location {
                    address: profile.locations.len() as u64,
                    module: Some(0),
                    lines,
                });
                profile.locations.len() as u32 - 1
            });
            leaf_first.push(location);
        }
        let cpu_ns = count * INTERVAL_NS;
        profile.samples.push(Sample {
            thread,
            stack: leaf_first,
            count,
            cpu_ns,
            ..Sample::default()
        });
        let totals = &mut profile.threads[thread as usize].totals;
        totals.cpu_ns += cpu_ns;
        totals.sampled_ns += cpu_ns;
        totals.fired += count;
        totals.recorded += count;
        profile.process_cpu_ns += cpu_ns;
    }
    profile
}
