//! The section of a report about locks: who waited for each, and what its holders did meanwhile.

use super::data::{Data, LockData, LockHoldData};
use crate::export::text::printable;
use crate::locks::kinds_line;
use crate::stack;
use crate::text::number::{compact, percent, percent_in_words};
use crate::text::style::{DIM, STRONG, heading, paint};
use crate::text::width::{keep_end, keep_start, pad_left, width, wrap};

/// Locks of a screen.
const ROWS: usize = 10;
/// Places of each, and who waited, on such a screen.
const PLACES: usize = 4;
/// Of what holders did in one function.
const PARTS: usize = 4;
/// Behind the share of the function.
const PARTS_INDENT: usize = 13;
/// The columns before a lock's title.
const FIGURES: usize = 2 + 8 + 8 + 2;

/// Locks, those waited for longest first.
pub fn section(lines: &mut Vec<String>, data: &Data, top: Option<usize>, columns: usize) {
    let locks = data.locks.as_deref().unwrap_or_default();
    lines.push(String::new());
    lines.push(heading(
        "Locks",
        "(threads waiting; below each: what its holders did while others waited)",
        columns,
    ));
    lines.push(paint(DIM, format!("  {:>8}{:>8}  lock", "waited", "held")));
    for lock in locks.iter().take(top.unwrap_or(ROWS)) {
        let kind = if lock.kind.is_empty() {
            String::new()
        } else {
            format!(" {}", lock.kind)
        };
        let room = columns.saturating_sub(FIGURES + width(&kind));
        lines.push(format!(
            "  {}{}  {}{}",
            pad_left(&compact(lock.waited_ns), 8),
            pad_left(&compact(lock.held_ns), 8),
            paint(STRONG, keep_end(&printable(&lock.title), room)),
            paint(DIM, kind),
        ));
        let places = if top.is_some() { usize::MAX } else { PLACES };
        for hold in lock.holds.iter().take(places) {
            lines.extend(hold_lines(hold, columns));
        }
        lines.extend(waits_line(lock, places, columns));
        if lock.suspended_ns > 0 {
            let text = format!(
                "tasks waited {} for it since sampling began: {}",
                compact(lock.suspended_ns),
                kinds_line(&lock.by_kind, places)
            );
            lines.extend(indented(&text, columns));
        }
    }
    if locks.is_empty() {
        lines.push(paint(
            DIM,
            "  none: nobody was seen waiting for a lock of hotpoll's types",
        ));
        return;
    }
    let note = "Waits are of threads, and of suspended tasks where it says so; a task has no samples while it is suspended. Shares are of the samples of holders (threads, and tasks in their polls) while others waited, on processors and off them.";
    lines.extend(
        (wrap(note, columns.saturating_sub(2)).iter()).map(|line| paint(DIM, format!("  {line}"))),
    );
}

/// `62.0% running in save::store save.rs:41 → serde_json::to_vec (task save)`; where it did several things in there, these in a second line.
fn hold_lines(hold: &LockHoldData, columns: usize) -> Vec<String> {
    let only = match hold.parts.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    let state = only.map_or(String::new(), |part| format!("{} ", part.state));
    let before = format!("      {} {state}in ", pad_left(&percent(hold.share), 6));
    let who = printable(&hold.who);
    let who = match hold.kind {
        0 => format!(" ({who})"),
        _ => format!(" (task {who})"),
    };
    let who = keep_start(&who, columns / 3);
    let room = columns.saturating_sub(width(&before) + width(&who));
    let line = stack::line(only.map_or(&hold.folded, |part| &part.folded), room);
    let line = if line.is_empty() {
        paint(DIM, "an unknown place")
    } else {
        line
    };
    let mut lines = vec![format!("{}{line}{}", paint(DIM, before), paint(DIM, who))];
    if only.is_none() {
        lines.extend(parts_line(hold, columns));
    }
    lines
}

/// `running 40% → fmt::write, running 30%, sleep 9% → thread::sleep, 2 more`.
fn parts_line(hold: &LockHoldData, columns: usize) -> Vec<String> {
    let mut parts: Vec<String> = (hold.parts.iter().take(PARTS))
        .map(|part| {
            let called = part.folded.first().filter(|level| !level.is_own());
            let called = called.map_or_else(String::new, |level| format!(" → {}", level.short()));
            format!("{} {}{called}", part.state, percent(part.share))
        })
        .collect();
    let more = hold.parts.len().saturating_sub(PARTS);
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    let lines = wrap(&parts.join(", "), columns.saturating_sub(PARTS_INDENT));
    let indent = " ".repeat(PARTS_INDENT);
    (lines.iter())
        .map(|line| paint(DIM, format!("{indent}{line}")))
        .collect()
}

fn waits_line(lock: &LockData, most: usize, columns: usize) -> Vec<String> {
    let mut parts: Vec<String> = (lock.waits.iter().take(most))
        .map(|one| {
            let of = match one.kind {
                0 => "of its threads' time",
                _ => "of its time in polls",
            };
            format!(
                "{} {} ({} {of})",
                printable(&one.who),
                compact(one.waited_ns),
                percent_in_words(one.share)
            )
        })
        .collect();
    if parts.is_empty() {
        return Vec::new();
    }
    let more = lock.waits.len().saturating_sub(most);
    if more > 0 {
        parts.push(format!("{more} others"));
    }
    indented(&format!("waited for by {}", parts.join(", ")), columns)
}

fn indented(text: &str, columns: usize) -> Vec<String> {
    let lines = wrap(text, columns.saturating_sub(8));
    let lines = lines.iter().enumerate();
    lines
        .map(|(index, line)| {
            let indent = if index == 0 { "      " } else { "        " };
            paint(DIM, format!("{indent}{line}"))
        })
        .collect()
}
