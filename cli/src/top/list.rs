//! A table as it is being looked at: which row is selected, what it is sorted by, what is filtered out.

use super::rows::Rows;
use regex::{Regex, RegexBuilder};

/// How a table is looked at.
#[derive(Debug, Default)]
pub struct List {
    /// The selected row's name, so that it stays selected when others overtake it.
    selected: Option<u64>,
    /// Where it stands.
    at: usize,
    /// The first row that is visible.
    top: usize,
    /// Whether anybody has moved; until then the first row is selected, whichever that is.
    has_moved: bool,
    /// The column, and whether the smallest stands first; nothing is the rows' own order.
    sort: Option<(usize, bool)>,
    /// Their own order backwards.
    backwards: bool,
    filter: Filter,
    /// The rows that are shown, in order.
    order: Vec<usize>,
    /// Which picture `order` is of.
    of: Option<u64>,
}

/// Which rows are shown.
#[derive(Debug, Default)]
pub struct Filter {
    text: String,
    pattern: Option<Regex>,
}

impl Filter {
    /// A regular expression, or while it is none (it is being typed) the text itself; in whatever case.
    fn new(text: &str) -> Self {
        let pattern = |text: &str| RegexBuilder::new(text).case_insensitive(true).build();
        Self {
            text: text.to_owned(),
            pattern: match text {
                "" => None,
                text => pattern(text)
                    .or_else(|_| pattern(&regex::escape(text)))
                    .ok(),
            },
        }
    }
}

impl List {
    /// Sorts and filters the rows of a picture, if that has not been done. The selection stays with its row.
    pub fn arrange(&mut self, rows: &dyn Rows, picture: u64) {
        if self.of == Some(picture) {
            return;
        }
        self.of = Some(picture);
        self.order = (0..rows.len())
            .filter(|&row| (self.filter.pattern.as_ref()).is_none_or(|one| rows.matches(row, one)))
            .collect();
        match self.sort {
            // Stable: equals keep their own order.
            Some((column, true)) => self.order.sort_by(|&a, &b| rows.compare(a, b, column)),
            Some((column, false)) => self.order.sort_by(|&a, &b| rows.compare(b, a, column)),
            None if self.backwards => self.order.reverse(),
            None => {}
        }
        if !self.has_moved {
            self.at = 0;
        } else if let Some(selected) = self.selected
            && let Some(at) = self.order.iter().position(|&row| rows.id(row) == selected)
        {
            self.at = at;
        }
        self.select(self.at, rows);
    }

    /// The rows that are shown, in order.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The selected row's name.
    pub fn selected(&self) -> Option<u64> {
        self.selected
    }

    /// Where in the order the selected row stands.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Selects the row so many further down, or up.
    pub fn move_by(&mut self, rows: &dyn Rows, by: isize) {
        self.has_moved = true;
        self.select(self.at.saturating_add_signed(by), rows);
    }

    fn select(&mut self, at: usize, rows: &dyn Rows) {
        self.at = at.min(self.order.len().saturating_sub(1));
        self.selected = self.order.get(self.at).map(|&row| rows.id(row));
    }

    /// The first visible row, where so many have room.
    pub fn scroll(&mut self, height: usize) -> usize {
        let last = self.order.len().saturating_sub(height);
        self.top = (self.top.min(self.at).min(last)).max((self.at + 1).saturating_sub(height));
        self.top
    }

    /// Sorts by the next column, largest first; after the last one by the rows' own order again.
    pub fn sort_by_next(&mut self, columns: usize) {
        self.backwards = false;
        self.sort = match self.sort {
            None => Some((0, false)),
            Some((column, _)) if column + 1 < columns => Some((column + 1, false)),
            Some(_) => None,
        };
        self.of = None;
    }

    /// Turns the order round.
    pub fn reverse(&mut self) {
        match &mut self.sort {
            Some((_, ascending)) => *ascending = !*ascending,
            None => self.backwards = !self.backwards,
        }
        self.of = None;
    }

    /// The column that it is sorted by, and whether the smallest stands first.
    pub fn sort(&self) -> Option<(usize, bool)> {
        self.sort
    }

    /// What is filtered by, as it was typed.
    pub fn filter(&self) -> &str {
        &self.filter.text
    }

    /// Filters by something else.
    pub fn set_filter(&mut self, text: &str) {
        self.filter = Filter::new(text);
        self.of = None;
    }
}
