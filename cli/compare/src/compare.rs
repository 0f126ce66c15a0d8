//! The comparison, from the first question to the outcome.

use crate::comparable::{self, NotComparable};
use crate::effect::Difference;
use crate::functions::{Functions, Tested};
use crate::overlaps::Overlaps;
use crate::same_names::same_names;
use crate::scale::Scale;
use crate::table::Table;
use crate::variance::mean;
use crate::{
    Comparison, Effect, NoiseModel, Notice, Options, Presence, Run, Side, Unit, Verdict, budget,
    cause, counted, discovery, flame, gate, noise, program, rename, shift, total, unseen,
};

/// The part of the chance of a false alarm that the families share; the total has the rest.
pub(crate) const FAMILIES_PART: f64 = 1.0 - total::PART;

/// Compares two builds by their runs.
///
/// # Errors
/// Runs of different workloads, clocks and so on are not compared: any two recordings can be subtracted, and the result always looks like a finding.
pub fn compare(base: &[Run], new: &[Run], options: &Options) -> Result<Comparison, NotComparable> {
    let mut notices = Vec::new();
    let work = comparable::check(base, new, options, &mut notices)?;
    let mut fitting = options.clone();
    noise::leave_out(base, new, &mut fitting, &mut notices);
    rename::resolve(base, new, &mut fitting, &mut notices);
    let options = &fitting;
    let table = Table::new(base, new, options);
    let scale = Scale::new(&table, work.as_deref(), &mut notices);
    if scale.unit != Unit::MedianOfRatios {
        comparable::drift(base, new, &table, &scale, &mut notices);
    }
    let (mut total, permutation_p) = total::test(&table, &scale, options);
    let whole = mean(&scale.total[..table.base_runs]);

    let mut functions = Functions::test(&table, &scale, options);
    let mut untested = functions.untested;
    let mut unseen = std::mem::take(&mut functions.unseen);
    let mut counted = counted::FAMILIES.map(|family| {
        let rows = counted::test(&table, &scale, family, options);
        untested += rows.untested;
        unseen.extend(rows.unseen);
        rows.tested
    });
    notices.extend(unseen::notices(&unseen));
    let are_enough = can_judge(&table, &scale, options);
    let judged = are_enough && scale.is_known;
    let held = budget::hold(&table, &scale, &functions, judged, options)?;
    if !scale.is_known {
        // No number of runs makes more functions of it.
        total.more_runs = None;
    } else if !are_enough {
        let [base, new] = table.sides();
        total.verdict = Verdict::Inconclusive;
        total.more_runs = total.more_runs.max(Some(gate::missing_runs(base.min(new))));
        let runs = match (base, new) {
            (1, 1) => "one run a side".to_owned(),
            (1, _) if new >= JUDGED_RUNS => "one run of the base".to_owned(),
            (_, 1) if base >= JUDGED_RUNS => "one run of the new build".to_owned(),
            _ => format!("fewer than {JUDGED_RUNS} runs a side"),
        };
        let known = match base.min(new) {
            1 => "intervals tell sampling noise only, and nothing fails",
            _ => "how much runs differ is hardly known, and nothing fails",
        };
        let model = match options.noise {
            Some(_) => "these runs are noisier than the noise model knows this machine",
            None => "no noise model of this program on this machine",
        };
        notices.push(Notice {
            text: format!("{runs} and {model}: {known}"),
        });
    }
    let [base_runs, new_runs] = table.sides();
    let missing_runs = gate::missing_runs(base_runs.min(new_runs));
    let missing_runs = scale.is_known.then_some(missing_runs);
    let [polls, delays, locks] = &mut counted;
    let mut families = [&mut functions.tested, polls, delays, locks];
    let tests: usize = families.iter().map(|family| family.len()).sum();
    for family in &mut families {
        judge(family, tests, judged, missing_runs, whole, options);
    }
    for family in &mut counted {
        counted::moved::find(family, options, &mut notices);
    }
    let overlaps = Overlaps::new(&table, &scale, &functions);
    let wholes = shift::Wholes::of(&functions, &overlaps, &table, &scale, options);
    shift::find(
        &mut functions.tested,
        &overlaps,
        &wholes,
        whole,
        judged,
        options,
        &mut notices,
    );
    let flame = flame::tree(&table, &scale, &functions);
    let same_names = same_names(&table);
    notices.extend(same_names.notice());
    let of_functions = functions.tested.len();
    let all = functions
        .tested
        .into_iter()
        .chain(counted.into_iter().flatten());
    let rows: Vec<_> = all.map(|tested| tested.row).collect();

    let mut comparison = Comparison {
        unit: scale.unit.clone(),
        base: side(&table, &scale, 0),
        new: side(&table, &scale, 1),
        judged,
        margin: options.margin,
        total,
        permutation_p,
        untested,
        doubts: program::doubts([base, new]),
        notices,
        same_names,
        flame,
        rows,
        ..Comparison::default()
    };
    comparison.causes = cause::find(&comparison.rows, of_functions, &overlaps, whole, options);
    gate::close(
        &mut comparison,
        &overlaps,
        of_functions,
        held,
        &unseen,
        options,
    );
    Ok(comparison)
}

/// With fewer runs a side nothing fails: where runs are slow or fast as a whole (half of them 30 % slower), two runs a side of one build fail 6.5 % of
/// comparisons, three 1.2 %, four less than the promised 1 %.
pub(crate) const JUDGED_RUNS: usize = 4;

/// Few runs with more than this times the variance of a noise model, twice the deviation, are of a machine that it does not know.
const NOISIER: f64 = 4.0;

/// Whether anything can be said of how runs differ.
fn can_judge(table: &Table<'_>, scale: &Scale, options: &Options) -> bool {
    let logs: Vec<f64> = scale.total.iter().map(|cost| cost.ln()).collect();
    let found = table.variance(&logs);
    let holds =
        |noise: &NoiseModel| found.degrees <= 0.0 || found.value <= NOISIER * noise.total_variance;
    table.sides().iter().all(|&runs| runs >= JUDGED_RUNS)
        || options.noise.as_ref().is_some_and(holds)
}

/// Gives each row of a family its `q` and its verdict.
fn judge(
    family: &mut [Tested],
    tests: usize,
    judged: bool,
    missing_runs: Option<u32>,
    whole: f64,
    options: &Options,
) {
    if family.is_empty() {
        return;
    }
    // What a p-value within the family is multiplied with, so that all of it may be held against the one level of the comparison.
    let part = FAMILIES_PART * family.len() as f64 / tests as f64;
    let adjusted = [0, 1].map(|direction| {
        let tails: Vec<f64> = family
            .iter()
            .map(|tested| tested.tails[direction])
            .collect();
        discovery::adjusted(&tails)
    });
    for (at, tested) in family.iter_mut().enumerate() {
        let effect = &mut tested.row.total;
        if let Some(difference) = tested.difference {
            *effect = Difference {
                level: options.q * FAMILIES_PART / tests as f64,
                ..difference
            }
            .effect();
        }
        let rises = effect.new >= effect.base;
        let falls = match tested.difference {
            // By the logarithms' means, which the test is of.
            Some(difference) => difference.delta < 0.0,
            None => !rises,
        };
        effect.q = (adjusted[usize::from(falls)][at] / part).min(1.0);
        effect.verdict = match tested.row.presence {
            _ if !judged => Verdict::Inconclusive,
            Presence::Both => gate::verdict(effect, options),
            one_sided => one_sided_verdict(effect, one_sided, whole * options.margin, options),
        };
        if effect.verdict != Verdict::Inconclusive {
            effect.more_runs = None;
        } else if !judged {
            effect.more_runs = match (missing_runs, tested.difference) {
                (None, _) => None,
                (Some(missing), Some(_)) => effect.more_runs.map(|runs| runs.max(missing)),
                // One run a side: that more would tell is all that is known.
                (missing, None) => missing,
            };
        }
    }
}

fn one_sided_verdict(
    effect: &Effect,
    presence: Presence,
    margin: f64,
    options: &Options,
) -> Verdict {
    let most = effect.interval.high.abs().max(effect.interval.low.abs());
    match presence {
        Presence::New if effect.q <= options.q => Verdict::Regressed,
        Presence::Gone if effect.q <= options.q => Verdict::Improved,
        _ if most < margin => Verdict::Equivalent,
        _ => Verdict::Inconclusive,
    }
}

fn side(table: &Table<'_>, scale: &Scale, side: usize) -> Side {
    let runs = (0..table.runs.len()).filter(|&run| table.side(run) == side);
    let runs: Vec<usize> = runs.collect();
    let of = |count: fn(&Run) -> u64| {
        let counts = runs.iter().map(|&run| count(table.runs[run]));
        counts.fold(0u64, u64::saturating_add)
    };
    let units = match scale.unit {
        Unit::PerUnit(_) => runs.iter().map(|&run| scale.units[run]).sum::<f64>() as u64,
        Unit::MedianOfRatios => 0,
    };
    Side {
        runs: runs
            .iter()
            .map(|&run| table.runs[run].name.clone())
            .collect(),
        samples: of(|run| run.samples),
        cpu_ns: of(|run| run.cpu_ns),
        units,
        costs: runs.iter().map(|&run| scale.total[run]).collect(),
        fingerprint: fingerprint(&runs, table),
    }
}

fn fingerprint(runs: &[usize], table: &Table<'_>) -> Vec<(String, String)> {
    let facts = |run: usize| {
        let fingerprint = &table.runs[run].fingerprint;
        let facts = fingerprint.machine.iter().chain(&fingerprint.build);
        facts.map(|fact| (fact.key.clone(), fact.value.clone()))
    };
    let Some((&first, others)) = runs.split_first() else {
        return Vec::new();
    };
    let same = |fact: &(String, String)| {
        others
            .iter()
            .all(|&run| facts(run).any(|other| other == *fact))
    };
    facts(first).filter(same).collect()
}
