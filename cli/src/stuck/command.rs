//! `hotpoll stuck`: its arguments, and carrying it out.

use super::{collect, data, text};
use crate::duration;
use crate::envelope;
use crate::exit::{self, FINE, FOUND, Outcome};
use crate::now::Now;
use crate::target;
use crate::text::terminal;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  hotpoll stuck                        the only live process
  hotpoll stuck shop --older-than 10s  only what has lasted so long
  hotpoll stuck shop > /dev/null || alert
  hotpoll stuck shop.dump.pb.gz        as it was when `hotpoll dump` looked
  hotpoll stuck --all                  also who waits and has nothing wrong
  hotpoll stuck --format json | jq '.data.problems[0].evidence'";

/// Show what is stuck in a process, and because of whom: deadlocks, locks held for long, lost wakers, full channels, blocked workers
///
/// Worst first, one problem for each cause: whoever holds up a hundred others is one. Each says who can end it, since when it has lasted, at which call, why that
/// is believed and how sure it is. The word deadlock is used where nothing else can be: a cycle of waits whose every edge two looks found. What waits
/// for messages, times or requests is idle, and no problem. A sender that does not send counts as lost ten times later than the rest is told of.
///
/// The exit code is 1 if something is stuck, so that the command serves as a health probe.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct StuckArgs {
    #[arg(help = target::HELP)]
    target: Option<String>,
    /// Only what has lasted for so long; deadlocks and lost wakers are shown at any age
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "1s")]
    older_than: Duration,
    /// Also those who wait with nothing wrong with that: for input or output, or for something to do. They do not change the exit code
    #[arg(long)]
    all: bool,
    /// How many problems to list
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    top: Option<u32>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// A file with symbols for a module, matched by build ID; may be repeated
    #[arg(long, value_name = "PATH")]
    binary: Vec<PathBuf>,
}

/// How it is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// One line of JSON in hotpoll's envelope.
    Json,
}

/// Carries the command out.
pub fn run(args: &StuckArgs) -> Outcome {
    let now = Now::of(args.target.as_deref(), "stuck", false, &args.binary)?;
    let data = collect(&now, args.older_than, args.all);
    let top = args.top.map(|top| top as usize);
    let written = match args.format {
        Format::Json => envelope::line("stuck", data::SCHEMA, &data),
        Format::Text => text::render(&data, top.unwrap_or(text::SCREEN), terminal::columns()),
    };
    terminal::print(&written)?;
    Ok(match data.problems.is_empty() {
        true => FINE,
        false => FOUND,
    })
}
