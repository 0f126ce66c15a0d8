//! A profile from wherever a TARGET leads: a file, or a live process; with names.

use crate::exit::Failure;
use crate::interrupt;
use crate::live::{AskError, Client, Endpoint};
use crate::progress;
use hotpoll_profile::protocol::Fetch;
use hotpoll_profile::{Profile, pprof};
use hotpoll_symbolizer::symbolize::{self, Options};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a running collection fetches.
pub const FETCH_EVERY: Duration = Duration::from_millis(500);
/// How often a wait looks whether it should go on.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Reads a profile file.
pub fn read(path: &Path) -> Result<Profile, Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
    pprof::decode(&bytes)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

/// What part of a live process's recorder to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// All of it.
    Recorder,
    /// Its last part.
    Last(Duration),
    /// What comes from now on.
    For(Duration),
}

/// Fetches a window from a live process. A collection that is interrupted, or whose process ends, gives what there is by then.
pub fn fetch(client: &mut Client, window: Window) -> Result<Profile, Failure> {
    let fetch = |client: &mut Client, fetch| match client.fetch(fetch) {
        Ok(profile) => Ok(profile),
        Err(error) => Err(error.failure(client.endpoint())),
    };
    match window {
        Window::Recorder => fetch(client, Fetch::default()),
        Window::Last(span) => {
            let last_ns = nanoseconds(span);
            let mut profile = fetch(
                client,
                Fetch {
                    last_ns,
                    ..Fetch::default()
                },
            )?;
            // An agent that does not know the question sends everything.
            if profile.duration_ns > last_ns {
                profile.retain_last(last_ns);
            }
            Ok(profile)
        }
        Window::For(span) => collect(client, span),
    }
}

/// Collects what comes from now on.
fn collect(client: &mut Client, span: Duration) -> Result<Profile, Failure> {
    interrupt::listen();
    let ask = |client: &mut Client, since_sequence| {
        client.fetch(Fetch {
            since_sequence,
            ..Fetch::default()
        })
    };
    let since = match client.status() {
        Ok(status) => status.last_sequence,
        Err(error) => return Err(error.failure(client.endpoint())),
    };
    let began = Instant::now();
    let bar = progress::timed("collecting", span);
    let mut profile = Profile::default();
    let mut last = since;
    loop {
        let until = Instant::now() + FETCH_EVERY;
        while Instant::now() < until && !interrupt::is_asked_to_stop() {
            std::thread::sleep(LOOK_EVERY);
            bar.advance(began.elapsed());
        }
        match ask(client, last) {
            Ok(newer) => {
                last = last.max(newer.last_sequence());
                profile.merge(newer);
            }
            Err(AskError::Ended | AskError::Stale) if last > since => break,
            Err(error) => return Err(error.failure(client.endpoint())),
        }
        // The slice that was under way at the start counts: what is collected covers the span.
        let is_enough = profile.duration_ns >= nanoseconds(span);
        // Slices end once a second; one that is late by more than that is not waited for.
        let is_overdue = began.elapsed() > span + Duration::from_millis(1_500);
        if is_enough || is_overdue || interrupt::is_asked_to_stop() {
            break;
        }
    }
    bar.finish();
    Ok(profile)
}

/// Names a profile's addresses. `live` is the process that it came from, while it lives: its files are found through it.
pub fn name(
    profile: &mut Profile,
    live: Option<&Endpoint>,
    binaries: &[PathBuf],
) -> symbolize::Summary {
    let pid = live.map(|endpoint| endpoint.process.pid);
    let root = pid.map(|pid| PathBuf::from(format!("/proc/{pid}/root")));
    name_through(profile, pid, root, binaries)
}

/// Names a profile's addresses. `pid` is the process that it came from, while it lives, `root` what that sees as `/`.
pub fn name_through(
    profile: &mut Profile,
    pid: Option<u32>,
    root: Option<PathBuf>,
    binaries: &[PathBuf],
) -> symbolize::Summary {
    let bar = progress::spinner("reading symbols");
    let options = Options {
        pid,
        root,
        cache_dir: symbolize::default_cache_dir(),
        binaries: binaries.to_vec(),
        // A command may take the risk of SIGBUS that a guest in somebody's process may not.
        map_files: true,
        ..Options::default()
    };
    let summary = symbolize::symbolize(profile, &options);
    bar.finish();
    summary
}

/// A duration as the protocol has it.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
