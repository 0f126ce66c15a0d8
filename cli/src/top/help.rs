//! What the keys do, and what the words mean: the page behind `?`.

use super::draw::put;
use crate::text::style::{HEADING, STRONG, paint};
use crate::text::width::{pad_right, wrap};
use ratatui::buffer::Buffer;

const KEYS: &[(&str, &str)] = &[
    (
        "1 2 3 4 5",
        "the tabs; the tab's number once more is back to its first page. Tab is the next one",
    ),
    (
        "↑ ↓ PgUp PgDn g G",
        "move (also k, j); the selection stays with its row while others overtake it",
    ),
    (
        "Enter",
        "open: a thread's stack and hottest functions, a kind's tasks, a task's await stacks, a lock's holders and waiters, a problem's evidence",
    ),
    ("Esc", "back; clears a filter first"),
    (
        "/",
        "filter while you type: a regular expression for names, states and functions on stacks",
    ),
    (
        "s, r",
        "sort by the next column, then by what is worst again; r reverses",
    ),
    (
        "p",
        "where the tasks of a kind wait, those of one place together",
    ),
    (
        "f",
        "flame graph of the selected thread, kind or task; of a lock: what holders did while others waited",
    ),
    (
        "w, a",
        "in the flame graph: CPU time or time blocked; a: all of the process",
    ),
    (
        "o",
        "in the flame graph: every frame, or the program's own and what they call",
    ),
    (
        "i",
        "how it is sampled: rates, losses, overhead, and what to know before believing a number",
    ),
    ("space", "pause: the picture stays, the process runs on"),
    ("Ctrl-L Ctrl-Z", "draw anew; back to the shell for a while"),
    ("q Ctrl-C", "quit"),
];

const WORDS: &[(&str, &str)] = &[
    ("for", "how long it has been in its state"),
    ("CPU, busy", "part of one core, in the last ten seconds"),
    ("polls", "which task a thread polls, and since when"),
    (
        "p99",
        "ninety-nine of a hundred polls, or wakes to poll, took less; at most a quarter too long",
    ),
    (
        "held",
        "for how long; ≥ since the first waiter came, ~ since a look found it",
    ),
    (
        "used, cont.",
        "acquisitions since it was made, and the part of them that had to wait",
    ),
    ("!", "worth a look, or with a problem: opened, it says why"),
    (
        "flame graph",
        "callers above, width is time; yellow: your code, cyan: dependencies, blue: std, gray: runtime",
    ),
];

/// The widest that a line is written.
const WIDEST: usize = 100;

/// Draws it over everything, from this line on; says which line it was really.
pub fn draw(buffer: &mut Buffer, top: usize) -> usize {
    buffer.reset();
    let columns = usize::from(buffer.area.width).min(WIDEST);
    let height = usize::from(buffer.area.height).saturating_sub(1);
    let mut lines = vec![paint(HEADING, "Keys")];
    section(&mut lines, KEYS, columns);
    lines.push(String::new());
    lines.push(paint(HEADING, "Words"));
    section(&mut lines, WORDS, columns);
    let top = top.min(lines.len().saturating_sub(height));
    for (y, line) in lines[top..].iter().take(height).enumerate() {
        put(buffer, y, line);
    }
    top
}

fn section(lines: &mut Vec<String>, rows: &[(&str, &str)], columns: usize) {
    const KEY: usize = 18;
    for (key, what) in rows {
        for (index, line) in wrap(what, columns.saturating_sub(KEY + 3))
            .iter()
            .enumerate()
        {
            let key = if index == 0 { *key } else { "" };
            lines.push(format!("  {} {line}", paint(STRONG, pad_right(key, KEY))));
        }
    }
}
