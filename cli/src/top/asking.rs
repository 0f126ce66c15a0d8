//! Asks the process, again and again, in a thread of its own: a target that is slow or stopped holds no key up.

use super::model::{Event, Link};
use super::picture::{Before, Picture};
use super::screen::Happening;
use crate::exit::Failure;
use crate::live::{AskError, Client, Endpoint, Held, Lasting};
use crate::target::{self, Target, ThisHost};
use crate::{now, source};
use hotpoll_profile::Profile;
use hotpoll_profile::protocol::Fetch;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// What the figures are of: as in `hotpoll threads` and `report --watch`.
pub const WINDOW: Duration = Duration::from_secs(10);
/// How often it is looked whether a process of the name has come back.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Whom to ask, and how.
pub struct Asking {
    /// The process, connected.
    pub client: Client,
    /// What its names need.
    pub held: Held,
    /// The name that it was asked for by: a process of that name that comes later will do, too.
    pub name: Option<String>,
    /// How often.
    pub interval: Duration,
    /// Files with symbols.
    pub binaries: Vec<PathBuf>,
}

/// How a conversation ended.
enum End {
    /// Nobody listens any more: the screen is gone.
    Unheard,
    /// The process is gone.
    Gone,
}

impl Asking {
    /// Asks until nobody listens any more, or the process has ended and none of its name can come.
    pub fn run(mut self, tell: &Sender<Happening>) {
        let mut number = 0;
        loop {
            match self.converse(tell, &mut number) {
                Ok(End::Unheard) => return,
                Ok(End::Gone) => {}
                Err(failure) => {
                    // Before the first picture there is nothing to look at.
                    let told = match number {
                        0 => Happening::Failed(failure),
                        _ => Happening::Event(Event::Link(Link::Over(sentence(&failure)))),
                    };
                    let _ = tell.send(told);
                    return;
                }
            }
            let mut sentence = format!("{} has ended: this is its last picture", self.who());
            if let Some(name) = &self.name {
                sentence += &format!("; waiting for another {name}");
            }
            let over = Happening::Event(Event::Link(Link::Over(sentence)));
            if tell.send(over).is_err() {
                return;
            }
            let Some(client) = self.name.as_deref().map(wait_for) else {
                return;
            };
            self.held = Held::open(client.endpoint().process.pid);
            self.client = client;
        }
    }

    /// As the header has it.
    fn who(&self) -> String {
        let process = &self.client.endpoint().process;
        format!("{} {}", process.display_name(), process.pid)
    }

    /// Asks one process until it is gone.
    fn converse(&mut self, tell: &Sender<Happening>, number: &mut u64) -> Result<End, Failure> {
        let window_ns = source::nanoseconds(WINDOW);
        let mut profile = Profile::default();
        let mut counted: VecDeque<Before> = VecDeque::new();
        let mut lasting = Lasting::default();
        let mut is_new = true;
        loop {
            let began = Instant::now();
            let fetch = Fetch {
                since_sequence: profile.last_sequence(),
                last_ns: window_ns,
                snapshot: true,
                ..Fetch::default()
            };
            let newer = lasting.fetch(&mut self.client, fetch);
            if let Some(silence) = lasting.silence() {
                let who = self.who();
                let silent = match silence {
                    AskError::Stopped => format!("{who} is stopped: this is its last picture"),
                    _ => format!("{who} gives no answer for now: this is its last picture"),
                };
                if tell
                    .send(Happening::Event(Event::Link(Link::Silent(silent))))
                    .is_err()
                {
                    return Ok(End::Unheard);
                }
            }
            let answered = Instant::now();
            match newer.map_err(|error| error.failure(self.client.endpoint()))? {
                None if lasting.is_over() => {
                    // Conversations that are silent for ten seconds are closed, and naming may take longer, or the interval be. Once without
                    // an answer in between.
                    let again = Client::connect(self.client.endpoint()).and_then(|mut client| {
                        let status = client.status()?;
                        Ok((client, status.last_sequence))
                    });
                    let (Ok((client, last_sequence)), false) = (again, is_new) else {
                        return Ok(End::Gone);
                    };
                    if last_sequence < profile.last_sequence() {
                        // It is another program by now: nothing of the old one is in what comes.
                        profile = Profile::default();
                        counted.clear();
                        self.held.add_program();
                    }
                    self.client = client;
                    lasting = Lasting::default();
                    is_new = true;
                    continue;
                }
                None => {}
                Some(newer) => {
                    is_new = false;
                    if newer.snapshot.is_none() {
                        let version = &newer.process.hotpoll_version;
                        return Err(now::too_old(self.client.endpoint(), version));
                    }
                    profile.merge(newer);
                    profile.retain_last(window_ns);
                    // Names that are there stay: only new addresses are looked up.
                    source::name_quietly(&mut profile, &self.held, &self.binaries);
                    *number += 1;
                    let picture = Picture::new(*number, profile.clone(), counted.front());
                    counted.push_back(picture.counted());
                    let begin = picture.taken_unix_ns().saturating_sub(window_ns);
                    while counted.len() > 1 && counted[1].taken_unix_ns <= begin {
                        counted.pop_front();
                    }
                    let picture = Event::Picture(Arc::new(picture));
                    if tell.send(Happening::Event(picture)).is_err() {
                        return Ok(End::Unheard);
                    }
                }
            }
            // However much there is to compute, this takes at most half of a processor from the machine that is in trouble already.
            let pause = self
                .interval
                .saturating_sub(began.elapsed())
                .max(answered.elapsed());
            std::thread::sleep(pause);
        }
    }
}

/// The next process of a name.
fn wait_for(name: &str) -> Client {
    let host = ThisHost::asked_by("top");
    let found = || -> Option<Endpoint> {
        match target::resolve(Some(name), &host) {
            Ok(Target::Live(endpoint)) => Some(endpoint),
            _ => None,
        }
    };
    loop {
        std::thread::sleep(LOOK_EVERY);
        if let Some(client) = found().and_then(|endpoint| Client::connect(&endpoint).ok()) {
            return client;
        }
    }
}

/// A failure in one line.
fn sentence(failure: &Failure) -> String {
    let text = failure.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
