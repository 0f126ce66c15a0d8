//! One process that is being recorded.

use crate::live::{AskError, Client, Endpoint, Held};
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
    /// Gone once the process is, or has replaced itself by exec.
    client: Option<Client>,
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
            client: Some(client),
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

    /// Whether it can still be asked.
    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    /// Goes on with a process that has replaced itself by exec: the same PID, another program, slices counted from 1 again.
    pub fn reconnect(&mut self, client: Client) {
        self.held.add_program();
        self.client = Some(client);
        self.last = 0;
    }

    /// Fetches what is new. A process that has gone is no error: [`Recording::is_connected`] tells.
    pub fn fetch(&mut self) -> Result<(), AskError> {
        let Some(client) = &mut self.client else {
            return Ok(());
        };
        let snapshot = (self.asked_now).is_none_or(|asked| asked.elapsed() >= NOW_EVERY);
        if snapshot {
            self.asked_now = Some(Instant::now());
        }
        let newer = client.fetch(Fetch {
            since_sequence: self.last,
            snapshot,
            ..Fetch::default()
        });
        match newer {
            Ok(newer) => {
                self.last = self.last.max(newer.last_sequence());
                self.merger.add(newer);
                Ok(())
            }
            Err(error) => {
                self.client = None;
                if error.is_gone() { Ok(()) } else { Err(error) }
            }
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
