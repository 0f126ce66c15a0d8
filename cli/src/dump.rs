//! `hotpoll dump`: everything that a process can say, in one file.

use crate::exit::{self, FINE, Failure, Outcome};
use crate::live::Client;
use crate::target::{self, Target, ThisHost};
use crate::text::number::{bytes, count, counted, duration};
use crate::text::terminal;
use crate::text::width::wrap;
use crate::{now, profile_file, source};
use clap::Args;
use hotpoll_profile::Profile;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  hotpoll dump shop -o shop.dump.pb.gz
  hotpoll tasks shop.dump.pb.gz --suspended       later, on any machine
  hotpoll threads shop.dump.pb.gz
  hotpoll report shop.dump.pb.gz --wall
  hotpoll dump 4242 -o x.pb.gz --refresh          with stacks taken anew";

/// Write everything a process can say into one file: its recorder, its threads and tasks as they are now
///
/// The file is a profile with function names in it, so that every other command reads it, and other tools too. The process goes on; it
/// is asked as `hotpoll tasks` asks it, and answers when its runtime is blocked, too.
///
/// A process can write such a file by itself: hotpoll::Builder::dump_on_signal, or HOTPOLL_DUMP=PATH and then `kill -USR2 PID`;
/// with HOTPOLL_DUMP_STUCK_MS=500 also when a poll does not end, a task has lost its waker, or a runtime is blocked.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct DumpArgs {
    #[arg(help = "PID or process NAME; nothing: the only live process")]
    target: Option<String>,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Have suspended tasks take their stacks anew; this wakes each of them once
    #[arg(long)]
    refresh: bool,
    /// A file with symbols for a module, matched by build ID; may be repeated
    #[arg(long, value_name = "PATH")]
    binary: Vec<PathBuf>,
}

/// Carries the command out.
pub fn run(args: &DumpArgs) -> Outcome {
    let host = ThisHost::asked_by("dump");
    let endpoint = match target::resolve(args.target.as_deref(), &host)? {
        Target::Live(endpoint) => endpoint,
        Target::File(path) => {
            let what = format!("{} is a file, and dump asks a live process", path.display());
            return Err(Failure::new(what).next("`hotpoll list` shows live processes"));
        }
    };
    profile_file::check(&args.output)?;
    let mut client = Client::connect(&endpoint).map_err(|error| error.failure(&endpoint))?;
    let mut profile = now::fetch(&mut client, 0, args.refresh)?;
    source::name(&mut profile, Some(&endpoint), &args.binary);
    profile_file::write(&args.output, &profile)?;
    let said = said(&args.output, &profile);
    terminal::say(&wrap(&said, terminal::columns()).join("\n"));
    Ok(FINE)
}

/// What is in the file.
fn said(path: &Path, profile: &Profile) -> String {
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    let (threads, tasks) = match &profile.snapshot {
        Some(snapshot) => (snapshot.threads.len(), snapshot.tasks.tasks.len()),
        None => (0, 0),
    };
    // Futures inside of tasks are among them.
    format!(
        "{}, {}: the last {} of the recorder, {} and {} as they were.",
        path.display(),
        bytes(size),
        duration(profile.duration_ns),
        counted(threads as u64, "thread"),
        match tasks {
            1 => "1 tracked task or future".to_owned(),
            n => format!("{} tracked tasks and futures", count(n as u64)),
        },
    )
}
