//! Which samples to look at: those with a frame that is asked for.

use super::frames::Frames;
use hotpoll_profile::Sample;

/// Selects samples by the names of their frames.
#[derive(Debug, Clone)]
pub struct Focus {
    /// For each frame whether its name matches; nothing selects every sample.
    matching: Option<Vec<bool>>,
}

impl Focus {
    /// Every sample.
    pub fn everything() -> Self {
        Self { matching: None }
    }

    /// Samples with at least one frame whose name matches.
    pub fn on(frames: &Frames, matches: impl Fn(&str) -> bool) -> Self {
        let matching = frames.all().map(|frame| matches(&frame.name)).collect();
        Self {
            matching: Some(matching),
        }
    }

    /// Whether the sample is to be looked at.
    pub fn selects(&self, frames: &Frames, sample: &Sample) -> bool {
        self.matching
            .as_ref()
            .is_none_or(|matching| frames.of(sample).any(|at| matching[at.frame.0 as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;

    #[test]
    fn any_frame_of_the_stack() {
        let profile = profile(&[("t", "main;parse;next", 1), ("t", "main;hash", 2)]);
        let frames = Frames::new(&profile);
        let focus = Focus::on(&frames, |name| name.contains("parse"));
        let selected: Vec<u64> = profile
            .samples
            .iter()
            .filter(|sample| focus.selects(&frames, sample))
            .map(|sample| sample.count)
            .collect();
        assert_eq!(selected, [1]);
    }
}
