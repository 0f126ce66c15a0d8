//! The one path that says most about a set of samples: from the program's first own frame down to where the time divides.

use super::frames::{FrameId, Frames};
use super::origin::Origin;
use super::weight::Weight;
use hotpoll_profile::Sample;
use std::collections::BTreeMap;

/// A path of calls that most samples of a set have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HotPath {
    /// The frames, outermost first. Scaffolding, the standard library, the C library and whatever dependency runs the program's
    /// code are left out, so these are the frames that somebody can change. Empty when there are no samples.
    pub frames: Vec<FrameId>,
    /// The samples that go through all of it.
    pub weight: Weight,
}

/// Follows the heaviest call while it holds at least half of its caller's weight.
pub fn hot_path<'s>(frames: &Frames, samples: impl Iterator<Item = &'s Sample>) -> HotPath {
    let mut through: Vec<(Vec<FrameId>, Weight)> = samples
        .map(|sample| (telling_frames(frames, sample), Weight::of(sample)))
        .collect();
    let mut path = HotPath::default();
    for (_, weight) in &through {
        path.weight.add(*weight);
    }
    for depth in 0.. {
        let mut calls: BTreeMap<FrameId, Weight> = BTreeMap::new();
        for (stack, weight) in &through {
            if let Some(&frame) = stack.get(depth) {
                calls.entry(frame).or_default().add(*weight);
            }
        }
        // Of equal calls the first by name, so that equal profiles give equal reports.
        let heaviest = calls.into_iter().max_by(|a, b| {
            (a.1.cmp(&b.1)).then_with(|| frames.get(b.0).name.cmp(&frames.get(a.0).name))
        });
        match heaviest {
            // The first frame is always told: "31 % in …" is an answer too.
            Some((frame, weight)) if depth == 0 || is_half(weight, path.weight) => {
                path.frames.push(frame);
                path.weight = weight;
                through.retain(|(stack, _)| stack.get(depth) == Some(&frame));
            }
            _ => break,
        }
    }
    path
}

fn is_half(part: Weight, whole: Weight) -> bool {
    if whole.cpu_ns == 0 {
        part.count * 2 >= whole.count
    } else {
        part.cpu_ns * 2 >= whole.cpu_ns
    }
}

/// A stack's own frames and the dependencies that they call, outermost first; failing these, the dependencies; failing those, the leaf.
fn telling_frames(frames: &Frames, sample: &Sample) -> Vec<FrameId> {
    let mut stack: Vec<FrameId> = frames.of(sample).map(|at| at.frame).collect();
    let leaf = stack[0];
    stack.reverse();
    let origin_of = |id: &FrameId| frames.get(*id).origin;
    let first_own = stack.iter().position(|id| origin_of(id) == Origin::Own);
    let mut telling: Vec<FrameId> = Vec::new();
    for &id in &stack[first_own.unwrap_or(0)..] {
        let frame = frames.get(id);
        if !matches!(frame.origin, Origin::Own | Origin::Dependency) {
            continue;
        }
        let repeats = telling.last().is_some_and(|&last| {
            let last = frames.get(last);
            match frame.origin {
                // Calls inside of dependencies: the way in is enough.
                Origin::Dependency => last.origin == Origin::Dependency,
                // A function, its closures and its recursion.
                _ => without_closures(&last.name) == without_closures(&frame.name),
            }
        });
        if !repeats {
            telling.push(id);
        }
    }
    if telling.is_empty() {
        telling.push(leaf);
    }
    telling
}

/// A name without the closures (async bodies among them) at its end.
pub fn without_closures(name: &str) -> &str {
    name.find("::{").map_or(name, |at| &name[..at])
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;

    #[track_caller]
    fn check(stacks: &[(&str, &str, u64)], expected: &[&str], count: u64) {
        let profile = profile(stacks);
        let frames = Frames::new(&profile);
        let path = hot_path(&frames, profile.samples.iter());
        let names: Vec<&str> = path
            .frames
            .iter()
            .map(|&id| frames.get(id).name.as_str())
            .collect();
        assert_eq!((names.as_slice(), path.weight.count), (expected, count));
    }

    #[test]
    fn scaffolding_is_left_out() {
        check(
            &[(
                "t",
                "clone3;start_thread;std::thread::start;core::ops::function::FnOnce::call_once;demo::main;core::iter::fold;demo::hash;core::num::wrapping_add",
                8,
            )],
            &["demo::main", "demo::hash"],
            8,
        );
    }

    #[test]
    fn stops_where_the_time_divides() {
        check(
            &[
                ("t", "a::m;a::x;a::p", 4),
                ("t", "a::m;a::x;a::q", 3),
                ("t", "a::m;a::x;a::r", 3),
            ],
            &["a::m", "a::x"],
            10,
        );
    }

    #[test]
    fn first_frame_is_told_however_small() {
        check(
            &[("t", "a::p", 2), ("t", "a::q", 1), ("t", "a::r", 2)],
            &["a::p"],
            2,
        );
    }

    #[test]
    fn closures_and_recursion_are_one_frame() {
        check(
            &[("t", "a::m;a::m::{closure};a::f;a::f;a::f", 4)],
            &["a::m", "a::f"],
            4,
        );
    }

    #[test]
    fn without_own_code_the_leaf() {
        check(&[("t", "start_thread;poll", 4)], &["poll"], 4);
    }

    #[test]
    fn no_samples() {
        check(&[], &[], 0);
    }
}
