//! What BASE and NEW stand for: each TARGET a file, a folder of files, a glob or a live process.
//!
//! In: the words of the command line. Out: where each run comes from. A run that is given twice is refused here, by its place; `load` sees it by
//! its contents.

use super::baseline;
use crate::exit::Failure;
use crate::live::Endpoint;
use crate::target::{self, FileKind, Host, Target};
use std::path::{Path, PathBuf};

/// Where a run comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A profile file.
    File(PathBuf),
    /// A file that is kept in another place: its name, and what is in it.
    Kept(String, Vec<u8>),
    /// A live process.
    Live(Endpoint),
}

/// Both sides' sources, and what a reader has to know of how they were found.
#[derive(Debug, Default)]
pub struct Sides {
    /// The base's runs.
    pub base: Vec<Source>,
    /// The new build's.
    pub new: Vec<Source>,
    /// Sentences.
    pub notices: Vec<String>,
}

/// The words of both sides: so many stood before `--`. Without `--`, two words are base and new; with a baseline all of them are the new build's.
pub fn words(
    words: &[String],
    before: Option<usize>,
    has_baseline: bool,
) -> Result<(&[String], &[String]), Failure> {
    let how =
        "say `hotpoll diff BASE… -- NEW…`: files, folders, globs or live processes on each side";
    let split = match before {
        _ if words.is_empty() => {
            return Err(Failure::new("there is nothing to compare").next(how));
        }
        Some(before) => before,
        None if has_baseline => 0,
        None if words.len() == 2 => 1,
        None => return Err(Failure::new("which is the new build is not said").next(how)),
    };
    match words.split_at(split.min(words.len())) {
        (_, []) => Err(Failure::new("there is no new build behind `--`").next(how)),
        ([], _) if !has_baseline => Err(Failure::new("there is no base before `--`")
            .next("name its runs there, or say --baseline WHERE")),
        ([_, ..], _) if has_baseline => Err(Failure::new(
            "--baseline names the base, and so do the words before `--`",
        )
        .next("leave one of the two out")),
        sides => Ok(sides),
    }
}

impl Sides {
    /// Finds the runs of both sides.
    pub fn find(
        base: &[String],
        new: &[String],
        from: Option<&str>,
        host: &impl Host,
    ) -> Result<Self, Failure> {
        let mut sides = Self::default();
        if let Some(from) = from {
            let kept = baseline::newest(from)?;
            sides
                .notices
                .push(format!("the base is {} of {from}", kept.label));
            sides.base = kept.sources;
        }
        for word in base {
            let found = expand(word, host, &mut sides.notices)?;
            sides.base.extend(found);
        }
        for word in new {
            let found = expand(word, host, &mut sides.notices)?;
            sides.new.extend(found);
        }
        sides.check()?;
        Ok(sides)
    }

    /// A run counts once: twice the same would be two that agree wonderfully.
    fn check(&self) -> Result<(), Failure> {
        let mut seen: Vec<(String, &str)> = Vec::new();
        let base = self.base.iter().map(|source| ("base", source));
        for (side, source) in base.chain(self.new.iter().map(|source| ("new build", source))) {
            let place = match source {
                Source::File(path) => std::fs::canonicalize(path)
                    .unwrap_or(path.clone())
                    .display()
                    .to_string(),
                Source::Live(endpoint) => format!("process {}", endpoint.process.pid),
                Source::Kept(..) => continue,
            };
            if let Some((_, other)) = seen.iter().find(|(other, _)| *other == place) {
                return Err(twice(&source.name(), &source.name(), side, other));
            }
            seen.push((place, side));
        }
        Ok(())
    }
}

/// The failure of a run that is given twice.
pub fn twice(name: &str, other_name: &str, side: &str, other_side: &str) -> Failure {
    let same = if name == other_name {
        format!("{name} is given twice")
    } else {
        format!("{name} and {other_name} are the same recording")
    };
    if side == other_side {
        Failure::new(format!("{same}, both for the {side}"))
            .next("a run counts once; record another one for each")
    } else {
        Failure::new(format!("{same}, for the base and for the new build"))
            .next("compare two recordings; `hotpoll aa` shows how much runs of one build differ")
    }
}

impl Source {
    /// What the run is called.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Kept(name, _) => name.clone(),
            Self::Live(endpoint) => {
                let process = &endpoint.process;
                format!("{} (pid {})", process.display_name(), process.pid)
            }
        }
    }
}

fn expand(word: &str, host: &impl Host, notices: &mut Vec<String>) -> Result<Vec<Source>, Failure> {
    let path = Path::new(word);
    if word.starts_with("http://") || word.starts_with("https://") {
        return Err(
            Failure::new(format!("{word} is an address, and this reads files"))
                .next("fetch it first, with curl -o FILE: a comparison asks no network"),
        );
    }
    if word.contains(['*', '?', '[']) && host.file(path) == FileKind::Missing {
        return of_glob(word, host);
    }
    if host.file(path) == FileKind::Folder && (word.contains('/') || host.named(word).is_empty()) {
        return of_folder(path, host, notices);
    }
    match target::resolve(Some(word), host)? {
        Target::File(path) => Ok(vec![Source::File(path)]),
        Target::Live(endpoint) => Ok(vec![Source::Live(endpoint)]),
    }
}

fn of_glob(word: &str, host: &impl Host) -> Result<Vec<Source>, Failure> {
    let matched =
        glob::glob(word).map_err(|error| Failure::new(format!("{word} is no pattern: {error}")))?;
    let mut found = Vec::new();
    for path in matched {
        let path = path.map_err(|error| Failure::reading(error.path(), error.error()))?;
        match host.file(&path) {
            FileKind::Folder => {}
            // A file that somebody asked for by its name: what is no profile is said.
            _ => match target::resolve(Some(&with_slash(&path)), host)? {
                Target::File(path) => found.push(Source::File(path)),
                Target::Live(endpoint) => found.push(Source::Live(endpoint)),
            },
        }
    }
    if found.is_empty() {
        return Err(Failure::new(format!("no file is named like {word}"))
            .next("`hotpoll record -o FILE` writes one; look at the pattern with ls"));
    }
    Ok(found)
}

/// As a word that means a file.
fn with_slash(path: &Path) -> String {
    let word = path.display().to_string();
    if word.contains('/') {
        word
    } else {
        format!("./{word}")
    }
}

fn of_folder(
    path: &Path,
    host: &impl Host,
    notices: &mut Vec<String>,
) -> Result<Vec<Source>, Failure> {
    let (files, others) = profiles_in(path, host)?;
    if files.is_empty() {
        if let Some(kept) = baseline::newest_in(path)? {
            notices.push(format!(
                "of {} the newest entry was taken: {}",
                path.display(),
                kept.label
            ));
            return Ok(kept.sources);
        }
        let what = match others {
            0 => format!("{} is an empty folder", path.display()),
            n => format!("none of the {n} files in {} is a profile", path.display()),
        };
        return Err(Failure::new(what).next(
            "`hotpoll record -o FILE` writes one; `hotpoll bench` writes a file for each run",
        ));
    }
    if others > 0 {
        let (files, are) = if others == 1 {
            ("1 other file", "is")
        } else {
            (&*format!("{others} other files"), "are")
        };
        notices.push(format!(
            "{files} in {} {are} no profile and left out",
            path.display()
        ));
    }
    Ok(files.into_iter().map(Source::File).collect())
}

/// What profiles are called.
const ENDINGS: [&str; 4] = [".pb.gz", ".pb", ".pprof", ".prof"];

/// The files of a folder that begin as profiles do, or are called so, by name, and how many others there are.
pub fn profiles_in(folder: &Path, host: &impl Host) -> Result<(Vec<PathBuf>, usize), Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::reading(folder, &error))?;
    let (mut files, mut others) = (Vec::new(), 0);
    for entry in entries {
        let path = entry
            .map_err(|error| Failure::reading(folder, &error))?
            .path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match host.file(&path) {
            _ if name.starts_with('.') => {}
            FileKind::Folder | FileKind::Missing => {}
            // Archives begin as gzipped profiles do.
            FileKind::Profile if !name.ends_with(".tar.gz") && !name.ends_with(".tgz") => {
                files.push(path)
            }
            // One whose recording broke off is never just one run less: whoever reads it says what is wrong with it.
            _ if ENDINGS.iter().any(|ending| name.ends_with(ending)) => files.push(path),
            _ => others += 1,
        }
    }
    files.sort();
    Ok((files, others))
}
