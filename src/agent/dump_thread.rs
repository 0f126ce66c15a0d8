//! The dump thread: writes everything into a file when a signal asks for it, or when something is stuck. It is there only where that was asked for.

use super::dump_verdicts::Watch;
use super::{Shared, dump_signal};
use crate::output::{self, OutputPattern};
use hotpoll_symbolizer::recorder::Query;
use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

/// What to dump on, and where to.
#[derive(Debug)]
pub(super) struct Dumps {
    /// On the signal.
    pub on_signal: Option<DumpFile>,
    /// When something is stuck for longer than this.
    pub when_stuck: Option<(Duration, DumpFile)>,
}

/// Numbers of files: the ninth dump takes the place of the first.
const MOST_FILES: u32 = 8;

/// The files of dumps: one that is replaced, or a few where the pattern has a place for their number.
#[derive(Debug)]
pub(super) struct DumpFile {
    pattern: OutputPattern,
    pid: u32,
    written: Cell<u32>,
}

impl DumpFile {
    pub fn new(pattern: OutputPattern, pid: u32) -> Self {
        Self {
            pattern,
            pid,
            written: Cell::new(0),
        }
    }

    /// Where the first one goes.
    pub fn first(&self) -> PathBuf {
        self.pattern.path(self.pid)
    }

    /// Where the next one goes.
    fn next(&self) -> PathBuf {
        let number = self.written.get() % MOST_FILES + 1;
        self.written.set(number);
        self.pattern.path_of(self.pid, number)
    }

    /// The dumps of both sorts are numbered together where they go to the same place.
    fn is_same_place(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

/// Runs until it is told to end.
pub(super) fn run(shared: &Shared, dumps: &Dumps) {
    let mut watch = dumps
        .when_stuck
        .as_ref()
        .map(|(after, _)| Watch::new(*after));
    let of_verdicts = match (&dumps.on_signal, &dumps.when_stuck) {
        (Some(one), Some((_, other))) if one.is_same_place(other) => Some(one),
        (_, other) => other.as_ref().map(|(_, file)| file),
    };
    loop {
        let seen = dump_signal::news();
        if shared.progress.is_stopping() {
            return;
        }
        if dump_signal::take_requests()
            && let Some(file) = &dumps.on_signal
        {
            write(shared, file, None);
        }
        let mut wait = None;
        if let (Some(watch), Some(file)) = (&mut watch, of_verdicts) {
            if let Some(stuck) = watch.look() {
                write(shared, file, Some(stuck.sentence()));
            }
            wait = Some(watch.wait());
        }
        dump_signal::wait(seen, wait);
    }
}

fn write(shared: &Shared, file: &DumpFile, why: Option<String>) {
    shared.close_slice_soon();
    let mut profile = shared.profile_and_now(Query::ALL);
    profile.process.notices.extend(why);
    let path = file.next();
    if let Err(error) = output::write_profile(&path, &profile) {
        shared.notice(format!(
            "the dump could not be written to {}: {error}",
            path.display()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn paths(pattern: &str, count: usize) -> Vec<PathBuf> {
        let pattern = OutputPattern::parse_numbered(Path::new(pattern)).unwrap();
        let file = DumpFile::new(pattern, 42);
        (0..count).map(|_| file.next()).collect()
    }

    #[test]
    fn a_ninth_dump_takes_the_first_ones_place() {
        let paths = paths("/x-%p-%n", 17);
        assert_eq!(paths[0], Path::new("/x-42-1"));
        assert_eq!(paths[7], Path::new("/x-42-8"));
        assert_eq!(paths[8], paths[0]);
        assert_eq!(paths[16], paths[0]);
    }

    #[test]
    fn without_a_number_there_is_one_file() {
        let paths = paths("/x-%p", 10);
        assert!(paths.iter().all(|path| path == Path::new("/x-42")));
    }
}
