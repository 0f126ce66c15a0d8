//! Whether two sides can be compared at all, before any number: any two recordings can be subtracted, and the result always looks like a finding.

use crate::scale::{Scale, choose_work, units};
use crate::table::{Table, partners};
use crate::variance::{paired_variance, pooled_variance};
use crate::{Notice, Options, Run, program};
use hotpoll_profile::WorkSource;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Why two sides cannot be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotComparable {
    /// Sentences, each a reason of its own.
    pub reasons: Vec<String>,
    /// The runs are, and what was asked of them names something that is not in them: sentences without their full stop.
    pub is_usage: bool,
}

impl fmt::Display for NotComparable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reasons.join(" "))
    }
}

impl std::error::Error for NotComparable {}

/// Sampling intervals further apart than this factor see different things.
const MAX_INTERVALS_APART: f64 = 1.5;
/// More lost samples than this part bias what is left.
const MAX_LOST: f64 = 0.01;
/// Lost parts that differ by this factor bias the difference, unless both are small.
const MAX_LOST_APART: f64 = 2.0;
const SMALL_LOST: f64 = 0.0025;
/// Stacks cut short on one side by so much more of the samples hide callers there.
const MAX_TRUNCATED_APART: f64 = 0.05;

/// What our own runs are sampled by. Anything else is what another tool's file measures.
const ENGINES: [&str; 3] = ["ctimer", "perf", "ctimer+perf"];
/// What other tools' files call that. All else (heaps, contention, goroutines) is told in words that would be wrong.
const CPU_KINDS: [&str; 6] = [
    "cpu",
    "samples",
    "cycles",
    "cpu-clock",
    "task-clock",
    "cpu_clock",
];

/// The counter that costs are divided by, if there is one; or why it cannot be compared.
pub(crate) fn check(
    base: &[Run],
    new: &[Run],
    options: &Options,
    notices: &mut Vec<Notice>,
) -> Result<Option<String>, NotComparable> {
    let mut reasons = Vec::new();
    for (side, runs) in [("base", base), ("new build", new)] {
        if runs.is_empty() {
            reasons.push(format!("There is no run of the {side}."));
        }
        for run in runs.iter().filter(|run| run.samples == 0) {
            reasons.push(format!("{} has no sample of CPU time.", run.name));
        }
    }
    if !reasons.is_empty() {
        return Err(NotComparable {
            reasons,
            is_usage: false,
        });
    }
    let sides = [base, new];
    program::check(sides, options, &mut reasons, notices);
    program::workload(sides, &mut reasons, notices);
    clock(sides, &mut reasons, notices);
    names(sides, &mut reasons, notices);
    losses(sides, &mut reasons, notices);
    fingerprints(sides, notices);
    packages(sides, notices);
    order(sides, notices);
    if options.pair && partners(base, new).is_none() {
        reasons.push(
            "The runs are no pairs: each run of the base has to be made beside one of the new build, before the next two (hotpoll bench does that)."
                .into(),
        );
    }
    let all: Vec<&Run> = base.iter().chain(new).collect();
    let work = choose_work(&all, options);
    if let Some(work) = &work {
        counted(&all, work, &mut reasons);
        counted_twice(&all, work, notices);
        if options.work.is_none() {
            counted_in_some(sides, work, notices);
        }
    } else {
        if let Some(budget) = options.budgets.first() {
            reasons.push(format!(
                "Nobody counted work, so the budget of {} is held against nothing: count it in the program (hotpoll::work), or record with --work NAME=N.",
                budget.function
            ));
        }
        let why = match not_in_all(sides) {
            some if some.is_empty() => "nobody counted work".to_owned(),
            some => format!("no work was counted in all runs ({})", some.join("; ")),
        };
        notices.push(Notice {
            text: format!("{why} (hotpoll::work, or --work NAME=N): functions are compared with each other, and nothing can be said of the total"),
        });
    }
    if reasons.is_empty() {
        Ok(work)
    } else {
        Err(NotComparable {
            reasons,
            is_usage: false,
        })
    }
}

pub(crate) type Sides<'a> = [&'a [Run]; 2];

pub(crate) fn words<'a>(runs: &'a [Run], word: impl Fn(&'a Run) -> &'a str) -> BTreeSet<&'a str> {
    let words = runs.iter().map(word);
    words.filter(|word| !word.is_empty()).collect()
}

pub(crate) fn list(words: &BTreeSet<&str>) -> String {
    let words: Vec<&str> = words.iter().copied().collect();
    words.join(", ")
}

fn clock(sides: Sides<'_>, reasons: &mut Vec<String>, notices: &mut Vec<Notice>) {
    let other = || {
        sides
            .into_iter()
            .flatten()
            .filter(|run| !is_cpu(&run.clock))
    };
    if let Some(run) = other().next() {
        let others = match other().count() - 1 {
            0 => String::new(),
            1 => ", and one more is no better".to_owned(),
            n => format!(", and {n} more are no better"),
        };
        reasons.push(format!(
            "{} measures {}, and what is compared is CPU time{others}.",
            run.name, run.clock
        ));
    }
    let [base, new] = sides.map(|runs| words(runs, |run| &run.clock));
    if base.iter().chain(&new).any(|clock| !is_cpu(clock)) {
        return;
    }
    let foreign = |clock: &&str| !ENGINES.contains(clock);
    let all = || sides.into_iter().flatten();
    if base.union(&new).any(foreign) && base.union(&new).count() > 1 {
        let all = all().map(|run| format!("{} ({})", run.clock, run.name));
        reasons.push(format!(
            "The runs measure different things: {}.",
            all.collect::<Vec<String>>().join(", ")
        ));
        return;
    }
    if let Some(count) = base.iter().find(|clock| is_count(clock)) {
        notices.push(Notice {
            text: format!("the files measure {count}: costs are told as if each were a nanosecond"),
        });
    }
    if !base.is_empty() && !new.is_empty() && base.is_disjoint(&new) {
        reasons.push(format!(
            "The sides were sampled by different clocks: {} in the base, {} in the new build. Record both with the same HOTPOLL_ENGINE (ctimer or perf).",
            list(&base),
            list(&new)
        ));
    } else if base != new {
        notices.push(Notice {
            text: format!(
                "not all runs were sampled by the same clock: {} in the base, {} in the new build",
                list(&base),
                list(&new)
            ),
        });
    }
    let [base, new] = sides.map(|runs| {
        let kernel = runs.iter().filter_map(|run| run.kernel_sampled);
        kernel.collect::<BTreeSet<bool>>()
    });
    if !base.is_empty() && !new.is_empty() && base.is_disjoint(&new) {
        reasons.push(
            "Time in the kernel has samples on one side only. Record both with the same HOTPOLL_ENGINE (ctimer or perf)."
                .into(),
        );
    }
    let [base, new] = sides.map(|runs| {
        let mut intervals: Vec<f64> = runs.iter().map(|run| run.interval_ns as f64).collect();
        crate::scale::median(&mut intervals)
    });
    let apart = (base / new).max(new / base);
    if base > 0.0 && new > 0.0 && apart > MAX_INTERVALS_APART {
        reasons.push(format!(
            "The sides were sampled at different rates: {:.0} Hz in the base, {:.0} Hz in the new build.",
            1e9 / base,
            1e9 / new
        ));
    }
}

/// Sampled by one of our engines, or by another tool what stands for time on a processor.
fn is_cpu(clock: &str) -> bool {
    let kind = clock.split(" in ").next().unwrap_or(clock);
    kind.is_empty() || ENGINES.contains(&kind) || CPU_KINDS.iter().any(|cpu| kind.starts_with(cpu))
}

/// A figure that goes with time on a processor and is no time.
fn is_count(clock: &str) -> bool {
    clock.contains(" in ")
}

fn names(sides: Sides<'_>, reasons: &mut Vec<String>, notices: &mut Vec<Notice>) {
    let with =
        |word: fn(&Run) -> bool| sides.map(|runs| runs.iter().filter(|run| word(run)).count());
    let one_sided = |[base, new]: [usize; 2]| {
        (base == 0 && new == sides[1].len()) || (new == 0 && base == sides[0].len())
    };
    let (named, inlines) = (with(|run| run.named), with(|run| run.inlines));
    if one_sided(named) {
        reasons.push("Functions have names on one side only.".into());
    } else if one_sided(inlines) && named != [0, 0] {
        reasons.push(
            "Only one side has debug information that tells inlined functions: build both with debug = \"line-tables-only\".".into(),
        );
    }
    if named == [0, 0] {
        notices.push(Notice {
            text: "functions have no names in these files: only runs of the same executable match"
                .into(),
        });
    }
}

fn losses(sides: Sides<'_>, reasons: &mut Vec<String>, notices: &mut Vec<Notice>) {
    let part = |runs: &[Run], count: fn(&Run) -> u64| {
        let counted: f64 = runs.iter().map(|run| count(run) as f64).sum();
        let samples: f64 = runs.iter().map(|run| run.samples as f64).sum();
        counted / (samples + counted)
    };
    let [base, new] = sides.map(|runs| part(runs, |run| run.lost));
    let most = base.max(new);
    let apart = most > SMALL_LOST && most > MAX_LOST_APART * base.min(new);
    if most > MAX_LOST || apart {
        reasons.push(format!(
            "Too many samples were lost, or unequally many: {:.2} % in the base, {:.2} % in the new build.",
            100.0 * base,
            100.0 * new
        ));
    }
    let [base, new] = sides.map(|runs| part(runs, |run| run.truncated.min(run.samples)));
    if (base - new).abs() > MAX_TRUNCATED_APART {
        notices.push(Notice {
            text: format!(
                "stacks are cut short in {:.0} % of the base's samples and {:.0} % of the new build's: costs of callers are too low there",
                100.0 * base,
                100.0 * new
            ),
        });
    }
}

fn fingerprints(sides: Sides<'_>, notices: &mut Vec<Notice>) {
    let facts = |runs: &[Run]| -> BTreeSet<(&'static str, String)> {
        let facts = runs.iter().flat_map(|run| {
            let machine = run.fingerprint.machine.iter().map(|fact| ("machine", fact));
            machine.chain(run.fingerprint.build.iter().map(|fact| ("build", fact)))
        });
        // Each build has its own ID: that is the point.
        let facts = facts.filter(|(_, fact)| fact.key != "build-id");
        facts.map(|(what, fact)| (what, fact.key.clone())).collect()
    };
    let values = |runs: &[Run], what: &str, key: &str| -> BTreeSet<String> {
        let values = runs.iter().map(|run| match what {
            "machine" => run.fingerprint.machine(key),
            _ => run.fingerprint.build(key),
        });
        values.flatten().map(str::to_owned).collect()
    };
    let [mut keys, new_keys] = sides.map(facts);
    keys.extend(new_keys);
    for (what, key) in keys {
        let [base, new] = sides.map(|runs| values(runs, what, &key));
        if base != new && !base.is_empty() && !new.is_empty() {
            let list = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(", ");
            notices.push(Notice {
                text: format!(
                    "the {what} differs in {key}: {} in the base, {} in the new build",
                    list(base),
                    list(new)
                ),
            });
        }
    }
}

/// So many packages are named.
const NAMED_PACKAGES: usize = 5;

/// Packages that both builds have in different versions: who changed nothing but a lock file looks there.
fn packages(sides: Sides<'_>, notices: &mut Vec<Notice>) {
    let versions = sides.map(|runs| {
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (package, version) in runs.iter().flat_map(|run| &run.packages) {
            versions.entry(package).or_default().insert(version);
        }
        versions
    });
    let [base, new] = &versions;
    let differ = base.iter().filter_map(|(package, base)| {
        let new = new.get(package).filter(|new| *new != base)?;
        Some(format!(
            "{package} ({} in the base, {})",
            list(base),
            list(new)
        ))
    });
    let differ: Vec<String> = differ.collect();
    if differ.is_empty() {
        return;
    }
    let others = match differ.len().saturating_sub(NAMED_PACKAGES) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let named = differ[..differ.len().min(NAMED_PACKAGES)].join(", ");
    notices.push(Notice {
        text: format!("the builds have packages in different versions: {named}{others}"),
    });
}

/// Sides that were recorded one after the other differ by whatever happened to the machine in between, and no test can tell.
fn order(sides: Sides<'_>, notices: &mut Vec<Notice>) {
    let starts = |runs: &[Run]| -> Option<(u64, u64)> {
        let starts = runs
            .iter()
            .map(|run| run.start_unix_ns)
            .filter(|&start| start > 0);
        Some((starts.clone().min()?, starts.max()?))
    };
    let [Some(base), Some(new)] = sides.map(starts) else {
        return;
    };
    if sides.iter().all(|runs| runs.len() > 1) && (base.1 < new.0 || new.1 < base.0) {
        notices.push(Notice {
            text: "one side was recorded before the other: what happened to the machine in between is in the difference (hotpoll bench takes turns)".into(),
        });
    }
}

/// Neighbours that are alike where runs far apart are not: so much smaller their variance, in so many pairs, is seldom chance.
const DRIFT: f64 = 0.15;
const DRIFT_SEEN_IN: usize = 4;

/// Runs that drift together, and are not compared in pairs.
pub(crate) fn drift(
    base: &[Run],
    new: &[Run],
    table: &Table<'_>,
    scale: &Scale,
    notices: &mut Vec<Notice>,
) {
    let Some(partners) = partners(base, new).filter(|_| table.partners.is_none()) else {
        return;
    };
    let logs: Vec<f64> = scale.total.iter().map(|cost| cost.ln()).collect();
    let (of_base, of_new) = logs.split_at(base.len());
    let pairs = of_base.iter().zip(partners);
    let differences: Vec<f64> = pairs.map(|(base, at)| of_new[at] - base).collect();
    if differences.len() >= DRIFT_SEEN_IN
        && paired_variance(&differences).value < DRIFT * pooled_variance([of_base, of_new]).value
    {
        notices.push(Notice {
            text: "the machine changed while these were recorded, and runs that were made one after the other agree: --pair compares those, and sees more".into(),
        });
    }
}

fn counted(runs: &[&Run], work: &str, reasons: &mut Vec<String>) {
    let without = runs
        .iter()
        .filter(|run| units(run, work).is_none_or(|units| units == 0));
    let without: Vec<&str> = without.map(|run| &*run.name).collect();
    if without.is_empty() {
        return;
    }
    if without.len() < runs.len() {
        reasons.push(format!(
            "No {work} were counted in {}: there is nothing to divide its cost by.",
            without.join(", ")
        ));
        return;
    }
    let counters = runs.iter().flat_map(|run| &run.work);
    let counters = counters.filter(|counter| counter.units > 0);
    let counters: BTreeSet<&str> = counters.map(|counter| &*counter.name).collect();
    let there = match counters.is_empty() {
        true => "nothing was".to_owned(),
        false => format!("what was counted is {}", list(&counters)),
    };
    reasons.push(format!("No {work} were counted in any run; {there}."));
}

/// What the program or whoever recorded counted in some of the runs, and how many of each side these are.
fn not_in_all(sides: Sides<'_>) -> Vec<String> {
    let all = || sides.into_iter().flatten();
    let counters = all().flat_map(|run| &run.work);
    let counters = counters.filter(|work| work.units > 0 && work.source != WorkSource::Tasks);
    let names: BTreeSet<&str> = counters.map(|work| &*work.name).collect();
    let told = names.into_iter().filter_map(|name| {
        let with = sides.map(|runs| {
            let with = runs.iter().filter(|run| units(run, name).unwrap_or(0) > 0);
            with.count()
        });
        let [base, new] = sides.map(<[Run]>::len);
        (with != [base, new]).then(|| {
            format!(
                "{name} in {} of {base} runs of the base and {} of {new} of the new build",
                with[0], with[1]
            )
        })
    });
    told.collect()
}

/// A counter that some runs have is passed over for one that all have: whoever counted it would wonder.
fn counted_in_some(sides: Sides<'_>, work: &str, notices: &mut Vec<Notice>) {
    let some = not_in_all(sides);
    if !some.is_empty() {
        notices.push(Notice {
            text: format!(
                "costs are told by the number of {work}, which all runs counted; of others there were {}",
                some.join("; ")
            ),
        });
    }
}

/// What whoever recorded said goes before what the program counted, and is told where the two do not agree.
fn counted_twice(runs: &[&Run], work: &str, notices: &mut Vec<Notice>) {
    let differs = |run: &&&Run| {
        let mut all = run.work.iter().filter(|counter| counter.name == work);
        let others = all.next().map(|first| (first, all));
        others.is_some_and(|(first, mut others)| others.any(|other| other.units != first.units))
    };
    if let Some(run) = runs.iter().find(differs) {
        let given = units(run, work).unwrap_or_default();
        let all = run.work.iter().filter(|counter| counter.name == work);
        let counted = all
            .map(|counter| counter.units)
            .find(|&units| units != given);
        notices.push(Notice {
            text: format!(
                "--work said {given} {work} of {}, and the program counted {}: costs are told by what was said",
                run.name,
                counted.unwrap_or_default()
            ),
        });
    }
}
