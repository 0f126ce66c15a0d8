//! Fetches of one process, one after the other.

use super::*;

/// A thread that runs one function per slice: slice `n` is 10 ms in the function at address `n`.
pub fn one_thread(slices: std::ops::RangeInclusive<u64>) -> Profile {
    let mut profile = Profile {
        process: Process {
            pid: 7,
            name: "service".to_owned(),
            start_ticks: 100,
            ..Process::default()
        },
        interval_ns: 10_000_000,
        threads: vec![Thread {
            tid: 8,
            start_ticks: 101,
            name: "worker".to_owned(),
            ..Thread::default()
        }],
        ..Profile::default()
    };
    for (at, sequence) in slices.enumerate() {
        let at = at as u32;
        profile.locations.push(Location {
            address: sequence,
            ..Location::default()
        });
        profile.samples.push(Sample {
            stack: vec![at],
            count: 1,
            cpu_ns: 10_000_000,
            ..Sample::default()
        });
        profile.slices.push(Slice {
            sequence,
            start_unix_ns: sequence * 1_000_000_000,
            duration_ns: 1_000_000_000,
            process_cpu_ns: 11_000_000,
            unseen_cpu_ns: 0,
            rows: vec![SliceRow {
                sample: at,
                count: 1,
                cpu_ns: 10_000_000,
                ..SliceRow::default()
            }],
            threads: vec![ThreadSlice {
                thread: 0,
                accounts: Accounts {
                    cpu_ns: 11_000_000,
                    sampled_ns: 10_000_000,
                    ..Accounts::default()
                },
            }],
            ..Slice::default()
        });
    }
    profile.retain_last(u64::MAX);
    profile
}

#[test]
fn consecutive_fetches() {
    let mut merged = one_thread(1..=3);
    merged.merge(one_thread(3..=5));
    assert_eq!(merged, one_thread(1..=5));
    assert_eq!(merged.last_sequence(), 5);
    assert_eq!(merged.duration_ns, 5_000_000_000);
    assert_eq!(merged.threads[0].totals.cpu_ns, 55_000_000);
}

#[test]
fn fetches_that_come_in_the_wrong_order() {
    let mut merged = one_thread(4..=5);
    merged.merge(one_thread(1..=2));
    let sequences: Vec<u64> = merged.slices.iter().map(|slice| slice.sequence).collect();
    assert_eq!(sequences, [1, 2, 4, 5]);
    assert_eq!(merged.start_unix_ns, 1_000_000_000);
}

#[test]
fn the_later_fetch_knows_the_thread_better() {
    let mut later = one_thread(2..=2);
    later.threads[0].name = "renamed".to_owned();
    later.threads[0].exited = true;
    let mut merged = one_thread(1..=1);
    merged.merge(later);
    assert_eq!(merged.threads.len(), 1);
    assert_eq!(merged.threads[0].name, "renamed");
    assert!(merged.threads[0].exited);
    assert_eq!(merged.threads[0].totals.cpu_ns, 22_000_000);
}

#[test]
fn a_tid_used_again_is_another_thread() {
    let mut later = one_thread(2..=2);
    later.threads[0].start_ticks = 500;
    let mut merged = one_thread(1..=1);
    merged.merge(later);
    assert_eq!(merged.threads.len(), 2);
}

#[test]
fn what_was_evicted_between_fetches_is_counted() {
    let mut later = one_thread(5..=5);
    later.evicted_slices = 3;
    let mut merged = one_thread(1..=1);
    merged.merge(later.clone());
    assert_eq!(merged.evicted_slices, 3);
    merged.merge(later);
    assert_eq!(merged.evicted_slices, 3);
}

#[test]
fn a_process_that_replaced_itself_counts_slices_from_one_again() {
    let mut after_exec = one_thread(1..=2);
    for slice in &mut after_exec.slices {
        slice.start_unix_ns += 60_000_000_000;
    }
    let mut merged = one_thread(1..=2);
    merged.merge(after_exec);
    assert_eq!(merged.slices.len(), 4);
    assert_eq!(merged.threads[0].totals.cpu_ns, 44_000_000);
}

#[test]
fn files_of_several_processes() {
    let mut other = one_thread(1..=2);
    other.process.pid = 9;
    other.process.name = "worker".to_owned();
    let mut merger = Merger::new(one_thread(1..=2));
    merger.add(other.clone());
    merger.add(other);
    let merged = merger.into_profile();
    assert_eq!(merged.process.name, "service, worker");
    assert_eq!(merged.process.pid, 0);
    // Two files of one process are not told from files of two: nothing is joined, nothing is lost.
    assert_eq!(merged.threads.len(), 3);
    let sequences: Vec<u64> = merged.slices.iter().map(|slice| slice.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
    assert_eq!(merged.totals().cpu_ns, 66_000_000);
    assert_eq!(merged.locations.len(), 2);
}

#[test]
fn symbols_that_one_side_has_serve_both() {
    let mut symbolized = one_thread(1..=1);
    symbolized.functions.push(Function {
        name: "work".to_owned(),
        ..Function::default()
    });
    symbolized.locations[0].lines.push(Line {
        function: 0,
        line: 3,
    });
    for (first, second) in [
        (symbolized.clone(), one_thread(1..=2)),
        (one_thread(1..=2), symbolized),
    ] {
        let mut merged = first;
        merged.merge(second);
        assert_eq!(merged.locations.len(), 2);
        assert_eq!(merged.locations[0].lines.len(), 1);
    }
}

#[test]
fn the_same_address_of_two_programs_is_two_locations() {
    let file = |name: &str| Profile {
        functions: vec![Function {
            name: name.to_owned(),
            ..Function::default()
        }],
        locations: vec![Location {
            address: 0x40_1000,
            module: None,
            lines: vec![Line::default()],
        }],
        threads: vec![Thread::default()],
        samples: vec![Sample {
            stack: vec![0],
            count: 1,
            cpu_ns: 1,
            ..Sample::default()
        }],
        ..Profile::default()
    };
    let mut merged = file("one");
    merged.merge(file("two"));
    assert_eq!(merged.locations.len(), 2);
    assert_eq!(merged.samples.len(), 2);
}
