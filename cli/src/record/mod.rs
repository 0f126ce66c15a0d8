//! `hotpoll record`: a profile file of a live process, or of a command from its start to its end.
//!
//! The process keeps the samples, we keep fetching what is new: however the process ends, what was fetched is safe, and a file
//! is written now and then, whole each time. [`family`] finds the processes of a command, [`recording`] is one of them,
//! [`command`] and [`attach`] are the two ways to record.

pub mod attach;
pub mod command;
pub mod family;
pub mod given;
pub mod recording;
pub mod writer;

use self::given::{Given, GivenArgs};
use crate::exit::{self, Failure, Outcome};
use crate::target::{self, ThisHost};
use crate::{duration, profile_file};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// How often what is new is fetched. A slice is a second, so a process that is killed takes about a second with it.
const FETCH_EVERY: Duration = Duration::from_millis(250);
/// How often a wait looks whether it should go on.
const LOOK_EVERY: Duration = Duration::from_millis(20);

const EXAMPLES: &str = "\
Examples:
  hotpoll record -o shop.pb.gz shop --for 30s    the process named shop
  hotpoll record -o shop.pb.gz                   the only one, until Ctrl-C
  hotpoll record -o bench.pb.gz -- cargo bench   a command and its processes
  hotpoll record -o 1.pb.gz --ci -- ./load       for hotpoll diff
  hotpoll report shop.pb.gz                      look at it";

/// Record a live process, or a command, to a profile file
///
/// The file is a gzipped pprof profile: every pprof tool opens it, and `hotpoll report` shows more of it. An existing file is
/// replaced. It is written every few seconds, always whole, and once more at the end, with names; when the recorded process crashes
/// or is killed, about its last second is missing.
///
/// CMD and what it starts get HOTPOLL=on, for programs that call hotpoll::start_if_asked(), and HOTPOLL_OUT unless it is set,
/// for what happens between the last fetch and the end. Where HOTPOLL=off is set, CMD is not started.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct RecordArgs {
    /// The file to write; an existing one is replaced
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// PID or process NAME; nothing: the only live process
    #[arg(conflicts_with = "command")]
    target: Option<String>,
    /// How long to record; without it, until the process ends or Ctrl-C
    #[arg(long = "for", id = "span", value_name = "TIME", value_parser = duration::parse, conflicts_with = "command")]
    span: Option<Duration>,
    /// A file with symbols for a module, matched by build ID; may be repeated
    #[arg(long, value_name = "PATH")]
    binary: Vec<PathBuf>,
    /// For a comparison: CMD samples near 1,000 Hz where the machine can, and it is told what was delivered; where nothing counts work, a run is a unit
    #[arg(long)]
    ci: bool,
    #[command(flatten)]
    given: GivenArgs,
    /// The command to run and record
    #[arg(last = true, value_name = "CMD")]
    command: Vec<std::ffi::OsString>,
}

/// Carries the command out.
pub fn run(args: &RecordArgs) -> Outcome {
    profile_file::check(&args.output)?;
    let given = Given {
        args: args.given.clone(),
        ci: args.ci,
    };
    if let Some((program, arguments)) = args.command.split_first() {
        return command::run(program, arguments, &args.output, &args.binary, &given);
    }
    let command = format!("record -o {}", args.output.display());
    let host = ThisHost::asked_by(&command);
    let endpoint = target::resolve_live(args.target.as_deref(), &host)?;
    attach::run(endpoint, args.span, &args.output, &args.binary, &given)
}

/// The sentence for a recording that has nothing in it.
fn nothing_sampled(name: &str, cpu_ns: u64) -> Failure {
    Failure::new(format!(
        "{name} used {} of CPU and no sample was taken",
        crate::text::number::duration(cpu_ns)
    ))
    .next("record for longer, or while it works; HOTPOLL_HZ=1000 in its environment samples ten times as often")
}
