//! Why hotpoll could not start.

use std::fmt;
use std::io;
use std::path::PathBuf;

pub use hotpoll_sampler::StartError as SamplerError;

/// Why hotpoll could not start, and what to do about it. Nothing is left running then.
///
/// `Debug` prints the same sentence as `Display`: a `main` that returns the error shows it by `Debug`.
#[non_exhaustive]
pub enum StartError {
    /// The settings, the platform, or the system stand in the way of sampling: a rate out of range, a second start.
    Sampler(SamplerError),
    /// An environment variable has a value that means nothing.
    Variable {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        valid: &'static str,
    },
    /// The output file cannot be written.
    Output {
        /// The path, `%p` filled in.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The output pattern has a `%` that means nothing.
    OutputPattern {
        /// The pattern.
        pattern: String,
    },
    /// The signal that should ask for dumps cannot be used.
    DumpSignal {
        /// Its number.
        signal: i32,
        /// Why not.
        why: String,
    },
    /// The recorder would have no room.
    RecorderTooSmall {
        /// The bytes asked for.
        bytes: usize,
        /// The least.
        least: usize,
    },
    /// The recorder would take more memory than hotpoll takes of any host.
    RecorderTooLarge {
        /// The bytes asked for.
        bytes: usize,
        /// The most.
        greatest: usize,
    },
    /// More looks by the wall clock than there may be.
    WallRateTooHigh {
        /// The rate asked for.
        hz: u32,
        /// The highest.
        greatest: u32,
    },
    /// The recorder would keep nothing: its span is zero.
    RecorderSpanZero,
    /// A thread could not be made.
    Thread {
        /// The thread's name.
        name: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sampler(error) => error.fmt(f),
            Self::Variable { name, value, valid } => {
                write!(f, "{name}={value} means nothing: set it to {valid}, or leave it out")
            }
            Self::Output { path, source } => write!(
                f,
                "the profile cannot be written to {}: {source}; name a file in a folder that exists and is writable",
                path.display()
            ),
            Self::OutputPattern { pattern } => write!(
                f,
                "the output pattern {pattern} has a % that means nothing: %p is the PID, %n (of dumps) their number, %% is a %"
            ),
            Self::DumpSignal { signal, why } => write!(
                f,
                "signal {signal} cannot ask for dumps: {why}; choose another one (Builder::dump_on_signal), or `hotpoll dump`, which needs none"
            ),
            Self::RecorderTooSmall { bytes, least } => write!(
                f,
                "a recorder of {bytes} bytes has no room for samples: give it at least {least}; 8 MB is the default"
            ),
            Self::RecorderTooLarge { bytes, greatest } => write!(
                f,
                "a recorder of {bytes} bytes is more than hotpoll takes: give it at most {greatest}; 8 MB is the default"
            ),
            Self::WallRateTooHigh { hz, greatest } => write!(
                f,
                "{hz} looks a second by the wall clock are too many: ask for {greatest} at most, or 0 for none; 20 is the default"
            ),
            Self::RecorderSpanZero => f.write_str(
                "a recorder with a span of zero keeps nothing: give it at least a second; five minutes are the default",
            ),
            Self::Thread { name, source } => write!(
                f,
                "the thread {name} could not be made: {source}; look at the limits on threads and memory (ulimit -u, -v)"
            ),
        }
    }
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Output { source, .. } | Self::Thread { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<SamplerError> for StartError {
    fn from(error: SamplerError) -> Self {
        Self::Sampler(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `fn main() -> Result<(), Box<dyn Error>>` shows it.
    #[test]
    fn debug_is_the_sentence() {
        let error = StartError::Variable {
            name: "HOTPOLL_HZ",
            value: "0".to_owned(),
            valid: "a whole number",
        };
        let shown: Box<dyn std::error::Error> = Box::new(error);
        let sentence = "HOTPOLL_HZ=0 means nothing: set it to a whole number, or leave it out";
        assert_eq!(format!("{shown:?}"), sentence);
        assert_eq!(shown.to_string(), sentence);
    }
}
