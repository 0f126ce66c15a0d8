//! Any bytes as a profile: no panic, bounded memory; and what is read can be used and written, and comes back the same.
#![no_main]

use hotpoll_profile::pprof::{Limits, decode, decode_with, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let limits = Limits {
        message_bytes: 1 << 20,
        profile_bytes: 64 << 20,
    };
    let Ok(profile) = decode_with(file, &limits) else {
        return;
    };
    assert_eq!(profile.check(), Ok(()));
    profile.totals();

    let written = encode(&profile);
    let read = decode(&written).expect("what was written is read");
    // By bytes: a rate that is not a number equals nothing.
    assert_eq!(encode(&read), written);

    let mut merged = read;
    merged.merge(profile.clone());
    assert_eq!(merged.check(), Ok(()));
    merged.process.pid = merged.process.pid.wrapping_add(1);
    merged.merge(profile);
    assert_eq!(merged.check(), Ok(()));
    merged.compact();
    assert_eq!(merged.check(), Ok(()));
    merged.retain_last(1_000_000_000);
    assert_eq!(merged.check(), Ok(()));
});
