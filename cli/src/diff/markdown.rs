//! The comparison for a job summary or a comment: the verdict, a table of the causes, the rest folded away; never longer than a comment may be.

use super::fold::callers;
use super::headline::{detectable, headline, margin};
use super::report::Report;
use super::text::{compared, trend};
use super::words::{self, costs, counted, per, signed, signed_interval};
use crate::export::text::printable;
use crate::text::name::short;
use crate::text::number::count;
use hotpoll_compare::{Cause, Family, Presence, Row, Verdict};

/// GitHub takes 65,536 characters in a comment; a job summary may have 1 MiB.
const LONGEST: usize = 65_000;
/// Left for what stands at the end.
const END: usize = 2_000;
/// By what a workflow finds its own comment again.
pub const MARKER: &str = "<!-- hotpoll diff -->";

/// The comparison as Markdown.
pub fn render(report: &Report, top: usize) -> String {
    let comparison = &report.comparison;
    let head = headline(report);
    let sign = match head.word {
        "REGRESSED" if head.fails => ":x:",
        "REGRESSED" | "INCONCLUSIVE" => ":warning:",
        _ => ":white_check_mark:",
    };
    let mut out = format!(
        "{MARKER}\n### {sign} {}: {}\n\n",
        head.word,
        escape(&head.sentence)
    );
    if !head.more.is_empty() {
        out += &format!("{}\n\n", escape(&head.more.join(" ")));
    }
    let causes = &comparison.causes;
    let shown = causes.len().min(top);
    table(&mut out, report, &causes[..shown]);
    if shown < causes.len() {
        let left = causes.len() - shown;
        out += &format!("<details><summary>{left} more</summary>\n\n");
        table(&mut out, report, &causes[shown..]);
        out += "</details>\n\n";
    }
    for notice in report.notices() {
        out += &format!("- :warning: {}\n", escape(&printable(notice)));
    }
    if report.notices().next().is_some() {
        out += "\n";
    }
    if let Some(trend) = trend(report) {
        out += &format!("{}\n\n", escape(&trend));
    }
    tested(&mut out, report);
    what_was_compared(&mut out, report);
    out
}

/// A comparison that was refused.
pub fn refused(reason: &str) -> String {
    format!(
        "{MARKER}\n### :grey_question: NOT COMPARABLE: {}\n",
        escape(&printable(reason))
    )
}

fn table(out: &mut String, report: &Report, causes: &[Cause]) {
    if causes.is_empty() {
        return;
    }
    let per = escape(&per(&report.comparison.unit));
    *out += &format!(
        "| | what | change | 95 % interval | {per}, base → new | base → new | runs under |\n|---|---|--:|:-:|--:|--:|---|\n"
    );
    for (at, cause) in causes.iter().enumerate() {
        let line = line(report, cause);
        if out.len() + line.len() + END > LONGEST {
            *out += &format!(
                "\n{} more are left out here: the log and the HTML file have them.\n",
                causes.len() - at
            );
            break;
        }
        *out += &line;
    }
    *out += "\n";
}

fn line(report: &Report, cause: &Cause) -> String {
    let comparison = &report.comparison;
    let row = report.row(cause);
    let total = row.map_or(&comparison.total, |row| &row.total);
    let family = row.map_or(Family::Cpu, |row| row.family);
    let (base_count, new_count) = match row {
        Some(row) => (row.base_count, row.new_count),
        None => (comparison.base.samples, comparison.new.samples),
    };
    let sign = match (cause, report.verdict(cause)) {
        (Cause { fails: true, .. }, _) => ":x:",
        (
            Cause {
                waived: Some(_), ..
            },
            _,
        ) => ":zzz:",
        (_, Verdict::Improved) => ":white_check_mark:",
        _ => ":warning:",
    };
    let (change, interval) = match row.map(|row| row.presence) {
        Some(Presence::New) => ("new".to_owned(), interval_of_cost(total)),
        Some(Presence::Gone) => ("gone".to_owned(), interval_of_cost(total)),
        _ => (
            words::change(family, total.ratio),
            signed_interval(total.interval),
        ),
    };
    let mut what = match row {
        Some(row) => title(row),
        None => "all of it".to_owned(),
    };
    let callers: Vec<String> = (callers(&cause.chain).iter())
        .map(|name| escape(name))
        .collect();
    if !callers.is_empty() {
        let from = callers.len().saturating_sub(5);
        what += &format!("<br><sub>in {}</sub>", callers[from..].join(" › "));
    }
    if let Some(budget) = cause.budget {
        what += &format!("<br><sub>budget {}</sub>", words::cost(budget));
    }
    if let Some(waived) = &cause.waived {
        what += &format!("<br><sub>waived: {}</sub>", escape(&printable(waived)));
    }
    format!(
        "| {sign} | {what} | **{change}** | {interval} | {} | {} → {} {} | {} |\n",
        costs(total.base, total.new),
        count(base_count),
        count(new_count),
        counted(family),
        escape(&printable(&cause.under)),
    )
}

fn interval_of_cost(effect: &hotpoll_compare::Effect) -> String {
    words::cost_interval(effect.interval).unwrap_or_else(|| "-".to_owned())
}

fn title(row: &Row) -> String {
    let name = format!("<code>{}</code>", escape(&printable(&row.name)));
    match row.family {
        Family::Cpu => name,
        family => format!("{}: {name}", words::family(family)),
    }
}

/// Every row that was tested, folded away, as many as there is room for.
fn tested(out: &mut String, report: &Report) {
    let rows = &report.comparison.rows;
    if rows.is_empty() {
        return;
    }
    *out += &format!(
        "<details><summary>All {} rows that were tested</summary>\n\n| verdict | what | new against base | 95 % interval |\n|---|---|--:|:-:|\n",
        count(rows.len() as u64)
    );
    for (at, row) in rows.iter().enumerate() {
        let (change, interval) = match row.presence {
            Presence::Both => (signed(row.total.ratio), signed_interval(row.total.interval)),
            other => (
                words::presence(other).to_owned(),
                interval_of_cost(&row.total),
            ),
        };
        let verdict = match &row.moved {
            Some(moved) => format!("moved from {}", escape(&short(&moved.from))),
            None => words::verdict(row.total.verdict).to_owned(),
        };
        let line = format!("| {verdict} | {} | {change} | {interval} |\n", title(row));
        if out.len() + line.len() + END > LONGEST {
            *out += &format!("\n{} more are left out here.\n", rows.len() - at);
            break;
        }
        *out += &line;
    }
    *out += "\n</details>\n\n";
}

fn what_was_compared(out: &mut String, report: &Report) {
    let comparison = &report.comparison;
    let mut end = format!(
        "<sub>{}. Margin {} %.",
        escape(&compared(report)),
        margin(comparison.margin)
    );
    if let Some(sentence) = detectable(report) {
        end += &format!(" {}", escape(&sentence));
    }
    end += "</sub>\n";
    for (name, side) in [("Base", &comparison.base), ("New", &comparison.new)] {
        if side.fingerprint.is_empty() {
            continue;
        }
        let facts: Vec<String> = (side.fingerprint.iter())
            .map(|(key, value)| {
                format!("{} {}", escape(&printable(key)), escape(&printable(value)))
            })
            .collect();
        let line = format!("<br><sub>{name}: {}</sub>\n", facts.join(", "));
        if out.len() + end.len() + line.len() < LONGEST {
            end += &line;
        }
    }
    *out += &end;
}

/// Text that Markdown, its tables and the HTML inside leave as it is.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            // As entities, because a backslash means itself inside of <code>. An at sign would call somebody.
            '|' | '*' | '_' | '`' | '[' | ']' | '#' | '~' | '\\' | '@' | '!' => {
                out += &format!("&#{};", u32::from(c));
            }
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
