//! How many tasks there are and how many of them are tracked, in words: every command that speaks of tasks says it the same way.

use crate::text::number::{count, percent_in_words};
use hotpoll_profile::Tasks;
use serde::Serialize;

/// The counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Tasks alive in all known runtimes; null when no runtime is known.
    pub alive: Option<u64>,
    /// Those of them that are tracked.
    pub tracked: u64,
    /// What else is tracked and alive, that no runtime counts as a task of its own: futures inside of tasks, what threads block on, closures on
    /// blocking threads, tasks of a `LocalSet`.
    pub tracked_beside: u64,
}

impl Coverage {
    /// A snapshot's.
    pub fn of(tasks: &Tasks) -> Self {
        Self {
            alive: tasks.alive,
            tracked: tasks.tracked,
            tracked_beside: tasks.tracked_beside,
        }
    }

    /// As words.
    pub fn words(&self) -> String {
        let Some(alive) = self.alive else {
            return format!(
                "{} tracked; no runtime is known to count the others",
                count(self.tracked.saturating_add(self.tracked_beside))
            );
        };
        let mut words = match (alive, self.tracked) {
            (0, _) => "none alive".to_owned(),
            (1, 0) => "1 alive, and it is not tracked".to_owned(),
            (1, _) => "1 alive, and it is tracked".to_owned(),
            (alive, 0) => format!("{} alive, none of them tracked", count(alive)),
            (alive, tracked) => format!(
                "{} alive, {} of them tracked ({})",
                count(alive),
                count(tracked),
                percent_in_words(tracked as f64 / alive as f64)
            ),
        };
        match self.tracked_beside {
            0 => {}
            1 => words += "; 1 tracked future or closure beside",
            beside => words += &format!("; {} tracked futures and closures beside", count(beside)),
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(alive: Option<u64>, tracked: u64, tracked_beside: u64, expected: &str) {
        let coverage = Coverage {
            alive,
            tracked,
            tracked_beside,
        };
        assert_eq!(coverage.words(), expected);
    }

    #[test]
    fn futures_are_no_tasks() {
        check(
            Some(13),
            0,
            7,
            "13 alive, none of them tracked; 7 tracked futures and closures beside",
        );
        check(
            Some(1_000),
            1_000,
            1,
            "1,000 alive, 1,000 of them tracked (100%); 1 tracked future or closure beside",
        );
        check(Some(8), 2, 0, "8 alive, 2 of them tracked (25%)");
        check(Some(0), 0, 0, "none alive");
        check(Some(1), 1, 0, "1 alive, and it is tracked");
        let unknown = "5 tracked; no runtime is known to count the others";
        check(None, 4, 1, unknown);
    }
}
