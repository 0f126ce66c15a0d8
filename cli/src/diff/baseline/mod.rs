//! Where the base's runs are kept between pipelines: a folder of the last N builds, or notes in git.
//!
//! A folder has one folder a build, named `TIME-LABEL`, with its profile files; a note (`git-notes:REF`) on a build's commit is a tar of them. Both can
//! be read without hotpoll: `ls` and `git notes --ref REF show COMMIT | tar t`.

mod command;
mod folder;
mod notes;
mod tar;

pub use command::{BaselineArgs, run};

use super::load::decode;
use super::report::Point;
use super::sides::Source;
use crate::exit::Failure;
use hotpoll_compare::{Options, Run};
use std::path::{Path, PathBuf};

/// Builds that a trend shows.
pub const TREND: usize = 20;

/// One build's runs.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// What the build is called.
    pub label: String,
    /// Its runs.
    pub sources: Vec<Source>,
}

/// Where builds are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// A folder, or one file.
    Path(PathBuf),
    /// Notes in the repository around the current folder.
    Notes(String),
}

/// Takes `git-notes:REF` or a path.
pub fn place(text: &str) -> Result<Where, Failure> {
    match text.strip_prefix("git-notes:") {
        Some(name) if notes::is_name(name) => Ok(Where::Notes(name.to_owned())),
        Some(_) => Err(Failure::new(format!("{text} names no notes"))
            .next("say git-notes:hotpoll, for example")),
        None if text.is_empty() => Err(Failure::new("the baseline's place is empty")
            .next("name a folder, a file, or git-notes:REF")),
        None => Ok(Where::Path(text.into())),
    }
}

/// The newest build that is kept there: of notes, the nearest ancestor's.
pub fn newest(text: &str) -> Result<Kept, Failure> {
    match place(text)? {
        Where::Notes(name) => notes::newest(&name),
        Where::Path(path) if path.is_dir() => newest_in(&path)?.ok_or_else(|| {
            Failure::new(format!("no build is kept in {}", path.display()))
                .next(format!("`hotpoll baseline add {} RUN…` keeps one", path.display()))
        }),
        Where::Path(path) => match path.exists() {
            true => Ok(Kept {
                label: path.display().to_string(),
                sources: vec![Source::File(path)],
            }),
            false => Err(Failure::new(format!("there is no baseline {}", path.display()))
                .next("the first build has none: keep it with `hotpoll baseline add`, and compare the next one")),
        },
    }
}

/// The newest build in a folder; of a folder of files, all of them.
pub fn newest_in(path: &Path) -> Result<Option<Kept>, Failure> {
    Ok(folder::builds(path)?.pop())
}

/// The last builds that are kept there, oldest first; in notes `from` the current commit or before it.
fn last(place: &Where, from: notes::From, at_most: usize) -> Result<Vec<Kept>, Failure> {
    let mut builds = match place {
        Where::Notes(name) => notes::builds(name, from, at_most)?,
        Where::Path(path) if path.is_dir() => folder::builds(path)?,
        Where::Path(_) => Vec::new(),
    };
    let older = builds.len().saturating_sub(at_most);
    builds.drain(..older);
    Ok(builds)
}

/// What the builds kept there cost for each unit of a counter, oldest first. Builds that cannot be told are left out.
pub fn trend(text: &str, work: &str, options: &Options) -> Result<Vec<Point>, Failure> {
    let builds = last(&place(text)?, notes::From::Parents, TREND)?;
    Ok(builds
        .iter()
        .filter_map(|build| point(build, work, options))
        .collect())
}

/// The mean cost of a build's runs.
fn point(build: &Kept, work: &str, options: &Options) -> Option<Point> {
    let costs: Vec<f64> = (build.sources.iter())
        .filter_map(|source| {
            let name = source.name();
            let profile = match source {
                Source::File(path) => decode(&std::fs::read(path).ok()?, &name).ok()?,
                Source::Kept(_, bytes) => decode(bytes, &name).ok()?,
                Source::Live(_) => return None,
            };
            let run = Run::of(&profile, &name, options);
            let units = run.units(work)?;
            (units > 0).then(|| run.cpu_ns as f64 / units as f64)
        })
        .collect();
    let runs = costs.len() as f64;
    (runs > 0.0).then(|| Point {
        label: build.label.clone(),
        cost: costs.iter().sum::<f64>() / runs,
    })
}

#[cfg(test)]
mod tests;
