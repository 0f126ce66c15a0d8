//! Files that other tools wrote, read. Each was made by a small program here; `go tool pprof` says the same numbers.

use hotpoll_profile::Profile;
use hotpoll_profile::pprof::{decode, encode};

fn read(name: &str) -> Profile {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let profile = decode(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(profile.check(), Ok(()));
    assert_eq!(
        decode(&encode(&profile)),
        Ok(profile.clone()),
        "written as our own"
    );
    profile
}

/// Samples and CPU time of each thread, by name.
fn threads(profile: &Profile) -> Vec<(&str, u64, u64)> {
    let mut threads: Vec<_> = profile
        .threads
        .iter()
        .map(|thread| {
            let totals = &thread.totals;
            assert_eq!(totals.cpu_ns, 0, "no clock");
            (thread.name.as_str(), totals.recorded, totals.sampled_ns)
        })
        .collect();
    threads.sort_unstable();
    threads
}

/// CPU time with this function innermost.
fn flat(profile: &Profile, name: &str) -> u64 {
    let is_named = |location: u32| {
        let line = profile.locations[location as usize].lines.first();
        line.is_some_and(|line| profile.functions[line.function as usize].name == name)
    };
    profile
        .samples
        .iter()
        .filter(|sample| sample.stack.first().is_some_and(|&leaf| is_named(leaf)))
        .map(|sample| sample.cpu_ns)
        .sum()
}

#[test]
fn go_cpu() {
    let profile = read("go-cpu.pb.gz");
    assert_eq!(profile.process.name, "demo");
    assert_eq!(profile.interval_ns, 10_000_000);
    assert_eq!(profile.process.asked_hz, 100.0);
    assert_eq!(profile.duration_ns / 10_000_000, 70);
    assert_eq!(
        threads(&profile),
        [("", 36, 360_000_000), ("labelled", 27, 270_000_000)]
    );
    assert_eq!(flat(&profile, "crypto/sha256.block"), 460_000_000);
    assert_eq!(flat(&profile, "runtime.memmove"), 40_000_000);
    assert_eq!(profile.process.notices, [""; 0]);
}

#[test]
fn go_heap() {
    let profile = read("go-heap.pb.gz");
    assert_eq!(threads(&profile), [("", 6722, 2_261_528)]);
    assert_eq!(flat(&profile, "runtime/pprof.StartCPUProfile"), 1_212_696);
    assert_eq!(
        profile.process.notices,
        [
            "the file measures inuse_space in bytes: that is shown where CPU time would be, one unit as one nanosecond"
        ]
    );
}

#[test]
fn pprof_rs() {
    let profile = read("pprof-rs.pb.gz");
    assert_eq!(
        threads(&profile),
        [("fx", 14, 70_000_000), ("worker", 14, 70_000_000)]
    );
    // A legacy symbol, from a crate; v0 ones, from the standard library; C.
    assert_eq!(flat(&profile, "core::intrinsics::rotate_left"), 35_000_000);
    assert_eq!(
        flat(&profile, "core::num::nonzero::NonZero<_>::trailing_zeros"),
        25_000_000
    );
    assert_eq!(flat(&profile, "alloc::vec::Vec<_>::len"), 10_000_000);
    assert_eq!(flat(&profile, "__brk_call"), 10_000_000);
    let mangled = profile
        .functions
        .iter()
        .find(|function| function.name == "core::intrinsics::rotate_left")
        .unwrap();
    assert!(mangled.system_name.starts_with("_ZN4core"));
}
