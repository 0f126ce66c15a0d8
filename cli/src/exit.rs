//! The exit codes, one table for all commands, and the failures that carry a sentence and the next step.

use std::fmt;
use std::path::Path;

/// Fine.
pub const FINE: u8 = 0;
/// Found something; only where a command says so.
pub const FOUND: u8 = 1;
/// Wrong usage, or something could not be read, reached or written.
pub const FAILED: u8 = 2;
/// What was given cannot be compared, or too little can be seen in it to answer.
pub const NOT_COMPARABLE: u8 = 3;

/// The table, for every command's help.
pub const TABLE: &str = "\
Exit codes:
  0  fine
  1  found something (doctor: something to change; stuck: a problem;
     diff: a regression)
  2  wrong usage, or something could not be read, reached or written
  3  diff: not comparable, or too little could be seen and that is to fail
`record -- CMD` passes CMD's own code on, 128+N when signal N ended it, also
where nothing was recorded (a sentence says so); 2 only where CMD was not
started, or gave 0 and the file could not be written.";

/// Why a command could not do what it was asked: a sentence, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    what: String,
    next: Option<String>,
}

impl Failure {
    /// What is wrong, as a sentence without its full stop.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            next: None,
        }
    }

    /// What to do about it, as a sentence without its full stop.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// A folder where a file is needed, to read or to write.
    pub fn folder(path: &Path) -> Self {
        Self::new(format!("{} is a folder, not a file", path.display())).next("name a file in it")
    }

    /// A file that could not be read.
    pub fn reading(path: &Path, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::IsADirectory => Self::folder(path),
            _ => Self::new(format!("cannot read {}: {error}", path.display())),
        }
    }

    /// A file that could not be written.
    pub fn writing(path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{
            IsADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull,
        };
        let failure = Self::new(format!("cannot write {}: {error}", path.display()));
        match error.kind() {
            IsADirectory => Self::folder(path),
            StorageFull => failure.next("make room, or name a file on another disk"),
            NotFound => failure.next("create the folder first, or name another file"),
            PermissionDenied | ReadOnlyFilesystem => {
                failure.next("name a file in a folder that you may write to")
            }
            _ => failure,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.next {
            Some(next) => write!(f, "{}.\n  {next}.", self.what),
            None => write!(f, "{}.", self.what),
        }
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    /// Standard output that cannot be written to; files have [`Failure::writing`].
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("cannot write the report: {error}"))
    }
}

/// What a command comes to: an exit code, or a failure (code 2).
pub type Outcome = Result<u8, Failure>;
