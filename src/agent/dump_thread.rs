//! The dump thread: writes everything into a file when a signal asks for it, or when a poll is stuck. It is there only where that was asked for.

use super::{Shared, dump_signal};
use crate::output;
use hotpoll_symbolizer::recorder::Query;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What to dump on, and where to.
#[derive(Debug)]
pub(super) struct Dumps {
    /// On the signal.
    pub on_signal: Option<PathBuf>,
    /// When a poll takes longer than this.
    pub when_stuck: Option<(Duration, PathBuf)>,
}

/// After a dump because of a stuck poll the next one of that sort comes no sooner: who is stuck stays stuck.
const REST: Duration = Duration::from_secs(60);
/// A poll is looked for so many times in the time after which it is stuck.
const LOOKS: u32 = 4;
/// But no more often than this.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);

/// Runs until it is told to end.
pub(super) fn run(shared: &Shared, dumps: &Dumps) {
    let mut last: Option<Instant> = None;
    loop {
        let seen = dump_signal::news();
        if shared.progress.is_stopping() {
            return;
        }
        if dump_signal::take_requests()
            && let Some(path) = &dumps.on_signal
        {
            write(shared, path);
        }
        let mut wait = None;
        if let Some((after, path)) = &dumps.when_stuck {
            wait = Some((*after / LOOKS).max(SHORTEST_WAIT));
            match last.map(|last| last.elapsed()) {
                Some(since) if since < REST => wait = Some(REST - since),
                _ if is_stuck(*after) => {
                    write(shared, path);
                    last = Some(Instant::now());
                }
                _ => {}
            }
        }
        dump_signal::wait(seen, wait);
    }
}

fn write(shared: &Shared, path: &std::path::Path) {
    shared.close_slice_soon();
    let profile = shared.profile_and_now(Query::ALL, false);
    if let Err(error) = output::write_profile(path, &profile) {
        shared.notice(format!(
            "the dump could not be written to {}: {error}",
            path.display()
        ));
    }
}

/// Whether some poll of a tracked task takes longer than this.
#[cfg(feature = "tokio")]
fn is_stuck(after: Duration) -> bool {
    use hotpoll_sampler::clock;
    let (now, ns_per_tick) = (clock::now(), clock::ns_per_tick());
    hotpoll_hooks::tasks::open_polls().iter().any(|poll| {
        let ns = now.saturating_sub(poll.start) as f64 * ns_per_tick;
        ns >= after.as_nanos() as f64
    })
}

/// Without hooks nobody knows of polls.
#[cfg(not(feature = "tokio"))]
fn is_stuck(_: Duration) -> bool {
    false
}
