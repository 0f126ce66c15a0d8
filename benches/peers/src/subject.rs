//! The profiler that is asked: pprof-rs with the unwinder that this build has.

use pprof::{ProfilerGuard, ProfilerGuardBuilder};

/// Its name, as tables show it.
pub const NAME: &str = if cfg!(feature = "framehop") {
    "pprof-rs framehop"
} else if cfg!(feature = "frame-pointer") {
    "pprof-rs frame-pointer"
} else {
    "pprof-rs default"
};

/// Starts it.
pub fn start(hz: i32) -> ProfilerGuard<'static> {
    ProfilerGuardBuilder::default()
        .frequency(hz)
        .build()
        .expect("pprof-rs starts")
}

/// Samples that it kept since it was started.
pub fn samples(guard: &ProfilerGuard) -> u64 {
    let report = guard.report().build_unresolved().expect("pprof-rs reports");
    report.data.values().map(|&count| count as u64).sum()
}

/// Physical frames of its most frequent stack.
pub fn frames_of_top_stack(guard: &ProfilerGuard) -> usize {
    let report = guard.report().build().expect("pprof-rs reports");
    let top = report.data.iter().max_by_key(|(_, count)| **count);
    top.map_or(0, |(stack, _)| stack.frames.len())
}
