//! `hotpoll aa`: runs of one build compared with each other. How often does that alarm, and how much do runs differ on this machine?

use crate::diff::load::{self, Seen};
use crate::diff::sides::Sides;
use crate::exit::{self, FINE, FOUND, Failure, Outcome};
use crate::noise;
use crate::target::ThisHost;
use crate::text::number::counted;
use crate::text::terminal;
use clap::Args;
use hotpoll_compare::{Alarms, NoiseModel, Options, SameBuild, same_build};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hotpoll bench --runs 20 --base ./shop --new ./shop -o aa
  hotpoll aa aa/base aa/new           what that says, and keep the noise model
  hotpoll aa aa/base aa/new --side 3  comparisons of three runs a side
  hotpoll aa runs/ --noise noise.json for `hotpoll diff --noise noise.json`";

/// Compare runs of one build with each other: how often that alarms, and how much runs differ here
///
/// The runs are dealt to two sides and compared as `hotpoll diff` does: each alarm is a false one. What runs differ by is kept for `hotpoll diff`,
/// which then says more of few runs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct AaArgs {
    /// Runs of one build: files, folders, globs
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,
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

/// Carries the command out: 1 where comparisons that do not depend on each other alarmed.
pub fn run(args: &AaArgs) -> Outcome {
    let options = Options {
        work: args.work.clone(),
        ..Options::default()
    };
    let host = ThisHost::asked_by("aa");
    let found = Sides::find(&args.runs, &[], None, &host)?;
    let runs = load::runs(&found.base, "build", &options, &mut Seen::default())?;
    let side = args.side.unwrap_or(USUAL_SIDE.min(runs.len() / 2));
    let same = same_build(&runs, side, args.deals, &options).map_err(|refused| {
        let reasons = refused.to_string();
        Failure::new(reasons.trim_end_matches('.'))
            .next("record more runs of one build, with the same work: `hotpoll bench` does")
    })?;
    let mut text = told(&same, runs.len());
    if !args.no_noise {
        let path = args.noise.clone().or_else(noise::default_path);
        let path = path.ok_or_else(|| {
            Failure::new("there is no folder to keep the noise model in")
                .next("say --noise FILE, or --no-noise")
        })?;
        noise::keep(&path, &same.noise)?;
        text += &format!("The noise model is kept in {}.\n", path.display());
    }
    terminal::print(&text)?;
    Ok(match same.independent.failed {
        0 => FINE,
        _ => FOUND,
    })
}

fn told(same: &SameBuild, runs: usize) -> String {
    let side = counted(same.side as u64, "run");
    format!(
        "{} of one build, {side} a side.\n  {}\n  {}\n{}",
        counted(runs as u64, "run"),
        independent(&same.independent),
        dealt(&same.dealt),
        noise_told(&same.noise, same.detectable),
    )
}

fn independent(alarms: &Alarms) -> String {
    let (low, high) = alarms.interval();
    format!(
        "{} without a run in common: {} would have failed ({} to {}, 95 % bounds each), {}.",
        counted(alarms.comparisons as u64, "comparison"),
        alarms.failed,
        percent(low),
        percent(high),
        improved(alarms),
    )
}

fn dealt(alarms: &Alarms) -> String {
    format!(
        "Dealt anew {}: {} would have failed, {}. These depend on each other.",
        match alarms.comparisons {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        },
        alarms.failed,
        improved(alarms),
    )
}

fn improved(alarms: &Alarms) -> String {
    match alarms.improved {
        0 => "none spoke of an improvement".to_owned(),
        n => format!("{n} spoke of an improvement"),
    }
}

fn noise_told(noise: &NoiseModel, detectable: f64) -> String {
    let mut text = format!(
        "Runs differ by {} in all, and a function by {} of its own.\n",
        percent(noise.total_variance.sqrt()),
        percent(noise.variance.sqrt()),
    );
    if detectable.is_finite() {
        text += &format!(
            "So many runs a side find a change of the total from {} on, four times out of five.\n",
            percent(detectable)
        );
    }
    text
}

/// As `hotpoll diff` writes it.
fn percent(part: f64) -> String {
    format!("{:.1} %", 100.0 * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told() {
        let same = SameBuild {
            side: 5,
            independent: Alarms {
                comparisons: 2,
                ..Alarms::default()
            },
            dealt: Alarms {
                comparisons: 200,
                failed: 1,
                improved: 3,
            },
            noise: NoiseModel {
                total_variance: 4e-4,
                variance: 1e-4,
                ..NoiseModel::default()
            },
            detectable: 0.09,
        };
        let text = told(&same, 20);
        for part in [
            "20 runs of one build, 5 runs a side.",
            "2 comparisons without a run in common: 0 would have failed (0.0 % to 77.6 %",
            "Dealt anew 200 times: 1 would have failed, 3 spoke of an improvement.",
            "Runs differ by 2.0 % in all, and a function by 1.0 % of its own.",
            "from 9.0 % on",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
