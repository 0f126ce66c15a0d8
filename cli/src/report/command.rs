//! `hotpoll report`: its arguments, and carrying it out.

use super::collect::collect;
use super::{By, Format, Options, data, markdown, text, watch};
use crate::exit::{self, FINE, Failure, Outcome};
use crate::live::{Client, Held};
use crate::source::{self, Window};
use crate::target::{self, Target, ThisHost};
use crate::text::terminal;
use crate::{duration, envelope};
use clap::Args;
use hotpoll_profile::Profile;
use hotpoll_symbolizer::symbolize::Summary;
use hotpoll_symbolizer::view::kind_times;
use regex::Regex;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  hotpoll report                         the only live process
  hotpoll report shop --last 30s         the last 30 seconds of shop
  hotpoll report 4242 --for 10s          the 10 seconds from now on
  hotpoll report --watch                 redrawn every second
  hotpoll report shop.pb.gz --tree       a file, as a call tree
  hotpoll report shop --wall             what its threads wait for, and how long
  hotpoll report shop --by task --for 10s   task kinds: CPU, blocked, suspended
  hotpoll report shop --by lock             what holders did while others waited
  hotpoll report --focus 'json|serde'    only stacks with such a function
  hotpoll report --format json | jq .data.functions[0]";

/// Show what a process has been burning CPU on, per thread and function
///
/// Reads the flight recorder of a live process (5 minutes, unless it was set otherwise), or a profile file. First a header
/// that says how far the numbers can be trusted, then each pool of threads with the path through the program's own code that
/// most of its time goes through and the functions at the leaf, then the hottest functions of all.
///
/// `self` is time at the leaf, with inlining expanded; `total` is time anywhere on the stack, once per sample. For a function of a
/// library, the arrow names the function of the program that it works for.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct ReportArgs {
    #[arg(help = target::HELP)]
    target: Option<String>,
    /// Only the last part of the recorder (or file), such as 30s or 2m
    #[arg(long, value_name = "TIME", value_parser = duration::parse, conflicts_with = "span")]
    last: Option<Duration>,
    /// Only what comes from now on, for so long
    #[arg(long = "for", id = "span", value_name = "TIME", value_parser = duration::parse)]
    span: Option<Duration>,
    /// What the rows are
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// How many rows each list has; without it the report fits a screen
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    top: Option<u32>,
    /// Show the call tree instead of lists
    #[arg(long)]
    tree: bool,
    /// Show where threads' time went by the wall clock: on a processor, waiting for one, blocked in what and where
    #[arg(long, conflicts_with_all = ["tree", "watch"])]
    wall: bool,
    /// Keep threads of one name apart
    #[arg(long)]
    threads: bool,
    /// Only samples with a function that matches this regular expression
    #[arg(long, value_name = "REGEX")]
    focus: Option<Regex>,
    /// Redraw every second until the process ends or Ctrl-C; shows the last 10s unless --last says otherwise
    #[arg(long, conflicts_with = "span")]
    watch: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// A file with symbols for a module, matched by build ID; may be repeated
    #[arg(long, value_name = "PATH")]
    binary: Vec<PathBuf>,
}

impl ReportArgs {
    fn options(&self) -> Options {
        Options {
            by: self.by,
            top: self.top.map(|top| top as usize),
            split_threads: self.threads,
            tree: self.tree,
            wall: self.wall,
            kinds_window_ns: None,
            focus: self.focus.clone(),
        }
    }

    fn window(&self) -> Window {
        match (self.last, self.span) {
            (Some(last), _) => Window::Last(last),
            (_, Some(span)) => Window::For(span),
            _ => Window::Recorder,
        }
    }
}

/// Carries the command out.
pub fn run(args: &ReportArgs) -> Outcome {
    let options = args.options();
    if args.wall && matches!(args.by, By::Function | By::Module | By::Lock) {
        let what = "--wall is about threads and tasks; --by lock has waiting already, and functions and modules have CPU time";
        return Err(Failure::new(what)
            .next("leave --by out, or take --by task; `hotpoll export --wall` draws what waits, by function"));
    }
    match target::resolve(args.target.as_deref(), &ThisHost::asked_by("report"))? {
        Target::File(path) => {
            if args.watch || args.span.is_some() {
                let flag = if args.watch { "--watch" } else { "--for" };
                return Err(Failure::new(format!(
                    "{} is a file, and {flag} needs a live process",
                    path.display()
                ))
                .next("`hotpoll list` shows live processes; --last looks at the end of a file"));
            }
            let mut profile = source::read(&path)?;
            if let Some(last) = args.last
                && !profile.retain_last(source::nanoseconds(last))
            {
                return Err(Failure::new(format!(
                    "{} is another tool's profile, without a time for each sample: --last has nothing to go by",
                    path.display()
                )));
            }
            if args.wall && !profile.has_wall() {
                let what = format!("{} has no samples of waiting", path.display());
                return Err(Failure::new(what).next(source::NO_WALL));
            }
            let symbols = source::name(&mut profile, None, &args.binary);
            terminal::print(&written(&profile, &symbols, &options, args.format))?;
        }
        Target::Live(endpoint) => {
            let mut client =
                Client::connect(&endpoint).map_err(|error| error.failure(&endpoint))?;
            // Before the profile: the process may end while that is collected.
            let held = Held::open(endpoint.process.pid);
            if args.watch {
                return watch::run(&mut client, args.last, &args.binary, &options, args.format);
            }
            let by_task = args.by == By::Task;
            // What the kinds counted before the window is taken off where the window begins now.
            let before = match args.span {
                Some(_) if by_task => source::kinds(&mut client),
                _ => None,
            };
            let mut profile = source::fetch(&mut client, args.window())?;
            profile.process.notices.extend(endpoint.other_pid());
            if by_task || args.by == By::Lock {
                profile.snapshot = source::kinds(&mut client);
            }
            let mut options = options;
            if let (Some(before), Some(after)) = (&before, &mut profile.snapshot) {
                kind_times::take_off(&mut after.tasks.kinds, &before.tasks.kinds);
                let window_ns = after.taken_unix_ns.saturating_sub(before.taken_unix_ns);
                options.kinds_window_ns = Some(window_ns);
            }
            if args.wall && !profile.has_wall() {
                let what = "the process does not look at waiting threads";
                return Err(Failure::new(what).next(source::NO_WALL));
            }
            let symbols = source::name_held(&mut profile, &held, &args.binary);
            terminal::print(&written(&profile, &symbols, &options, args.format))?;
        }
    }
    Ok(FINE)
}

/// The report, in the format asked for.
pub fn written(profile: &Profile, symbols: &Summary, options: &Options, format: Format) -> String {
    let mut report = collect(profile, options);
    report
        .notices
        .extend(super::notices::about_symbols(profile, symbols));
    match format {
        Format::Text => text::render(&report, options, terminal::columns()),
        Format::Json => envelope::line("report", data::SCHEMA, &report),
        Format::Markdown => markdown::render(&report, options),
    }
}
