//! `hotpoll baseline add` and `list`: keeps builds to compare with, and shows what is kept.

use super::{Where, folder, last, notes, place};
use crate::diff::load::decode;
use crate::diff::sides::{Sides, Source};
use crate::diff::text::sparkline;
use crate::diff::words::cost;
use crate::exit::{self, FINE, Failure, Outcome};
use crate::target::ThisHost;
use crate::text::terminal;
use clap::{Args, Subcommand};
use hotpoll_compare::Options;

const EXAMPLES: &str = "\
Examples:
  hotpoll baseline add baselines runs/main-*.pb.gz   keep this build; 20 at most
  hotpoll baseline list baselines
  hotpoll diff --baseline baselines -- runs/new-*.pb.gz
  hotpoll baseline add git-notes:hotpoll runs/       as a note on the commit";

/// Keep builds to compare with: in a folder, or in git's notes
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct BaselineArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Keep the runs of a build
    Add {
        /// A folder, or git-notes:REF for a note on the current commit
        #[arg(value_name = "WHERE")]
        place: String,
        /// The build's runs: files, folders or globs
        #[arg(value_name = "RUN", required = true)]
        runs: Vec<String>,
        /// What the build is called; its commit by default
        #[arg(long, value_name = "NAME")]
        label: Option<String>,
        /// Builds that a folder keeps; older ones are deleted
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        keep: u32,
    },
    /// Show what is kept, and what the builds cost
    List {
        /// A folder, or git-notes:REF
        #[arg(value_name = "WHERE")]
        place: String,
        /// The counter that costs are divided by
        #[arg(long, value_name = "NAME")]
        work: Option<String>,
    },
}

/// Carries the command out.
pub fn run(args: &BaselineArgs) -> Outcome {
    match &args.action {
        Action::Add {
            place,
            runs,
            label,
            keep,
        } => add(place, runs, label.as_deref(), *keep as usize),
        Action::List { place, work } => list(place, work.as_deref()),
    }
}

fn add(text: &str, runs: &[String], label: Option<&str>, keep: usize) -> Outcome {
    let place = place(text)?;
    let found = Sides::find(&[], runs, None, &ThisHost::asked_by("baseline add"))?;
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for source in &found.new {
        let Source::File(path) = source else {
            return Err(Failure::new(format!("{} is not a file", source.name()))
                .next("record it first: hotpoll record -o FILE"));
        };
        let bytes = std::fs::read(path).map_err(|error| Failure::reading(path, &error))?;
        // What cannot be read now would fail every comparison to come.
        decode(&bytes, &source.name())?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_taken = |name: &str| files.iter().any(|(taken, _)| taken == name);
        let name = if is_taken(&name) {
            format!("{}-{name}", files.len() + 1)
        } else {
            name
        };
        files.push((name, bytes));
    }
    let runs = crate::text::number::counted(files.len() as u64, "run");
    let said = match place {
        Where::Notes(name) => {
            let commit = notes::add(&name, &files)?;
            format!(
                "Kept {runs} in refs/notes/{name} on {commit}; git push origin refs/notes/{name} shares it.\n"
            )
        }
        Where::Path(path) => {
            let commit = label.map(str::to_owned).or_else(notes::commit);
            let folder = folder::add(&path, commit.as_deref().unwrap_or("build"), &files, keep)?;
            format!("Kept {runs} in {}.\n", folder.display())
        }
    };
    terminal::print(&said)?;
    Ok(FINE)
}

fn list(text: &str, work: Option<&str>) -> Outcome {
    let builds = last(&place(text)?, notes::From::Head, usize::MAX)?;
    let options = Options::default();
    let mut costs = Vec::new();
    let mut lines = Vec::new();
    for build in &builds {
        // One counter for all of them, so that they can be compared.
        let work = work.map(str::to_owned).or_else(|| counter(build));
        let point = work
            .as_ref()
            .and_then(|work| super::point(build, work, &options));
        let runs = crate::text::number::counted(build.sources.len() as u64, "run");
        let told = match (&point, &work) {
            (Some(point), Some(work)) => format!(
                "{} per {}",
                cost(point.cost),
                crate::diff::words::singular(work)
            ),
            _ => "no work counted".to_owned(),
        };
        costs.push(point.map_or(f64::NAN, |point| point.cost));
        lines.push(format!("{}  {runs}  {told}\n", build.label));
    }
    let from = costs.len().saturating_sub(super::TREND);
    let mut said = lines.concat();
    if builds.is_empty() {
        said = format!("Nothing is kept in {text}.\n");
    } else if costs[from..].iter().filter(|cost| cost.is_finite()).count() > 1 {
        said += &format!("trend {}\n", sparkline(&costs[from..]));
    }
    terminal::print(&said)?;
    Ok(FINE)
}

/// The first counter of a build's first run.
fn counter(build: &super::Kept) -> Option<String> {
    let profile = match build.sources.first()? {
        Source::File(path) => decode(&std::fs::read(path).ok()?, "").ok()?,
        Source::Kept(_, bytes) => decode(bytes, "").ok()?,
        Source::Live(_) => return None,
    };
    profile.work.first().map(|counter| counter.name.clone())
}
