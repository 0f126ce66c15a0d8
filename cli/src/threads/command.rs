//! `hotpoll threads`: its arguments, and carrying it out.

use super::{collect, data, text};
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
  hotpoll threads                   the only live process
  hotpoll threads shop --stacks     with each thread's stack
  hotpoll threads shop --filter db  threads called so, or in such a function
  hotpoll threads shop.dump.pb.gz   as it was when `hotpoll dump` looked
  hotpoll threads --format json | jq '.data.threads[] | select(.stuck)'";

/// Show what the threads of a process are doing, now: which run, poll a task, wait, and are worth a look
///
/// No thread is interrupted: a sleeping thread is looked at from outside. Those that wait or poll for longer than usual come first, then those that have
/// used most CPU in the last ten seconds.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct ThreadsArgs {
    #[arg(help = target::HELP)]
    target: Option<String>,
    /// Only threads whose name, or a function of theirs, matches this regular expression
    #[arg(long, value_name = "REGEX")]
    filter: Option<Regex>,
    /// Show each thread's stack, libraries folded
    #[arg(long)]
    stacks: bool,
    /// List so many threads, each its own; without it idle ones that are alike share a line, and JSON has all
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
pub fn run(args: &ThreadsArgs) -> Outcome {
    let now = Now::of(args.target.as_deref(), "threads", false, &args.binary)?;
    let top = args.top.map(|top| top as usize);
    let data = collect::collect(&now, args.filter.as_ref(), top);
    let written = match args.format {
        Format::Json => envelope::line("threads", data::SCHEMA, &data),
        Format::Text => text::render(&data, top, args.stacks, terminal::columns()),
    };
    terminal::print(&written)?;
    Ok(FINE)
}
