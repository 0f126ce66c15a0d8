//! What `hotpoll diff --format json` writes. Costs are nanoseconds for each unit of work; parts and ratios are fractions; what is not known is null.

use super::headline::headline;
use super::report::{Point, Report};
use super::words;
use hotpoll_compare::{Cause, Effect, Family, Outcome, Presence, Row, SameNames, Side, Unit};
use serde::Serialize;

/// The `data` of kind `diff`.
#[derive(Debug, Serialize)]
pub struct Data {
    /// `pass`, `regression`, `under-powered` or `not comparable`: exit code 0, 1, 3 and 3.
    pub outcome: &'static str,
    /// `REGRESSED`, `IMPROVED`, `EQUIVALENT` or `INCONCLUSIVE`.
    pub verdict: &'static str,
    /// The verdict in words.
    pub sentence: String,
    /// Whether a change that would have to fail could have been missed. `INCONCLUSIVE` without it: surely not dearer, perhaps cheaper.
    pub blind: bool,
    /// About how many more runs a side would settle what could have been missed; null: none would, or nothing could.
    pub more_runs: Option<u32>,
    /// What costs are divided by; null: nobody counted work, and the total means nothing.
    pub unit: Option<String>,
    /// A change within this part of the cost is none.
    pub margin: f64,
    /// The cost of all of it.
    pub total: EffectData,
    /// The exact permutation test of the total; null with one run a side, and where nobody counted work.
    pub permutation_p: Option<f64>,
    /// The base's runs.
    pub base: SideData,
    /// The new build's.
    pub new: SideData,
    /// What is to be looked at, the dearest first.
    pub causes: Vec<CauseData>,
    /// Everything that was tested.
    pub rows: Vec<RowData>,
    /// Functions that were left out for want of samples or share.
    pub untested: u32,
    /// How much of the cost lies in functions that both builds have by name.
    pub same_names: SameNamesData,
    /// How long a run takes, on average.
    pub run_ns: u64,
    /// The baselines' costs, the new build's last.
    pub trend: Vec<PointData>,
    /// Sentences that a reader has to know.
    pub notices: Vec<String>,
    /// What casts doubt on all of it.
    doubts: Vec<String>,
}

/// A cost on both sides.
#[derive(Debug, Serialize)]
pub struct EffectData {
    base_ns: f64,
    new_ns: f64,
    /// New over base; null for what is on one side only.
    ratio: f64,
    /// The 95 % interval of the ratio; of what is on one side only, of the difference in nanoseconds.
    low: f64,
    high: f64,
    p: f64,
    q: f64,
    verdict: &'static str,
    /// The smallest relative change that would have been found, four times out of five.
    detectable: f64,
    more_runs: Option<u32>,
}

/// One build's runs.
#[derive(Debug, Serialize)]
pub struct SideData {
    runs: Vec<RunData>,
    samples: u64,
    cpu_ns: u64,
    units: u64,
    fingerprint: Vec<(String, String)>,
}

/// One run.
#[derive(Debug, Serialize)]
pub struct RunData {
    name: String,
    cost_ns: Option<f64>,
}

/// One function, task kind or lock.
#[derive(Debug, Serialize)]
pub struct RowData {
    /// `cpu`, `poll`, `wake` or `lock`.
    family: &'static str,
    name: String,
    file: String,
    line: u32,
    /// `both`, `new` or `gone`.
    presence: &'static str,
    total: EffectData,
    own_base_ns: f64,
    own_new_ns: f64,
    base_count: u64,
    new_count: u64,
    share: f64,
    moved_from: Option<String>,
    moved_within: Option<String>,
}

/// One thing to look at.
#[derive(Debug, Serialize)]
pub struct CauseData {
    /// Index into `rows`; null: all of it.
    row: Option<u32>,
    /// Rows of callers that this one explains.
    explains: Vec<u32>,
    chain: Vec<String>,
    under: String,
    fails: bool,
    waived: Option<String>,
    budget_ns: Option<f64>,
    /// The interval of the new build's cost that the budget was held against; null without one.
    budget_low_ns: Option<f64>,
    budget_high_ns: Option<f64>,
}

/// One build's place in a trend.
#[derive(Debug, Serialize)]
pub struct PointData {
    label: String,
    cost_ns: f64,
}

/// How much of the cost lies in functions that both builds have by name: parts of the base's, and of the new build's.
#[derive(Debug, Serialize)]
pub struct SameNamesData {
    /// Of the CPU time, by the innermost function.
    own: [f64; 2],
    /// Of the sum of all functions' costs, each with what it calls.
    total: [f64; 2],
    /// What remains of `own`, as far as the other side may have missed it by chance.
    rare_own: [f64; 2],
    /// The same of `total`.
    rare_total: [f64; 2],
    /// The dearest that are on one side only.
    one_sided: Vec<OneSidedData>,
}

/// A function of one side only.
#[derive(Debug, Serialize)]
pub struct OneSidedData {
    name: String,
    file: String,
    /// `new` or `gone`.
    presence: &'static str,
    own: f64,
    total: f64,
    samples: u64,
}

/// A comparison that was refused.
#[derive(Debug, Serialize)]
pub struct Refused {
    outcome: &'static str,
    /// Why, a sentence each.
    reasons: Vec<String>,
}

impl Refused {
    /// With these reasons.
    pub fn new(reasons: &[String]) -> Self {
        Self {
            outcome: "not comparable",
            reasons: reasons.to_vec(),
        }
    }
}

/// The comparison's data.
pub fn data(report: &Report) -> Data {
    let comparison = &report.comparison;
    let top = headline(report);
    Data {
        outcome: match comparison.outcome {
            Outcome::Pass => "pass",
            Outcome::Regression => "regression",
            _ => "under-powered",
        },
        verdict: top.word,
        sentence: top.sentence,
        blind: comparison.blind,
        more_runs: comparison.more_runs,
        unit: match &comparison.unit {
            Unit::PerUnit(unit) => Some(unit.clone()),
            _ => None,
        },
        margin: comparison.margin,
        total: effect(&comparison.total),
        permutation_p: comparison.permutation_p,
        base: side(&comparison.base),
        new: side(&comparison.new),
        causes: comparison.causes.iter().map(cause).collect(),
        rows: comparison.rows.iter().map(row).collect(),
        untested: comparison.untested,
        same_names: same_names(&comparison.same_names),
        run_ns: report.run_ns,
        trend: report.trend.iter().map(point).collect(),
        doubts: (comparison.doubts.iter())
            .map(|doubt| doubt.text.clone())
            .collect(),
        notices: report.notices().map(str::to_owned).collect(),
    }
}

/// A family, as one word.
pub fn family(family: Family) -> &'static str {
    match family {
        Family::Cpu => "cpu",
        Family::Poll => "poll",
        Family::WakeDelay => "wake",
        Family::LockWait => "lock",
    }
}

fn effect(effect: &Effect) -> EffectData {
    EffectData {
        base_ns: effect.base,
        new_ns: effect.new,
        ratio: effect.ratio,
        low: effect.interval.low,
        high: effect.interval.high,
        p: effect.p,
        q: effect.q,
        verdict: words::verdict(effect.verdict),
        detectable: effect.detectable,
        more_runs: effect.more_runs,
    }
}

fn side(side: &Side) -> SideData {
    let runs = side.runs.iter().enumerate();
    SideData {
        runs: runs
            .map(|(at, name)| RunData {
                name: name.clone(),
                cost_ns: side.costs.get(at).copied(),
            })
            .collect(),
        samples: side.samples,
        cpu_ns: side.cpu_ns,
        units: side.units,
        fingerprint: side.fingerprint.clone(),
    }
}

fn row(row: &Row) -> RowData {
    RowData {
        family: family(row.family),
        name: row.name.clone(),
        file: row.file.clone(),
        line: row.line,
        presence: words::presence(row.presence),
        total: effect(&row.total),
        own_base_ns: row.own.0,
        own_new_ns: row.own.1,
        base_count: row.base_count,
        new_count: row.new_count,
        share: row.share,
        moved_from: row.moved.as_ref().map(|moved| moved.from.clone()),
        moved_within: row.moved.as_ref().map(|moved| moved.within.clone()),
    }
}

/// No more of them are listed.
const MAX_ONE_SIDED: usize = 100;

fn same_names(names: &SameNames) -> SameNamesData {
    let one_sided = names.one_sided.iter().take(MAX_ONE_SIDED);
    SameNamesData {
        own: names.own,
        total: names.total,
        rare_own: names.rare_own,
        rare_total: names.rare_total,
        one_sided: one_sided
            .map(|one| OneSidedData {
                name: one.name.clone(),
                file: one.file.clone(),
                presence: words::presence(if one.is_new {
                    Presence::New
                } else {
                    Presence::Gone
                }),
                own: one.own,
                total: one.total,
                samples: one.samples,
            })
            .collect(),
    }
}

fn cause(cause: &Cause) -> CauseData {
    CauseData {
        row: cause.row,
        explains: cause.explains.clone(),
        chain: cause.chain.clone(),
        under: cause.under.clone(),
        fails: cause.fails,
        waived: cause.waived.clone(),
        budget_ns: cause.budget,
        budget_low_ns: cause.cost.map(|cost| cost.low),
        budget_high_ns: cause.cost.map(|cost| cost.high),
    }
}

fn point(point: &Point) -> PointData {
    PointData {
        label: point.label.clone(),
        cost_ns: point.cost,
    }
}
