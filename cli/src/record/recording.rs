//! One process that is being recorded.

use crate::exit::Failure;
use crate::live::{Client, Endpoint, Held, Lasting};
use crate::source;
use hotpoll_profile::Profile;
use hotpoll_profile::merge::Merger;
use hotpoll_profile::protocol::Fetch;
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
}

impl Recording {
    /// Connects. `since` is the newest slice that is not wanted; 0 wants all.
    pub fn start(client: Client, since: u64) -> Self {
        let endpoint = client.endpoint().clone();
        let held = Held::open(endpoint.process.pid);
        Self {
            endpoint,
            client,
            lasting: Lasting::default(),
            failure: None,
            held,
            last: since,
            asked_now: None,
            merger: Merger::new(Profile::default()),
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
    }

    /// Fetches what is new. Whatever comes of it, what was fetched stays: [`Recording::is_connected`] tells whether there may be more.
    pub fn fetch(&mut self) {
        let snapshot = (self.asked_now).is_none_or(|asked| asked.elapsed() >= NOW_EVERY);
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
        profile
    }
}
