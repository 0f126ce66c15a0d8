//! Where a function's definition is in the repository that the command is run in: what annotations point at.

use super::report::Report;
use hotpoll_compare::{Cause, Family};
use std::path::{Path, PathBuf};

/// What stands for all of a program.
pub const MANIFEST: &str = "Cargo.toml";

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Relative to the repository's root, with `/`.
    pub path: String,
    /// From 1 on.
    pub line: u32,
}

/// Finds files of profiles in a repository.
#[derive(Debug)]
pub struct Places {
    root: PathBuf,
}

impl Places {
    /// For the repository around the current folder, or that folder.
    pub fn here() -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        let root = here.ancestors().find(|folder| folder.join(".git").exists());
        Self::new(root.unwrap_or(&here))
    }

    /// For a repository.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// A file as profiles name it. The base is mostly built in another folder, so of an absolute path the longest end counts that is a file here; a
    /// relative one is a library's (`tokio/src/lib.rs`) unless it is here as a whole.
    pub fn find(&self, file: &str, line: u32) -> Option<Place> {
        let parts: Vec<&str> = file.split('/').collect();
        let from = match parts.as_slice() {
            ["", rest @ ..] => {
                // A file's name alone is no evidence.
                (1..rest.len()).find(|from| self.has(&parts[*from..]))?
            }
            _ => Some(0).filter(|_| self.has(&parts))?,
        };
        Some(Place {
            path: parts[from..].join("/"),
            line: line.max(1),
        })
    }

    fn has(&self, parts: &[&str]) -> bool {
        let is_plain = |part: &&str| !matches!(*part, "" | "." | "..");
        parts.iter().all(is_plain) && self.root.join(parts.join("/")).is_file()
    }

    /// Where a cause is to be shown: at its definition, else at that of the nearest caller which is in the repository, else at the manifest.
    pub fn of_cause(&self, report: &Report, cause: &Cause) -> Option<Place> {
        let own = report
            .row(cause)
            .and_then(|row| self.find(&row.file, row.line));
        own.or_else(|| {
            let callers = cause.chain.iter().rev();
            callers
                .filter_map(|caller| self.of_function(report, caller))
                .next()
        })
        .or_else(|| self.find(MANIFEST, 1))
    }

    fn of_function(&self, report: &Report, name: &str) -> Option<Place> {
        let mut rows = report.comparison.rows.iter();
        let row = rows.find(|row| row.family == Family::Cpu && row.name == name)?;
        self.find(&row.file, row.line)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn files_of_both_builds() {
        let root = std::env::temp_dir().join(format!("hotpoll-places-{}", std::process::id()));
        for file in [
            "src/json.rs",
            "src/main.rs",
            "tokio/src/own.rs",
            "Cargo.toml",
        ] {
            let file = root.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let places = Places::new(&root);
        let found = |file: &str| places.find(file, 7).map(|place| place.path);
        assert_eq!(found("src/json.rs").unwrap(), "src/json.rs");
        assert_eq!(found("/build/base/src/json.rs").unwrap(), "src/json.rs");
        let own = root.join("tokio/src/own.rs");
        assert_eq!(found(own.to_str().unwrap()).unwrap(), "tokio/src/own.rs");
        for elsewhere in [
            "tokio/src/main.rs",
            "/main.rs",
            "src/../src/json.rs",
            "",
            "/",
        ] {
            assert_eq!(found(elsewhere), None, "{elsewhere}");
        }

        // A cause in a library is shown at its caller; the total at the manifest.
        let mut report = fixture::regressed();
        report.comparison.rows[4].file = "library/alloc/src/vec/mod.rs".into();
        let cause = report.comparison.causes[0].clone();
        let place = places.of_cause(&report, &cause).unwrap();
        assert_eq!((place.path.as_str(), place.line), ("src/main.rs", 30));
        let total = Cause::default();
        assert_eq!(places.of_cause(&report, &total).unwrap().path, "Cargo.toml");
        std::fs::remove_dir_all(root).unwrap();
    }
}
