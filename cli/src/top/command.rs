//! `hotpoll top`: its arguments, and carrying it out.

use super::asking::{Asking, WINDOW};
use super::model::{Event, Link, Model};
use super::picture::Picture;
use super::screen::{self, Screen};
use crate::exit::{self, Failure, Outcome};
use crate::live::{Client, Held};
use crate::target::{self, Target, ThisHost};
use crate::text::terminal;
use crate::{duration, source};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  hotpoll top                     the only live process
  hotpoll top shop                by name: its successor will do, too
  hotpoll top 4242 --interval 5s
  hotpoll top shop.dump.pb.gz     look around in what `hotpoll dump` wrote

Keys: 1 to 5 tabs, Enter opens, Esc goes back, / filters, s sorts, f draws a
flame graph, space pauses, ? says the rest, q quits.";

/// Look around in a live process, in the terminal: its threads, tasks, locks, what is stuck, a flame graph
///
/// Everything is of the last ten seconds, and comes anew each second. What is worst stands first; Enter opens a thread's stack and
/// hottest functions, a kind's tasks, a task's await stacks, a lock's holders and waiters, the evidence of a problem. When the process
/// ends its last picture stays.
///
/// Works over ssh at 80 columns, and without colours where NO_COLOR says so. Scripts have `hotpoll threads`, `tasks` and `report`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct TopArgs {
    #[arg(help = target::HELP)]
    target: Option<String>,
    /// How often to ask the process, 100ms to 60s
    #[arg(long, value_name = "TIME", value_parser = interval, default_value = "1s")]
    interval: Duration,
    /// A file with symbols for a module, matched by build ID; may be repeated
    #[arg(long, value_name = "PATH")]
    binary: Vec<PathBuf>,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration::parse(text)?;
    match (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&interval) {
        true => Ok(interval),
        false => Err("between 100ms and 60s".to_owned()),
    }
}

/// How much later than expected a picture may be before the screen says so.
const LATE: Duration = Duration::from_secs(3);

/// Carries the command out.
pub fn run(args: &TopArgs) -> Outcome {
    if !terminal::is_terminal() || terminal::is_dumb() {
        let why = match terminal::is_terminal() {
            true => "this terminal cannot move its cursor (TERM is empty or `dumb`)",
            false => "standard output is no terminal, and top draws on one",
        };
        return Err(Failure::new(why).next(
            "`hotpoll threads`, `hotpoll tasks` and `hotpoll report` write the same as text; `hotpoll report --watch` goes on",
        ));
    }
    let host = ThisHost::asked_by("top");
    let (tell, happenings) = mpsc::channel();
    let mut model;
    match target::resolve(args.target.as_deref(), &host)? {
        Target::File(path) => {
            let picture = of_file(&path, &args.binary)?;
            model = Model::new(String::new(), 0);
            model.update(Event::Link(Link::File(path.display().to_string())));
            model.update(Event::Picture(Arc::new(picture)));
        }
        Target::Live(endpoint) => {
            let client = Client::connect(&endpoint).map_err(|error| error.failure(&endpoint))?;
            let asking = Asking {
                held: Held::open(endpoint.process.pid),
                client,
                name: args.target.clone().filter(|name| !is_number(name)),
                interval: args.interval,
                binaries: args.binary.clone(),
            };
            let patience = source::nanoseconds(args.interval + LATE);
            model = Model::new(asking.client.who(), patience);
            let tell = tell.clone();
            std::thread::spawn(move || asking.run(&tell));
        }
    }
    let screen = Screen::take().map_err(|error| {
        Failure::new(format!("the terminal cannot be drawn on: {error}"))
            .next("`hotpoll threads`, `hotpoll tasks` and `hotpoll report` write the same as text")
    })?;
    std::thread::spawn(move || screen::read_keys(&tell));
    screen.run(&mut model, &happenings)
}

fn is_number(target: &str) -> bool {
    target.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a dump has to show.
fn of_file(path: &Path, binaries: &[PathBuf]) -> Result<Picture, Failure> {
    let mut profile = source::read(path)?;
    if profile.snapshot.is_none() {
        let what = format!(
            "{} does not say what threads and tasks were doing at one moment",
            path.display()
        );
        return Err(Failure::new(what).next(
            "`hotpoll dump TARGET -o FILE` writes a file that does; `hotpoll report` shows what is in this one",
        ));
    }
    profile.retain_last(source::nanoseconds(WINDOW));
    source::name(&mut profile, None, binaries);
    Ok(Picture::new(1, profile, None))
}
