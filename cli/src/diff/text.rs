//! The comparison for a terminal or a log: the verdict, one entry a cause, what could have been seen; with `--all` every row.

use super::fold::callers;
use super::headline::{detectable, headline};
use super::report::Report;
use super::words::{self, costs, counted, per, signed, signed_interval, told, told_effect};
use crate::export::text::printable;
use crate::text::name::fit;
use crate::text::number::{compact_count, count};
use crate::text::style::{DIM, ERROR, GOOD, HEADING, STRONG, WARNING, paint};
use crate::text::width::{keep_end, pad_left, pad_right, width, wrap};
use anstyle::Style;
use hotpoll_compare::{Cause, Family, Presence, Row, Verdict};

/// Columns of the mark before each cause.
const MARK: usize = 9;
/// Callers shown of a chain, the innermost ones.
const CALLERS: usize = 6;

/// How much of it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Causes at most.
    pub top: usize,
    /// Every row that was tested, too.
    pub all: bool,
}

/// The comparison as text with styles.
pub fn render(report: &Report, shown: Shown, columns: usize) -> String {
    let mut lines = Vec::new();
    top(&mut lines, report, columns);
    let causes = &report.comparison.causes;
    if !causes.is_empty() {
        lines.push(String::new());
    }
    for cause in causes.iter().take(shown.top) {
        entry(&mut lines, report, cause, columns);
    }
    if causes.len() > shown.top {
        let left = causes.len() - shown.top;
        lines.push(paint(
            DIM,
            format!("… and {left} more: --top {}", causes.len()),
        ));
    }
    lines.push(String::new());
    if let Some(sentence) = detectable(report) {
        lines.extend(
            wrapped(&sentence, columns)
                .into_iter()
                .map(|line| paint(DIM, line)),
        );
    }
    for notice in report.notices() {
        let notice = format!("note: {}", printable(notice));
        lines.extend(
            wrapped(&notice, columns)
                .into_iter()
                .map(|line| paint(WARNING, line)),
        );
    }
    if shown.all {
        for family in [
            Family::Cpu,
            Family::Poll,
            Family::WakeDelay,
            Family::LockWait,
        ] {
            table(&mut lines, report, family, columns);
        }
        sides(&mut lines, report, columns);
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join("\n") + "\n"
}

fn top(lines: &mut Vec<String>, report: &Report, columns: usize) {
    let headline = headline(report);
    let style = match headline.word {
        "REGRESSED" if headline.fails => ERROR,
        "REGRESSED" | "INCONCLUSIVE" => WARNING,
        _ => GOOD,
    };
    let first = format!("{}: {}", headline.word, headline.sentence);
    for (at, line) in wrapped(&first, columns).into_iter().enumerate() {
        lines.push(match line.strip_prefix(headline.word) {
            Some(rest) if at == 0 => {
                format!("{}{}", paint(style, headline.word), paint(STRONG, rest))
            }
            _ => paint(STRONG, line),
        });
    }
    for sentence in &headline.more {
        lines.extend(wrapped(sentence, columns));
    }
    for line in wrapped(&compared(report), columns) {
        lines.push(paint(DIM, line));
    }
    if let Some(trend) = trend(report) {
        lines.extend(
            wrapped(&trend, columns)
                .into_iter()
                .map(|line| paint(DIM, line)),
        );
    }
}

/// What was compared: `base 5 runs, 150,234 samples; …`.
pub fn compared(report: &Report) -> String {
    let comparison = &report.comparison;
    let side = |name: &str, side: &hotpoll_compare::Side| {
        let runs = words::plural(side.runs.len() as u64, "run");
        format!("{name} {runs}, {} samples", count(side.samples))
    };
    let mut text = format!(
        "{}; {}",
        side("base", &comparison.base),
        side("new", &comparison.new)
    );
    if report.has_total() {
        let total = &comparison.total;
        text += &format!(
            "; {} {}",
            costs(total.base, total.new),
            per(&comparison.unit)
        );
    }
    if let Some(p) = comparison.permutation_p.filter(|_| report.has_total()) {
        text += &format!("; permutation test p = {p:.4}");
    }
    text
}

/// The baselines' costs as a line of bars, the new build last; `None` without a trend.
pub fn trend(report: &Report) -> Option<String> {
    let (first, last) = match report.trend.as_slice() {
        [first, .., last] => (first, last),
        _ => return None,
    };
    Some(format!(
        "trend {}  {} {}, {} builds, the new one last",
        sparkline(
            &report
                .trend
                .iter()
                .map(|point| point.cost)
                .collect::<Vec<_>>()
        ),
        costs(first.cost, last.cost),
        per(&report.comparison.unit),
        report.trend.len(),
    ))
}

/// Values as bars. The lowest bar is the lowest value, not zero: what is to be seen is the change.
pub fn sparkline(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let known = || values.iter().copied().filter(|value| value.is_finite());
    let low = known().fold(f64::INFINITY, f64::min);
    let high = known().fold(f64::NEG_INFINITY, f64::max);
    // A hundredth of it is noise, and must not look like a mountain.
    let range = (high - low).max(high.abs() * 0.02);
    let bar = |value: &f64| match value {
        value if !value.is_finite() => ' ',
        _ if range <= 0.0 => BARS[0],
        value => BARS[(((value - low) / range) * 7.0).round() as usize],
    };
    values.iter().map(bar).collect()
}

/// What a cause is, as one word, and how it looks.
fn mark(report: &Report, cause: &Cause) -> (&'static str, Style) {
    let family = report.row(cause).map_or(Family::Cpu, |row| row.family);
    match report.verdict(cause) {
        _ if cause.fails && cause.breaks_budget() => ("BUDGET", ERROR),
        _ if cause.fails => ("FAILS", ERROR),
        _ if cause.waived.is_some() => ("waived", WARNING),
        Verdict::Improved if family == Family::Cpu => ("cheaper", GOOD),
        Verdict::Improved => ("shorter", GOOD),
        Verdict::Regressed if family == Family::Cpu => ("dearer", WARNING),
        Verdict::Regressed => ("longer", WARNING),
        _ => ("unclear", DIM),
    }
}

fn entry(lines: &mut Vec<String>, report: &Report, cause: &Cause, columns: usize) {
    let comparison = &report.comparison;
    let (word, style) = mark(report, cause);
    let row = report.row(cause);
    let change = match row {
        Some(row) => told(row),
        None => told_effect(Family::Cpu, &comparison.total),
    };
    let room = columns.saturating_sub(MARK + width(&change) + 2);
    let name = match row {
        Some(row) => {
            // What is measured stays whole; the name gives way.
            let rest = width(&words::subject(row, ""));
            words::subject(row, &fit(&row.name, room.max(40).saturating_sub(rest)))
        }
        None => "all of it".to_owned(),
    };
    let mark = paint(style, pad_right(word, MARK));
    if width(&name) > room {
        lines.push(format!("{mark}{}", paint(STRONG, &name)));
        lines.push(format!("{}{change}", " ".repeat(MARK)));
    } else {
        lines.push(format!(
            "{mark}{}  {change}",
            paint(STRONG, pad_right(&name, room))
        ));
    }
    let mut say = |text: String| {
        for line in wrapped(&text, columns.saturating_sub(MARK)) {
            lines.push(format!("{}{line}", " ".repeat(MARK)));
        }
    };
    say(facts(report, cause));
    if let Some(chain) = chain(cause) {
        say(chain);
    }
    if let Some(budget) = cause.budget {
        say(format!(
            "budget {} {}",
            words::cost(budget),
            per(&comparison.unit)
        ));
    }
    if let Some(waived) = &cause.waived {
        say(format!("waived: {}", printable(waived)));
    }
}

/// The figures of a cause: cost and counts on both sides.
pub fn facts(report: &Report, cause: &Cause) -> String {
    let unit = per(&report.comparison.unit);
    let facts = match report.row(cause) {
        Some(row) => {
            let total = &row.total;
            vec![
                format!("{} {unit}", costs(total.base, total.new)),
                format!(
                    "{} → {} {}",
                    count(row.base_count),
                    count(row.new_count),
                    counted(row.family)
                ),
            ]
        }
        None => {
            let comparison = &report.comparison;
            vec![
                format!(
                    "{} {unit}",
                    costs(comparison.total.base, comparison.total.new)
                ),
                format!(
                    "{} → {} samples",
                    count(comparison.base.samples),
                    count(comparison.new.samples)
                ),
            ]
        }
    };
    facts.join(" · ")
}

/// What a cause runs under, and its callers, outermost first; the innermost ones of a long chain.
pub fn chain(cause: &Cause) -> Option<String> {
    let mut said = Vec::new();
    if !cause.under.is_empty() {
        said.push(format!("under {}", printable(&cause.under)));
    }
    let callers = callers(&cause.chain);
    if !callers.is_empty() {
        let from = callers.len().saturating_sub(CALLERS);
        let before = if from > 0 { "… › " } else { "" };
        said.push(format!("in {before}{}", callers[from..].join(" › ")));
    }
    (!said.is_empty()).then(|| said.join(", "))
}

fn table(lines: &mut Vec<String>, report: &Report, family: Family, columns: usize) {
    let rows: Vec<&Row> = (report.comparison.rows.iter())
        .filter(|row| row.family == family)
        .collect();
    if rows.is_empty() {
        return;
    }
    lines.push(String::new());
    let (more, less) = if family == Family::Cpu {
        ("dearer", "cheaper")
    } else {
        ("longer", "shorter")
    };
    let left_out = match report.comparison.untested {
        n if family == Family::Cpu && n > 0 => {
            format!("; {} left out, too small to test", count(n.into()))
        }
        _ => String::new(),
    };
    lines.push(format!(
        "{} {}",
        paint(HEADING, words::family(family)),
        paint(
            DIM,
            format!("new against base, + is {more}, - is {less}{left_out}")
        )
    ));
    lines.push(paint(
        DIM,
        format!(
            "  change      95 % interval {} {}  verdict",
            // Time in polls and waits is no part of the CPU time: it is more than all of that where many wait at once.
            pad_left(
                if family == Family::Cpu {
                    "share"
                } else {
                    "of CPU"
                },
                9
            ),
            pad_left(&format!("{}, base → new", counted(family)), 20),
        ),
    ));
    for row in rows {
        let (change, interval) = match row.presence {
            Presence::Both => (signed(row.total.ratio), signed_interval(row.total.interval)),
            other => (
                words::presence(other).to_owned(),
                words::costs(row.total.base, row.total.new),
            ),
        };
        let verdict = match &row.moved {
            Some(_) => "moved".to_owned(),
            None => words::verdict(row.total.verdict).to_owned(),
        };
        let figures = format!(
            "{} {} {} {}  ",
            pad_left(&change, 8),
            pad_left(&interval, 18),
            pad_left(&format!("{} %", words::hundredths(row.share)), 9),
            pad_left(
                &format!(
                    "{} → {}",
                    compact_count(row.base_count),
                    compact_count(row.new_count)
                ),
                20
            ),
        );
        let room = columns.saturating_sub(width(&figures)).max(12);
        lines.push(format!("{figures}{}", keep_end(&verdict, room)));
        lines.push(format!(
            "         {}",
            fit(&row.name, columns.saturating_sub(9))
        ));
        if let Some(moved) = &row.moved {
            lines.push(format!(
                "         from {}",
                fit(&moved.from, columns.saturating_sub(14))
            ));
        }
    }
}

fn sides(lines: &mut Vec<String>, report: &Report, columns: usize) {
    for (name, side) in [
        ("base", &report.comparison.base),
        ("new", &report.comparison.new),
    ] {
        lines.push(String::new());
        lines.push(paint(HEADING, format!("Runs of {name}")));
        for (at, run) in side.runs.iter().enumerate() {
            let cost = match side.costs.get(at) {
                Some(cost) if report.has_total() => words::cost(*cost),
                _ => String::new(),
            };
            lines.push(format!(
                "  {}  {}",
                pad_left(&cost, 8),
                fit(run, columns.saturating_sub(12))
            ));
        }
        for (key, value) in &side.fingerprint {
            let fact = format!("{}: {}", printable(key), printable(value));
            lines.extend(
                wrapped(&fact, columns - 2)
                    .iter()
                    .map(|line| format!("  {line}")),
            );
        }
    }
}

/// Lines of words; a figure and its sign stay together.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    // In the place of the space between them, while lines are made: nobody writes this character.
    const TIED: &str = "\u{e000}";
    let tied = text.replace(" %", &format!("{TIED}%"));
    let lines = wrap(&tied, columns);
    lines.iter().map(|line| line.replace(TIED, " ")).collect()
}
