//! Recording a process that is there already.

use super::given::{Given, delivered};
use super::recording::Recording;
use super::writer::Writer;
use super::{FETCH_EVERY, LOOK_EVERY, nothing_sampled};
use crate::exit::{FINE, Outcome};
use crate::live::{Client, Endpoint};
use crate::text::number::{count, counted, duration};
use crate::text::terminal;
use crate::{interrupt, progress, source};
use hotpoll_profile::Profile;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How much later than asked the last slice may come: slices end once a second.
const OVERTIME: Duration = Duration::from_millis(1_500);

/// Records for `span`, or until the process ends or Ctrl-C.
pub fn run(
    endpoint: Endpoint,
    span: Option<Duration>,
    output: &Path,
    binaries: &[PathBuf],
    given: &Given,
) -> Outcome {
    interrupt::listen();
    let connected = Client::connect(&endpoint).and_then(|mut client| {
        let since = client.status()?.last_sequence;
        Ok((client, since))
    });
    let (client, since) = connected.map_err(|error| error.failure(&endpoint))?;
    let mut recording = Recording::start(client, since);
    let mut writer = Writer::new(output);
    let name = endpoint.process.display_name();
    let bar = match span {
        Some(span) => progress::timed(&format!("recording {name}"), span),
        None => progress::talking(&format!("recording {name}")),
    };
    let began = Instant::now();
    let is_over = |recording: &Recording| match span {
        None => false,
        Some(span) => {
            recording.profile().duration_ns >= source::nanoseconds(span)
                || began.elapsed() > span + OVERTIME
        }
    };
    while recording.is_connected() && !is_over(&recording) && !interrupt::is_asked_to_stop() {
        let until = Instant::now() + FETCH_EVERY;
        while Instant::now() < until && !interrupt::is_asked_to_stop() {
            std::thread::sleep(LOOK_EVERY);
            if span.is_some() {
                bar.advance(began.elapsed());
            }
        }
        recording.fetch();
        if let Some(news) = recording.news() {
            bar.note(&news);
        }
        if span.is_none() {
            let samples = recording.profile().cpu_samples();
            let (time, samples) = (
                duration(source::nanoseconds(began.elapsed())),
                count(samples),
            );
            bar.say(format!(
                "recording {name}: {time}, {samples} samples; Ctrl-C ends"
            ));
        }
        if writer.is_due() && !recording.profile().slices.is_empty() {
            writer.write(recording.profile())?;
        }
    }
    if recording.is_connected() {
        recording.fetch_last();
    }
    bar.finish();
    let failure = recording.failure();
    let has_ended = !recording.is_connected() && failure.is_none();
    let mut profile = recording.finish(binaries);
    given.put(&mut profile, false);
    if profile.samples.is_empty() {
        let cpu_ns = profile.process_cpu_ns;
        return Err(failure.unwrap_or_else(|| nothing_sampled(name, cpu_ns)));
    }
    writer.write(&profile)?;
    if has_ended {
        terminal::say(&format!(
            "process {} ({name}) has ended.",
            endpoint.process.pid
        ));
    }
    terminal::say(&told(output, &profile));
    if given.ci {
        terminal::say(&delivered(&profile));
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(FINE),
    }
}

/// What was written, and how to look at it.
pub fn told(output: &Path, profile: &Profile) -> String {
    let (file, samples) = (output.display(), profile.cpu_samples());
    let (cpu, span) = (
        duration(profile.process_cpu_ns),
        duration(profile.duration_ns),
    );
    if samples == 0 {
        let looks = profile.samples.iter().map(|sample| sample.count).sum();
        let looks = counted(looks, "look");
        return format!(
            "{file}: no sample of CPU, as only {cpu} was used in {span}; {looks} at waiting threads. Look at them: hotpoll report --wall {file}"
        );
    }
    format!(
        "{file}: {} of {cpu} CPU in {span}. Look at it: hotpoll report {file}",
        counted(samples, "sample"),
    )
}
