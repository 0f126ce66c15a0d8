//! Whether both sides are the same program with the same workload, in two builds.

use crate::comparable::{Sides, list, words};
use crate::{Notice, Options, Run};
use std::collections::BTreeSet;

/// The same program in two builds, as far as can be told. Executables may be named `old` and `new`: then their own functions tell.
pub(crate) fn check(
    sides: Sides<'_>,
    options: &Options,
    reasons: &mut Vec<String>,
    notices: &mut Vec<Notice>,
) {
    let names = sides.map(|runs| words(runs, |run| &run.program));
    let [base, new] = &names;
    if base == new || base.is_empty() || new.is_empty() {
        return;
    }
    let [base_roots, new_roots] = sides.map(|runs| {
        let roots = runs.iter().flat_map(|run| &run.keys);
        let roots = roots.filter_map(|key| key.name.strip_suffix("::main"));
        roots.map(str::to_owned).collect::<BTreeSet<String>>()
    });
    // Where nothing has a name there is no `main` to be seen, and names of files are all there is.
    let is_one = !base_roots.is_disjoint(&new_roots) || !base.is_disjoint(new);
    let [base, new] = [list(base), list(new)];
    if is_one || options.other_program {
        notices.push(Notice {
            text: format!("the executables have different names: {base} and {new}"),
        });
    } else {
        reasons.push(format!(
            "These are different programs: {base} in the base, {new} in the new build. --other-program compares them all the same, where only the name changed."
        ));
    }
}

fn all_named(runs: &[Run]) -> bool {
    runs.iter().all(|run| !run.fingerprint.workload.is_empty())
}

/// What makes a verdict doubtful however many runs there are.
pub(crate) fn doubts(sides: Sides<'_>) -> Vec<Notice> {
    let mut doubts = executables(sides);
    let [base, new] = sides.map(|runs| words(runs, |run| &run.fingerprint.workload));
    let (named, unnamed, known) = match (base.is_empty(), new.is_empty()) {
        (true, false) if all_named(sides[1]) => ("new build", "base", list(&new)),
        (false, true) if all_named(sides[0]) => ("base", "new build", list(&base)),
        _ => return doubts,
    };
    doubts.push(Notice {
        text: format!(
            "The runs of the {named} did {known}, those of the {unnamed} do not say what they did: nobody knows whether it was the same (--workload, when recording)."
        ),
    });
    doubts
}

/// The executables are what is compared: the same one on both sides, or several on one, is mostly a mistake of whatever built them.
fn executables(sides: Sides<'_>) -> Vec<Notice> {
    let [base, new] =
        sides.map(|runs| words(runs, |run| run.fingerprint.build("build-id").unwrap_or("")));
    let mut doubts = Vec::new();
    for (side, ids) in [("base", &base), ("new build", &new)] {
        if ids.len() > 1 {
            doubts.push(format!(
                "The runs of the {side} are of {} executables (build IDs {}): what they differ by is taken for noise.",
                ids.len(),
                list(&ids.iter().map(|id| short_id(id)).collect())
            ));
        }
    }
    if let Some(id) = base.intersection(&new).next() {
        doubts.push(format!(
            "Both sides ran the same executable (build ID {}): what differs is how it was started, or noise.",
            short_id(id)
        ));
    }
    doubts.into_iter().map(|text| Notice { text }).collect()
}

/// Enough of it to tell it from another.
fn short_id(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// The runs were given the same to do, as far as whoever recorded said what.
pub(crate) fn workload(sides: Sides<'_>, reasons: &mut Vec<String>, notices: &mut Vec<Notice>) {
    let [base, new] = sides.map(|runs| words(runs, |run| &run.fingerprint.workload));
    let all: BTreeSet<&str> = base.union(&new).copied().collect();
    if all.len() > 1 {
        reasons.push(format!(
            "The runs had different workloads: {} in the base, {} in the new build.",
            list(&base),
            list(&new)
        ));
        return;
    }
    if base.is_empty() != new.is_empty() && sides.iter().any(|runs| all_named(runs)) {
        // `doubts` says so beside the verdict.
        return;
    }
    let all_runs = || sides.into_iter().flatten();
    let unknown = all_runs().filter(|run| run.fingerprint.workload.is_empty());
    let unknown = unknown.count();
    if let (Some(known), true) = (all.first(), unknown > 0) {
        notices.push(Notice {
            text: format!(
                "{unknown} of {} runs do not say what their workload was, the others say {known}: nobody knows whether they did the same (--workload, when recording)",
                all_runs().count()
            ),
        });
    }
}
