//! Builds in a folder: one folder each, named so that the names' order is the builds'.

use super::Kept;
use crate::diff::sides::{Source, profiles_in};
use crate::exit::Failure;
use crate::profile_file;
use crate::target::ThisHost;
use crate::text::number;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The builds of a folder, oldest first. One that has profile files itself is one build.
pub fn builds(path: &Path) -> Result<Vec<Kept>, Failure> {
    let (files, _) = profiles(path)?;
    if !files.is_empty() {
        return Ok(vec![kept(path, files)]);
    }
    let entries = std::fs::read_dir(path).map_err(|error| Failure::reading(path, &error))?;
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let mut builds = Vec::new();
    for folder in folders {
        let (files, _) = profiles(&folder)?;
        if !files.is_empty() {
            builds.push(kept(&folder, files));
        }
    }
    Ok(builds)
}

fn profiles(path: &Path) -> Result<(Vec<PathBuf>, usize), Failure> {
    profiles_in(path, &ThisHost::asked_by("baseline"))
}

fn kept(folder: &Path, files: Vec<PathBuf>) -> Kept {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    Kept {
        label: name.into_owned(),
        sources: files.into_iter().map(Source::File).collect(),
    }
}

/// Keeps a build, and no more than so many. Gives the folder.
pub fn add(
    path: &Path,
    label: &str,
    runs: &[(String, Vec<u8>)],
    keep: usize,
) -> Result<PathBuf, Failure> {
    let folder = path.join(format!("{}-{}", free_stamp(path), file_name(label)));
    std::fs::create_dir_all(&folder).map_err(|error| Failure::writing(&folder, &error))?;
    for (name, bytes) in runs {
        let file = folder.join(name);
        profile_file::replace(&file, bytes).map_err(|error| Failure::writing(&file, &error))?;
    }
    let mut kept: Vec<PathBuf> = (std::fs::read_dir(path)
        .map_err(|error| Failure::reading(path, &error))?)
    .filter_map(|entry| Some(entry.ok()?.path()))
    .filter(|path| path.is_dir() && is_ours(path))
    .collect();
    kept.sort();
    let over = kept.len().saturating_sub(keep);
    for old in &kept[..over] {
        std::fs::remove_dir_all(old).map_err(|error| Failure::writing(old, &error))?;
    }
    Ok(folder)
}

/// Whether a folder was made by [`add`]: no other is ever deleted.
fn is_ours(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let is_stamp = |(at, c): (usize, char)| match at {
        8 => c == 'T',
        15 => c == 'Z',
        16 => c == '-',
        _ => c.is_ascii_digit(),
    };
    name.len() > 17 && name.chars().take(17).enumerate().all(is_stamp)
}

/// Now, or the first second from now on that no build is kept under: the names' order is the builds'.
fn free_stamp(path: &Path) -> String {
    let taken: Vec<String> = std::fs::read_dir(path).map_or_else(
        |_| Vec::new(),
        |entries| {
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names.collect()
        },
    );
    let is_free = |stamp: &String| !taken.iter().any(|name| name.starts_with(stamp.as_str()));
    let seconds = (0..).map(|ahead| stamp(SystemTime::now() + Duration::from_secs(ahead)));
    let mut free = seconds.filter(is_free);
    free.next().unwrap_or_default()
}

/// A moment, in UTC: `20261122T070500Z`.
fn stamp(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let moment = number::moment(u64::try_from(since.as_nanos()).unwrap_or(0));
    let digits: String = moment
        .replace(' ', "T")
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == 'T')
        .collect();
    digits + "Z"
}

fn file_name(label: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    label
        .chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .take(64)
        .collect()
}
