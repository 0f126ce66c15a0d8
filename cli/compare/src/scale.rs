//! What the costs of a run are told in: CPU time for each unit of work, or, where nobody counted work, against the run's other functions.

use crate::table::Table;
use crate::{Notice, Options, Run, Unit};
use hotpoll_profile::WorkSource;

/// How a run's parts become costs.
pub(crate) struct Scale {
    pub unit: Unit,
    /// By run: the cost of all that was sampled, nanoseconds per unit.
    pub sampled: Vec<f64>,
    /// By run: the cost of all of it, by the process's clock.
    pub total: Vec<f64>,
    /// By run: units of work, or what stands in for them.
    pub units: Vec<f64>,
    /// Whether units are worth judging by. Where too few functions stand in for them, one that got cheaper makes all others dearer.
    pub is_known: bool,
}

impl Scale {
    pub fn new(table: &Table<'_>, work: Option<&str>, notices: &mut Vec<Notice>) -> Self {
        let runs = table.runs.iter();
        let sampled_ns = runs.clone().map(|run| sampled_ns(run) as f64);
        let sampled_ns: Vec<f64> = sampled_ns.collect();
        let mut is_known = true;
        let (unit, units) = match work {
            Some(work) => {
                let units = runs.clone().map(|run| units(run, work).unwrap_or(1) as f64);
                (Unit::PerUnit(work.to_owned()), units.collect())
            }
            None => {
                let (units, functions) = median_of_ratios(table, &sampled_ns);
                is_known = functions >= MIN_FUNCTIONS;
                if !is_known {
                    notices.push(Notice {
                        text: format!(
                            "no work was counted, and {functions} of the {MIN_FUNCTIONS} functions that it takes have samples enough to scale the runs by: what got cheaper would make others look dearer, so nothing is judged"
                        ),
                    });
                }
                (Unit::MedianOfRatios, units)
            }
        };
        let per_unit = |costs: Vec<f64>| -> Vec<f64> {
            let costs = costs.iter().zip(&units);
            costs
                .map(|(cost, units): (&f64, &f64)| cost / units)
                .collect()
        };
        Self {
            unit,
            sampled: per_unit(sampled_ns),
            total: per_unit(runs.map(|run| run.cpu_ns as f64).collect()),
            units,
            is_known,
        }
    }
}

/// The CPU time that samples could stand for.
pub(crate) fn sampled_ns(run: &Run) -> u64 {
    let blind = run.kernel_ns.saturating_add(run.unseen_ns);
    run.cpu_ns.saturating_sub(blind).max(1)
}

/// Units of the run's counter with this name.
pub(crate) fn units(run: &Run, work: &str) -> Option<u64> {
    run.units(work)
}

impl Run {
    /// Units of the counter with this name: what whoever recorded said, before what the program counted by the same name.
    pub fn units(&self, work: &str) -> Option<u64> {
        let counters = self.work.iter().filter(|counter| counter.name == work);
        let counter = counters.min_by_key(|counter| counter.source != WorkSource::Given);
        counter.map(|counter| counter.units)
    }
}

/// The counter that costs are divided by: the one asked for, else of those that all runs have what whoever recorded said, what the program counts, tasks.
pub(crate) fn choose_work(runs: &[&Run], options: &Options) -> Option<String> {
    if let Some(work) = &options.work {
        return Some(work.clone());
    }
    let in_all = |name: &str| {
        let mut units = runs.iter().map(|run| units(run, name).unwrap_or(0));
        units.all(|units| units > 0)
    };
    let counters = runs.first().map_or(&[][..], |run| &run.work);
    let mut usable: Vec<_> = counters.iter().filter(|work| in_all(&work.name)).collect();
    usable.sort_by_key(|work| match work.source {
        WorkSource::Given => 0,
        WorkSource::Program => 1,
        _ => 2,
    });
    usable.first().map(|work| work.name.clone())
}

/// Functions that a size can be told from have so many samples a run, on average.
const MIN_SAMPLES: f64 = 20.0;
/// With fewer such functions the median is one of those that changed too easily for a verdict;
const MIN_FUNCTIONS: usize = 5;
/// and with fewer than these it is nobody's.
const MIN_FOR_A_MEDIAN: usize = 3;

/// The size of each run, in which a function that did not change has the same cost: the median of the ratios between the functions' own costs in
/// the run and their geometric means over all runs. A function that changed does not move it, as it would move the sum. And of how many functions it is.
fn median_of_ratios(table: &Table<'_>, sampled_ns: &[f64]) -> (Vec<f64>, usize) {
    let runs = table.runs.len() as f64;
    let samples: f64 = table.effective.iter().sum();
    let mut ratios: Vec<Vec<f64>> = vec![Vec::new(); table.runs.len()];
    for function in 0..table.functions.len() {
        let shares = table.own_shares(function);
        let mean = shares.iter().sum::<f64>() / runs;
        if mean * samples / runs < MIN_SAMPLES || shares.iter().any(|&share| share <= 0.0) {
            continue;
        }
        let costs = shares
            .iter()
            .zip(sampled_ns)
            .map(|(share, ns)| (share * ns).ln());
        let costs: Vec<f64> = costs.collect();
        let center = costs.iter().sum::<f64>() / runs;
        for (ratios, cost) in ratios.iter_mut().zip(costs) {
            ratios.push(cost - center);
        }
    }
    let functions = ratios.first().map_or(0, Vec::len);
    if functions < MIN_FOR_A_MEDIAN {
        // Parts of the whole.
        let center = sampled_ns.iter().map(|ns| ns.ln()).sum::<f64>() / runs;
        let parts = sampled_ns.iter().map(|ns| ns / center.exp()).collect();
        return (parts, functions);
    }
    let medians = ratios.iter_mut().map(|ratios| median(ratios).exp());
    (medians.collect(), functions)
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => 0.5 * (values[middle - 1] + values[middle]),
    }
}
