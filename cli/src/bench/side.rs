//! One run of one side's command.

use crate::exit::Failure;
use crate::export::text::printable;
use crate::interrupt;
use crate::record::command::record;
use crate::record::given::Given;
use crate::text::width::keep_start;
use hotpoll_profile::Profile;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What a command said last, shown where it fails.
const LAST_LINES: usize = 12;
/// No line of that is shown longer.
const LONGEST_LINE: usize = 400;
/// Nor is more than this read for it.
const END_BYTES: u64 = 64 << 10;

/// A build and how it is run.
#[derive(Debug)]
pub struct Side {
    /// `base` or `new`.
    pub name: &'static str,
    words: Vec<OsString>,
    /// The command as somebody wrote it, for a person.
    line: String,
}

/// What came of a run.
pub enum Run {
    /// It ran to its end.
    Whole(Box<Profile>),
    /// Somebody asked to stop.
    Interrupted,
}

impl Side {
    /// A line for `sh -c`.
    pub fn new(name: &'static str, line: &str) -> Self {
        let words = ["sh", "-c", line].map(OsString::from);
        Self {
            name,
            words: words.into(),
            line: line.to_owned(),
        }
    }

    /// A program and its arguments.
    pub fn of_words(name: &'static str, words: &[OsString]) -> Self {
        Self {
            name,
            words: words.to_vec(),
            line: words.join(" ".as_ref()).to_string_lossy().into_owned(),
        }
    }

    /// Runs it once. `look` is told now and then how many samples there are.
    pub fn run(
        &self,
        binaries: &[PathBuf],
        given: &Given,
        look: &mut dyn FnMut(u64),
    ) -> Result<Run, Failure> {
        let output = Output::new()?;
        let (program, arguments) = self.words.split_first().unzip();
        let mut command = Command::new(program.map_or("".as_ref(), OsString::as_os_str));
        command.args(arguments.unwrap_or_default());
        command.stdin(Stdio::null());
        output.take(&mut command)?;
        let recorded = record(&mut command, binaries, given, |crowd| {
            look(crowd.cpu_samples());
        })?;
        if interrupt::is_asked_to_stop() {
            return Ok(Run::Interrupted);
        }
        let status = recorded.status;
        if !status.success() {
            let how = match (status.code(), status.signal()) {
                (Some(code), _) => format!("with code {code}"),
                (_, signal) => format!("by signal {}", signal.unwrap_or_default()),
            };
            return Err(Failure::new(format!(
                "{} ended {how}: {}{}",
                self.name,
                self.line,
                output.last_lines()
            ))
            .next("a run that fails does other work than one that does not: have the command end with 0"));
        }
        let profile = recorded.profile(&format!("{}: {}", self.name, self.line))?;
        Ok(Run::Whole(Box::new(profile)))
    }
}

/// What the command prints, kept for the case that it fails. A file, as a pipe that nobody reads stops who writes.
struct Output {
    path: PathBuf,
}

impl Output {
    fn new() -> Result<Self, Failure> {
        let name = format!("hotpoll-bench-{}.log", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Left behind by a process with our PID; what somebody else put there is not followed.
        let _ = std::fs::remove_file(&path);
        File::create_new(&path).map_err(|error| Failure::writing(&path, &error))?;
        Ok(Self { path })
    }

    fn take(&self, command: &mut Command) -> Result<(), Failure> {
        let open = || File::options().append(true).open(&self.path);
        let files = open().and_then(|out| Ok((out, open()?)));
        let (out, error) = files.map_err(|error| Failure::writing(&self.path, &error))?;
        command.stdout(out).stderr(error);
        Ok(())
    }

    fn last_lines(&self) -> String {
        let bytes = self.end().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        last.iter()
            .map(|line| format!("\n    {}", keep_start(&printable(line), LONGEST_LINE)))
            .collect()
    }

    /// A command may have printed gigabytes.
    fn end(&self) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        let from = file.metadata()?.len().saturating_sub(END_BYTES);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(END_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_end_of_much_is_read() {
        let output = Output::new().unwrap();
        let mut file = File::options().append(true).open(&output.path).unwrap();
        for number in 0..100_000 {
            writeln!(file, "line {number}").unwrap();
        }
        writeln!(file, "{}", "x".repeat(10_000)).unwrap();
        assert_eq!(output.end().unwrap().len() as u64, END_BYTES);
        let said = output.last_lines();
        let lines: Vec<&str> = said.lines().skip(1).collect();
        assert_eq!(lines.len(), LAST_LINES);
        assert_eq!(lines[LAST_LINES - 2], "    line 99999");
        assert!(lines[LAST_LINES - 1].ends_with('…'));
    }
}
