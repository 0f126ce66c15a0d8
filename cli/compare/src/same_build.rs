//! Runs of one build compared with each other: how often that alarms, and how much runs differ on this machine.

use crate::functions::Functions;
use crate::scale::{Scale, choose_work};
use crate::special::binomial;
use crate::table::Table;
use crate::variance::pooled_variance;
use crate::{NoiseModel, NotComparable, Options, Outcome, Run, Verdict, compare};

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SameBuild {
    /// Runs on each side of a comparison.
    pub side: usize,
    /// Comparisons of runs that no other of them has: they do not depend on each other, so a rate with an interval can be told.
    pub independent: Alarms,
    /// Comparisons of the same runs, dealt to the sides anew each time. More of them, and they depend on each other.
    pub dealt: Alarms,
    /// How much runs differ.
    pub noise: NoiseModel,
    /// The smallest change of the total that such comparisons find four times out of five, the middle one of those dealt.
    pub detectable: f64,
}

/// How often comparisons alarmed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Alarms {
    /// Comparisons.
    pub comparisons: usize,
    /// Those that would have failed.
    pub failed: usize,
    /// Those that spoke of an improvement, which is no less wrong.
    pub improved: usize,
}

impl Alarms {
    /// The 95 % bounds of the rate of failures, exact; each is missed with 5 % probability.
    pub fn interval(&self) -> (f64, f64) {
        binomial::interval(self.failed as f64, self.comparisons as f64, 0.05)
    }
}

/// Compares runs of one build with each other, `side` on each side: first those that can be without a run in two comparisons, then dealt anew up to
/// `deals` times. The same runs always give the same.
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
                "There are {} runs: two sides take at least two runs each, and these {}.",
                runs.len(),
                2 * side.max(2)
            )],
        });
    }
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
    let mut numbers = 0x9E37_79B9_7F4A_7C15_u64;
    shuffle(&mut deck, &mut numbers);
    for both in deck.chunks_exact(2 * side) {
        found.independent.add(both, side, &options)?;
    }
    let mut detectable = Vec::with_capacity(deals);
    for _ in 0..deals {
        shuffle(&mut deck, &mut numbers);
        detectable.push(found.dealt.add(&deck[..2 * side], side, &options)?);
    }
    found.noise.pairs = found.independent.comparisons as u32;
    found.detectable = crate::scale::median(&mut detectable);
    Ok(found)
}

impl Alarms {
    /// Compares the first runs with the others; returns what could have been found.
    fn add(&mut self, both: &[&Run], side: usize, options: &Options) -> Result<f64, NotComparable> {
        let both: Vec<Run> = both.iter().map(|&run| run.clone()).collect();
        let (base, new) = both.split_at(side);
        let comparison = compare(base, new, options)?;
        self.comparisons += 1;
        self.failed += usize::from(comparison.outcome == Outcome::Regression);
        self.improved += usize::from(comparison.verdict == Verdict::Improved);
        Ok(comparison.total.detectable)
    }
}

fn shuffle(deck: &mut [&Run], numbers: &mut u64) {
    for at in (1..deck.len()).rev() {
        *numbers ^= *numbers << 13;
        *numbers ^= *numbers >> 7;
        *numbers ^= *numbers << 17;
        deck.swap(at, (*numbers >> 11) as usize % (at + 1));
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
