//! `hotpoll tasks`: its arguments, and carrying it out.

use super::filter::Filter;
use super::{collect, data, text};
use crate::envelope;
use crate::exit::{self, FINE, Outcome};
use crate::now::Now;
use crate::target;
use crate::text::terminal;
use clap::{Args, ValueEnum};
use hotpoll_symbolizer::view::live_tasks::Sort;
use regex::Regex;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hotpoll tasks                        the only live process
  hotpoll tasks shop --suspended       where its tasks wait, as await stacks
  hotpoll tasks shop --kind request --sort busy --top 10
  hotpoll tasks shop --filter 'redis'  only tasks with such a function
  hotpoll tasks shop --long-polls      polls over 10 ms, with their stacks
  hotpoll tasks shop.dump.pb.gz        as it was when `hotpoll dump` looked
  hotpoll tasks --format json | jq '.data.tasks[0]'";

/// Show what the tasks of a process are doing and where they wait, now
///
/// Answers also when every worker of the runtime is blocked. Tasks are those that were spawned through hotpoll (`hotpoll::spawn`,
/// `.tracked("name")` and so on); the header says how many others there are.
///
/// Odd ones come first: tasks that wait and whose waker nobody holds any more (`lost waker`), that are in a poll longer than a poll may
/// take (`long poll`), that were woken long ago and not polled since (`not polled`), that wait where few of many of their kind wait;
/// then the oldest.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct TasksArgs {
    #[arg(help = target::HELP)]
    target: Option<String>,
    /// Only tasks of this kind: its name, or its spawn site such as src/main.rs:33
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only tasks whose kind, or a function they wait in, matches this regular expression
    #[arg(long, value_name = "REGEX")]
    filter: Option<Regex>,
    /// What to sort tasks by, largest first
    #[arg(long, value_enum, default_value_t)]
    sort: By,
    /// How many tasks (places, long polls) to list; without it the text fits a screen and JSON has all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    top: Option<u32>,
    /// Show where tasks wait: the await stacks, those of one place together
    #[arg(long)]
    suspended: bool,
    /// Show polls that run, or ran, longer than a poll may: their stacks
    #[arg(long)]
    long_polls: bool,
    /// Have suspended tasks take their stacks anew; this wakes each of them once
    #[arg(long)]
    refresh: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// A file with symbols for a module, matched by build ID; may be repeated
    #[arg(long, value_name = "PATH")]
    binary: Vec<PathBuf>,
}

/// What tasks are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum By {
    /// What is wrong, then what is odd, then age.
    #[default]
    Odd,
    /// Time since they were spawned.
    Age,
    /// Time in their state.
    State,
    /// Time in polls.
    Busy,
    /// Time woken and not yet polled.
    Scheduled,
    /// Time suspended.
    Idle,
    /// Polls.
    Polls,
    /// The longest poll.
    MaxPoll,
}

impl From<By> for Sort {
    fn from(by: By) -> Self {
        match by {
            By::Odd => Self::Odd,
            By::Age => Self::Age,
            By::State => Self::State,
            By::Busy => Self::Busy,
            By::Scheduled => Self::Scheduled,
            By::Idle => Self::Idle,
            By::Polls => Self::Polls,
            By::MaxPoll => Self::MaxPoll,
        }
    }
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
pub fn run(args: &TasksArgs) -> Outcome {
    let now = Now::of(args.target.as_deref(), "tasks", args.refresh, &args.binary)?;
    let top = args.top.map(|top| top as usize);
    let options = collect::Options {
        filter: Filter {
            kind: args.kind.clone(),
            pattern: args.filter.clone(),
        },
        sort: args.sort.into(),
        top: match args.format {
            Format::Text => Some(top.unwrap_or(text::SCREEN)),
            Format::Json => top,
        },
        alike: match (args.format, top) {
            (Format::Text, None) => Some(text::ALIKE),
            _ => None,
        },
        suspended: args.suspended,
        long_polls: args.long_polls,
    };
    let data = collect::collect(&now, &options);
    let written = match args.format {
        Format::Json => envelope::line("tasks", data::SCHEMA, &data),
        Format::Text => text::render(&data, top, terminal::columns()),
    };
    terminal::print(&written)?;
    Ok(FINE)
}
