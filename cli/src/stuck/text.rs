//! What is stuck, for a terminal, every line within the columns.

use super::data::{Data, ProblemData, WaitData};
use crate::export::text::printable;
use crate::locks::short;
use crate::stack;
use crate::text::number::{compact, counted, duration, moment};
use crate::text::style::{DIM, ERROR, GOOD, HEADING, STRONG, WARNING, paint};
use crate::text::width::{keep_start, pad_left, width, wrap};

/// Problems of a screen.
pub const SCREEN: usize = 10;
/// Victims of one problem that are listed.
const VICTIMS: usize = 5;

/// What is stuck as text with colours, in at most `columns`; `top` problems of it.
pub fn render(data: &Data, top: usize, columns: usize) -> String {
    let mut lines = header(data, columns);
    for (at, problem) in data.problems.iter().take(top).enumerate() {
        lines.push(String::new());
        lines.extend(problem_lines(at + 1, problem, columns));
    }
    let more = data.problems.len().saturating_sub(top);
    if more > 0 {
        lines.push(String::new());
        lines.push(paint(
            DIM,
            format!(
                "and {} (--top {} lists all)",
                counted(more as u64, "other problem"),
                data.problems.len()
            ),
        ));
    }
    lines.extend(waits(data, top, columns));
    lines.join("\n") + "\n"
}

/// Those who wait with nothing wrong with that, if they were asked for.
fn waits(data: &Data, top: usize, columns: usize) -> Vec<String> {
    const INDENT: &str = "           ";
    let mut lines = Vec::new();
    if !data.waits.is_empty() {
        lines.push(String::new());
        lines.push(paint(HEADING, "waiting, and nothing is wrong with that"));
    }
    for one in data.waits.iter().take(top) {
        let since = pad_left(&compact(one.age_ns), 9);
        let room = columns.saturating_sub(INDENT.len());
        let headline = keep_start(&printable(&one.headline), room);
        lines.push(format!("{since}  {headline}"));
        let mut about = format!("{} ({})", one.kind, one.confidence);
        if !one.site.is_empty() {
            about += &format!(", at {}", short(&one.site));
        }
        if let Some(owner) = &one.owner {
            about += &format!("; {} can end it", printable(&owner.who));
        }
        let about = keep_start(&about, room);
        lines.push(format!("{INDENT}{}", paint(DIM, about)));
        for sentence in &one.evidence {
            for (index, line) in wrap(&printable(sentence), room.saturating_sub(2))
                .iter()
                .enumerate()
            {
                let sign = if index == 0 { "-" } else { " " };
                lines.push(format!("{INDENT}{sign} {line}"));
            }
        }
    }
    let more = data.waits.len().saturating_sub(top);
    if more > 0 {
        lines.push(paint(
            DIM,
            format!("{INDENT}and {more} more (--top {})", data.waits.len()),
        ));
    }
    lines
}

fn header(data: &Data, columns: usize) -> Vec<String> {
    let mut name = printable(&data.name);
    if data.pid != 0 {
        name += &format!(" (pid {})", data.pid);
    }
    let when = format!(" · at {} UTC", moment(data.taken_unix_ns));
    let room = columns.saturating_sub(width(&when));
    let mut lines = vec![format!(
        "{}{}",
        paint(HEADING, keep_start(&name, room)),
        paint(DIM, when)
    )];
    let quiet = format!(
        "{} for something to do, {} for I/O",
        match data.idle {
            1 => "1 waits".to_owned(),
            n => format!("{n} wait"),
        },
        data.external
    );
    let (style, verdict) = match data.problems.len() {
        0 => (GOOD, "nothing is stuck".to_owned()),
        n => (ERROR, format!("stuck: {}", counted(n as u64, "problem"))),
    };
    let sentence = format!(
        "{verdict} (for {} or longer); {quiet}",
        duration(data.older_than_ns)
    );
    for line in wrap(&sentence, columns.saturating_sub(4)) {
        lines.push(format!("    {}", paint(style, line)));
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

fn problem_lines(number: usize, problem: &ProblemData, columns: usize) -> Vec<String> {
    const INDENT: &str = "     ";
    let title = format!("{} ({})", problem.kind, problem.confidence);
    let since = format!(" for {}", duration(problem.age_ns));
    let mut lines = vec![format!(
        "{} {}{}",
        pad_left(&format!("{number}."), 4),
        paint(
            HEADING,
            keep_start(&title, columns.saturating_sub(5 + width(&since)))
        ),
        since
    )];
    let room = columns.saturating_sub(INDENT.len());
    for line in wrap(&printable(&problem.headline), room) {
        lines.push(format!("{INDENT}{}", paint(STRONG, line)));
    }
    for sentence in &problem.evidence {
        for (index, line) in wrap(&printable(sentence), room.saturating_sub(2))
            .iter()
            .enumerate()
        {
            let sign = if index == 0 { "-" } else { " " };
            lines.push(format!("{INDENT}{sign} {line}"));
        }
    }
    let members: Vec<&WaitData> = problem
        .cycle
        .iter()
        .filter(|link| !link.folded.is_empty())
        .collect();
    if members.is_empty() {
        lines.extend(place(INDENT, "waits in ", &problem.folded, columns));
    }
    for link in members {
        let who = format!("{} in ", printable(&link.who));
        lines.extend(place(INDENT, &who, &link.folded, columns));
    }
    // Who is its own owner is there already.
    if let Some(owner) = &problem.owner
        && owner.folded != problem.folded
    {
        lines.extend(place(INDENT, "the owner is in ", &owner.folded, columns));
    }
    // One victim is in the evidence already.
    let shown = if problem.victims.len() > 1 || !problem.cycle.is_empty() {
        VICTIMS
    } else {
        0
    };
    for victim in problem.victims.iter().take(shown) {
        let since = pad_left(&compact(victim.since_ns), 7);
        let text = format!("{} for {}", printable(&victim.who), printable(&victim.what));
        let text = keep_start(&text, room.saturating_sub(width(&since) + 2));
        lines.push(format!("{INDENT}{}  {text}", paint(WARNING, since)));
    }
    let more = problem.victims.len().saturating_sub(shown);
    if shown > 0 && more > 0 {
        lines.push(paint(DIM, format!("{INDENT}and {more} more wait")));
    }
    lines
}

/// `waits in cache::load cache.rs:41 → Mutex::lock`.
fn place(
    indent: &str,
    before: &str,
    folded: &[stack::LevelData],
    columns: usize,
) -> Option<String> {
    let room = columns.saturating_sub(indent.len());
    let before = keep_start(before, room / 2);
    let line = stack::line(folded, room.saturating_sub(width(&before)));
    (!line.is_empty()).then(|| format!("{indent}{}{line}", paint(DIM, before)))
}
