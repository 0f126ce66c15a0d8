//! The last part of a profile, and what is left of its tables.

use super::fetches::one_thread;
use super::*;

#[test]
fn the_last_two_seconds() {
    let mut profile = one_thread(1..=5);
    profile.threads.push(Thread {
        tid: 9,
        exited: true,
        ..Thread::default()
    });
    profile.threads.push(Thread {
        tid: 10,
        ..Thread::default()
    });
    profile.evicted_slices = 100;
    assert!(profile.retain_last(2_000_000_000));
    let tids: Vec<u32> = profile.threads.iter().map(|thread| thread.tid).collect();
    assert_eq!(tids, [8, 10], "alive, but not what had ended before");
    profile.threads.pop();
    assert_eq!(profile, one_thread(4..=5));
}

#[test]
fn a_slice_that_reaches_into_the_window_stays_whole() {
    let mut profile = one_thread(1..=5);
    assert!(profile.retain_last(1_500_000_000));
    assert_eq!(profile, one_thread(4..=5));
}

#[test]
fn without_slices_there_is_nothing_to_cut() {
    let mut profile = one_thread(1..=2);
    profile.slices.clear();
    let before = profile.clone();
    assert!(!profile.retain_last(1));
    assert_eq!(profile, before);
}

#[test]
fn what_nothing_refers_to_goes() {
    let mut profile = one_thread(1..=1);
    let module = |path: &str| Module {
        path: path.to_owned(),
        ..Module::default()
    };
    profile.modules = vec![module("/service"), module("/unused"), module("/libc")];
    profile.locations[0].module = Some(2);
    profile.functions = vec![Function::default(); 3];
    profile.locations[0].lines.push(Line {
        function: 1,
        line: 0,
    });
    profile.locations.insert(0, Location::default());
    profile.samples[0].stack = vec![1];
    profile.compact();
    assert_eq!(profile.check(), Ok(()));
    assert_eq!(profile.functions.len(), 1);
    assert_eq!(profile.locations.len(), 1);
    assert_eq!(profile.samples[0].stack, [0]);
    let paths: Vec<&str> = profile.modules.iter().map(|m| m.path.as_str()).collect();
    assert_eq!(paths, ["/service", "/libc"], "the executable stays");
}
