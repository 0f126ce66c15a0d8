//! One HTML file: the verdict, the causes, and a flame graph of both builds, base left and new build right. No network, no framework.
//!
//! In: a report. Out: `page.html` with the style sheets, scripts and data inside. Places are laid out here (`super::layout`), words are made here; the
//! scripts draw. How names are kept from becoming anything else than text is told in `crate::export::html`, whose parts are shared.

use super::data::family;
use super::fold::folded;
use super::headline::{capital, detectable, headline};
use super::layout::{Mark, Slot, lay_out};
use super::report::Report;
use super::text::{chain, compared, facts, trend};
use super::words;
use crate::export::html::{escape_html, escape_json, fill};
use crate::export::text::printable;
use hotpoll_compare::{Cause, Family, Presence, Verdict};
use serde::Serialize;
use std::collections::HashMap;

const PAGE: &str = include_str!("page.html");
/// What both kinds of pages look like, then what this one has of its own.
const STYLES: [&str; 2] = [crate::export::html::STYLE, include_str!("page.css")];
/// In the order in which they need each other.
const SCRIPTS: [&str; 6] = [
    crate::export::html::TEXT_SCRIPT,
    crate::export::html::GRAPH_SCRIPT,
    include_str!("graph.js"),
    include_str!("table.js"),
    crate::export::html::PAGE_SCRIPT,
    include_str!("main.js"),
];

#[derive(Debug, Serialize)]
struct Data {
    word: &'static str,
    fails: bool,
    sentence: String,
    more: Vec<String>,
    /// What was compared, and the smallest change that would have been found.
    small: Vec<String>,
    notices: Vec<String>,
    per: String,
    causes: Vec<CauseData>,
    rows: Vec<RowData>,
    marks: Vec<&'static str>,
    names: Vec<String>,
    slots: Slots,
}

#[derive(Debug, Serialize)]
struct CauseData {
    word: &'static str,
    name: String,
    change: String,
    lines: Vec<String>,
    /// What to look for in the graph; null for all of it, or what is no function.
    find: Option<String>,
}

/// A row in words, and the figures to sort it by.
#[derive(Debug, Serialize)]
struct RowData {
    name: String,
    family: &'static str,
    place: String,
    verdict: String,
    change: String,
    interval: String,
    costs: String,
    counts: String,
    share: f64,
    /// Null: on one side only, or not known.
    ratio: f64,
    difference: f64,
    samples: u64,
    find: bool,
}

/// One entry a frame in each, callers before what they call.
#[derive(Debug, Default, Serialize)]
struct Slots {
    name: Vec<usize>,
    depth: Vec<u32>,
    parent: Vec<usize>,
    end: Vec<usize>,
    start: Vec<f64>,
    width: Vec<f64>,
    base: Vec<f64>,
    new: Vec<f64>,
    base_samples: Vec<u64>,
    new_samples: Vec<u64>,
    row: Vec<i64>,
    mark: Vec<usize>,
}

/// The comparison as a page.
pub fn render(report: &Report) -> String {
    let data = data(report);
    let json = serde_json::to_string(&data).expect("the data has string keys only");
    let title = format!("{}: hotpoll diff", data.word);
    fill(PAGE, |place| match place {
        "TITLE" => escape_html(&title),
        "STYLE" => STYLES.concat(),
        "DATA" => escape_json(&json),
        "SCRIPT" => SCRIPTS.concat(),
        other => unreachable!("page.html has a place for {other}, which nothing fills"),
    })
}

/// A comparison that was refused: a page that says why, and has nothing to draw.
pub fn refused(reason: &str) -> String {
    let reason = escape_html(reason);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>NOT COMPARABLE: hotpoll diff</title>\n<h1>NOT COMPARABLE</h1>\n<p>{reason}</p>\n</html>\n"
    )
}

fn data(report: &Report) -> Data {
    let comparison = &report.comparison;
    let top = headline(report);
    let flame = folded(&report.comparison.flame);
    let slots = lay_out(report, &flame);
    let mut small = vec![format!("{}.", capital(&compared(report)))];
    small.extend(trend(report).map(|trend| format!("{}.", capital(&trend))));
    small.extend(detectable(report));
    let mut names = Names::default();
    let slots = columns(&slots, &mut names);
    Data {
        word: top.word,
        fails: top.fails,
        sentence: top.sentence,
        more: top.more,
        small,
        notices: report.notices().map(printable).collect(),
        per: words::per(&comparison.unit),
        causes: comparison
            .causes
            .iter()
            .map(|cause| cause_data(report, cause))
            .collect(),
        rows: comparison.rows.iter().map(row_data).collect(),
        marks: Mark::ALL.map(Mark::label).to_vec(),
        names: names.list,
        slots,
    }
}

fn cause_data(report: &Report, cause: &Cause) -> CauseData {
    let row = report.row(cause);
    let mut lines = vec![facts(report, cause)];
    lines.extend(chain(cause));
    let per = words::per(&report.comparison.unit);
    lines.extend(
        cause
            .budget
            .map(|budget| format!("budget {} {per}", words::cost(budget))),
    );
    lines.extend(
        cause
            .waived
            .as_ref()
            .map(|waived| format!("waived: {}", printable(waived))),
    );
    let family = row.map_or(Family::Cpu, |row| row.family);
    CauseData {
        word: match report.verdict(cause) {
            _ if cause.fails => "fails",
            _ if cause.waived.is_some() => "waived",
            Verdict::Improved => "better",
            _ => "worse",
        },
        name: row.map_or("all of it".into(), |row| {
            words::subject(row, &printable(&row.name))
        }),
        change: match row {
            Some(row) => words::told(row),
            None => words::told_effect(family, &report.comparison.total),
        },
        lines,
        find: row
            .filter(|row| row.family == Family::Cpu)
            .map(|row| printable(&row.name)),
    }
}

fn row_data(row: &hotpoll_compare::Row) -> RowData {
    let total = &row.total;
    let (change, interval) = match row.presence {
        Presence::Both => (
            words::signed(total.ratio),
            words::signed_interval(total.interval),
        ),
        presence => (
            words::presence(presence).to_owned(),
            words::cost_interval(total.interval).unwrap_or_else(|| "-".to_owned()),
        ),
    };
    RowData {
        name: printable(&row.name),
        family: family(row.family),
        place: match (row.file.as_str(), row.line) {
            ("", _) => String::new(),
            (file, 0) => printable(file),
            (file, line) => format!("{}:{line}", printable(file)),
        },
        verdict: match &row.moved {
            Some(moved) => format!("moved from {}", printable(&moved.from)),
            None => words::verdict(total.verdict).to_owned(),
        },
        change,
        interval,
        costs: words::costs(total.base, total.new),
        counts: format!(
            "{} → {}",
            crate::text::number::count(row.base_count),
            crate::text::number::count(row.new_count)
        ),
        share: row.share,
        ratio: total.ratio,
        difference: total.new - total.base,
        samples: row.base_count.saturating_add(row.new_count),
        find: row.family == Family::Cpu,
    }
}

fn columns(slots: &[Slot<'_>], names: &mut Names) -> Slots {
    let mut columns = Slots::default();
    for slot in slots {
        columns.name.push(names.index(&printable(&slot.node.name)));
        columns.depth.push(slot.depth);
        columns.parent.push(slot.parent);
        columns.end.push(slot.end);
        columns.start.push(short(slot.start));
        columns.width.push(short(slot.width));
        columns.base.push(short(slot.node.base));
        columns.new.push(short(slot.node.new));
        columns.base_samples.push(slot.node.base_samples);
        columns.new_samples.push(slot.node.new_samples);
        columns.row.push(slot.row.map_or(-1, |row| row as i64));
        columns.mark.push(slot.mark as usize);
    }
    columns
}

/// Eight digits: a millionth of a pixel.
fn short(value: f64) -> f64 {
    format!("{value:.7e}").parse().unwrap_or(0.0)
}

#[derive(Debug, Default)]
struct Names {
    list: Vec<String>,
    indices: HashMap<String, usize>,
}

impl Names {
    fn index(&mut self, name: &str) -> usize {
        if let Some(&index) = self.indices.get(name) {
            return index;
        }
        self.list.push(name.to_owned());
        self.indices.insert(name.to_owned(), self.list.len() - 1);
        self.list.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::export::html::tests::{embedded, said_in_a_browser};
    use crate::golden;

    #[test]
    fn hostile_names_stay_data() {
        let page = render(&fixture::hostile());
        assert!(!page.contains("<img"), "a name became an element");
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(!embedded(&page).contains(['<', '>', '&']));
        let data: serde_json::Value = serde_json::from_str(embedded(&page)).unwrap();
        assert_eq!(data["rows"][0]["name"], printable(fixture::HOSTILE));
    }

    #[test]
    fn nothing_is_loaded() {
        let page = render(&fixture::regressed());
        assert!(page.contains("default-src 'none'"));
        let without_data = page.replace(embedded(&page), "");
        for address in [
            "http:", "https:", "src=", "href=", "@import", "url(", "fetch(",
        ] {
            assert!(!without_data.contains(address), "{address} in the page");
        }
    }

    /// What the page says in a real browser when it is used.
    #[test]
    fn in_a_browser() {
        let page = render(&fixture::regressed());
        if let Some(said) = said_in_a_browser("diff", &page, include_str!("check.js")) {
            golden::check_in("diff", "regressed.browser.txt", &said);
        }
    }
}
