//! The output thread: the profile as a file, now and then and at the end.

use super::Shared;
use crate::{Profile, output};
use hotpoll_profile::Exact;
use hotpoll_symbolizer::recorder::Query;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// The first write comes after this; then the period doubles.
const FIRST_PERIOD: Duration = Duration::from_secs(1);
/// Up to this.
const LONGEST_PERIOD: Duration = Duration::from_secs(10);
/// A write that takes long comes less often: at most one part in so many of the time goes to writing.
const LEAST_PERIOD_IN_WRITES: u32 = 200;
/// How long the last write waits for the last slice: less than stopping waits for the last write.
const LAST_SLICE_PATIENCE: Duration = Duration::from_secs(1);

/// Runs until it is told to end, and then writes once more.
pub(super) fn run(shared: &Shared, path: &Path) {
    let last_look = LastLook(shared);
    let mut period = FIRST_PERIOD;
    let mut wait = period;
    while !shared.progress.wait_for_stop(wait) {
        let began = Instant::now();
        shared.close_slice_soon();
        write(shared, path, &profile(shared));
        period = (period * 2).min(LONGEST_PERIOD);
        wait = period.max(began.elapsed() * LEAST_PERIOD_IN_WRITES);
    }
    shared.progress.wait_for_drained(LAST_SLICE_PATIENCE);
    let last = profile(shared);
    drop(last_look);
    if let Some(why) = write(shared, path, &last) {
        // A notice is for whoever asks, and nobody can ask any more: this is the one line that hotpoll ever says by itself.
        let _ = writeln!(std::io::stderr(), "hotpoll: {why}");
    }
}

/// While it is there the drain keeps the sampler for the last look. Nobody waits for one that will not come: a failing thread drops it, too.
struct LastLook<'a>(&'a Shared);

impl Drop for LastLook<'_> {
    fn drop(&mut self) {
        self.0.progress.last_look_done();
    }
}

/// With what threads and tasks are doing: that has the names of task kinds, too.
fn profile(shared: &Shared) -> Profile {
    let mut profile = shared.profile_and_now(Query::ALL);
    // What was counted is counted since the start: it is the window's where the recorder still has all of it.
    let is_whole = profile
        .slices
        .first()
        .is_some_and(|first| first.sequence == 1);
    if is_whole && profile.evicted_slices == 0 {
        profile.exact = profile.snapshot.as_ref().map(Exact::of);
    }
    profile
}

/// Writes it, or says why not.
fn write(shared: &Shared, path: &Path, profile: &Profile) -> Option<String> {
    let error = output::write_profile(path, profile).err()?;
    let path = path.display();
    let why = format!("the profile could not be written to {path}: {error}");
    shared.notice(why.clone());
    Some(why)
}
