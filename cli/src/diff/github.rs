//! Annotations: lines that GitHub Actions shows at the definition's line in the files of a pull request. They need no token.

use super::headline::{headline, sentence};
use super::place::Places;
use super::report::Report;
use super::text::{chain, facts};
use hotpoll_compare::{Cause, Verdict};

/// GitHub shows ten errors and ten warnings of a step.
const AT_MOST: usize = 9;

/// The comparison as annotations: the verdict, then what fails and what is waived.
pub fn render(report: &Report, places: &Places) -> String {
    let top = headline(report);
    let level = match (top.fails, top.word) {
        (true, _) => "error",
        (_, "REGRESSED" | "INCONCLUSIVE") => "warning",
        _ => "notice",
    };
    let mut said = vec![format!("{}.", top.sentence)];
    said.extend(top.more.iter().cloned());
    let mut out = annotation(
        level,
        None,
        &format!("hotpoll: {}", top.word),
        &said.join(" "),
    );
    let causes = |fails: bool| {
        let causes = report.comparison.causes.iter();
        causes.filter(move |cause| {
            cause.fails == fails && (fails || report.verdict(cause) == Verdict::Regressed)
        })
    };
    for (level, fails) in [("error", true), ("warning", false)] {
        let all: Vec<&Cause> = causes(fails).collect();
        for cause in all.iter().take(AT_MOST) {
            let mut said = vec![sentence(report, cause), facts(report, cause)];
            said.extend(chain(cause));
            if let Some(waived) = &cause.waived {
                said.push(format!("waived: {waived}"));
            }
            let title = if fails {
                "got worse"
            } else {
                "got worse, and does not fail"
            };
            let place = places.of_cause(report, cause);
            out += &annotation(level, place, &format!("hotpoll: {title}"), &said.join("\n"));
        }
        if all.len() > AT_MOST {
            let left = all.len() - AT_MOST;
            out += &annotation(
                "notice",
                None,
                "hotpoll",
                &format!("{left} more got worse: see the log"),
            );
        }
    }
    out
}

/// One line. What is in a message cannot begin another command.
pub fn annotation(
    level: &str,
    place: Option<super::place::Place>,
    title: &str,
    message: &str,
) -> String {
    let place = match place {
        Some(place) => format!("file={},line={},", property(&place.path), place.line),
        None => String::new(),
    };
    format!(
        "::{level} {place}title={}::{}\n",
        property(title),
        data(message)
    )
}

fn data(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D");
    text.replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
