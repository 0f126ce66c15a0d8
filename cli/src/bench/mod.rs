//! `hotpoll bench`: runs of two builds, interleaved on this host, one profile file a run.
//!
//! [`order`] decides who runs when, [`folder`] where files go, [`side`] runs one command once, [`progress`] says how long it will take. Nothing is compared
//! here: `hotpoll diff` does that with the files, now or later, and [`rerun`] asks it whether more runs are needed.

mod folder;
mod order;
pub mod progress;
mod rerun;
pub mod side;

use self::folder::Folder;
use self::progress::Plan;
use self::side::{Run, Side};
use crate::exit::{self, FINE, Failure, Outcome};
use crate::record::given::{Given, GivenArgs, delivered};
use crate::text::number::{count, counted};
use crate::text::terminal;
use crate::{interrupt, profile_file};
use clap::Args;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const EXAMPLES: &str = "\
Examples:
  hotpoll bench --base './old --load 20000' --new './new --load 20000' -o runs
  hotpoll bench --runs 10 --base ./old --new ./new -o runs --diff
  hotpoll bench --base ./a --new ./b -o runs --diff -- --on-inconclusive rerun
  hotpoll bench --runs 5 --add --base ./old --new ./new -o runs    five more
  hotpoll diff runs/base -- runs/new";

/// Fewer samples than this in a run say little about any function.
const FEW_SAMPLES: u64 = 300;

/// Run two builds in turns and record each run, for a comparison
///
/// Both commands run to their own end, in random order within each round, so that what drifts on this host meets both alike. CMD is a line for
/// `sh -c`; it gets HOTPOLL=on and HOTPOLL_HZ=997 unless that is set. The program has to start hotpoll and should count its work
/// (`hotpoll::work("requests", 1)`): costs are then compared per unit. Where nothing is counted a run is a unit.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct BenchArgs {
    /// The command that runs the build to compare with
    #[arg(long, value_name = "CMD")]
    base: String,
    /// The command that runs the new build
    #[arg(long, value_name = "CMD")]
    new: String,
    /// The folder for profiles: base/01.pb.gz and on, new/01.pb.gz and on
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Runs of each
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=200))]
    runs: u32,
    /// Runs of each at most, where `--diff -- --on-inconclusive rerun` asks for more
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_runs: u32,
    /// Add to the runs that the folder has
    #[arg(long)]
    add: bool,
    #[command(flatten)]
    given: GivenArgs,
    /// A file with symbols for a module, matched by build ID; may be repeated
    #[arg(long, value_name = "PATH")]
    binary: Vec<PathBuf>,
    /// Compare at the end, with `hotpoll diff`, and give its exit code
    #[arg(long)]
    diff: bool,
    /// Options for `hotpoll diff`, after --
    #[arg(last = true, value_name = "OPTIONS", requires = "diff")]
    options: Vec<OsString>,
}

/// Carries the command out.
pub fn run(args: &BenchArgs) -> Outcome {
    let folders = [
        Folder::open(&args.output, "base", args.add)?,
        Folder::open(&args.output, "new", args.add)?,
    ];
    let mut rounds = Rounds {
        sides: [Side::new("base", &args.base), Side::new("new", &args.new)],
        args,
        folders,
        done: [0; 2],
        few: None,
    };
    interrupt::listen();
    let looks = match args.diff && rerun::is_asked_for(&args.options) {
        true => rerun::LOOKS,
        false => 1,
    };
    let comparison = comparison(args, &rounds.folders, looks);
    let mut runs = args.runs;
    for look in 1..=looks {
        rounds.record(runs)?;
        if interrupt::is_asked_to_stop() {
            return stopped(rounds.done, args, &rounds.folders);
        }
        let left = args.max_runs.saturating_sub(rounds.done[0]);
        if look == looks || left == 0 {
            break;
        }
        let Some(more) = rerun::more_runs(&comparison) else {
            break;
        };
        runs = more.min(left);
        terminal::say(&format!(
            "It cannot be told yet: {} more of each.",
            counted(runs.into(), "run")
        ));
    }
    if let Some((name, samples)) = rounds.few {
        terminal::say(&format!(
            "{name}: {} in a run, too few to compare functions. Have each run do more (some seconds of CPU time), or use more runs.",
            counted(samples, "sample")
        ));
    }
    terminal::say(&format!(
        "{}: {} of base and {} of new.",
        args.output.display(),
        counted(rounds.done[0].into(), "run"),
        count(rounds.done[1].into()),
    ));
    if args.diff {
        return compare(&comparison);
    }
    terminal::say(&format!("Compare them: hotpoll {}", shown(&comparison)));
    Ok(FINE)
}

/// Runs of both sides, in turns.
struct Rounds<'a> {
    args: &'a BenchArgs,
    sides: [Side; 2],
    folders: [Folder; 2],
    /// Runs of each that have ended.
    done: [u32; 2],
    /// A side with a run that is too short, and its samples.
    few: Option<(&'static str, u64)>,
}

impl Rounds<'_> {
    /// So many runs of each, unless somebody asks to stop.
    fn record(&mut self, runs: u32) -> Result<(), Failure> {
        let args = self.args;
        let given = Given {
            args: args.given.clone(),
            ci: true,
        };
        let turns = order::turns(runs, order::seed());
        let all = self.done[0] + runs;
        let mut plan = Plan::new(turns.len());
        let mut last = None;
        for side in turns {
            if interrupt::is_asked_to_stop() {
                break;
            }
            let number = self.folders[side].first + self.done[side];
            plan.begins(side, self.sides[side].name, self.done[side] + 1, all);
            let run = self.sides[side].run(&args.binary, &given, &mut |cpu_samples| {
                plan.look(cpu_samples);
            });
            let profile = match run {
                Ok(Run::Whole(profile)) => profile,
                Ok(Run::Interrupted) => break,
                Err(failure) => {
                    drop(plan);
                    tell_kept(self.done, args, &self.folders);
                    return Err(failure);
                }
            };
            plan.ends(side);
            let samples = profile.cpu_samples();
            if samples < FEW_SAMPLES {
                self.few = Some((self.sides[side].name, samples));
            }
            profile_file::write(&self.folders[side].file(number), &profile)?;
            self.done[side] += 1;
            last = Some(profile);
        }
        drop(plan);
        if let Some(profile) = last.filter(|_| !interrupt::is_asked_to_stop()) {
            terminal::say(&delivered(&profile));
        }
        Ok(())
    }
}

/// Somebody asked to stop: what has run to its end is kept. It fails, as a script that goes on would take fewer runs than it asked for.
fn stopped(done: [u32; 2], args: &BenchArgs, folders: &[Folder; 2]) -> Outcome {
    terminal::say("Stopped; the run that was going on is left out.");
    tell_kept(done, args, folders);
    if done.contains(&0) {
        return Err(
            Failure::new("not each side has run once: there is nothing to compare")
                .next("run it again; --add goes on with what the folder has"),
        );
    }
    let comparison = comparison(args, folders, 1);
    terminal::say(&format!("Compare them: hotpoll {}", shown(&comparison)));
    Ok(exit::FAILED)
}

/// The arguments of `hotpoll diff` for the runs, which are looked at so often at most.
fn comparison(args: &BenchArgs, folders: &[Folder; 2], looks: u32) -> Vec<OsString> {
    let mut arguments = vec![OsString::from("diff")];
    if looks > 1 {
        arguments.push(format!("--looks={looks}").into());
    }
    arguments.extend(args.options.iter().cloned());
    arguments.push(folders[0].path.clone().into());
    arguments.push("--".into());
    arguments.push(folders[1].path.clone().into());
    arguments
}

/// An argument list as one would type it.
fn shown(arguments: &[OsString]) -> String {
    let words = arguments.iter().map(|argument| {
        let text = argument.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=%+,:".contains(c);
        match !text.is_empty() && text.chars().all(plain) {
            true => text.into_owned(),
            false => format!("'{}'", text.replace('\'', r"'\''")),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Runs `hotpoll diff`, and gives its exit code.
fn compare(arguments: &[OsString]) -> Outcome {
    let status = ourselves()
        .args(arguments)
        .status()
        .map_err(|error| Failure::new(format!("cannot start hotpoll diff: {error}")))?;
    let code = status.code().unwrap_or(exit::FAILED.into());
    Ok(u8::try_from(code).unwrap_or(exit::FAILED))
}

/// The same for what it writes to files. What is wrong is said by [`compare`], which follows.
fn compare_quietly(arguments: &[OsString]) {
    let _ = ourselves().args(arguments).output();
}

/// Not by its path: runs take minutes, and meanwhile an update may have put another in its place.
fn ourselves() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("hotpoll");
    command
}

/// What was recorded before it went wrong is still there.
fn tell_kept(done: [u32; 2], args: &BenchArgs, folders: &[Folder; 2]) {
    if done == [0, 0] {
        folders.iter().for_each(Folder::remove_if_empty);
        let _ = std::fs::remove_dir(Path::new(&args.output));
        return;
    }
    terminal::say(&format!(
        "{}: {} of base and {} of new are kept; --add goes on with them.",
        args.output.display(),
        counted(done[0].into(), "run"),
        count(done[1].into())
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_to_type() {
        let line = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            shown(&words)
        };
        assert_eq!(
            line(&["diff", "runs/base", "--", "runs/new"]),
            "diff runs/base -- runs/new"
        );
        assert_eq!(line(&["my runs", "it's"]), r"'my runs' 'it'\''s'");
    }
}
