//! The hottest functions: self and total.

use super::frames::{FrameId, Frames};
use super::origin::Origin;
use super::weight::Weight;
use hotpoll_profile::Sample;
use std::collections::HashMap;

/// A function and what it weighs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionRow {
    /// The function.
    pub frame: FrameId,
    /// Samples with this function at the leaf (`flat` in pprof). With inlining expanded the leaf is the innermost inlined function.
    pub own: Weight,
    /// Samples with this function anywhere on the stack, each counted once however often it recurs (`cum` in pprof).
    pub total: Weight,
    /// The line with most self time, or with most total time where the function is never a leaf.
    pub hottest: Option<SourceLine>,
    /// For a leaf in a library: the nearest function of the program above it (failing that, of a dependency) in most of the
    /// samples. `memmove` says little; who moves says more.
    pub caller: Option<FrameId>,
}

/// A line of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    /// The file, as the debug information has it.
    pub file: String,
    /// The line.
    pub line: u32,
}

/// A row for each function in the samples: most self first, then most total, then by name.
pub fn functions<'s>(
    frames: &Frames,
    samples: impl Iterator<Item = &'s Sample>,
) -> Vec<FunctionRow> {
    let mut table = Table::new(frames);
    for sample in samples {
        table.add(sample);
    }
    table.rows()
}

struct Table<'f, 'p> {
    frames: &'f Frames<'p>,
    own: Vec<Weight>,
    total: Vec<Weight>,
    /// The number of the sample that last counted each frame, so that recursion counts once.
    counted_in: Vec<u64>,
    sample_number: u64,
    /// Weight by (leaf, nearest own caller).
    callers: HashMap<(FrameId, FrameId), Weight>,
    /// Self and total of each place. By index, as a look-up for each frame of each sample would be most of the work.
    places: Vec<(Weight, Weight)>,
}

impl<'f, 'p> Table<'f, 'p> {
    fn new(frames: &'f Frames<'p>) -> Self {
        Self {
            frames,
            own: vec![Weight::default(); frames.len()],
            total: vec![Weight::default(); frames.len()],
            counted_in: vec![0; frames.len()],
            sample_number: 0,
            callers: HashMap::new(),
            places: vec![Default::default(); frames.places()],
        }
    }

    fn add(&mut self, sample: &Sample) {
        let weight = Weight::of(sample);
        self.sample_number += 1;
        self.add_caller(sample);
        for (depth, at) in self.frames.of(sample).enumerate() {
            let index = at.frame.0 as usize;
            let first_time = self.counted_in[index] != self.sample_number;
            self.counted_in[index] = self.sample_number;
            if first_time {
                self.total[index].add(weight);
            }
            if depth == 0 {
                self.own[index].add(weight);
            }
            // The innermost occurrence names the line: with recursion, the others are where it calls itself.
            if first_time {
                let place = &mut self.places[at.place as usize];
                place.1.add(weight);
                if depth == 0 {
                    place.0.add(weight);
                }
            }
        }
    }

    /// Counts who the leaf works for, where the leaf is not the program's own.
    fn add_caller(&mut self, sample: &Sample) {
        let mut leaf = None;
        let mut dependency = None;
        for at in self.frames.of(sample) {
            let origin = self.frames.get(at.frame).origin;
            match leaf {
                None if origin == Origin::Own => return,
                None => leaf = Some(at.frame),
                Some(leaf) if origin == Origin::Own => {
                    let weight = self.callers.entry((leaf, at.frame)).or_default();
                    weight.add(Weight::of(sample));
                    return;
                }
                Some(_) if origin == Origin::Dependency => {
                    dependency = dependency.or(Some(at.frame))
                }
                Some(_) => {}
            }
        }
        if let (Some(leaf), Some(caller)) = (leaf, dependency) {
            let weight = self.callers.entry((leaf, caller)).or_default();
            weight.add(Weight::of(sample));
        }
    }

    /// The heaviest caller of each leaf.
    fn main_callers(&self) -> HashMap<FrameId, FrameId> {
        let mut heaviest: HashMap<FrameId, (Weight, FrameId)> = HashMap::new();
        for (&(leaf, caller), &weight) in &self.callers {
            let best = heaviest.entry(leaf).or_insert((weight, caller));
            // Of equal ones the first by name, so that equal profiles give equal reports.
            let name = |id: FrameId| std::cmp::Reverse(&self.frames.get(id).name);
            if (weight, name(caller)) > (best.0, name(best.1)) {
                *best = (weight, caller);
            }
        }
        heaviest
            .into_iter()
            .map(|(leaf, (_, caller))| (leaf, caller))
            .collect()
    }

    /// Weight by (frame, function, line): self, and total.
    fn lines(&self) -> HashMap<(FrameId, u32, u32), (Weight, Weight)> {
        let mut lines: HashMap<(FrameId, u32, u32), (Weight, Weight)> = HashMap::new();
        for at in self.frames.all_places() {
            let (own, total) = self.places[at.place as usize];
            if let Some(function) = at.function
                && at.line != 0
                && total != Weight::default()
            {
                let line = lines.entry((at.frame, function, at.line)).or_default();
                line.0.add(own);
                line.1.add(total);
            }
        }
        lines
    }

    fn rows(self) -> Vec<FunctionRow> {
        let callers = self.main_callers();
        let mut hottest: HashMap<FrameId, ((Weight, Weight), u32, u32)> = HashMap::new();
        for (&(frame, function, line), &weights) in &self.lines() {
            let candidate = (weights, function, line);
            let best = hottest.entry(frame).or_insert(candidate);
            // Equal weights: the first line, so that equal profiles give equal reports.
            if (weights, std::cmp::Reverse((function, line)))
                > (best.0, std::cmp::Reverse((best.1, best.2)))
            {
                *best = candidate;
            }
        }
        let functions = &self.frames.profile().functions;
        let mut rows: Vec<FunctionRow> = (0..self.frames.len())
            .filter(|&index| self.total[index] != Weight::default())
            .map(|index| {
                let frame = FrameId(index as u32);
                let hottest = hottest.get(&frame).and_then(|&(_, function, line)| {
                    let file = functions.get(function as usize)?.file.clone();
                    Some(SourceLine { file, line })
                });
                FunctionRow {
                    frame,
                    own: self.own[index],
                    total: self.total[index],
                    hottest: hottest.filter(|line| !line.file.is_empty()),
                    caller: callers.get(&frame).copied(),
                }
            })
            .collect();
        rows.sort_by(|a, b| {
            (b.own, b.total).cmp(&(a.own, a.total)).then_with(|| {
                let name = |row: &FunctionRow| &self.frames.get(row.frame).name;
                name(a).cmp(name(b))
            })
        });
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;
    use hotpoll_profile::Profile;

    fn rows(profile: &Profile) -> Vec<(String, u64, u64)> {
        let frames = Frames::new(profile);
        functions(&frames, profile.samples.iter())
            .into_iter()
            .map(|row| {
                let name = frames.get(row.frame).name.clone();
                (name, row.own.count, row.total.count)
            })
            .collect()
    }

    #[track_caller]
    fn check(stacks: &[(&str, &str, u64)], expected: &[(&str, u64, u64)]) {
        let rows = rows(&profile(stacks));
        let rows: Vec<(&str, u64, u64)> = rows
            .iter()
            .map(|(name, own, total)| (name.as_str(), *own, *total))
            .collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn leaf_has_the_self_time() {
        check(
            &[("t", "main;a;b", 3), ("t", "main;a", 2)],
            &[("b", 3, 3), ("a", 2, 5), ("main", 0, 5)],
        );
    }

    #[test]
    fn recursion_counts_once() {
        check(
            &[("t", "main;f;g;f;g;f", 4)],
            &[("f", 4, 4), ("g", 0, 4), ("main", 0, 4)],
        );
    }

    #[test]
    fn inlined_leaf_has_the_self_time() {
        check(
            &[("t", "main;a+b", 4)],
            &[("b", 4, 4), ("a", 0, 4), ("main", 0, 4)],
        );
    }

    #[test]
    fn equal_weights_sort_by_name() {
        check(
            &[("t", "m;b", 1), ("t", "m;a", 1)],
            &[("a", 1, 1), ("b", 1, 1), ("m", 0, 2)],
        );
    }

    #[test]
    fn hottest_line_is_the_one_with_most_self() {
        let mut profile = profile(&[("t", "main;a", 1), ("t", "main;x", 5)]);
        // Let the address `x` be another line of `a`.
        let a = profile
            .functions
            .iter()
            .position(|f| f.name == "a")
            .unwrap();
        profile.functions[a].file = "a.rs".to_owned();
        let x = profile.samples[1].stack[0] as usize;
        profile.locations[x].lines[0].function = a as u32;
        profile.locations[x].lines[0].line = 99;
        let frames = Frames::new(&profile);
        let rows = functions(&frames, profile.samples.iter());
        assert_eq!(
            rows[0].hottest,
            Some(SourceLine {
                file: "a.rs".to_owned(),
                line: 99
            })
        );
    }

    #[test]
    fn a_library_leaf_knows_who_it_works_for() {
        let profile = profile(&[
            ("t", "demo::main;demo::copy;core::ptr::copy;memmove", 3),
            ("t", "demo::main;demo::clone;memmove", 2),
            ("t", "demo::main;demo::copy", 9),
        ]);
        let frames = Frames::new(&profile);
        let rows = functions(&frames, profile.samples.iter());
        let callers: Vec<(&str, Option<&str>)> = rows[..2]
            .iter()
            .map(|row| {
                let name = |id| frames.get(id).name.as_str();
                (name(row.frame), row.caller.map(name))
            })
            .collect();
        assert_eq!(
            callers,
            [("demo::copy", None), ("memmove", Some("demo::copy"))]
        );
    }

    #[test]
    fn no_samples_no_rows() {
        check(&[], &[]);
    }
}
