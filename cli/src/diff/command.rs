//! `hotpoll diff`: the arguments, and what is done in which order: find the runs, read them, compare, write.

use super::arguments::{self, FailOnArg, GenericsArg, OnInconclusiveArg, Output};
use super::baseline;
use super::data::Refused;
use super::format::{Format, encode};
use super::load::{self, Seen};
use super::output::Outputs;
use super::report::{Point, Report};
use super::sides::{self, Sides};
use super::text::Shown;
use super::{github, html, junit, markdown, sarif, svg, text, waivers};
use crate::envelope;
use crate::exit::{self, FINE, FOUND, Failure, NOT_COMPARABLE, Outcome};
use crate::export::text::printable;
use crate::noise;
use crate::target::ThisHost;
use crate::text::style::{ERROR, paint};
use crate::text::terminal;
use clap::Args;
use hotpoll_compare::{Budget, Comparison, NotComparable, Options, Run, Unit, compare};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hotpoll diff runs/base-*.pb.gz -- runs/new-*.pb.gz
  hotpoll diff base/ -- new/ -o html=diff.html -o sarif=diff.sarif
  hotpoll diff base/ -- new/ --format markdown >> \"$GITHUB_STEP_SUMMARY\"
  hotpoll diff base/ -- new/ --budget 'json::parse=1.2us/request'
  hotpoll diff --baseline baselines -- new/        with a trend of the last 20

Five runs a side, interleaved on one machine, are what it works best with:
`hotpoll bench` makes them. A line of the file of --waivers is
  shop::json::parse until 2026-12-24 #412: now checks UTF-8";

/// Tell whether a new build costs more than its base, function by function and as a whole, with a known error rate
///
/// BASE and NEW are runs of the two builds: profile files, folders of them, globs, or live processes. Costs are CPU time for each unit of work.
#[derive(Debug, Args)]
#[command(
    override_usage = "hotpoll diff [OPTIONS] <BASE>... -- <NEW>...\n       hotpoll diff [OPTIONS] --baseline <WHERE> -- <NEW>...",
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE)
)]
pub struct DiffArgs {
    /// Runs of the base, `--`, runs of the new build: files, folders, globs or live processes
    #[arg(value_name = "BASE... -- NEW")]
    pub runs: Vec<String>,
    /// How many of them stood before `--`; see `separator`
    #[arg(long, hide = true, value_name = "N")]
    pub runs_before_separator: Option<usize>,
    /// The base is the newest build kept there: a folder, a file, or git-notes:REF
    #[arg(long, value_name = "WHERE")]
    baseline: Option<String>,
    /// A change within this part of a cost is none
    #[arg(long, value_name = "PER_CENT", default_value = "5%", value_parser = arguments::margin)]
    margin: f64,
    /// What fails when it gets worse; all of it by default. Polls and locks make a verdict inconclusive only where they are named, delays from wake to poll never
    #[arg(long, value_enum, value_delimiter = ',')]
    fail_on: Vec<FailOnArg>,
    /// What it means when a change cannot be told from none
    #[arg(long, value_enum, default_value_t)]
    on_inconclusive: OnInconclusiveArg,
    /// A cost that may not be exceeded, like 'parse=1.2us/request' or 'total=3ms'; may be repeated
    #[arg(long, value_name = "NAME=COST", value_parser = arguments::budget)]
    budget: Vec<Budget>,
    /// A checked-in file of accepted regressions, each with a last day and a reason
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
    /// The counter that costs are divided by; the program's own by default
    #[arg(long, value_name = "NAME")]
    work: Option<String>,
    /// Whether instances of a generic function are one
    #[arg(long, value_enum, default_value_t)]
    generics: GenericsArg,
    /// A function that has another name in the new build; may be repeated
    #[arg(long, value_name = "OLD=NEW", value_parser = arguments::rename)]
    rename: Vec<(String, String)>,
    /// Compare each run with the one that was made beside it, as `hotpoll bench` makes them: sees more on a machine that drifts, and less on one that does not
    #[arg(long)]
    pair: bool,
    /// How often these runs and more of them will be looked at: each look has its part of the chance of a false alarm
    #[arg(long, hide = true, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    looks: u32,
    /// Compare programs of different names: the new build's executable has another one
    #[arg(long)]
    other_program: bool,
    /// What `hotpoll aa` learned of this program's noise on this machine; $XDG_STATE_HOME/hotpoll/noise.json by default, if it is there
    #[arg(long, value_name = "FILE")]
    noise: Option<PathBuf>,
    /// Causes shown at most; the rest is folded away or left out
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    /// Show everything that was tested, and what was compared
    #[arg(long)]
    all: bool,
    /// How to write it
    #[arg(long, short, value_enum)]
    format: Option<Format>,
    /// Where to write it; as FORMAT=FILE a further format, may be repeated
    #[arg(long, short, value_name = "[FORMAT=]FILE", value_parser = arguments::output)]
    output: Vec<Output>,
}

/// Carries the command out.
pub fn run(args: &DiffArgs) -> Outcome {
    let (base, new) = sides::words(
        &args.runs,
        args.runs_before_separator,
        args.baseline.is_some(),
    )?;
    let outputs = Outputs::plan(args.format, &args.output)?;
    let mut options = options(args)?;
    let found = Sides::find(
        base,
        new,
        args.baseline.as_deref(),
        &ThisHost::asked_by("diff"),
    )?;
    let mut seen = Seen::default();
    let base = load::runs(&found.base, "base", &options, &mut seen)?;
    let new = load::runs(&found.new, "new build", &options, &mut seen)?;
    let mut notices = found.notices;
    if let Some(run) = new.first() {
        let (model, notice) = noise::find(args.noise.as_deref(), run)?;
        options.noise = model;
        notices.extend(notice);
    }
    let comparison = match compare(&base, &new, &options) {
        Ok(comparison) => comparison,
        Err(refused) if refused.is_usage => {
            return Err(Failure::new(refused.to_string())
                .next("name what is there: `hotpoll diff --all` shows what was compared"));
        }
        Err(refused) => return refuse(&refused, &outputs),
    };
    notices.extend(waivers::over(&options.waivers, options.today));
    let report = Report {
        trend: trend(args, &comparison, &options)?,
        run_ns: mean_duration(&base, &new),
        comparison,
        notices,
    };
    let shown = Shown {
        top: args.top,
        all: args.all,
    };
    outputs.write(|format| encode(&report, format, shown))?;
    Ok(code(&report.comparison))
}

/// The exit code of a comparison.
fn code(comparison: &Comparison) -> u8 {
    match comparison.outcome {
        hotpoll_compare::Outcome::Pass => FINE,
        hotpoll_compare::Outcome::Regression => FOUND,
        _ => NOT_COMPARABLE,
    }
}

fn options(args: &DiffArgs) -> Result<Options, Failure> {
    let usual = Options::default();
    Ok(Options {
        q: usual.q / f64::from(args.looks),
        margin: args.margin,
        work: args.work.clone(),
        generics: args.generics.into(),
        renames: args.rename.clone(),
        must_tell: arguments::must_tell(&args.fail_on),
        fail_on: arguments::fail_on(&args.fail_on)?,
        other_program: args.other_program,
        on_inconclusive: args.on_inconclusive.into(),
        budgets: args.budget.clone(),
        waivers: match &args.waivers {
            Some(path) => waivers::read(path)?,
            None => Vec::new(),
        },
        today: waivers::today(),
        pair: args.pair,
        ..usual
    })
}

/// The cost of the builds that are kept, and of the new one last.
fn trend(
    args: &DiffArgs,
    comparison: &Comparison,
    options: &Options,
) -> Result<Vec<Point>, Failure> {
    let (Some(place), Unit::PerUnit(work)) = (&args.baseline, &comparison.unit) else {
        return Ok(Vec::new());
    };
    let mut trend = baseline::trend(place, work, options)?;
    trend.push(Point {
        label: "new".into(),
        cost: comparison.total.new,
    });
    Ok(trend)
}

fn mean_duration(base: &[Run], new: &[Run]) -> u64 {
    let runs = (base.len() + new.len()).max(1) as u64;
    let all = base.iter().chain(new).map(|run| run.duration_ns);
    // A foreign file may say anything.
    all.fold(0, u64::saturating_add) / runs
}

/// Says why not, in every format that was asked for.
fn refuse(refused: &NotComparable, outputs: &Outputs<'_>) -> Outcome {
    let reason = printable(&refused.to_string());
    outputs.write(|format| match format {
        Format::Text => {
            let columns = terminal::columns() - 2;
            let reasons = refused.reasons.iter();
            let lines = reasons.flat_map(|reason| text::wrapped(&printable(reason), columns));
            let lines: Vec<String> = lines.map(|line| format!("  {line}\n")).collect();
            format!("{}\n{}", paint(ERROR, "NOT COMPARABLE:"), lines.concat())
        }
        Format::Markdown => markdown::refused(&reason),
        Format::Json => envelope::line("diff", 1, &Refused::new(&refused.reasons)),
        Format::Junit => junit::refused(&reason),
        Format::Sarif => sarif::refused(&reason),
        Format::Github => github::annotation("error", None, "hotpoll: NOT COMPARABLE", &reason),
        Format::Html => html::refused(&reason),
        Format::Svg => svg::refused(&reason),
        // No stacks; what an earlier time has left must not stay either.
        Format::Folded => String::new(),
    })?;
    Ok(NOT_COMPARABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_say_any_duration() {
        let run = |duration_ns| Run {
            duration_ns,
            ..Run::default()
        };
        assert_eq!(mean_duration(&[run(4), run(6)], &[run(8)]), 6);
        let endless = [run(u64::MAX), run(u64::MAX)];
        assert_eq!(mean_duration(&endless, &[run(1)]), u64::MAX / 3);
    }
}
