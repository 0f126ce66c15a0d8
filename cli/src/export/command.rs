//! `hotpoll export`: the arguments, and the file or standard output that they ask for.

use super::{ExportError, Format, Options, Unit, encode};
use crate::exit::{FINE, Failure, Outcome};
use crate::profile_file;
use crate::source;
use crate::text::terminal;
use clap::Args;
use hotpoll_profile::Profile;
use std::io::{self, Write};
use std::path::PathBuf;

/// Write a profile in another tool's format, or as a flame graph
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The profile: a file that `hotpoll record` or HOTPOLL_OUT wrote, or another tool's pprof file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What to write
    #[arg(long, short, value_enum)]
    pub format: Format,
    /// Where to write it; standard output by default
    #[arg(long, short, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// What the weights of `folded` and `svg` count
    #[arg(long, value_enum, default_value_t)]
    pub unit: Unit,
}

/// Carries the command out.
pub fn run(args: &ExportArgs) -> Outcome {
    let mut profile = source::read(&args.file)?;
    source::name(&mut profile, None, &[]);
    write(args, &profile)?;
    Ok(FINE)
}

fn write(args: &ExportArgs, profile: &Profile) -> Result<(), Failure> {
    let encoded = encode(profile, args.format, &Options { unit: args.unit })?;
    match &args.output {
        Some(path) => {
            profile_file::replace(path, &encoded).map_err(|error| Failure::writing(path, &error))
        }
        None => print(&encoded),
    }
}

/// Not through [`terminal::print`]: these bytes are for another program, exactly as they are.
fn print(encoded: &[u8]) -> Result<(), Failure> {
    if terminal::is_terminal() && std::str::from_utf8(encoded).is_err() {
        let what = "this format is binary and standard output is a terminal";
        return Err(Failure::new(what).next("give a file with --output"));
    }
    let mut stdout = io::stdout().lock();
    match stdout.write_all(encoded).and_then(|()| stdout.flush()) {
        // `hotpoll export … | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            ExportError::Empty => failure.next("record for longer, or while the process works"),
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn args(output: &str) -> ExportArgs {
        ExportArgs {
            file: "unused".into(),
            format: Format::Folded,
            output: Some(output.into()),
            unit: Unit::Ns,
        }
    }

    #[test]
    fn the_output_file_is_written() {
        let path = std::env::temp_dir().join(format!("hotpoll-export-{}", std::process::id()));
        let path = path.to_str().unwrap();
        write(&args(path), &fixture::service()).unwrap();
        let written = std::fs::read_to_string(path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert!(written.contains("shop::parse"));
    }

    #[test]
    fn failures_say_what_to_do() {
        let failure = write(&args("/nonexistent/x"), &fixture::service()).unwrap_err();
        assert!(
            failure.to_string().contains("create the folder first"),
            "{failure}"
        );
        let empty = ExportArgs {
            format: Format::Svg,
            ..args("/nonexistent/x")
        };
        let failure = write(&empty, &Profile::default()).unwrap_err();
        assert!(
            failure.to_string().contains("record for longer"),
            "{failure}"
        );
    }
}
