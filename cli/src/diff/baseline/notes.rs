//! Builds in git's notes: a tar of the profile files on the build's commit. Notes are pushed and fetched like branches (`refs/notes/REF`), and need no server.

use super::{Kept, tar};
use crate::diff::sides::Source;
use crate::exit::Failure;
use std::io::Write;
use std::process::{Command, Stdio};

/// Commits that are looked through for one with a note.
const COMMITS: usize = 500;
/// Digits of a commit that are shown.
const SHORT: usize = 10;

/// Whether this can be a name of notes: nothing that git could take for an option.
pub fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
    !name.is_empty() && !name.starts_with('-') && !name.contains("..") && name.chars().all(is_plain)
}

/// The build of the nearest ancestor that has a note. Not of the commit itself: it would be compared with itself.
pub fn newest(name: &str) -> Result<Kept, Failure> {
    builds(name, From::Parents, 1)?
        .pop()
        .ok_or_else(|| none(name))
}

/// Notes are not fetched with the branches, and pipelines mostly fetch one commit alone.
fn none(name: &str) -> Failure {
    let is_shallow = git(&["rev-parse", "--is-shallow-repository"], None)
        .is_ok_and(|answer| answer.starts_with(b"true"));
    let (which, fetch) = match is_shallow {
        true => (
            "of this shallow clone's commits before this one none".to_owned(),
            "git fetch --unshallow origin (for actions/checkout, fetch-depth: 0), then ",
        ),
        false => (
            format!("none of the last {COMMITS} commits before this one"),
            "",
        ),
    };
    Failure::new(format!("{which} has a note in {name}")).next(format!(
        "fetch them: {fetch}git fetch origin refs/notes/{name}:refs/notes/{name}; or keep one: hotpoll baseline add git-notes:{name} RUN…"
    ))
}

/// Where the look back begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// At the current commit.
    Head,
    /// Before it.
    Parents,
}

/// The last builds up to the current commit, oldest first.
pub fn builds(name: &str, from: From, at_most: usize) -> Result<Vec<Kept>, Failure> {
    let noted = git(&["notes", "--ref", name, "list"], None)?;
    let noted = String::from_utf8_lossy(&noted);
    // Each line is `BLOB COMMIT`.
    let blob_of = |commit: &str| {
        noted
            .lines()
            .find_map(|line| line.split_once(' ').filter(|(_, of)| *of == commit))
    };
    let count = format!("--max-count={COMMITS}");
    let skip = match from {
        From::Head => "--skip=0",
        From::Parents => "--skip=1",
    };
    let commits = git(&["rev-list", &count, skip, "HEAD"], None)?;
    let commits = String::from_utf8_lossy(&commits);
    let mut builds = Vec::new();
    for commit in commits.lines() {
        let Some((blob, _)) = blob_of(commit) else {
            continue;
        };
        let archive = git(&["cat-file", "blob", blob], None)?;
        let label = commit[..SHORT.min(commit.len())].to_owned();
        let files = tar::read(&archive).ok_or_else(|| {
            Failure::new(format!(
                "the note in {name} on {label} is no tar of profiles"
            ))
            .next(format!(
                "look at it: git notes --ref {name} show {label} | tar t"
            ))
        })?;
        let sources = files
            .into_iter()
            .map(|(file, bytes)| Source::Kept(format!("{label}/{file}"), bytes));
        builds.push(Kept {
            sources: sources.collect(),
            label,
        });
        if builds.len() == at_most {
            break;
        }
    }
    builds.reverse();
    Ok(builds)
}

/// Keeps a build on the current commit. Gives the commit.
pub fn add(name: &str, runs: &[(String, Vec<u8>)]) -> Result<String, Failure> {
    let blob = git(&["hash-object", "-w", "--stdin"], Some(&tar::write(runs)))?;
    let blob = String::from_utf8_lossy(&blob).trim().to_owned();
    // Notes are commits, and pipelines mostly have no name to make one with.
    let has_name = git(&["config", "user.email"], None).is_ok();
    let mut arguments: Vec<&str> = match has_name {
        true => vec![],
        false => vec![
            "-c",
            "user.name=hotpoll",
            "-c",
            "user.email=hotpoll@localhost",
        ],
    };
    // `-C` keeps the blob as it is; a message would have its white space tidied.
    arguments.extend(["notes", "--ref", name, "add", "-f", "-C", &blob, "HEAD"]);
    git(&arguments, None)?;
    let commit = git(&["rev-parse", "HEAD"], None)?;
    let commit = String::from_utf8_lossy(&commit);
    Ok(commit[..SHORT.min(commit.len())].to_owned())
}

/// What the current commit is called, if there is one.
pub fn commit() -> Option<String> {
    let commit = git(&["rev-parse", "--short=10", "HEAD"], None).ok()?;
    Some(String::from_utf8_lossy(&commit).trim().to_owned())
}

fn git(arguments: &[&str], input: Option<&[u8]>) -> Result<Vec<u8>, Failure> {
    let what = arguments
        .iter()
        .find(|word| !word.contains(['-', '=']))
        .unwrap_or(&"");
    let failed = |why: String| Failure::new(format!("git {what} did not work: {why}"));
    let mut child = Command::new("git")
        .args(arguments)
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()).next("git-notes: needs git in PATH"))?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        stdin
            .write_all(input)
            .map_err(|error| failed(error.to_string()))?;
    }
    let output = child
        .wait_with_output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        let why = why.lines().next().unwrap_or("it said nothing").to_owned();
        return Err(failed(why).next("run this inside of the repository"));
    }
    Ok(output.stdout)
}
