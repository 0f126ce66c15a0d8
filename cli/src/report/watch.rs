//! `hotpoll report --watch`: the last seconds of a live process, redrawn every second.

use super::command::written;
use super::{By, Format, Options};
use crate::exit::{FINE, Outcome};
use crate::interrupt;
use crate::live::{Client, Lasting};
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
    // Whether somebody still reads.
    let draw = |profile: &mut Profile| {
        profile.retain_last(window_ns);
        // Names that are there stay: only new addresses are looked up.
        let symbols = source::name(profile, Some(&endpoint), binaries);
        let report = written(profile, &symbols, options, format);
        match format {
            Format::Text if terminal::is_terminal() => terminal::redraw(&report),
            _ => terminal::print_on(&report),
        }
    };
    let mut profile = Profile::default();
    let mut lasting = Lasting::default();
    loop {
        let drawn = Instant::now();
        let since_sequence = profile.last_sequence();
        let fetch = Fetch {
            since_sequence,
            last_ns: window_ns,
            // For the names and the times of task kinds, and for the names of locks.
            snapshot: matches!(options.by, By::Task | By::Lock),
            ..Fetch::default()
        };
        let newer = (lasting.fetch(client, fetch)).map_err(|error| error.failure(&endpoint))?;
        if let Some(news) = lasting.news() {
            terminal::say(&news);
        }
        match newer {
            Some(newer) => {
                profile.merge(newer);
                if !draw(&mut profile)? {
                    return Ok(FINE);
                }
            }
            None if lasting.is_over() => {
                let who = endpoint.process.display_name();
                terminal::say(&format!(
                    "process {} ({who}) has ended.",
                    endpoint.process.pid
                ));
                return Ok(FINE);
            }
            // What was drawn last stays.
            None => {}
        }
        while drawn.elapsed() < REDRAW_EVERY {
            if interrupt::is_asked_to_stop() {
                return Ok(FINE);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}
