//! The time of the program's own functions, with what libraries did for them.
//!
//! With inlining expanded, self time falls apart into `core::num::wrapping_add` and its like, and what is left is in `memmove`. Here
//! each sample belongs to the nearest function of the program above its leaf: that is the answer to "what is it doing?".

use super::frames::{FrameId, Frames};
use super::hot_path::without_closures;
use super::origin::Origin;
use super::weight::Weight;
use hotpoll_profile::Sample;
use std::collections::HashMap;

/// A function of the program, and the samples that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnRow {
    /// The function, its closures and async bodies included. For stacks without any own code the dependency or, failing that, the leaf.
    pub frame: FrameId,
    /// Samples in it, and in libraries that it called.
    pub weight: Weight,
}

/// A row for each function of the program, heaviest first. Each sample is in one row.
pub fn own_code<'s>(frames: &Frames, samples: impl Iterator<Item = &'s Sample>) -> Vec<OwnRow> {
    let mut rows: Vec<OwnRow> = Vec::new();
    let mut row_of: HashMap<&str, usize> = HashMap::new();
    for sample in samples {
        let frame = nearest_own(frames, sample);
        let name = without_closures(&frames.get(frame).name);
        let at = *row_of.entry(name).or_insert(rows.len());
        if at == rows.len() {
            let weight = Weight::default();
            rows.push(OwnRow { frame, weight });
        }
        rows[at].weight.add(Weight::of(sample));
    }
    rows.sort_by(|a, b| {
        let name = |row: &OwnRow| &frames.get(row.frame).name;
        (b.weight.cmp(&a.weight)).then_with(|| name(a).cmp(name(b)))
    });
    rows
}

fn nearest_own(frames: &Frames, sample: &Sample) -> FrameId {
    let mut nearest = None;
    let mut dependency = None;
    for at in frames.of(sample) {
        nearest = nearest.or(Some(at.frame));
        match frames.get(at.frame).origin {
            Origin::Own => return at.frame,
            Origin::Dependency => dependency = dependency.or(Some(at.frame)),
            _ => {}
        }
    }
    dependency
        .or(nearest)
        .expect("a sample has one frame at least")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;

    #[track_caller]
    fn check(stacks: &[(&str, &str, u64)], expected: &[(&str, u64)]) {
        let profile = profile(stacks);
        let frames = Frames::new(&profile);
        let rows = own_code(&frames, profile.samples.iter());
        let rows: Vec<(&str, u64)> = rows
            .iter()
            .map(|row| (frames.get(row.frame).name.as_str(), row.weight.count))
            .collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn libraries_work_for_the_nearest_own_function() {
        check(
            &[
                ("t", "demo::main;demo::hash;core::num::wrapping_add", 3),
                ("t", "demo::main;demo::hash;memcpy", 2),
                ("t", "demo::main;core::iter::fold;demo::hash", 4),
                ("t", "demo::main;memcpy", 1),
            ],
            &[("demo::hash", 9), ("demo::main", 1)],
        );
    }

    #[test]
    fn closures_are_their_functions() {
        check(
            &[
                ("t", "demo::run", 1),
                ("t", "demo::run;demo::run::{closure}", 1),
            ],
            &[("demo::run", 2)],
        );
    }

    #[test]
    fn without_own_code_the_leaf() {
        check(&[("t", "start_thread;poll", 4)], &[("poll", 4)]);
    }
}
