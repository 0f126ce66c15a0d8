//! When to write the file: not so seldom that a crash of ours costs much, not so often that it is all we do.

use crate::exit::Failure;
use crate::profile_file;
use hotpoll_profile::Profile;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The shortest time between two writes.
const SHORTEST: Duration = Duration::from_secs(2);
/// The next write waits this many times as long as the last one took: writing is at most a twentieth of the time.
const TIMES_THE_LAST: u32 = 20;

/// Writes a file now and then.
pub struct Writer {
    path: PathBuf,
    next: Instant,
}

impl Writer {
    /// The first write is soon: a command may be over any moment.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            next: Instant::now(),
        }
    }

    /// Whether it is time to write.
    pub fn is_due(&self) -> bool {
        Instant::now() >= self.next
    }

    /// Writes the file.
    pub fn write(&mut self, profile: &Profile) -> Result<(), Failure> {
        let began = Instant::now();
        let written = profile_file::write(&self.path, profile);
        self.next = Instant::now() + SHORTEST.max(began.elapsed() * TIMES_THE_LAST);
        written
    }
}
