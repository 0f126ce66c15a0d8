//! `hotpoll locks`: its arguments, and carrying it out.

use super::collect::{self, By};
use super::{data, text};
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
  hotpoll locks                       the only live process
  hotpoll locks shop --sort contended --top 5
  hotpoll locks shop --filter cache   by name, site, holder or waiter
  hotpoll locks shop.dump.pb.gz       as it was when `hotpoll dump` looked
  hotpoll locks --format json | jq '.data.resources[] | select(.waiters != [])'";

/// Show the locks, channels and semaphores of a process: how long they were waited for and held, who holds them, who waits
///
/// They are those that were made through hotpoll's types (`hotpoll::sync`, `hotpoll::std::sync`, `hotpoll::tokio::sync`), and locks
/// of others that a thread waits for now, inferred from its stack.
///
/// Counts are since sampling began. Waits are timed each; a hold is timed when somebody waited for its end, and else now and then, so half of the
/// holds is half of the timed ones. "held at least" counts from the first waiter: who held it before nobody asked.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct LocksArgs {
    #[arg(help = target::HELP)]
    target: Option<String>,
    /// Only those whose name, site, kind, holder or waiter matches this regular expression
    #[arg(long, value_name = "REGEX")]
    filter: Option<Regex>,
    /// What to sort by, largest first
    #[arg(long, value_enum, default_value_t)]
    sort: By,
    /// How many to list; without it the text fits a screen and JSON has all
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
pub fn run(args: &LocksArgs) -> Outcome {
    let now = Now::of(args.target.as_deref(), "locks", false, &args.binary)?;
    let top = args.top.map(|top| top as usize);
    let listed = match args.format {
        Format::Text => Some(top.unwrap_or(text::SCREEN)),
        Format::Json => top,
    };
    let data = collect::collect(&now, args.filter.as_ref(), args.sort, listed);
    let written = match args.format {
        Format::Json => envelope::line("locks", data::SCHEMA, &data),
        Format::Text => text::render(&data, top, terminal::columns()),
    };
    terminal::print(&written)?;
    Ok(FINE)
}
