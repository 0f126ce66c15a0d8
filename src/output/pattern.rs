//! `name-%p.pb.gz`: the path of the output file, with room for the PID.

use crate::StartError;
use std::path::{Path, PathBuf};

/// A path in which `%p` stands for the PID and `%%` for a percent sign. Every `%` in it is one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutputPattern(PathBuf);

impl OutputPattern {
    /// Understands a pattern.
    pub fn parse(pattern: &Path) -> Result<Self, StartError> {
        if pattern.to_str().is_some_and(|text| fill(text, 0).is_none()) {
            return Err(StartError::OutputPattern {
                pattern: pattern.to_string_lossy().into_owned(),
            });
        }
        Ok(Self(pattern.to_owned()))
    }

    /// The path for a process.
    pub fn path(&self, pid: u32) -> PathBuf {
        // A path that is not UTF-8 is taken as it is.
        let filled = self.0.to_str().and_then(|text| fill(text, pid));
        filled.map_or_else(|| self.0.clone(), PathBuf::from)
    }
}

/// The text with every `%` replaced; `None` when one of them means nothing.
fn fill(text: &str, pid: u32) -> Option<String> {
    let mut filled = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '%' => match rest.next()? {
                'p' => filled += &pid.to_string(),
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
