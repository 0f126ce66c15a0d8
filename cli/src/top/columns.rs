//! A table's columns: which of them there is room for, and how wide.

use crate::text::style::{DIM, STRONG, paint, plain};
use crate::text::width::{keep_start, width};

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// How wide.
    pub width: Width,
    /// Figures stand to the right.
    pub right: bool,
    /// Only on a screen at least so wide.
    pub least: u16,
}

/// How wide a column is.
#[derive(Debug, Clone, Copy)]
pub enum Width {
    /// Always so.
    Fixed(u16),
    /// Its part of what the fixed ones leave, and at most so much.
    Share(u16, u16),
}

impl Column {
    /// A column of figures.
    pub const fn figures(title: &'static str, width: u16) -> Self {
        Self {
            title,
            width: Width::Fixed(width),
            right: true,
            least: 0,
        }
    }

    /// A column of words.
    pub const fn words(title: &'static str, width: Width) -> Self {
        Self {
            title,
            width,
            right: false,
            least: 0,
        }
    }

    /// Only on a screen at least so wide.
    pub const fn from(self, least: u16) -> Self {
        Self { least, ..self }
    }
}

/// The sign before a row with a problem, and the column for it.
pub const SIGN: &str = "! ";

/// How wide each column is; 0 is not there. Columns stand one apart, after the sign.
pub fn widths(columns: &[Column], total: usize) -> Vec<usize> {
    let is_there = |column: &Column| usize::from(column.least) <= total;
    let mut fixed = SIGN.len();
    let mut shares = 0;
    for column in columns.iter().filter(|column| is_there(column)) {
        fixed += 1;
        match column.width {
            Width::Fixed(width) => fixed += usize::from(width),
            Width::Share(share, _) => shares += usize::from(share),
        }
    }
    let mut rest = (total + 1).saturating_sub(fixed);
    (columns.iter())
        .map(|column| match column.width {
            _ if !is_there(column) => 0,
            Width::Fixed(width) => usize::from(width),
            Width::Share(share, most) => {
                // The last one takes what rounding and the bounds of the others left.
                let width = (rest * usize::from(share) / shares).min(usize::from(most));
                shares -= usize::from(share);
                rest -= width;
                width
            }
        })
        .collect()
}

/// The headings; the one that rows are sorted by has an arrow.
pub fn heading(columns: &[Column], widths: &[usize], sorted: Option<(usize, bool)>) -> String {
    let cells = (columns.iter().enumerate()).map(|(index, column)| match sorted {
        Some((by, ascending)) if by == index => {
            let arrow = if ascending { '▲' } else { '▼' };
            // The arrow says more than the last letter.
            let title = keep_start(column.title, widths[index].saturating_sub(1));
            paint(STRONG, format!("{title}{arrow}"))
        }
        _ => paint(DIM, keep_start(column.title, widths[index])),
    });
    format!("  {}", joined(columns, widths, cells))
}

/// A row's cells, one apart. A cell is made for its width; figures that do not fit are cut all the same.
pub fn joined(columns: &[Column], widths: &[usize], cells: impl Iterator<Item = String>) -> String {
    let mut line = String::new();
    for ((column, &columns), cell) in columns.iter().zip(widths).zip(cells) {
        if columns == 0 {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        let bare = plain(&cell);
        let cell = match width(&bare) > columns {
            true => keep_start(&bare, columns),
            false => cell,
        };
        // Styles have no width: the padding is that of the bare text.
        let padding = " ".repeat(columns.saturating_sub(width(&plain(&cell))));
        match column.right {
            true => line += &format!("{padding}{cell}"),
            false => line += &format!("{cell}{padding}"),
        }
    }
    line
}

/// Parts of a line with ` · ` between them, as many as fit.
pub fn parts(parts: &[String], columns: usize) -> String {
    let mut line = String::new();
    let mut used = 0;
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let wide = width(&plain(part)) + if used == 0 { 0 } else { 3 };
        if used == 0 {
            line = match wide > columns {
                true => keep_start(&plain(part), columns),
                false => part.clone(),
            };
        } else if used + wide <= columns {
            line += &format!(" {} {part}", paint(DIM, "·"));
        } else {
            break;
        }
        used += wide;
    }
    line
}

/// A line with something at its right end, if there is room for both.
pub fn with_right(left: &str, right: &str, columns: usize) -> String {
    let taken = width(&plain(left)) + width(&plain(right));
    match taken < columns {
        true => format!("{left}{}{right}", " ".repeat(columns - taken)),
        false => left.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column::words("state", Width::Fixed(6)),
        Column::figures("CPU", 5),
        Column::words("name", Width::Share(1, 100)),
        Column::words("where", Width::Share(2, 100)).from(40),
    ];

    #[track_caller]
    fn check(total: usize, expected: [usize; 4]) {
        let widths = widths(&COLUMNS, total);
        assert_eq!(widths, expected);
    }

    #[test]
    fn what_fixed_columns_leave_is_shared() {
        check(50, [6, 5, 11, 23]);
        check(40, [6, 5, 8, 16]);
        check(39, [6, 5, 24, 0]);
        check(10, [6, 5, 0, 0]);
    }

    #[test]
    fn cells_stand_below_their_headings() {
        let widths = widths(&COLUMNS, 40);
        let heading = plain(&heading(&COLUMNS, &widths, Some((1, false))));
        let cells = ["lock", "12.5%", "日本語日本語", "a"].map(str::to_owned);
        let row = joined(&COLUMNS, &widths, cells.into_iter());
        assert_eq!(heading, "  state   CPU▼ name     where           ");
        assert_eq!(
            format!("  {row}"),
            "  lock   12.5% 日本語…  a               "
        );
    }

    #[test]
    fn parts_that_fit() {
        let of = ["one", "two", "three"].map(str::to_owned);
        assert_eq!(plain(&parts(&of, 17)), "one · two · three");
        assert_eq!(plain(&parts(&of, 16)), "one · two");
        assert_eq!(plain(&parts(&of, 2)), "o…");
    }
}
