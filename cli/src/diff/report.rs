//! What every format is made of: the comparison, and what only the command knows beside it.

use hotpoll_compare::{Cause, Comparison, Row, Unit, Verdict};

/// A comparison, ready to be shown.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What came out.
    pub comparison: Comparison,
    /// How long one run takes by the wall clock, on average; 0 when not known. For what more runs cost.
    pub run_ns: u64,
    /// The cost of all of it in the baselines kept, oldest first, and of the new build last; fewer than two: no trend.
    pub trend: Vec<Point>,
    /// What the command has to say: files that were skipped, waivers that are over.
    pub notices: Vec<String>,
}

/// One build's place in a trend.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Point {
    /// The commit, or what else it is called.
    pub label: String,
    /// Nanoseconds per unit.
    pub cost: f64,
}

impl Report {
    /// What a cause is about; `None` is all of it.
    pub fn row(&self, cause: &Cause) -> Option<&Row> {
        let index = cause.row? as usize;
        self.comparison.rows.get(index)
    }

    /// What can be said of a cause.
    pub fn verdict(&self, cause: &Cause) -> Verdict {
        match self.row(cause) {
            Some(row) => row.total.verdict,
            None => self.comparison.total.verdict,
        }
    }

    /// Causes that fail the comparison.
    pub fn failing(&self) -> impl Iterator<Item = &Cause> {
        self.comparison.causes.iter().filter(|cause| cause.fails)
    }

    /// Whether the cost of all of it means anything.
    pub fn has_total(&self) -> bool {
        matches!(self.comparison.unit, Unit::PerUnit(_))
    }

    /// Every sentence that a reader has to know.
    pub fn notices(&self) -> impl Iterator<Item = &str> {
        let compared = self.comparison.notices.iter();
        (compared.map(|notice| notice.text.as_str())).chain(self.notices.iter().map(String::as_str))
    }
}
