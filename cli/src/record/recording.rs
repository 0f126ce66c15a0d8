//! One process that is being recorded.

use crate::exit::Failure;
use crate::live::{Client, Endpoint, Held, Lasting};
use crate::source;
use hotpoll_profile::merge::Merger;
use hotpoll_profile::protocol::Fetch;
use hotpoll_profile::{Exact, Profile};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often a recording asks what tasks and threads are doing. The file then has the kinds of tasks by name, and the last moment asked for.
const NOW_EVERY: Duration = Duration::from_secs(5);

/// A process and what it has told so far.
pub struct Recording {
    endpoint: Endpoint,
    client: Client,
    /// Over once the process is, or has replaced itself by exec.
    lasting: Lasting,
    /// Why it can no longer be asked, where it has not simply ended.
    failure: Option<Failure>,
    /// Its files can be read for their symbols when the process is gone.
    held: Held,
    /// The newest slice that we have.
    last: u64,
    /// When it was last asked what its tasks and threads are doing: that has the names of task kinds.
    asked_now: Option<Instant>,
    merger: Merger,
    /// What had been counted before the recording began. `None`: not known, or the process has replaced itself by exec, and what is counted is of its last
    /// program alone.
    counted_before: Option<Exact>,
}

impl Recording {
    /// Connects. `since` is the newest slice that is not wanted; 0 wants all.
    pub fn start(mut client: Client, since: u64) -> Self {
        let endpoint = client.endpoint().clone();
        let held = Held::open(endpoint.process.pid);
        let counted_before = match since {
            0 => Some(Exact::default()),
            _ => source::kinds(&mut client).as_ref().map(Exact::of),
        };
        Self {
            endpoint,
            client,
            lasting: Lasting::default(),
            failure: None,
            held,
            last: since,
            asked_now: None,
            merger: Merger::new(Profile::default()),
            counted_before,
        }
    }

    /// The process.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What it has told so far.
    pub fn profile(&self) -> &Profile {
        self.merger.profile()
    }

    /// Whether it can still be asked, now or when it runs on.
    pub fn is_connected(&self) -> bool {
        !self.lasting.is_over()
    }

    /// What a person should know, once: that it has fallen silent, or answers again.
    pub fn news(&mut self) -> Option<String> {
        self.lasting.news()
    }

    /// Why it can no longer be asked, where it has not simply ended.
    pub fn failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    /// Goes on with a process that has replaced itself by exec: the same PID, another program, slices counted from 1 again.
    pub fn reconnect(&mut self, client: Client) {
        self.held.add_program();
        self.client = client;
        self.lasting = Lasting::default();
        self.failure = None;
        self.last = 0;
        self.counted_before = None;
    }

    /// Fetches what is new. Whatever comes of it, what was fetched stays: [`Recording::is_connected`] tells whether there may be more.
    pub fn fetch(&mut self) {
        let snapshot = (self.asked_now).is_none_or(|asked| asked.elapsed() >= NOW_EVERY);
        self.ask(snapshot);
    }

    /// Fetches what is new for the last time, with what was counted up to now.
    pub fn fetch_last(&mut self) {
        self.ask(true);
    }

    fn ask(&mut self, snapshot: bool) {
        if snapshot {
            self.asked_now = Some(Instant::now());
        }
        let fetch = Fetch {
            since_sequence: self.last,
            snapshot,
            ..Fetch::default()
        };
        match self.lasting.fetch(&mut self.client, fetch) {
            Ok(Some(newer)) => {
                self.last = self.last.max(newer.last_sequence());
                self.merger.add(newer);
            }
            Ok(None) => {}
            Err(error) => self.failure = Some(error.failure(&self.endpoint)),
        }
    }

    /// Adds what the process itself wrote.
    pub fn add(&mut self, written: Profile) {
        self.merger.add(written);
    }

    /// All of it, with names.
    pub fn finish(self, binaries: &[PathBuf]) -> Profile {
        let mut profile = self.merger.into_profile();
        source::name_held(&mut profile, &self.held, binaries);
        source::know_build(&mut profile, Some(&self.held), binaries);
        let before = self.counted_before;
        profile.exact = before.and_then(|before| counted(&profile, &before));
        profile
    }
}

/// What was counted in the profile's window: up to its snapshot, if that is of the window's end. A process that was killed has not told of its last
/// seconds.
fn counted(profile: &Profile, before: &Exact) -> Option<Exact> {
    /// Slices end once a second.
    const LATE_NS: u64 = 1_500_000_000;
    let snapshot = profile.snapshot.as_ref()?;
    let ends =
        (profile.slices.iter()).map(|slice| slice.start_unix_ns.saturating_add(slice.duration_ns));
    // Of no moment: told after the end of sampling.
    let is_last = snapshot.taken_unix_ns == 0
        || snapshot.taken_unix_ns.saturating_add(LATE_NS) >= ends.max()?;
    is_last.then(|| Exact::of(snapshot).since(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotpoll_profile::{Slice, Snapshot, TaskKind};

    #[test]
    fn what_was_counted_in_the_window() {
        let at = |taken_unix_ns: u64, polls: u64| {
            let mut snapshot = Snapshot {
                taken_unix_ns,
                ..Snapshot::default()
            };
            snapshot.tasks.kinds.push(TaskKind {
                name: "serve".to_owned(),
                polls,
                ..TaskKind::default()
            });
            snapshot
        };
        let before = Exact::of(&at(1, 10));
        let profile = |taken_unix_ns| Profile {
            slices: vec![Slice {
                start_unix_ns: 60_000_000_000,
                duration_ns: 1_000_000_000,
                ..Slice::default()
            }],
            snapshot: Some(at(taken_unix_ns, 30)),
            ..Profile::default()
        };
        let polls = |taken| counted(&profile(taken), &before).map(|exact| exact.polls[0].polls);
        assert_eq!(polls(61_000_000_000), Some(20));
        assert_eq!(polls(60_000_000_000), Some(20));
        assert_eq!(polls(0), Some(20));
        assert_eq!(polls(57_000_000_000), None);
    }
}
