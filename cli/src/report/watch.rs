//! `hotpoll report --watch`: the last seconds of a live process, redrawn every second.

use super::command::written;
use super::{By, Format, Options};
use crate::exit::{FINE, Outcome};
use crate::interrupt;
use crate::live::{AskError, Client};
use crate::source;
use crate::text::terminal;
use hotpoll_profile::Profile;
use hotpoll_profile::protocol::Fetch;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The window, unless it was asked for.
const WINDOW: Duration = Duration::from_secs(10);
/// How often it is redrawn: as often as there is a new slice.
const REDRAW_EVERY: Duration = Duration::from_secs(1);
/// How often a wait looks whether it should go on.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Redraws until the process ends or Ctrl-C.
pub fn run(
    client: &mut Client,
    last: Option<Duration>,
    binaries: &[PathBuf],
    options: &Options,
    format: Format,
) -> Outcome {
    interrupt::listen();
    let endpoint = client.endpoint().clone();
    let window_ns = source::nanoseconds(last.unwrap_or(WINDOW));
    let mut profile = Profile::default();
    loop {
        let drawn = Instant::now();
        let since_sequence = profile.last_sequence();
        let newer = client.fetch(Fetch {
            since_sequence,
            last_ns: window_ns,
            // For the names and the times of task kinds.
            snapshot: options.by == By::Task,
            ..Fetch::default()
        });
        match newer {
            Ok(newer) => profile.merge(newer),
            Err(AskError::Ended | AskError::Stale) => {
                let who = endpoint.process.display_name();
                terminal::say(&format!(
                    "process {} ({who}) has ended.",
                    endpoint.process.pid
                ));
                return Ok(FINE);
            }
            Err(error) => return Err(error.failure(&endpoint)),
        }
        profile.retain_last(window_ns);
        // Names that are there stay: only new addresses are looked up.
        let symbols = source::name(&mut profile, Some(&endpoint), binaries);
        let report = written(&profile, &symbols, options, format);
        let is_read = match format {
            Format::Text if terminal::is_terminal() => terminal::redraw(&report)?,
            _ => terminal::print_on(&report)?,
        };
        if !is_read {
            return Ok(FINE);
        }
        while drawn.elapsed() < REDRAW_EVERY {
            if interrupt::is_asked_to_stop() {
                return Ok(FINE);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}
