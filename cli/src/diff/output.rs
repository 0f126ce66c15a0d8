//! Where a comparison goes: several formats in one run, each to a file, and one to standard output.

use super::arguments::Output;
use super::format::Format;
use crate::exit::Failure;
use crate::profile_file;
use crate::text::{style, terminal};

/// What is to be written: files, and what standard output gets.
#[derive(Debug)]
pub struct Outputs<'a> {
    files: Vec<(Format, &'a Output)>,
    /// `None`: the format that was asked for went to a file.
    stdout: Option<Format>,
}

impl<'a> Outputs<'a> {
    /// From `--format` and every `--output`. Each file is tried before anybody works for it.
    pub fn plan(format: Option<Format>, outputs: &'a [Output]) -> Result<Self, Failure> {
        let plain: Vec<&Output> = outputs
            .iter()
            .filter(|output| output.format.is_none())
            .collect();
        if let [_, second, ..] = plain.as_slice() {
            return Err(Failure::new(format!(
                "which format goes to {} is not said",
                second.path.display()
            ))
            .next("write several as -o html=diff.html -o sarif=diff.sarif"));
        }
        for output in outputs {
            profile_file::check(&output.path)?;
        }
        let own = format.unwrap_or_default();
        Ok(Self {
            files: outputs
                .iter()
                .map(|output| (output.format.unwrap_or(own), output))
                .collect(),
            stdout: match (plain.is_empty(), format) {
                (true, _) => Some(own),
                // The verdict is told in any case: a gate that says nothing is not understood.
                (false, Some(format)) if format != Format::Text => Some(Format::Text),
                (false, _) => None,
            },
        })
    }

    /// Writes all of it.
    pub fn write(&self, encode: impl Fn(Format) -> String) -> Result<(), Failure> {
        for (format, output) in &self.files {
            let text = match format {
                Format::Text => style::plain(&encode(*format)),
                _ => encode(*format),
            };
            profile_file::replace(&output.path, text.as_bytes())
                .map_err(|error| Failure::writing(&output.path, &error))?;
        }
        match self.stdout {
            Some(Format::Text) => Ok(terminal::print(&encode(Format::Text))?),
            Some(format) => Ok(terminal::print_bytes(encode(format).as_bytes())?),
            None => Ok(()),
        }
    }
}
