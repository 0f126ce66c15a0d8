//! JUnit's XML: a test case for all of it and one for each row, so that a pipeline's list of tests shows which function failed.
//!
//! What could not be judged is a skipped test, with the reason: it did not pass.

use super::headline::{headline, sentence};
use super::report::Report;
use super::text::{chain, facts};
use super::words::{self, predicate};
use crate::export::text::printable;
use hotpoll_compare::{Cause, Family, Outcome, Row, Verdict};

const FAMILIES: [(Family, &str); 4] = [
    (Family::Cpu, "function"),
    (Family::Poll, "poll"),
    (Family::WakeDelay, "wake"),
    (Family::LockWait, "lock"),
];

/// What a test case comes to.
enum Result {
    Passed(String),
    Failed(String, String),
    Skipped(String),
}

/// The comparison as JUnit's XML.
pub fn render(report: &Report) -> String {
    let mut suites = vec![suite("total", &[(all(report), "all of it".to_owned())])];
    for (family, name) in FAMILIES {
        let rows = report.comparison.rows.iter().enumerate();
        let cases: Vec<_> = rows
            .filter(|(_, row)| row.family == family)
            .map(|(at, row)| (of_row(report, at, row), row.name.clone()))
            .collect();
        if !cases.is_empty() {
            suites.push(suite(name, &cases));
        }
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hotpoll diff\">\n{}</testsuites>\n",
        suites.concat()
    )
}

/// A comparison that was refused: one test case with an error.
pub fn refused(reason: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hotpoll diff\">\n  <testsuite name=\"hotpoll.total\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n    <testcase classname=\"hotpoll.total\" name=\"all of it\">\n      <error message=\"{}\"/>\n    </testcase>\n  </testsuite>\n</testsuites>\n",
        escape(reason)
    )
}

fn all(report: &Report) -> Result {
    let top = headline(report);
    let said = format!("{}: {}. {}", top.word, top.sentence, top.more.join(" "));
    let total_fails = report.failing().any(|cause| cause.row.is_none());
    match report.comparison.outcome {
        _ if total_fails => Result::Failed(top.sentence.clone(), said),
        Outcome::UnderPowered => Result::Failed("a change could not have been seen".into(), said),
        _ if !report.has_total() || report.comparison.total.verdict == Verdict::Inconclusive => {
            Result::Skipped(said)
        }
        _ => Result::Passed(said),
    }
}

fn of_row(report: &Report, at: usize, row: &Row) -> Result {
    let unit = &report.comparison.unit;
    let said = predicate(row, unit);
    let mut causes = report.comparison.causes.iter();
    let cause = causes.find(|cause| cause.row == Some(at as u32));
    match (cause, row.total.verdict) {
        (Some(cause), _) if cause.fails => Result::Failed(said, details(report, cause)),
        (
            Some(Cause {
                waived: Some(why), ..
            }),
            _,
        ) => Result::Skipped(format!("{said}; waived: {why}")),
        (Some(cause), _) if cause.budget.is_some() && !cause.breaks_budget() => {
            Result::Skipped(format!(
                "{said}; it cannot be told whether that keeps its budget of {}",
                words::cost(cause.budget.unwrap_or_default())
            ))
        }
        (_, Verdict::Inconclusive) => Result::Skipped(format!(
            "{said}; {}",
            words::more_runs(&row.total, report.run_ns)
        )),
        _ => Result::Passed(match &row.moved {
            Some(moved) if moved.within.is_empty() => format!("{said}; moved from {}", moved.from),
            Some(moved) => format!("{said}; moved from {} within {}", moved.from, moved.within),
            None => said,
        }),
    }
}

fn details(report: &Report, cause: &Cause) -> String {
    let mut lines = vec![sentence(report, cause), facts(report, cause)];
    lines.extend(chain(cause));
    lines.join("\n")
}

fn suite(name: &str, cases: &[(Result, String)]) -> String {
    let mut out = String::new();
    let (mut failures, mut skipped) = (0, 0);
    for (result, case) in cases {
        out += &format!(
            "    <testcase classname=\"hotpoll.{name}\" name=\"{}\">\n",
            escape(case)
        );
        match result {
            Result::Passed(said) => {
                out += &format!("      <system-out>{}</system-out>\n", escape(said));
            }
            Result::Failed(message, said) => {
                failures += 1;
                out += &format!(
                    "      <failure message=\"{}\">{}</failure>\n",
                    escape(message),
                    escape(said)
                );
            }
            Result::Skipped(said) => {
                skipped += 1;
                out += &format!("      <skipped message=\"{}\"/>\n", escape(said));
            }
        }
        out += "    </testcase>\n";
    }
    format!(
        "  <testsuite name=\"hotpoll.{name}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">\n{out}  </testsuite>\n",
        cases.len()
    )
}

/// Text for an element or an attribute. Lines stay lines; what XML cannot hold is written as an escape.
fn escape(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    let text = lines.join("\n");
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let text = text
        .replace('"', "&quot;")
        .replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    // In an attribute a line break would become a space.
    text.replace('\n', "&#10;")
}
