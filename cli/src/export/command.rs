//! `hotpoll export`: the arguments, and the file or standard output that they ask for.

use super::{ExportError, Format, Options, Root, Unit, encode};
use crate::exit::{FINE, Failure, Outcome};
use crate::live::{Client, Held};
use crate::profile_file;
use crate::source;
use crate::target::{self, Target, ThisHost};
use crate::text::terminal;
use clap::{Args, ValueEnum};
use hotpoll_profile::protocol::Fetch;
use hotpoll_profile::{Profile, pprof};
use hotpoll_symbolizer::view::contention::contention;
use std::io::{self, Write};
use std::path::PathBuf;

/// Write a profile in another tool's format, or as a flame graph
///
/// Of a live process this is its recorder, as `hotpoll report` shows it; of a file, which may be another tool's pprof file, all of it.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[arg(help = target::HELP)]
    pub target: Option<String>,
    /// What to write
    #[arg(long, short, value_enum)]
    pub format: Format,
    /// Where to write it; standard output by default
    #[arg(long, short, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// What the weights of `folded` and `svg` count
    #[arg(long, value_enum, default_value_t)]
    pub unit: Unit,
    /// Draw waiting too, by the wall clock: what a thread was blocked in is a frame at the end of its stack
    #[arg(long)]
    pub wall: bool,
    /// Not CPU time but waits for locks, in the shape of Go's mutex profiles: how often and how long others waited, on the stacks of holders. For
    /// `pprof` and `folded`
    #[arg(long, conflicts_with = "wall")]
    pub contention: bool,
    /// What stacks stand on: the kind of the task that was being polled
    #[arg(long, value_enum)]
    pub by: Option<Root>,
}

/// Carries the command out.
pub fn run(args: &ExportArgs) -> Outcome {
    let format = args.format.to_possible_value();
    let format = format.as_ref().map_or("html", |value| value.get_name());
    let host = ThisHost::asked_by(&format!("export --format {format}"));
    let resolved = target::resolve(args.target.as_deref(), &host)?;
    if let Some(path) = &args.output {
        profile_file::check(path)?;
    }
    let profile = match resolved {
        Target::File(path) => {
            let mut profile = source::read(&path)?;
            source::name(&mut profile, None, &[]);
            profile
        }
        Target::Live(endpoint) => {
            let mut client =
                Client::connect(&endpoint).map_err(|error| error.failure(&endpoint))?;
            let held = Held::open(endpoint.process.pid);
            let fetch = Fetch {
                // For the kinds of tasks; `json` has all of it.
                snapshot: true,
                ..Fetch::default()
            };
            let mut profile = (client.fetch(fetch)).map_err(|error| error.failure(&endpoint))?;
            source::name_held(&mut profile, &held, &[]);
            profile
        }
    };
    write(args, &profile)?;
    Ok(FINE)
}

fn write(args: &ExportArgs, profile: &Profile) -> Result<(), Failure> {
    if args.wall && !profile.has_wall() {
        let what = "the profile has no samples of waiting";
        return Err(Failure::new(what).next(source::NO_WALL));
    }
    if args.contention {
        return write_contention(args, profile);
    }
    let options = Options {
        unit: args.unit,
        wall: args.wall,
        by: args.by,
    };
    put(args, &encode(profile, args.format, &options)?)
}

fn write_contention(args: &ExportArgs, profile: &Profile) -> Result<(), Failure> {
    let contention = contention(profile);
    if contention.samples.is_empty() {
        let what = "nobody had to wait for a lock of hotpoll's types";
        return Err(Failure::new(what).next("hotpoll::sync, hotpoll::std::sync and hotpoll::tokio::sync are known; --wall draws all other waiting"));
    }
    let encoded = match args.format {
        Format::Pprof => pprof::encode_contention_gzip(&contention),
        Format::Folded => encode(
            &contention,
            args.format,
            &Options {
                unit: args.unit,
                ..Options::default()
            },
        )?,
        _ => {
            let what = "--contention is for the formats pprof and folded";
            return Err(Failure::new(what).next("the others name their weights CPU time"));
        }
    };
    put(args, &encoded)
}

fn put(args: &ExportArgs, encoded: &[u8]) -> Result<(), Failure> {
    match &args.output {
        Some(path) => {
            profile_file::replace(path, encoded).map_err(|error| Failure::writing(path, &error))
        }
        None => print(encoded),
    }
}

/// Not through [`terminal::print`]: these bytes are for another program, exactly as they are.
fn print(encoded: &[u8]) -> Result<(), Failure> {
    if terminal::is_terminal() && std::str::from_utf8(encoded).is_err() {
        let what = "this format is binary and standard output is a terminal";
        return Err(Failure::new(what).next("give a file with --output"));
    }
    let mut stdout = io::stdout().lock();
    match stdout.write_all(encoded).and_then(|()| stdout.flush()) {
        // `hotpoll export … | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            ExportError::Empty => failure.next("record for longer, or while the process works"),
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn args(output: &str) -> ExportArgs {
        ExportArgs {
            target: None,
            format: Format::Folded,
            output: Some(output.into()),
            unit: Unit::Ns,
            wall: false,
            contention: false,
            by: None,
        }
    }

    #[test]
    fn the_output_file_is_written() {
        let path = std::env::temp_dir().join(format!("hotpoll-export-{}", std::process::id()));
        let path = path.to_str().unwrap();
        write(&args(path), &fixture::service()).unwrap();
        let written = std::fs::read_to_string(path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert!(written.contains("shop::parse"));
    }

    #[test]
    fn failures_say_what_to_do() {
        let failure = write(&args("/nonexistent/x"), &fixture::service()).unwrap_err();
        assert!(
            failure.to_string().contains("create the folder first"),
            "{failure}"
        );
        let empty = ExportArgs {
            format: Format::Svg,
            ..args("/nonexistent/x")
        };
        let failure = write(&empty, &Profile::default()).unwrap_err();
        assert!(
            failure.to_string().contains("record for longer"),
            "{failure}"
        );
    }

    /// Half of the waiting in the fixture, drawn and not drawn.
    #[test]
    fn waiting_is_drawn_when_asked_for() {
        let mut profile = fixture::service();
        let written = |profile: &Profile, wall, by| {
            let options = Options {
                wall,
                by,
                ..Options::default()
            };
            String::from_utf8(encode(profile, Format::Folded, &options).unwrap()).unwrap()
        };
        let before = written(&profile, false, None);
        profile.samples.push(hotpoll_profile::Sample {
            state: hotpoll_profile::State::Lock,
            wall_ns: 123_456_789,
            count: 3,
            ..profile.samples[0].clone()
        });
        let waits = profile.samples.last_mut().unwrap();
        waits.cpu_ns = 0;
        assert_eq!(written(&profile, false, None), before);
        let waiting = written(&profile, true, None);
        let line = waiting.lines().find(|line| line.contains("[lock]"));
        assert!(line.unwrap().ends_with(";[lock] 123456789"), "{waiting}");
        let by_task = written(&profile, true, Some(Root::Task));
        assert!(
            by_task.contains("[no task];shop::main") && by_task.contains("[lock] 123456789"),
            "{by_task}"
        );
    }
}
