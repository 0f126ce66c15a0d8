//! What came out: the value that every view shows.

/// Two builds, compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    /// Whether a gate that asks passes.
    pub outcome: Outcome,
    /// What can be said in one word: regressed if anything did that nobody accepted; inconclusive if too little can be seen, or if the total is.
    pub verdict: Verdict,
    /// Whether a change that would have to fail could have been missed. Inconclusive without that is one that is surely not dearer, and may be cheaper.
    pub blind: bool,
    /// Whether there are runs enough for anything to be judged.
    pub judged: bool,
    /// Whether anything was asked to fail.
    pub gated: bool,
    /// About how many more runs a side would settle what could have been missed; `None` if none would, or nothing could.
    pub more_runs: Option<u32>,
    /// What costs are told in.
    pub unit: Unit,
    /// The base's runs.
    pub base: Side,
    /// The new build's runs.
    pub new: Side,
    /// The margin within which a change is none.
    pub margin: f64,
    /// The cost of all of it. Not gated where there are no work units.
    pub total: Effect,
    /// The exact permutation test of the total, one-sided for "dearer than the margin allows"; `None` with one run a side, and where nobody counted work.
    pub permutation_p: Option<f64>,
    /// Every function, task kind and lock that was tested, the most changed first.
    pub rows: Vec<Row>,
    /// What is to be looked at: one entry a cause, the dearest first. Regressions, improvements and broken budgets.
    pub causes: Vec<Cause>,
    /// Functions that were left out for want of samples or share.
    pub untested: u32,
    /// What casts doubt on all of it, and stands beside the verdict: both sides are one executable.
    pub doubts: Vec<Notice>,
    /// What a reader has to know: differences of the machines, few samples, no work units.
    pub notices: Vec<Notice>,
    /// How much of the cost lies in functions that both builds have.
    pub same_names: SameNames,
    /// Both builds' stacks in one tree, callers first. The root is all of it.
    pub flame: FlameNode,
}

/// How much of the cost lies in functions that both builds have by name. Base first, then the new build.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SameNames {
    /// The part of the CPU time whose function, the innermost inlined one, was seen on the other side too.
    pub own: [f64; 2],
    /// The part of the sum of all functions' costs, each with what it calls.
    pub total: [f64; 2],
    /// Of what remains of `own`: functions so rare that the other side may have missed them by chance.
    pub rare_own: [f64; 2],
    /// The same of `total`.
    pub rare_total: [f64; 2],
    /// What was seen on one side only, the dearest with what it calls first.
    pub one_sided: Vec<OneSided>,
}

/// A function that one side has and the other has not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OneSided {
    /// The canonical name.
    pub name: String,
    /// The source file; empty when not known.
    pub file: String,
    /// Whether the new build has it.
    pub is_new: bool,
    /// Its part of that side's CPU time.
    pub own: f64,
    /// The same with what it calls.
    pub total: f64,
    /// Samples that have it.
    pub samples: u64,
}

/// What a gate makes of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing that fails was found.
    #[default]
    Pass,
    /// Something that fails got worse, or broke its budget.
    Regression,
    /// It could not have been seen, and that was asked to fail.
    UnderPowered,
}

/// What costs are told in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// CPU time for each unit of this counter.
    PerUnit(String),
    /// Nobody counted work: the runs are scaled by the median of the ratios between functions, and the total says nothing.
    #[default]
    MedianOfRatios,
}

/// One build's runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Side {
    /// Their names.
    pub runs: Vec<String>,
    /// Samples in all.
    pub samples: u64,
    /// CPU time in all, nanoseconds.
    pub cpu_ns: u64,
    /// Units of work in all; 0 for none.
    pub units: u64,
    /// The cost of each run: nanoseconds per unit, in the order of `runs`. For a trend.
    pub costs: Vec<f64>,
    /// What they were made with, `key value`, as far as it is the same in all.
    pub fingerprint: Vec<(String, String)>,
}

/// A cost on both sides, and what can be said of the difference.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Effect {
    /// Nanoseconds per unit on the base's side (per 1 unit of scaled total where there are no work units).
    pub base: f64,
    /// The same of the new build.
    pub new: f64,
    /// New over base; 1 is no change. NaN where a side has nothing.
    pub ratio: f64,
    /// The 95 % interval of the ratio; for functions on one side only, of the difference in nanoseconds per unit.
    pub interval: Interval,
    /// The chance of so large a change or a larger one if it were within the margin.
    pub p: f64,
    /// `p` after Benjamini-Hochberg within its family.
    pub q: f64,
    /// What can be said.
    pub verdict: Verdict,
    /// The smallest relative change that these runs would have found, four times out of five: 0.08 is 8 %.
    pub detectable: f64,
    /// Where inconclusive: about how many more runs a side would settle it; `None` if none would.
    pub more_runs: Option<u32>,
}

/// From one ratio to another.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What can be said of a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Dearer by more than the margin.
    Regressed,
    /// Cheaper by more than the margin.
    Improved,
    /// Not dearer by more than the margin, nor cheaper: the whole interval is within.
    Equivalent,
    /// It cannot be told from these runs.
    #[default]
    Inconclusive,
}

/// Which cost. Each family has its own false discovery rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// CPU time of a function, with what it calls: sampled.
    #[default]
    Cpu,
    /// Time in polls of a task kind: counted.
    Poll,
    /// From wake to poll of a task kind: counted.
    WakeDelay,
    /// Waits at a lock: counted.
    LockWait,
}

/// One function, task kind or lock.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// Which cost.
    pub family: Family,
    /// The canonical name, or the kind's or lock's title.
    pub name: String,
    /// The definition's file; empty when not known.
    pub file: String,
    /// Where it starts; 0 when not known.
    pub line: u32,
    /// On which sides it occurs.
    pub presence: Presence,
    /// The cost with all that is called.
    pub total: Effect,
    /// The function's own, base then new, nanoseconds per unit. Not tested.
    pub own: (f64, f64),
    /// Samples (polls, wakes, waits) on the base's side.
    pub base_count: u64,
    /// The same of the new build.
    pub new_count: u64,
    /// The part of the pooled cost of its family.
    pub share: f64,
    /// Where the cost went from, or to: this is not a change of all of it.
    pub moved: Option<Moved>,
}

/// On which sides something occurs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Presence {
    /// Both.
    #[default]
    Both,
    /// Only the new build.
    New,
    /// Only the base.
    Gone,
}

/// A cost that changed its place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moved {
    /// From where (or, for what got cheaper, to where).
    pub from: String,
    /// Within what the sum stayed the same: a caller, a module, a task.
    pub within: String,
}

/// One thing to look at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cause {
    /// Index into [`Comparison::rows`]; `None`: the total.
    pub row: Option<u32>,
    /// The rows of callers whose change this one explains, as far as it is told.
    pub explains: Vec<u32>,
    /// The callers, outermost first, without the function itself.
    pub chain: Vec<String>,
    /// The task kind or lock that most of the change runs under; empty for none.
    pub under: String,
    /// Whether it fails the comparison.
    pub fails: bool,
    /// Why it does not fail though it regressed: the waiver's reason and last day.
    pub waived: Option<String>,
    /// The budget that it broke, or may have broken: nanoseconds per unit.
    pub budget: Option<f64>,
    /// What the budget was held against: the interval of the new build's cost. With `budget` alone that is broken.
    pub cost: Option<Interval>,
}

impl Cause {
    /// Whether it broke a budget; otherwise it may be within it.
    pub fn breaks_budget(&self) -> bool {
        let surely = |budget: f64| self.cost.is_none_or(|cost| cost.low > budget);
        self.budget.is_some_and(surely)
    }
}

/// A sentence that a reader has to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// The sentence.
    pub text: String,
}

/// Both builds in one tree.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlameNode {
    /// The canonical name.
    pub name: String,
    /// Nanoseconds per unit, with all that is called, base.
    pub base: f64,
    /// The same, new build.
    pub new: f64,
    /// Samples, base.
    pub base_samples: u64,
    /// Samples, new build.
    pub new_samples: u64,
    /// What its function's row says; `Inconclusive` where there is none.
    pub verdict: Verdict,
    /// What it calls, the dearest of either side first.
    pub children: Vec<FlameNode>,
}
