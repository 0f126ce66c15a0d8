//! One thing that the doctor has to say.

use crate::export::text::printable;
use crate::text::style::{DIM, GOOD, WARNING, paint};
use crate::text::width::wrap;
use serde::Serialize;

/// Whether there is something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Good to know.
    Note,
    /// Something to change.
    Change,
}

/// One thing that the doctor has to say. As JSON this is in the kind `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about, in a word.
    pub topic: &'static str,
    /// Whether there is something to do.
    pub verdict: Verdict,
    /// What is the case, without a full stop.
    pub what: String,
    /// What to do about it, without a full stop; empty when there is nothing to do.
    pub advice: String,
}

impl Finding {
    /// As it should be.
    pub fn good(topic: &'static str, what: impl Into<String>) -> Self {
        Self {
            topic,
            verdict: Verdict::Good,
            what: what.into(),
            advice: String::new(),
        }
    }

    /// Good to know.
    pub fn note(topic: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            topic,
            verdict: Verdict::Note,
            what: what.into(),
            advice: advice.into(),
        }
    }

    /// Something to change.
    pub fn change(topic: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            topic,
            verdict: Verdict::Change,
            what: what.into(),
            advice: advice.into(),
        }
    }
}

/// The columns of the sign and the topic.
const MARGIN: usize = 16;

/// The findings for a terminal: in their order, each topic named once.
pub fn text(findings: &[Finding], columns: usize) -> String {
    let mut text = String::new();
    let mut topic = "";
    for finding in findings {
        let shown_topic = if finding.topic == topic {
            ""
        } else {
            finding.topic
        };
        topic = finding.topic;
        let (style, sign) = match finding.verdict {
            Verdict::Good => (GOOD, "ok"),
            Verdict::Note => (DIM, "-"),
            Verdict::Change => (WARNING, "!"),
        };
        let room = columns.saturating_sub(MARGIN);
        for (index, line) in wrap(&printable(&finding.what), room).iter().enumerate() {
            let (sign, topic) = match index {
                0 => (sign, shown_topic),
                _ => ("", ""),
            };
            text += &format!(
                "{} {} {line}\n",
                paint(style, format!("  {sign:<2}")),
                paint(DIM, format!("{topic:<10}")),
            );
        }
        let advice = wrap(&printable(&finding.advice), room.saturating_sub(2));
        for (index, line) in advice.iter().enumerate() {
            let arrow = if index == 0 { "→" } else { " " };
            text += &format!("{}{arrow} {}\n", " ".repeat(MARGIN), paint(style, line));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::style::plain;
    use crate::text::width::width;

    #[test]
    fn topics_once_and_lines_within_the_columns() {
        let findings = [
            Finding::good(
                "engine",
                "ctimer on 6 threads (rate within the kernel tick)",
            ),
            Finding::note("engine", "perf on 1 thread", ""),
            Finding::change(
                "symbols",
                "shop: 100% of 812 addresses named, ".to_owned() + &"word ".repeat(20),
                "build with `debug = \"line-tables-only\"` in the Cargo profile, which costs nothing",
            ),
        ];
        let text = plain(&text(&findings, 60));
        for line in text.lines() {
            assert!(width(line) <= 60, "{line}");
        }
        assert_eq!(text.matches("engine").count(), 1);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines[0],
            "  ok engine     ctimer on 6 threads (rate within the kernel"
        );
        assert_eq!(lines[1], "                tick)");
        assert_eq!(lines[2], "  -             perf on 1 thread");
        assert!(text.contains("                → build with"), "{text}");
    }
}
