//! A conversation that outlasts silence: a process that is stopped, or paused with its container, runs on some time.

use super::client::{AskError, Client};
use super::process;
use crate::source;
use crate::text::number::{duration, time_of_day};
use hotpoll_profile::Profile;
use hotpoll_profile::protocol::Fetch;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often a silent process is asked again. One that is known to be stopped is not: its queue of connections is not endless.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// What stands between two answers.
#[derive(Debug, Default)]
pub struct Lasting {
    silence: Option<Silence>,
    is_over: bool,
    news: Option<String>,
}

#[derive(Debug)]
struct Silence {
    why: AskError,
    began: Instant,
    asked: Instant,
}

impl Lasting {
    /// Asks for what is new. Nothing is an answer, too: the process is silent for now, or [`Lasting::is_over`]. An error is the end of it.
    pub fn fetch(
        &mut self,
        client: &mut Client,
        fetch: Fetch,
    ) -> Result<Option<Profile>, AskError> {
        if self.is_over {
            return Ok(None);
        }
        if let Some(silence) = &self.silence {
            let pid = client.endpoint().process.pid;
            if silence.asked.elapsed() < ASK_EVERY || process::is_stopped(pid) {
                return Ok(None);
            }
            match client.status() {
                // Slices are counted from 1 again: it has replaced itself by exec meanwhile.
                Ok(status) if status.last_sequence < fetch.since_sequence => {
                    self.is_over = true;
                    return Ok(None);
                }
                Ok(_) => {}
                Err(error) => return self.failed(client, error),
            }
        }
        let answer = match client.fetch(fetch) {
            Err(error) if error.is_gone() => match again(client, fetch) {
                Some(answer) => answer,
                None => Err(error),
            },
            answer => answer,
        };
        match answer {
            Ok(profile) => {
                if let Some(silence) = self.silence.take() {
                    let span = duration(source::nanoseconds(silence.began.elapsed()));
                    self.news = Some(format!("{} answers again, after {span}.", client.who()));
                }
                Ok(Some(profile))
            }
            Err(error) => self.failed(client, error),
        }
    }

    fn failed(&mut self, client: &Client, error: AskError) -> Result<Option<Profile>, AskError> {
        if error.is_silence() {
            let asked = Instant::now();
            if let Some(silence) = &mut self.silence {
                silence.asked = asked;
                return Ok(None);
            }
            let why = match error {
                AskError::Stopped => ": it is stopped",
                _ => "",
            };
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            self.news = Some(format!(
                "no answer from {} since {} UTC{why}. It is asked again when it runs on.",
                client.who(),
                time_of_day(source::nanoseconds(now.unwrap_or_default()))
            ));
            self.silence = Some(Silence {
                why: error,
                began: asked,
                asked,
            });
            return Ok(None);
        }
        self.is_over = true;
        if error.is_gone() {
            Ok(None)
        } else {
            Err(error)
        }
    }

    /// Whether there will be no more answers: the process has ended, or is another program now.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Why there is no answer for now.
    pub fn silence(&self) -> Option<&AskError> {
        self.silence.as_ref().map(|silence| &silence.why)
    }

    /// What a person should know, once: that a silence has begun or ended.
    pub fn news(&mut self) -> Option<String> {
        self.news.take()
    }
}

/// Asks once more on a new connection: the process closes one that was silent for ten seconds, as ours is if this command was stopped, or nobody read what it
/// wrote. `None`: there is no process any more, or it is another program.
fn again(client: &mut Client, fetch: Fetch) -> Option<Result<Profile, AskError>> {
    let mut fresh = Client::connect(client.endpoint()).ok()?;
    match fresh.status() {
        Ok(status) if status.last_sequence < fetch.since_sequence => return None,
        Ok(_) => {}
        Err(error) => return Some(Err(error)),
    }
    let answer = fresh.fetch(fetch);
    *client = fresh;
    Some(answer)
}
