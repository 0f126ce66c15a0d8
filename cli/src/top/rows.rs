//! What a table shows: rows that are named, compared, matched and written one by one, so that a thousand of them cost what is visible.

use super::columns::Column;
use regex::Regex;
use std::cmp::Ordering;

/// The rows of a table. Their own order is the one to begin with: what is worst first.
pub trait Rows {
    /// The columns.
    fn columns(&self) -> &'static [Column];
    /// How many rows.
    fn len(&self) -> usize;
    /// What a row is called from one picture to the next.
    fn id(&self, row: usize) -> u64;
    /// A cell with its styles, for so many columns.
    fn cell(&self, row: usize, column: usize, columns: usize) -> String;
    /// How rows compare in a column.
    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering;
    /// Whether a filter selects the row.
    fn matches(&self, row: usize, filter: &Regex) -> bool;
    /// Whether it has a problem.
    fn is_odd(&self, row: usize) -> bool;
    /// What does not fit into the row, in a line.
    fn about(&self, row: usize, columns: usize) -> String;
}

/// How floating figures compare; there are no NaNs among them.
pub fn figures(a: f64, b: f64) -> Ordering {
    a.total_cmp(&b)
}
