//! Runs of one build compared with each other: how often that alarms, and how much runs differ on this machine.

use crate::functions::Functions;
use crate::scale::{Scale, choose_work};
use crate::special::binomial;
use crate::table::Table;
use crate::variance::pooled_variance;
use crate::{
    Comparison, Effect, Family, NoiseModel, NotComparable, Options, Outcome, Run, Verdict, compare,
};
use std::collections::BTreeSet;

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SameBuild {
    /// Runs on each side of a comparison.
    pub side: usize,
    /// Comparisons of runs that no other of them has, of runs that were made one after another: as two builds would be compared. They do not depend on
    /// each other, so a rate with an interval can be told.
    pub independent: Alarms,
    /// Comparisons of the same runs, dealt to the sides anew each time. More of them, and they depend on each other.
    pub dealt: Alarms,
    /// How much runs differ.
    pub noise: NoiseModel,
    /// The smallest change of the total that the independent comparisons would have found four times out of five: the middle one of theirs.
    pub detectable: f64,
    /// The same of functions with [`LARGE`] of the cost and more; NaN where there is none.
    pub detectable_function: f64,
}

/// A function with this part of the cost is worth a gate of its own.
pub const LARGE: f64 = 0.05;

/// How often comparisons alarmed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Alarms {
    /// Comparisons.
    pub comparisons: usize,
    /// Those that would have failed.
    pub failed: usize,
    /// Those that spoke of an improvement, which is no less wrong.
    pub improved: usize,
    /// Those that could not have seen a change of the margin: they pass, and prove little.
    pub inconclusive: usize,
}

impl Alarms {
    /// The 95 % bounds of the rate of failures, exact; each is missed with 5 % probability.
    pub fn interval(&self) -> (f64, f64) {
        binomial::interval(self.failed as f64, self.comparisons as f64, 0.05)
    }
}

/// Compares runs of one build with each other, `side` on each side: first those that can be without a run in two comparisons, in the order that they were
/// made in, then dealt anew `deals` times. The same runs always give the same.
///
/// # Errors
/// Runs that differ in workload, clock and so on are no runs of one build; and there have to be as many as both sides take.
pub fn same_build(
    runs: &[Run],
    side: usize,
    deals: usize,
    options: &Options,
) -> Result<SameBuild, NotComparable> {
    if side < 2 || runs.len() < 2 * side {
        return Err(NotComparable {
            reasons: vec![format!(
                "There {}: two sides take at least two runs each, {} in all.",
                match runs.len() {
                    1 => "is 1 run".to_owned(),
                    runs => format!("are {runs} runs"),
                },
                2 * side.max(2)
            )],
            is_usage: false,
        });
    }
    one_build(runs)?;
    // What the machine was said to do before is what is in question.
    let options = Options {
        noise: None,
        ..options.clone()
    };
    let mut found = SameBuild {
        side,
        noise: noise(runs, &options)?,
        ..SameBuild::default()
    };
    let mut deck: Vec<&Run> = runs.iter().collect();
    deck.sort_by_key(|run| run.start_unix_ns);
    let mut numbers = 0x9E37_79B9_7F4A_7C15_u64;
    let mut power = Power::default();
    for both in deck.chunks_exact(2 * side) {
        let comparison = found
            .independent
            .add(&in_turns(both, &mut numbers), side, &options)?;
        power.add(&comparison);
    }
    for _ in 0..deals {
        shuffle(&mut deck, &mut numbers);
        found.dealt.add(&deck[..2 * side], side, &options)?;
    }
    found.noise.pairs = found.independent.comparisons as u32;
    found.detectable = crate::scale::median(&mut power.total);
    found.detectable_function = crate::scale::median(&mut power.functions);
    Ok(found)
}

/// What comparisons could have found.
#[derive(Default)]
struct Power {
    total: Vec<f64>,
    functions: Vec<f64>,
}

impl Power {
    fn add(&mut self, comparison: &Comparison) {
        let finite = |effect: &Effect| Some(effect.detectable).filter(|part| part.is_finite());
        self.total.extend(finite(&comparison.total));
        let functions = comparison.rows.iter();
        let functions = functions.filter(|row| row.family == Family::Cpu && row.share >= LARGE);
        self.functions
            .extend(functions.filter_map(|row| finite(&row.total)));
    }
}

/// Runs in the order that they were made in, dealt as interleaved ones are: of two that follow each other each side has one.
fn in_turns<'a>(runs: &[&'a Run], numbers: &mut u64) -> Vec<&'a Run> {
    let (mut base, mut new) = (Vec::new(), Vec::new());
    for round in runs.chunks_exact(2) {
        let first = (next(numbers) >> 63) as usize;
        base.push(round[first]);
        new.push(round[1 - first]);
    }
    base.extend(new);
    base
}

/// Refuses runs of which it is known that they are of several programs or builds: their difference would be taken for noise, and then hide regressions.
fn one_build(runs: &[Run]) -> Result<(), NotComparable> {
    let mut reasons = Vec::new();
    let mut check = |what: &str, of: fn(&Run) -> Option<&str>| {
        let all: BTreeSet<&str> = runs.iter().filter_map(of).collect();
        if all.len() > 1 {
            let all: Vec<&str> = all.into_iter().collect();
            reasons.push(format!(
                "These are runs of {} {what}: {}.",
                all.len(),
                all.join(", ")
            ));
        }
    };
    check("programs", |run| {
        Some(&*run.program).filter(|name| !name.is_empty())
    });
    check("builds, by their build IDs", |run| {
        run.fingerprint.build("build-id")
    });
    check("workloads", |run| {
        Some(&*run.fingerprint.workload).filter(|name| !name.is_empty())
    });
    match reasons.is_empty() {
        true => Ok(()),
        false => Err(NotComparable {
            reasons,
            is_usage: false,
        }),
    }
}

impl Alarms {
    /// Compares the first runs with the others.
    fn add(
        &mut self,
        both: &[&Run],
        side: usize,
        options: &Options,
    ) -> Result<Comparison, NotComparable> {
        let both: Vec<Run> = both.iter().map(|&run| run.clone()).collect();
        let (base, new) = both.split_at(side);
        let comparison = compare(base, new, options)?;
        self.comparisons += 1;
        self.failed += usize::from(comparison.outcome == Outcome::Regression);
        self.improved += usize::from(comparison.verdict == Verdict::Improved);
        self.inconclusive += usize::from(comparison.verdict == Verdict::Inconclusive);
        Ok(comparison)
    }
}

fn next(numbers: &mut u64) -> u64 {
    *numbers ^= *numbers << 13;
    *numbers ^= *numbers >> 7;
    *numbers ^= *numbers << 17;
    *numbers
}

fn shuffle(deck: &mut [&Run], numbers: &mut u64) {
    for at in (1..deck.len()).rev() {
        deck.swap(at, (next(numbers) >> 11) as usize % (at + 1));
    }
}

/// How much runs of one build differ: every second one is a side, so that what drifts is in it.
fn noise(runs: &[Run], options: &Options) -> Result<NoiseModel, NotComparable> {
    let every_second = |from: usize| runs.iter().skip(from).step_by(2).cloned();
    let (base, new): (Vec<Run>, Vec<Run>) = (every_second(0).collect(), every_second(1).collect());
    crate::comparable::check(&base, &new, options, &mut Vec::new())?;
    let table = Table::new(&base, &new, options);
    let work = choose_work(&table.runs, options);
    let scale = Scale::new(&table, work.as_deref(), &mut Vec::new());
    let prior = Functions::test(&table, &scale, options).prior;
    let logs: Vec<f64> = scale.total.iter().map(|cost| cost.ln()).collect();
    let (base, new) = logs.split_at(table.base_runs);
    let total = pooled_variance([base, new]);
    Ok(NoiseModel {
        machine: runs.first().map(Run::machine).unwrap_or_default(),
        program: runs
            .first()
            .map(|run| run.program.clone())
            .unwrap_or_default(),
        workload: (runs.first())
            .map(|run| run.fingerprint.workload.clone())
            .unwrap_or_default(),
        pairs: 0,
        variance: prior.variance,
        degrees: total.degrees,
        total_variance: total.value,
    })
}

impl Run {
    /// The class of machine that the run was made on: what noise is told for. Empty where nothing is known.
    pub fn machine(&self) -> String {
        let keys = ["cpu", "cpus", "quota", "hypervisor"];
        let facts = keys.iter().filter_map(|key| self.fingerprint.machine(key));
        facts.collect::<Vec<_>>().join(", ")
    }
}
