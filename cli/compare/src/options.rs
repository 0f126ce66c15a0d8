//! What a comparison is asked to do.

pub use hotpoll_profile::name::Generics;

/// What a comparison is asked to do. The defaults are those of the command.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// A change within this part of the cost is none: 0.05 is 5 %.
    pub margin: f64,
    /// The chance of a false alarm in a whole comparison of equal builds. The total has a part of it, the families share the rest by
    /// how much is tested in each, and within its part each family's false discovery rate is held.
    pub q: f64,
    /// The counter that costs are divided by; `None`: the program's own, else completed tasks, else none.
    pub work: Option<String>,
    /// Whether instances of a generic function are told apart.
    pub generics: Generics,
    /// Functions with a smaller part of the pooled cost are not tested.
    pub min_share: f64,
    /// Functions with fewer samples a run, on average, are not tested.
    pub min_samples: f64,
    /// A change of a row by a smaller part of the whole cost is shown and does not fail.
    pub min_change: f64,
    /// Functions that have another name in the new build: (base, new).
    pub renames: Vec<(String, String)>,
    /// Whether programs of different names are compared: where only the name changed.
    pub other_program: bool,
    /// What fails.
    pub fail_on: Vec<FailOn>,
    /// What of that makes a comparison inconclusive where it cannot be told. Polls and waits are wall time, which a busy machine spreads so widely that no
    /// comparison would ever be conclusive, so they are in it only for who asks for them.
    pub must_tell: Vec<FailOn>,
    /// What an inconclusive total or function means for the outcome.
    pub on_inconclusive: OnInconclusive,
    /// Costs that may not be exceeded.
    pub budgets: Vec<Budget>,
    /// Regressions that are accepted for now.
    pub waivers: Vec<Waiver>,
    /// What is known of how runs of one build differ on this machine.
    pub noise: Option<NoiseModel>,
    /// Today, days since 1970: what waivers expire by.
    pub today: u32,
    /// Runs that were made one after the other are pairs: what is judged is what the two of each differ by. On a machine that drifts they have most of that in
    /// common; on one that does not, half of what is known of how runs differ is given away.
    pub pair: bool,
}

/// What fails a comparison when it regresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailOn {
    /// The cost of all of it.
    Total,
    /// The CPU time of a function.
    Function,
    /// The poll time, or the delay from wake to poll, of a task kind.
    Poll,
    /// The waits at a lock.
    Lock,
}

/// What an inconclusive comparison means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum OnInconclusive {
    /// It passes, and says so on top.
    #[default]
    Pass,
    /// It fails: exit code 3.
    Fail,
    /// More runs are made, where the command makes them; else as `Fail`.
    Rerun,
}

/// A cost that may not be exceeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// The function, by its canonical name or the end of it; `total` for all of it.
    pub function: String,
    /// Nanoseconds of CPU for each unit of work.
    pub ns_per_unit: f64,
    /// The unit, as it was written; empty: whatever the comparison has.
    pub unit: String,
}

/// A regression that is accepted until a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The function, task kind or lock, by name or the end of it; `total` for all of it.
    pub what: String,
    /// Why it is accepted.
    pub reason: String,
    /// The last day it holds, days since 1970.
    pub until: u32,
}

/// How runs of one program differ on one machine: what `hotpoll aa` learned of one build of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NoiseModel {
    /// The machine class that it holds for,
    pub machine: String,
    /// the executable's name,
    pub program: String,
    /// and what it was given to do; empty where nobody named that.
    pub workload: String,
    /// Comparisons of a build with itself that it was learned from.
    pub pairs: u32,
    /// The variance of the logarithm of a function's cost between runs, beyond what sampling gives.
    pub variance: f64,
    /// How many degrees of freedom it is worth.
    pub degrees: f64,
    /// The variance of the logarithm of the total.
    pub total_variance: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            margin: 0.05,
            q: 0.01,
            work: None,
            generics: Generics::default(),
            min_share: 0.005,
            min_samples: 30.0,
            min_change: 0.005,
            renames: Vec::new(),
            other_program: false,
            fail_on: vec![FailOn::Total, FailOn::Function, FailOn::Poll, FailOn::Lock],
            must_tell: vec![FailOn::Total, FailOn::Function],
            on_inconclusive: OnInconclusive::default(),
            budgets: Vec::new(),
            waivers: Vec::new(),
            noise: None,
            today: 0,
            pair: false,
        }
    }
}
