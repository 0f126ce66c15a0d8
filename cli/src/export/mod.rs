//! `hotpoll export FILE --format …`: a profile in the formats that other tools read, and one that is its own viewer.
//!
//! In: a profile, wherever it came from, and the arguments. Out: a file, or standard output. Each format is a pure function in a
//! file of its own; what they share is `stacks` (named stacks) and `rows` (CPU time on stacks, whole or slice by slice). In every
//! format that can say it, the weights of a thread sum to its CPU clock: `[kernel]` and `[unsampled]` are rows like others.

pub mod category;
pub mod firefox;
pub mod folded;
pub mod html;
pub mod json;
pub mod options;
pub mod rows;
pub mod speedscope;
pub mod stacks;
pub mod svg;
pub mod text;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod golden;

pub use options::{Options, Unit};

use clap::{Args, ValueEnum};
use hotpoll_profile::Profile;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Write a profile in another tool's format, or as a flame graph.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The profile: a file that `hotpoll record` or HOTPOLL_OUT wrote.
    pub file: PathBuf,
    /// What to write.
    #[arg(long, short, value_enum)]
    pub format: Format,
    /// Where to write it; standard output by default.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What the weights of `folded` and `svg` count.
    #[arg(long, value_enum, default_value_t)]
    pub unit: Unit,
}

/// A format to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// gzipped pprof, which `go tool pprof` and others open; nothing that the profile holds is lost.
    Pprof,
    /// Folded stacks, one a line: for flame graph scripts and grep.
    Folded,
    /// A flame graph as a picture.
    Svg,
    /// An interactive flame graph in one file, for any browser, without network.
    Html,
    /// For <https://www.speedscope.app>.
    Speedscope,
    /// For <https://profiler.firefox.com>.
    Firefox,
    /// Everything in the profile, in hotpoll's versioned envelope.
    Json,
}

/// Why nothing was exported.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The profile has neither samples nor CPU time.
    Empty,
    /// The SVG could not be drawn.
    Drawing(String),
    /// The JSON could not be written.
    Json(serde_json::Error),
    /// The output could not be written.
    Write(PathBuf, io::Error),
    /// The format is binary, and standard output is a terminal.
    BinaryToTerminal,
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(
                f,
                "the profile has no samples and no CPU time: record for longer, or while the process works"
            ),
            Self::Drawing(error) => write!(f, "the flame graph could not be drawn: {error}"),
            Self::Json(error) => write!(f, "the JSON could not be written: {error}"),
            Self::Write(path, error) => write!(
                f,
                "cannot write {}: {error}; give another file with --output",
                path.display()
            ),
            Self::BinaryToTerminal => write!(
                f,
                "this format is binary and standard output is a terminal; give a file with --output"
            ),
        }
    }
}

impl std::error::Error for ExportError {}

impl From<serde_json::Error> for ExportError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

/// The profile in a format, as bytes.
pub fn encode(
    profile: &Profile,
    format: Format,
    options: &Options,
) -> Result<Vec<u8>, ExportError> {
    let text = match format {
        Format::Pprof => return Ok(hotpoll_profile::pprof::encode_gzip(profile)),
        Format::Folded => folded::folded(profile, options),
        Format::Svg => svg::svg(profile, options)?,
        Format::Html => html::html(profile)?,
        Format::Speedscope => speedscope::speedscope(profile)?,
        Format::Firefox => firefox::firefox(profile)?,
        Format::Json => json::json(profile)?,
    };
    Ok(text.into_bytes())
}

/// Carries the command out on a profile that is already loaded.
pub fn run(args: &ExportArgs, profile: &Profile) -> Result<(), ExportError> {
    let options = Options { unit: args.unit };
    let encoded = encode(profile, args.format, &options)?;
    match &args.output {
        Some(path) => {
            std::fs::write(path, encoded).map_err(|error| ExportError::Write(path.clone(), error))
        }
        None => print(&encoded),
    }
}

fn print(encoded: &[u8]) -> Result<(), ExportError> {
    let mut stdout = io::stdout().lock();
    if stdout.is_terminal() && std::str::from_utf8(encoded).is_err() {
        return Err(ExportError::BinaryToTerminal);
    }
    match stdout.write_all(encoded).and_then(|()| stdout.flush()) {
        // `hotpoll export … | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(ExportError::Write(
            Path::new("standard output").into(),
            error,
        )),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_writes_the_service() {
        let profile = fixture::service();
        for format in Format::value_variants() {
            let encoded = encode(&profile, *format, &Options::default());
            assert!(!encoded.unwrap().is_empty(), "{format:?}");
        }
    }

    #[test]
    fn pprof_comes_back() {
        let profile = fixture::service();
        let encoded = encode(&profile, Format::Pprof, &Options::default()).unwrap();
        assert_eq!(hotpoll_profile::pprof::decode(&encoded).unwrap(), profile);
    }

    #[test]
    fn the_output_file_is_written() {
        let path =
            std::env::temp_dir().join(format!("hotpoll-export-{}.folded", std::process::id()));
        let args = ExportArgs {
            file: "unused".into(),
            format: Format::Folded,
            output: Some(path.clone()),
            unit: Unit::Ns,
        };
        run(&args, &fixture::service()).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(written.contains("shop::parse"));
        let args = ExportArgs {
            output: Some("/nonexistent/folder/x".into()),
            ..args
        };
        let error = run(&args, &fixture::service()).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot write /nonexistent/folder/x"),
            "{error}"
        );
    }
}
