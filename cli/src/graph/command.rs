//! `hotpoll graph`: its arguments, and carrying it out.

use super::{collect, data, dot, text};
use crate::envelope;
use crate::exit::{self, FINE, Outcome};
use crate::now::Now;
use crate::target;
use crate::text::terminal;
use clap::{Args, ValueEnum};
use regex::Regex;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hotpoll graph                        the only live process
  hotpoll graph shop --filter cache    such a lock or task, and around it
  hotpoll graph shop --format dot | dot -Tsvg > wait.svg
  hotpoll graph shop.dump.pb.gz        as it was when `hotpoll dump` looked
  hotpoll graph --all                  idle ones, too: for messages and times";

/// Show who waits for what in a process, and who can end that
///
/// Threads, tasks, locks, channels and semaphores with the edges between them: waits for, is held by, receives, sends, waits before, polls. Edges that only
/// one of two looks found are marked, and so are waits with a time-out. What is stuck, and why, says `hotpoll stuck`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct GraphArgs {
    #[arg(help = target::HELP)]
    target: Option<String>,
    /// Only what is linked with a thread, task or resource whose name matches this regular expression
    #[arg(long, value_name = "REGEX")]
    filter: Option<Regex>,
    /// Also what nobody holds up: waits for messages, notifications and times
    #[arg(long)]
    all: bool,
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
    /// For Graphviz.
    Dot,
    /// One line of JSON in hotpoll's envelope.
    Json,
}

/// Carries the command out.
pub fn run(args: &GraphArgs) -> Outcome {
    let now = Now::of(args.target.as_deref(), "graph", false, &args.binary)?;
    let data = collect::collect(&now, args.filter.as_ref(), args.all);
    let written = match args.format {
        Format::Json => envelope::line("graph", data::SCHEMA, &data),
        Format::Dot => dot::render(&data),
        Format::Text => text::render(&data, terminal::columns()),
    };
    terminal::print(&written)?;
    Ok(FINE)
}
