//! How far it is, and how long it will take: by how long runs of each side took so far.

use crate::progress::{self, Progress};
use crate::text::number::{count, duration};
use std::time::{Duration, Instant};

/// Runs that are planned, and the bar that tells of them.
pub struct Plan {
    bar: Progress,
    left: usize,
    begun: Instant,
    what: String,
    took: [Vec<Duration>; 2],
}

impl Plan {
    /// So many runs of both sides together.
    pub fn new(runs: usize) -> Self {
        Self {
            bar: progress::steps("starting", runs),
            left: runs,
            begun: Instant::now(),
            what: String::new(),
            took: [Vec::new(), Vec::new()],
        }
    }

    /// A run begins.
    pub fn begins(&mut self, _side: usize, name: &str, number: u32, of: u32) {
        self.begun = Instant::now();
        self.what = format!("{name}, run {number} of {of}");
        self.look(0);
    }

    /// It goes on.
    pub fn look(&self, samples: u64) {
        let left = match remaining(&self.took, self.left, self.begun.elapsed()) {
            Some(left) => format!("about {} left", duration(left.as_nanos() as u64)),
            None => format!("{} runs to come", self.left.saturating_sub(1)),
        };
        self.bar.say(format!(
            "{}: {} samples; {left}, Ctrl-C ends",
            self.what,
            count(samples)
        ));
    }

    /// It has ended.
    pub fn ends(&mut self, side: usize) {
        self.took[side].push(self.begun.elapsed());
        self.bar.step();
        self.left = self.left.saturating_sub(1);
    }
}

/// The mean of the runs so far for each that is left, less what the running one has taken. Nothing before the first has ended.
fn remaining(took: &[Vec<Duration>; 2], left: usize, running: Duration) -> Option<Duration> {
    let means: Vec<Duration> = (took.iter().filter(|took| !took.is_empty()))
        .map(|took| took.iter().sum::<Duration>() / took.len() as u32)
        .collect();
    let mean =
        means.iter().sum::<Duration>() / u32::try_from(means.len()).ok().filter(|&n| n > 0)?;
    Some((mean * left as u32).saturating_sub(running.min(mean)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left() {
        let s = Duration::from_secs;
        assert_eq!(remaining(&[vec![], vec![]], 10, s(1)), None);
        assert_eq!(remaining(&[vec![s(2)], vec![]], 3, s(1)), Some(s(5)));
        assert_eq!(
            remaining(&[vec![s(2)], vec![s(3), s(5)]], 2, s(9)),
            Some(s(3))
        );
    }
}
