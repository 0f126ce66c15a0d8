//! `hotpoll aa`: runs of one build compared with each other. How often does that alarm, and how much do runs differ on this machine?
//!
//! [`recording`] makes the runs where a command is given, [`text`] says what came of them.

mod recording;
mod text;

use crate::diff::load::{self, Seen};
use crate::diff::sides::Sides;
use crate::exit::{self, FINE, FOUND, Failure, Outcome};
use crate::noise;
use crate::target::ThisHost;
use crate::text::terminal;
use clap::Args;
use hotpoll_compare::{Options, Run, same_build};
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hotpoll aa -- ./shop --load 20000   twenty runs; keeps the noise model
  hotpoll aa --runs 60 -o aa -- ./shop --load 20000       more, and keep them
  hotpoll aa aa/                      runs that were recorded before
  hotpoll aa aa/ --side 3             comparisons of three runs a side
  hotpoll aa aa/ --noise noise.json   for `hotpoll diff --noise noise.json`";

/// Compare runs of one build with each other: how often that alarms, and how much runs differ here
///
/// CMD is run again and again and recorded as `hotpoll bench` does. The runs are dealt to two sides and compared as `hotpoll diff` does: each alarm is a false
/// one. What runs differ by is kept for `hotpoll diff`, which then says more of few runs of the same program with the same workload. The exit code is 1 where alarms are surely more than
/// the one in a hundred that is promised.
#[derive(Debug, Args)]
#[command(
    override_usage = "hotpoll aa [OPTIONS] -- <CMD>...\n       hotpoll aa [OPTIONS] <RUN>...",
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE)
)]
pub struct AaArgs {
    /// Runs of one build that were recorded before: files, folders, globs
    #[arg(
        value_name = "RUN",
        required_unless_present = "command",
        conflicts_with = "command"
    )]
    files: Vec<String>,
    /// The command that is run, after --
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
    /// Runs of CMD in all
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with = "files", value_parser = clap::value_parser!(u32).range(4..=100_000))]
    runs: u32,
    /// A folder to keep the runs of CMD in
    #[arg(long, short, value_name = "DIR", conflicts_with = "files")]
    output: Option<PathBuf>,
    /// What CMD is given to do: the noise model holds for runs of that name, `hotpoll bench --workload`
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true,
        conflicts_with = "files"
    )]
    workload: String,
    /// Runs on each side of a comparison; half of them by default, and five at most
    #[arg(long, value_name = "N")]
    side: Option<usize>,
    /// How often the runs are dealt to the sides anew
    #[arg(long, value_name = "N", default_value_t = 200)]
    deals: usize,
    /// The counter that costs are divided by; the program's own by default
    #[arg(long, value_name = "NAME")]
    work: Option<String>,
    /// Where the noise model is kept; $XDG_STATE_HOME/hotpoll/noise.json by default
    #[arg(long, value_name = "FILE")]
    noise: Option<PathBuf>,
    /// Keep no noise model
    #[arg(long, conflicts_with = "noise")]
    no_noise: bool,
}

/// Runs on a side, where nobody says how many.
const USUAL_SIDE: usize = 5;

/// Carries the command out: 1 where comparisons that do not depend on each other alarmed more often than is promised.
pub fn run(args: &AaArgs) -> Outcome {
    let options = Options {
        work: args.work.clone(),
        ..Options::default()
    };
    // Found out before anybody waits for runs.
    let kept_in = match args.no_noise {
        true => None,
        false => Some(noise_path(args)?),
    };
    let runs = runs(args, &options)?;
    let side = args.side.unwrap_or(USUAL_SIDE.min(runs.len() / 2));
    let same = same_build(&runs, side, args.deals, &options).map_err(|refused| {
        let reasons = refused.to_string();
        Failure::new(reasons.trim_end_matches('.'))
            .next("record runs of one build, with the same work: `hotpoll aa -- CMD` does")
    })?;
    let text = text::told(&same, runs.len(), terminal::columns());
    // What was waited for is shown, whatever becomes of the file.
    terminal::print(&text)?;
    if let Some(path) = kept_in {
        noise::keep(&path, &same.noise)?;
        terminal::print(&text::kept(&same.noise, &path, terminal::columns()))?;
    }
    // A single alarm of twenty comparisons says little of the rate.
    let (at_least, _) = same.independent.interval();
    Ok(match at_least > options.q {
        false => FINE,
        true => FOUND,
    })
}

fn runs(args: &AaArgs, options: &Options) -> Result<Vec<Run>, Failure> {
    if !args.command.is_empty() {
        let folder = args.output.as_deref();
        return recording::record(&args.command, args.runs, folder, &args.workload, options);
    }
    let found = Sides::find(&args.files, &[], None, &ThisHost::asked_by("aa"))?;
    load::runs(&found.base, "build", options, &mut Seen::default())
}

/// Where the noise model is kept: a file that can be written, and none that another version wrote.
fn noise_path(args: &AaArgs) -> Result<PathBuf, Failure> {
    let path = args.noise.clone().or_else(noise::default_path);
    let path = path.ok_or_else(|| {
        Failure::new("there is no folder to keep the noise model in")
            .next("say --noise FILE, or --no-noise")
    })?;
    noise::check_writable(&path).map_err(|failure| {
        failure.next("name a file that you may write with --noise FILE, or say --no-noise")
    })?;
    Ok(path)
}
