//! Any two files as runs of two builds: they are compared or refused, and nothing panics.
#![no_main]

use hotpoll_compare::{Options, Run, compare};
use hotpoll_profile::pprof::{Limits, decode_with};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let limits = Limits {
        message_bytes: 1 << 20,
        profile_bytes: 64 << 20,
    };
    // The first bytes say where the second file begins, and how many runs each side has.
    let [low, high, runs, file @ ..] = file else {
        return;
    };
    let at = usize::from(u16::from_le_bytes([*low, *high])).min(file.len());
    let (base, new) = file.split_at(at);
    let options = Options {
        min_share: 0.0,
        min_samples: 0.0,
        ..Options::default()
    };
    let side = |file: &[u8], runs: usize| -> Vec<Run> {
        let run = decode_with(file, &limits).map(|profile| Run::of(&profile, "run", &options));
        run.map_or(Vec::new(), |run| vec![run; runs])
    };
    let base = side(base, 1 + usize::from(runs & 3));
    // One file for both is the common case of finding anything.
    let new = match new {
        [] => base.clone(),
        new => side(new, 1 + usize::from(runs >> 2 & 3)),
    };
    let _ = compare(&base, &new, &options);
});
