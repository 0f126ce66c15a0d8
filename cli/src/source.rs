//! A profile from wherever a TARGET leads: a file, or a live process; with names.

use crate::exit::Failure;
use crate::interrupt;
use crate::live::{AskError, Client, Endpoint, Held, Lasting};
use crate::progress;
use crate::text::number::duration;
use hotpoll_profile::protocol::Fetch;
use hotpoll_profile::{Fingerprint, Profile, Snapshot, pprof};
use hotpoll_symbolizer::symbolize::{self, Options};
use hotpoll_symbolizer::waits;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a running collection fetches.
pub const FETCH_EVERY: Duration = Duration::from_millis(500);
/// How often a wait looks whether it should go on.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How much of a process's past to keep for the case that it ends before there is anything new.
const PAST: Duration = Duration::from_secs(10);

/// What to do about a profile without samples of waiting.
pub const NO_WALL: &str = "a process with this version of hotpoll looks at its threads 20 times a second, unless HOTPOLL_WALL_HZ=0 or Builder::wall_hz(0) switches that off";

/// Reads a profile file.
pub fn read(path: &Path) -> Result<Profile, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::reading(path, &error))?;
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

/// What a process's task kinds and locks have counted up to now: a snapshot of nothing else. A process that cannot tell has none.
pub fn kinds(client: &mut Client) -> Option<Snapshot> {
    let fetch = Fetch {
        // No slices.
        since_sequence: u64::MAX,
        snapshot: true,
        ..Fetch::default()
    };
    let mut snapshot = client.fetch(fetch).ok()?.snapshot?;
    snapshot.threads.clear();
    snapshot.tasks.tasks.clear();
    // Their stacks are of the answer's locations.
    for kind in &mut snapshot.tasks.kinds {
        kind.longest_poll = None;
        kind.long_polls.clear();
    }
    snapshot.resources.keep_counts();
    Some(snapshot)
}

/// Collects what comes from now on. Of a process that ends meanwhile there is what was fetched by then, and a notice that says so.
fn collect(client: &mut Client, span: Duration) -> Result<Profile, Failure> {
    interrupt::listen();
    let since = match client.status() {
        Ok(status) => status.last_sequence,
        Err(error) => return Err(error.failure(client.endpoint())),
    };
    let past = client.fetch(Fetch {
        last_ns: nanoseconds(span.min(PAST)),
        ..Fetch::default()
    });
    let began = Instant::now();
    let bar = progress::timed("collecting", span);
    let mut profile = Profile::default();
    let mut last = since;
    let mut lasting = Lasting::default();
    loop {
        let until = Instant::now() + FETCH_EVERY;
        while Instant::now() < until && !interrupt::is_asked_to_stop() {
            std::thread::sleep(LOOK_EVERY);
            bar.advance(began.elapsed());
        }
        let fetch = Fetch {
            since_sequence: last,
            ..Fetch::default()
        };
        let newer = lasting.fetch(client, fetch);
        if let Some(news) = lasting.news() {
            bar.note(&news);
        }
        match newer {
            Err(error) => return Err(error.failure(client.endpoint())),
            Ok(Some(newer)) => {
                last = last.max(newer.last_sequence());
                profile.merge(newer);
            }
            Ok(None) if !lasting.is_over() => {}
            Ok(None) if last > since => {
                profile.process.notices.push(format!(
                    "the process has ended: this is the first {} of the {} asked for",
                    duration(profile.duration_ns),
                    duration(nanoseconds(span)),
                ));
                break;
            }
            Ok(None) => match past {
                Ok(past) if !past.slices.is_empty() => {
                    profile = past;
                    profile.process.notices.push(format!(
                        "the process has ended before there was anything new: this is what it did before, its last {}",
                        duration(profile.duration_ns),
                    ));
                    break;
                }
                _ => return Err(AskError::Ended.failure(client.endpoint())),
            },
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
    if let Some(silence) = lasting.silence() {
        if last == since {
            return Err(silence.failure(client.endpoint()));
        }
        profile.process.notices.push(format!(
            "the process gives no answer any more: this is {} of the {} asked for",
            duration(profile.duration_ns),
            duration(nanoseconds(span)),
        ));
    }
    Ok(profile)
}

/// Names the addresses of a profile that came from this process, which may be gone.
pub fn name_held(profile: &mut Profile, held: &Held, binaries: &[PathBuf]) -> symbolize::Summary {
    let binaries = [binaries, &held.programs()].concat();
    name_through(profile, held.pid(), held.root(), &binaries)
}

/// The same, without anything to look at on standard error.
pub fn name_quietly(profile: &mut Profile, held: &Held, binaries: &[PathBuf]) {
    let binaries = [binaries, &held.programs()].concat();
    named(profile, held.pid(), held.root(), &binaries);
}

/// Puts down what the profile's program was built with, as far as its file says. As for names, the process may be gone.
pub fn know_build(profile: &mut Profile, held: Option<&Held>, binaries: &[PathBuf]) {
    let held_programs = held.map_or_else(Vec::new, Held::programs);
    let options = options(
        held.and_then(Held::pid),
        held.and_then(Held::root),
        &[binaries, &held_programs].concat(),
    );
    // Beside what the agent in the program said of it.
    let build = symbolize::build_facts(profile, &options);
    profile.fingerprint.update(Fingerprint {
        build,
        ..Fingerprint::default()
    });
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
    let summary = named(profile, pid, root, binaries);
    bar.finish();
    summary
}

fn named(
    profile: &mut Profile,
    pid: Option<u32>,
    root: Option<PathBuf>,
    binaries: &[PathBuf],
) -> symbolize::Summary {
    let options = options(pid, root, binaries);
    let summary = symbolize::symbolize(profile, &options);
    waits::refine(profile);
    summary
}

fn options(pid: Option<u32>, root: Option<PathBuf>, binaries: &[PathBuf]) -> Options {
    Options {
        pid,
        root,
        cache_dir: symbolize::default_cache_dir(),
        binaries: binaries.to_vec(),
        // A command may take the risk of SIGBUS that a guest in somebody's process may not.
        map_files: true,
        ..Options::default()
    }
}

/// A duration as the protocol has it.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::client::tests::process;
    use hotpoll_profile::Slice;
    use hotpoll_profile::protocol::{Response, Status};

    const SECOND_NS: u64 = 1_000_000_000;

    /// A process's answer with one slice.
    fn slice(sequence: u64) -> Vec<u8> {
        let profile = Profile {
            start_unix_ns: sequence * SECOND_NS,
            duration_ns: SECOND_NS,
            slices: vec![Slice {
                sequence,
                start_unix_ns: sequence * SECOND_NS,
                duration_ns: SECOND_NS,
                ..Slice::default()
            }],
            ..Profile::default()
        };
        Response::Profile(pprof::encode(&profile)).encode()
    }

    /// What is collected from a process that ends after these answers: its slices and the last notice.
    fn collected(name: &str, answers: Vec<Vec<u8>>) -> Result<(Vec<u64>, String), String> {
        let status = Status {
            last_sequence: 7,
            ..Status::default()
        };
        let status = Response::Status(Box::new(status)).encode();
        let (endpoint, thread) = process(name, [vec![status], answers].concat());
        let mut client = Client::connect(&endpoint).unwrap();
        let window = Window::For(Duration::from_secs(5));
        let profile = fetch(&mut client, window).map_err(|failure| failure.to_string());
        thread.join().unwrap();
        let mut profile = profile?;
        let slices = profile.slices.iter().map(|slice| slice.sequence).collect();
        Ok((slices, profile.process.notices.pop().unwrap_or_default()))
    }

    #[test]
    fn a_process_that_ends_meanwhile() {
        let (slices, notice) = collected("meanwhile", vec![slice(7), slice(8)]).unwrap();
        assert_eq!(slices, [8]);
        assert!(
            notice.contains("the first 1.00 s of the 5.00 s"),
            "{notice}"
        );
    }

    #[test]
    fn a_process_that_ends_at_once() {
        let (slices, notice) = collected("at-once", vec![slice(7)]).unwrap();
        assert_eq!(slices, [7]);
        assert!(notice.contains("before there was anything new"), "{notice}");
        let empty = Response::Profile(pprof::encode(&Profile::default())).encode();
        let failure = collected("with-nothing", vec![empty]).unwrap_err();
        assert!(failure.contains("has ended"), "{failure}");
    }
}
