//! Functions that the optimiser leaves no trace of in one of the builds: their frames are left out of stacks, and what they cost themselves is their caller's.
//!
//! A method that is one load, `NodeRef::len`, is told of where it was inlined as it stands, and of nothing where its load became a part of another; a function
//! that ends in a call of another has no frame below that where it jumps there, and has one where it was inlined. Such a function is gone in one of two builds of
//! the same sources, and nobody wrote anything of it. It is known by this:
//!
//! - its own sources are the same on both sides: the standard library's of one compiler, or a package's of one version;
//! - one side never met it, and the other inlined wherever it was met;
//! - what calls it and what it calls is on both sides. A call that somebody wrote or took out brings more of what is new or gone, or stands at the leaf; there
//! - what it costs itself is little. What is more than that is a row of its own, as new or gone.

use crate::Run;
use crate::table::Table;
use std::collections::BTreeSet;

/// The largest part of a side's samples that have such a function at their leaf.
const LITTLE: f64 = 0.02;
/// Neighbours that were met once or twice are on one side by chance: in so large a part of its samples they have to be on both.
const NEARLY_ALL: f64 = 0.9;
/// Where the standard library's sources lie.
const STANDARD: &str = "library/";

/// Of each function, whether it is one of those. None is left out of the table yet.
pub(crate) fn find(table: &Table<'_>) -> Vec<bool> {
    let met = met(table);
    let mut found = candidates(table, &met);
    let mut seen = vec![Seen::default(); found.len()];
    let mut samples = [0u64; 2];
    for (at, run) in table.runs.iter().enumerate() {
        let of_key = &table.function_of[at];
        for stack in &run.stacks {
            let of_side = &mut samples[table.side(at)];
            *of_side = of_side.saturating_add(stack.samples);
            let function = |frame: usize| {
                let key = *stack.frames.get(frame)? as usize;
                of_key.get(key).map(|&function| function as usize)
            };
            let is_on_both =
                |frame: usize| function(frame).is_some_and(|function| met[function] == [true; 2]);
            for frame in 0..stack.frames.len() {
                let Some(function) = function(frame).filter(|&function| found[function]) else {
                    continue;
                };
                let seen = &mut seen[function];
                seen.all = seen.all.saturating_add(stack.samples);
                if frame == 0 {
                    seen.own = seen.own.saturating_add(stack.samples);
                }
                if is_on_both(frame + 1) && (frame == 0 || is_on_both(frame - 1)) {
                    seen.between = seen.between.saturating_add(stack.samples);
                }
            }
        }
    }
    for (function, found) in found.iter_mut().enumerate().filter(|(_, found)| **found) {
        let seen = &seen[function];
        let side = usize::from(met[function][1]);
        *found = seen.between as f64 >= NEARLY_ALL * seen.all as f64
            && seen.own as f64 <= LITTLE * samples[side] as f64;
    }
    found
}

/// The samples of a function.
#[derive(Debug, Clone, Default)]
struct Seen {
    all: u64,
    own: u64,
    /// Those where its neighbours are on both sides.
    between: u64,
}

/// On which sides samples met each function.
fn met(table: &Table<'_>) -> Vec<[bool; 2]> {
    let mut met = vec![[false; 2]; table.functions.len()];
    for (at, run) in table.runs.iter().enumerate() {
        let stacks = run.stacks.iter().filter(|stack| stack.samples > 0);
        let frames = stacks.flat_map(|stack| &stack.frames);
        for function in frames.filter_map(|&frame| table.function_of[at].get(frame as usize)) {
            met[*function as usize][table.side(at)] = true;
        }
    }
    met
}

/// Functions of one side, inlined wherever they were met, whose sources are the same on both.
fn candidates(table: &Table<'_>, met: &[[bool; 2]]) -> Vec<bool> {
    let sources = Sources::of(table);
    let mut found: Vec<bool> = (table.functions.iter().zip(met))
        .map(|(function, met)| met[0] != met[1] && sources.are_same(function.file))
        .collect();
    for (at, run) in table.runs.iter().enumerate() {
        for (key, function) in table.function_of[at].iter().enumerate() {
            if !run.inlined.contains(&(key as u32)) {
                found[*function as usize] = false;
            }
        }
    }
    found
}

/// Which sources nobody changed.
struct Sources<'a> {
    standard: bool,
    packages: BTreeSet<&'a str>,
}

impl<'a> Sources<'a> {
    fn of(table: &Table<'a>) -> Self {
        let (base, new) = table.runs.split_at(table.base_runs);
        let compilers = [base, new].map(|runs| {
            let compilers = runs.iter().map(|run| run.fingerprint.build("rustc"));
            compilers.collect::<BTreeSet<Option<&str>>>()
        });
        let is_one = compilers[0].len() == 1 && !compilers[0].contains(&None);
        let [base, new] = [base, new].map(versions);
        Self {
            standard: is_one && compilers[0] == compilers[1],
            packages: (base.iter())
                .filter(|(package, _)| {
                    let of = |side: &BTreeSet<(&'a str, &'a str)>| -> Vec<&'a str> {
                        let versions = side.iter().filter(|(name, _)| name == package);
                        versions.map(|(_, version)| *version).collect()
                    };
                    of(&base).len() == 1 && of(&base) == of(&new)
                })
                .map(|(package, _)| *package)
                .collect(),
        }
    }

    /// Whether the function in this file is the same on both sides.
    fn are_same(&self, file: &str) -> bool {
        if file.starts_with(STANDARD) {
            return self.standard;
        }
        let package = file.split('/').next().unwrap_or_default();
        self.packages.contains(package)
    }
}

fn versions<'a>(runs: &[&'a Run]) -> BTreeSet<(&'a str, &'a str)> {
    let packages = runs.iter().flat_map(|run| &run.packages);
    packages
        .map(|(package, version)| (&**package, &**version))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key, Options, Stack};
    use hotpoll_profile::Fact;

    const MAIN: &str = "src/main.rs|shop::main";
    const SEARCH: &str = "library/alloc/btree/search.rs|search_tree";
    const SORT: &str = "library/core/sort.rs|quicksort";

    /// A build: its compiler, the version of serde, and its stacks, leaf first, with their samples. Functions are `file|name`, behind `>` where they were inlined.
    struct Build<'a> {
        rustc: &'a str,
        serde: &'a str,
        stacks: &'a [(&'a [&'a str], u64)],
    }

    fn build<'a>(stacks: &'a [(&'a [&'a str], u64)]) -> Build<'a> {
        Build {
            rustc: "1.95.0",
            serde: "1.0.1",
            stacks,
        }
    }

    fn run(build: &Build<'_>) -> Run {
        let mut run = Run::default();
        run.fingerprint.build.push(Fact::new("rustc", build.rustc));
        run.packages.insert(("serde".into(), build.serde.into()));
        for (frames, samples) in build.stacks {
            let frames = frames.iter().map(|frame| {
                let inlined = frame.strip_prefix('>');
                let (file, name) = inlined.unwrap_or(frame).split_once('|').unwrap();
                let known = run.keys.iter().position(|key| key.name == name);
                let at = known.unwrap_or(run.keys.len()) as u32;
                if known.is_none() {
                    run.keys.push(Key {
                        name: name.into(),
                        file: file.into(),
                        line: 0,
                    });
                    if inlined.is_some() {
                        run.inlined.insert(at);
                    }
                }
                at
            });
            let frames = frames.collect();
            run.stacks.push(Stack {
                frames,
                samples: *samples,
                cpu_ns: *samples,
                ..Stack::default()
            });
        }
        run
    }

    /// The functions that are left out, by their names.
    #[track_caller]
    fn check(base: &Build<'_>, new: &Build<'_>, expected: &[&str]) {
        // The other way round it is the same.
        for [base, new] in [[base, new], [new, base]] {
            let (base, new) = ([run(base)], [run(new)]);
            let options = Options::default();
            let table = Table::new(&base, &new, &options);
            let functions = table.functions.iter();
            let out = functions.filter(|function| function.samples == [0; 2]);
            let out: Vec<&str> = out.map(|function| function.name).collect();
            assert_eq!(out, expected);
        }
    }

    const LEN: &str = ">library/alloc/btree/node.rs|len";
    const USUAL: (&[&str], u64) = (&[SEARCH, MAIN], 990);

    #[test]
    fn a_load_that_became_a_part_of_another() {
        let with = [USUAL, (&[LEN, SEARCH, MAIN], 10)];
        check(&build(&with), &build(&[USUAL]), &["len"]);
        let base = [run(&build(&with))];
        let new = [run(&build(&[USUAL]))];
        let options = Options::default();
        let table = Table::new(&base, &new, &options);
        let search = table
            .functions
            .iter()
            .position(|function| function.name == "search_tree");
        // Its caller has its cost.
        assert_eq!(table.own_shares(search.unwrap()), [1.0; 2]);
    }

    #[test]
    fn a_function_that_ends_in_a_jump() {
        let stable = ">library/core/drift.rs|stable_quicksort";
        let sort = "library/core/drift.rs|sort";
        let without: [(&[&str], u64); 1] = [(&[SORT, sort, MAIN], 1_000)];
        let with: [(&[&str], u64); 1] = [(&[SORT, stable, sort, MAIN], 1_000)];
        check(&build(&with), &build(&without), &["stable_quicksort"]);
    }

    #[test]
    fn what_somebody_may_have_changed_stays() {
        let sources = |frame: &str, expected: &[&str], rustc: &str, serde: &str| {
            let frames = [frame, SEARCH, MAIN];
            let with = [USUAL, (&frames[..], 10)];
            let without = Build {
                rustc,
                serde,
                stacks: &[USUAL],
            };
            check(&build(&with), &without, expected);
        };
        sources(LEN, &["len"], "1.95.0", "1.0.2");
        sources(LEN, &[], "1.96.0", "1.0.1");
        let de = ">serde/src/de.rs|visit_str";
        sources(de, &["visit_str"], "1.96.0", "1.0.1");
        sources(de, &[], "1.95.0", "1.0.2");
        sources(">src/main.rs|shop::helper", &[], "1.95.0", "1.0.1");
        // Of no package that is known.
        sources(">shop/src/lib.rs|shop::helper", &[], "1.95.0", "1.0.1");
    }

    #[test]
    fn what_was_called_anew_stays() {
        let usual = USUAL;
        // It has code of its own.
        let len = &LEN[1..];
        check(
            &build(&[usual, (&[len, SEARCH, MAIN], 10)]),
            &build(&[usual]),
            &[],
        );
        // It is much.
        check(
            &build(&[usual, (&[LEN, SEARCH, MAIN], 100)]),
            &build(&[usual]),
            &[],
        );
        // Its caller is new as well.
        let get = ">library/alloc/btree/map.rs|get";
        check(
            &build(&[usual, (&[LEN, get, MAIN], 10)]),
            &build(&[usual]),
            &[],
        );
        // What it calls is.
        check(
            &build(&[usual, (&[SORT, get, MAIN], 10)]),
            &build(&[usual]),
            &[],
        );
    }
}
