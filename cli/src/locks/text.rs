//! A process's locks for a terminal: a line of figures for each mode, then who holds it and who waits, every line within the columns.

use super::data::{Data, ResourceData, UsesData};
use super::detail_text::details;
use crate::export::text::printable;
use crate::text::number::{compact, compact_count, count, moment};
use crate::text::style::{DIM, HEADING, STRONG, WARNING, heading, paint};
use crate::text::width::{keep_end, keep_start, pad_left, width, wrap};

/// Resources of a screen.
pub const SCREEN: usize = 15;

/// The locks as text with colours, in at most `columns`; `top` is what was asked for.
pub fn render(data: &Data, top: Option<usize>, columns: usize) -> String {
    let mut lines = header(data, columns);
    lines.push(String::new());
    lines.push(heading(
        "Locks",
        "(so far; waits by their sum, median, p99 and longest; the median hold)",
        columns,
    ));
    lines.push(paint(
        DIM,
        format!(
            "  {:>7}{:>7}{:>7}{:>7}{:>7}{:>7}{:>7}",
            "taken", "waited", "wait", "p50", "p99", "max", "held50"
        ),
    ));
    for one in &data.resources {
        lines.extend(rows(one, columns));
        lines.extend(details(one, top.is_some(), columns));
    }
    if data.resources.is_empty() {
        lines.push(paint(DIM, "  none"));
    }
    let more = data.selected.saturating_sub(data.resources.len());
    if more > 0 {
        lines.push(paint(
            DIM,
            format!(
                "  and {} more (--top {} lists them)",
                count(more as u64),
                data.selected
            ),
        ));
    }
    lines.join("\n") + "\n"
}

fn header(data: &Data, columns: usize) -> Vec<String> {
    let mut name = printable(&data.name);
    if data.pid != 0 {
        name += &format!(" (pid {})", data.pid);
    }
    let when = format!(" · locks at {} UTC", moment(data.taken_unix_ns));
    let room = columns.saturating_sub(width(&when));
    let mut lines = vec![format!(
        "{}{}",
        paint(HEADING, keep_start(&name, room)),
        paint(DIM, when)
    )];
    let mut sentence = match data.alive {
        0 => "no lock or channel of hotpoll's was waited for yet; hotpoll::sync in the place of parking_lot says who holds what".to_owned(),
        1 => format!("1 lock or channel alive, {} made so far", count(data.created)),
        n => format!("{} locks and channels alive, {} made so far", count(n), count(data.created)),
    };
    if data.folded > 0 {
        sentence += &format!("; {} more are counted with their sites", count(data.folded));
    }
    for line in wrap(&sentence, columns.saturating_sub(4)) {
        lines.push(format!("    {line}"));
    }
    for notice in &data.notices {
        for (index, line) in wrap(&printable(notice), columns.saturating_sub(4))
            .iter()
            .enumerate()
        {
            let sign = if index == 0 { "!" } else { " " };
            lines.push(paint(WARNING, format!("  {sign} {line}")));
        }
    }
    lines
}

/// Its name, and a line for each mode that was used.
fn rows(one: &ResourceData, columns: usize) -> Vec<String> {
    let kind = match one.inferred {
        true => format!("{}?", one.kind),
        false => one.kind.to_owned(),
    };
    let mut title = title(one);
    if one.instances > 1 {
        title += &format!(" x{}", compact_count(one.instances));
    }
    let waiters = one.waiters.len() as u64 + one.more_waiters;
    let style = if waiters > 0 { WARNING } else { STRONG };
    let room = columns.saturating_sub(2 + 2 + width(&kind));
    let title = keep_end(&title, room);
    let mut lines = vec![format!("  {}  {}", paint(style, title), paint(DIM, kind))];
    let modes = modes(one);
    for (word, uses) in &modes {
        // The mode goes without saying where there is one.
        let word = match modes.len() {
            1 => String::new(),
            _ => format!("  {}", paint(DIM, word)),
        };
        lines.push(figures(uses) + &word);
    }
    lines
}

/// The modes that it was used in, with a word for each.
fn modes(one: &ResourceData) -> Vec<(&'static str, &UsesData)> {
    let words = match &one.channel {
        Some(_) => ["sent", "received"],
        None => ["written", "read"],
    };
    let modes = words.into_iter().zip([&one.exclusive, &one.shared]);
    modes
        .filter(|(_, uses)| uses.acquired + uses.contended + uses.cancelled + uses.timed_out > 0)
        .collect()
}

fn figures(uses: &UsesData) -> String {
    let time = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), compact);
    let longest = uses.longest_wait.as_ref().map(|longest| longest.ns);
    format!(
        "  {}{}{}{}{}{}{}",
        pad_left(&compact_count(uses.acquired), 7),
        pad_left(&compact_count(uses.contended), 7),
        pad_left(&time((uses.contended > 0).then_some(uses.wait_ns)), 7),
        pad_left(&time(uses.wait_p50_ns), 7),
        pad_left(&time(uses.wait_p99_ns), 7),
        pad_left(&time(longest), 7),
        pad_left(&time(uses.hold_p50_ns), 7),
    )
}

/// Its name, or its site without the folders.
pub fn title(one: &ResourceData) -> String {
    match one.name.as_str() {
        "" => short(&one.site),
        name => printable(name),
    }
}

/// `cache.rs:41` of `src/cache.rs:41:9`.
pub fn short(site: &str) -> String {
    let file = site.rsplit('/').next().unwrap_or_default();
    let mut parts = file.splitn(3, ':');
    match (parts.next(), parts.next()) {
        (Some(file), Some(line)) => printable(&format!("{file}:{line}")),
        (Some(file), None) => printable(file),
        _ => String::new(),
    }
}
