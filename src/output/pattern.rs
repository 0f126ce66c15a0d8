//! `name-%p.pb.gz`: the path of the output file, with room for the PID; of dumps, with room for their number too.

use crate::StartError;
use std::path::{Path, PathBuf};

/// A path in which `%p` stands for the PID, `%n` for the number of a dump, and `%%` for a percent sign. Every `%` in it is one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutputPattern(PathBuf);

impl OutputPattern {
    /// Understands the pattern of one file: nothing is numbered.
    pub fn parse(pattern: &Path) -> Result<Self, StartError> {
        Self::check(pattern, None)
    }

    /// Understands the pattern of files that may be numbered.
    pub fn parse_numbered(pattern: &Path) -> Result<Self, StartError> {
        Self::check(pattern, Some(1))
    }

    fn check(pattern: &Path, number: Option<u32>) -> Result<Self, StartError> {
        let means_nothing = |text: &str| fill(text, 0, number).is_none();
        if pattern.to_str().is_some_and(means_nothing) {
            return Err(StartError::OutputPattern {
                pattern: pattern.to_string_lossy().into_owned(),
            });
        }
        Ok(Self(pattern.to_owned()))
    }

    /// The path for a process.
    pub fn path(&self, pid: u32) -> PathBuf {
        self.path_of(pid, 1)
    }

    /// The path for a process's file of this number.
    pub fn path_of(&self, pid: u32, number: u32) -> PathBuf {
        // A path that is not UTF-8 is taken as it is.
        let filled = self.0.to_str();
        let filled = filled.and_then(|text| fill(text, pid, Some(number)));
        filled.map_or_else(|| self.0.clone(), PathBuf::from)
    }

    /// The same pattern from the working directory as it is now: the host may change it later.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    pub fn absolute(&self) -> Self {
        Self(std::path::absolute(&self.0).unwrap_or_else(|_| self.0.clone()))
    }
}

/// The text with every `%` replaced; `None` when one of them means nothing.
fn fill(text: &str, pid: u32, number: Option<u32>) -> Option<String> {
    let mut filled = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '%' => match rest.next()? {
                'p' => filled += &pid.to_string(),
                'n' => filled += &number?.to_string(),
                '%' => filled.push('%'),
                _ => return None,
            },
            other => filled.push(other),
        }
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: Option<&str>) {
        let path = OutputPattern::parse(Path::new(pattern)).map(|pattern| pattern.path(42));
        assert_eq!(path.ok(), expected.map(PathBuf::from), "{pattern}");
    }

    #[test]
    fn numbers_of_dumps_alone() {
        check("/x-%n", None);
        let pattern = OutputPattern::parse_numbered(Path::new("/x-%p-%n")).unwrap();
        assert_eq!(pattern.path(42), PathBuf::from("/x-42-1"));
        assert_eq!(pattern.path_of(42, 7), PathBuf::from("/x-42-7"));
    }

    #[test]
    fn placeholders() {
        check("x-%p.pb.gz", Some("x-42.pb.gz"));
        check("/a b/%p/%p", Some("/a b/42/42"));
        check("100%%.pb.gz", Some("100%.pb.gz"));
        check("%%p", Some("%p"));
        check("plain", Some("plain"));
        check("ä%pö", Some("ä42ö"));
    }

    #[test]
    fn a_percent_that_means_nothing() {
        check("x-%q", None);
        check("x-%", None);
        check("%%%", None);
    }
}
