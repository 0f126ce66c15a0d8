//! What a process is doing now: a profile with a snapshot in it, from a live process or a dump.

use crate::exit::Failure;
use crate::live::{Client, Endpoint};
use crate::source;
use crate::target::{self, Target, ThisHost};
use hotpoll_profile::protocol::Fetch;
use hotpoll_profile::{Profile, Snapshot};
use hotpoll_symbolizer::verdict;
use hotpoll_symbolizer::view::Frames;
use std::path::PathBuf;
use std::time::Duration;

/// How much of the recorder comes with the snapshot: what threads did lately, and an answer within the second.
const LATELY: Duration = Duration::from_secs(10);

/// A profile that has a snapshot, symbolized.
pub struct Now {
    profile: Profile,
    snapshot: Snapshot,
}

impl Now {
    /// Asks a TARGET. `refresh` has suspended tasks take their stacks anew, which only a live process can do.
    pub fn of(
        target: Option<&str>,
        command: &str,
        refresh: bool,
        binaries: &[PathBuf],
    ) -> Result<Self, Failure> {
        match target::resolve(target, &ThisHost::asked_by(command))? {
            Target::File(path) => {
                if refresh {
                    let what = format!(
                        "{} is a file: its tasks take no stacks any more",
                        path.display()
                    );
                    return Err(Failure::new(what).next("leave --refresh out"));
                }
                let mut profile = source::read(&path)?;
                // Without a thread it is of no moment: of several files, or written when sampling had stopped.
                let is_of_a_moment = |snapshot: &Snapshot| !snapshot.threads.is_empty();
                if !profile.snapshot.as_ref().is_some_and(is_of_a_moment) {
                    let what = format!(
                        "{} does not say what tasks and threads were doing at one moment",
                        path.display()
                    );
                    return Err(Failure::new(what)
                        .next("`hotpoll dump TARGET -o FILE` writes a file that does"));
                }
                source::name(&mut profile, None, binaries);
                Ok(Self::new(profile))
            }
            Target::Live(endpoint) => {
                let mut client =
                    Client::connect(&endpoint).map_err(|error| error.failure(&endpoint))?;
                let mut profile = fetch(&mut client, source::nanoseconds(LATELY), refresh)?;
                profile.process.notices.extend(endpoint.other_pid());
                source::name(&mut profile, Some(&endpoint), binaries);
                Ok(Self::new(profile))
            }
        }
    }

    /// Of a profile that has one; nothing is known of any other.
    pub fn new(mut profile: Profile) -> Self {
        let mut snapshot = profile.snapshot.take().unwrap_or_default();
        let mut runtimes = snapshot.tasks.runtimes.iter();
        if runtimes.any(|runtime| !runtime.in_doubt.is_empty()) {
            verdict::settle_runtimes(&Frames::new(&profile), &mut snapshot);
        }
        Self { profile, snapshot }
    }

    /// The profile, without its snapshot.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Its snapshot.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}

/// Fetches the last part of the recorder (0: all of it) with a snapshot, from a process that can give one.
pub fn fetch(client: &mut Client, last_ns: u64, refresh: bool) -> Result<Profile, Failure> {
    let fetch = Fetch {
        last_ns,
        snapshot: true,
        refresh,
        ..Fetch::default()
    };
    let profile = client
        .fetch(fetch)
        .map_err(|error| error.failure(client.endpoint()))?;
    match &profile.snapshot {
        Some(_) => Ok(profile),
        None => Err(too_old(client.endpoint(), &profile.process.hotpoll_version)),
    }
}

/// A process whose hotpoll gives no snapshot.
pub fn too_old(endpoint: &Endpoint, version: &str) -> Failure {
    let process = &endpoint.process;
    Failure::new(format!(
        "process {} ({}) has hotpoll {version}, which cannot say what tasks and threads are doing",
        process.pid,
        process.display_name()
    ))
    .next("build it with the hotpoll of this command; `hotpoll report` works with what it has")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::client::tests::process;
    use hotpoll_profile::protocol::Response;
    use hotpoll_profile::{Process, pprof};

    fn asked(name: &str, answer: &Profile) -> Result<Profile, String> {
        let answer = Response::Profile(pprof::encode(answer)).encode();
        let (endpoint, thread) = process(name, vec![answer]);
        let mut client = Client::connect(&endpoint).unwrap();
        let fetched = fetch(&mut client, 0, false).map_err(|failure| failure.to_string());
        drop(client);
        thread.join().unwrap();
        fetched
    }

    #[test]
    fn a_process_that_cannot_say_is_told_so() {
        let mut profile = Profile {
            process: Process {
                hotpoll_version: "0.0.9".to_owned(),
                ..Process::default()
            },
            ..Profile::default()
        };
        let failure = asked("too-old", &profile).unwrap_err();
        assert!(
            failure.contains("has hotpoll 0.0.9, which cannot say"),
            "{failure}"
        );
        assert!(failure.contains("build it with the hotpoll of this command"));
        profile.snapshot = Some(Snapshot::default());
        assert_eq!(asked("new-enough", &profile), Ok(profile));
    }
}
