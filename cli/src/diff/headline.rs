//! The verdict in words: what stands on top of every format.

use super::fold::is_scaffolding;
use super::report::Report;
use super::words::{self, hundredths, per, predicate, predicate_effect, subject};
use crate::export::text::printable;
use crate::text::name::short;
use crate::text::number::count;
use hotpoll_compare::{Cause, Effect, Family, Outcome, Row, Side, Unit, Verdict};
use std::path::Path;

/// The verdict in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// One of `REGRESSED`, `IMPROVED`, `EQUIVALENT`, `INCONCLUSIVE`.
    pub word: &'static str,
    /// Whether it fails a gate.
    pub fails: bool,
    /// What the verdict rests on: a sentence without its full stop.
    pub sentence: String,
    /// Further sentences, each with its full stop.
    pub more: Vec<String>,
}

/// The verdict in words.
pub fn headline(report: &Report) -> Headline {
    let comparison = &report.comparison;
    let failing: Vec<&Cause> = report.failing().collect();
    let of = |verdict| {
        let causes = comparison.causes.iter();
        causes.filter(move |cause| report.verdict(cause) == verdict)
    };
    let regressed: Vec<&Cause> = of(Verdict::Regressed).collect();
    let improved: Vec<&Cause> = of(Verdict::Improved).collect();
    let whole = whole(report);
    let fails = comparison.outcome != Outcome::Pass;
    let word = match comparison.verdict {
        // What fails is never told by a better word.
        _ if !failing.is_empty() => "REGRESSED",
        Verdict::Regressed => "REGRESSED",
        Verdict::Improved => "IMPROVED",
        Verdict::Equivalent => "EQUIVALENT",
        Verdict::Inconclusive => "INCONCLUSIVE",
    };
    let lead = match word {
        _ if !failing.is_empty() => Some((failing[0], failing.len())),
        "REGRESSED" => regressed.first().map(|lead| (*lead, regressed.len())),
        "IMPROVED" => improved.first().map(|lead| (*lead, improved.len())),
        _ => None,
    };
    let mut more = Vec::new();
    let mut budgets: Vec<String> = budgets(report).collect();
    let sentence = match lead {
        Some((cause, causes)) if cause.row.is_some() => {
            more.push(format!("{}.", capital(&whole)));
            let others = match causes - 1 {
                0 => String::new(),
                n => format!("; and {n} more"),
            };
            format!("{}{others}", sentence(report, cause))
        }
        Some((cause, _)) => sentence(report, cause),
        // What is not known comes first, and what is known of the whole after it.
        None if word == "INCONCLUSIVE" && comparison.total.verdict == Verdict::Equivalent => {
            more.push(format!("{}.", capital(&whole)));
            match budgets.is_empty() {
                true => "something smaller than the whole cannot be told".to_owned(),
                false => budgets.remove(0),
            }
        }
        None => whole,
    };
    let doubts = comparison.doubts.iter();
    more.extend(doubts.map(|doubt| printable(&doubt.text)));
    more.extend(budgets.iter().map(|budget| format!("{}.", capital(budget))));
    if word == "REGRESSED" && !fails {
        more.push("This does not fail: it is waived, or not among what --fail-on names.".into());
    }
    if comparison.outcome == Outcome::UnderPowered {
        more.push(
            "This fails, as --on-inconclusive asks: a change could be there and not be seen."
                .into(),
        );
        more.extend(how_to_tell(report));
    } else if word == "INCONCLUSIVE" {
        more.extend(why_it_passes(report).map(str::to_owned));
    }
    more.extend(unsettled(report));
    Headline {
        word,
        fails,
        sentence,
        more,
    }
}

/// Why something inconclusive does not fail: a sentence.
fn why_it_passes(report: &Report) -> Option<&'static str> {
    let comparison = &report.comparison;
    let not_dearer = comparison.judged && comparison.total.interval.high < 1.0 + comparison.margin;
    match () {
        () if !comparison.gated => {
            Some("Nothing was asked to fail: a change could be there and not be seen.")
        }
        () if comparison.blind => Some(
            "This passes all the same: a change could be there and not be seen (--on-inconclusive fail).",
        ),
        // What is said of the whole says it.
        () if !report.has_total() => None,
        () if not_dearer => Some("This passes: what cannot be told is whether it is cheaper."),
        () => Some("This passes: the new build as a whole is not among what --fail-on names."),
    }
}

/// What would settle it: a sentence with what to type, as far as that is known.
fn how_to_tell(report: &Report) -> Option<String> {
    let comparison = &report.comparison;
    if !report.has_total() {
        let or_else = match comparison.judged {
            true => ", or leave the whole out: --fail-on function,poll,lock",
            false => "",
        };
        return Some(format!(
            "Have the program count its work (hotpoll::work, or --work NAME=N of hotpoll bench){or_else}."
        ));
    }
    let runs = comparison.more_runs?;
    let effect = Effect {
        more_runs: Some(runs),
        ..Effect::default()
    };
    let needs = words::more_runs(&effect, report.run_ns);
    let folder = bench_folder(report).unwrap_or("DIR");
    Some(format!(
        "It {needs}: hotpoll bench --add --runs {runs} --base CMD --new CMD -o {}",
        printable(folder)
    ))
}

/// Where `hotpoll bench` has put these runs.
fn bench_folder(report: &Report) -> Option<&str> {
    let base = above(&report.comparison.base, "base")?;
    (above(&report.comparison.new, "new") == Some(base)).then_some(base)
}

/// The folder that the side's folder of this name is in.
fn above<'a>(side: &'a Side, name: &str) -> Option<&'a str> {
    let folder = Path::new(side.runs.first()?).parent()?;
    let above = folder.parent().filter(|_| folder.ends_with(name))?;
    match above.to_str()? {
        "" => Some("."),
        above => Some(above),
    }
}

/// A cause as a sentence without its full stop.
pub fn sentence(report: &Report, cause: &Cause) -> String {
    let unit = &report.comparison.unit;
    let (said, name, cost) = match report.row(cause) {
        None => (
            format!(
                "new build {}",
                predicate_effect(Family::Cpu, &report.comparison.total, unit)
            ),
            "new build".to_owned(),
            report.comparison.total.new,
        ),
        Some(row) => {
            let name = subject(row, &short(&row.name));
            (
                format!("{name} {}", predicate(row, unit)),
                name,
                row.total.new,
            )
        }
    };
    match cause.budget {
        Some(budget) if cause.breaks_budget() => format!(
            "{name} costs {} {}{} and its budget is {}",
            words::cost(cost),
            per(unit),
            between(cause),
            words::cost(budget)
        ),
        _ => said,
    }
}

/// The interval that a budget was held against: ` (40.9 µs to 42.3 µs)`.
fn between(cause: &Cause) -> String {
    cause.cost.map_or_else(String::new, |cost| {
        format!(" ({} to {})", words::cost(cost.low), words::cost(cost.high))
    })
}

/// Budgets of which nobody knows whether they are kept: a sentence each, without its full stop.
fn budgets(report: &Report) -> impl Iterator<Item = String> {
    let causes = report.comparison.causes.iter();
    let unclear = causes.filter(|cause| !cause.breaks_budget() && cause.waived.is_none());
    unclear.filter_map(|cause| {
        let row = report.row(cause);
        let name = row.map_or_else(
            || "new build".to_owned(),
            |row| subject(row, &short(&row.name)),
        );
        let cost = row.map_or(report.comparison.total.new, |row| row.total.new);
        Some(format!(
            "{name} costs {} {}{}, and it cannot be told whether that keeps its budget of {}",
            words::cost(cost),
            per(&report.comparison.unit),
            between(cause),
            words::cost(cause.budget?)
        ))
    })
}

/// The cost of all of it, as a sentence without its full stop.
pub fn whole(report: &Report) -> String {
    let comparison = &report.comparison;
    let total = &comparison.total;
    let Unit::PerUnit(_) = &comparison.unit else {
        let judged = if comparison.rows.is_empty() {
            "no function has enough samples to be judged"
        } else {
            "functions are compared with each other"
        };
        return format!(
            "work was not counted in each run, so the new build as a whole is not judged; {judged}"
        );
    };
    let said = format!(
        "new build {}",
        predicate_effect(Family::Cpu, total, &comparison.unit)
    );
    match total.verdict {
        // How much cheaper it may be is not known, and does not matter.
        Verdict::Inconclusive
            if comparison.judged && total.interval.high < 1.0 + comparison.margin =>
        {
            let margin = margin(comparison.margin);
            format!("{said}, so not dearer than the margin of {margin} % allows")
        }
        Verdict::Inconclusive => format!("{said}: it {}", words::more_runs(total, report.run_ns)),
        Verdict::Equivalent => {
            format!(
                "{said}, within the margin of {} %",
                margin(comparison.margin)
            )
        }
        _ => said,
    }
}

/// A margin, as it was typed.
pub fn margin(margin: f64) -> String {
    let text = hundredths(margin);
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// What could not be told of the functions, if anything.
fn unsettled(report: &Report) -> Option<String> {
    let rows = &report.comparison.rows;
    let unknown: Vec<_> = (rows.iter())
        .filter(|row| row.total.verdict == Verdict::Inconclusive)
        .collect();
    if unknown.is_empty() {
        return None;
    }
    // The largest function: what a person would settle first. Shares of families are of different wholes.
    let largest = (unknown.iter()).max_by(|a, b| {
        let of_cpu = |row: &Row| row.family == Family::Cpu && !is_scaffolding(&row.name);
        (of_cpu(a).cmp(&of_cpu(b))).then_with(|| a.share.total_cmp(&b.share))
    })?;
    let what = match rows.iter().all(|row| row.family == Family::Cpu) {
        true if rows.len() == 1 => "function",
        true => "functions",
        false => "functions, tasks and locks",
    };
    Some(format!(
        "Of {} {what} tested {} could not be judged; the largest is {}: it {}.",
        rows.len(),
        unknown.len(),
        subject(largest, &short(&largest.name)),
        words::more_runs(&largest.total, report.run_ns)
    ))
}

/// With a capital letter.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// What these runs would have found, as a sentence with its full stop; `None` where nothing was tested.
pub fn detectable(report: &Report) -> Option<String> {
    let comparison = &report.comparison;
    if !comparison.judged {
        return Some("No change is judged here, whatever its size; the notes say why.".to_owned());
    }
    let mut parts = Vec::new();
    if report.has_total() && comparison.total.detectable.is_finite() {
        parts.push(format!(
            "{} of the whole",
            found_from(comparison.total.detectable)
        ));
    }
    for (family, one, many) in [
        (Family::Cpu, "the one function", "functions"),
        (
            Family::Poll,
            "the polls of one task kind",
            "task kinds' polls",
        ),
        (
            Family::WakeDelay,
            "the wake delays of one task kind",
            "task kinds' wake delays",
        ),
        (Family::LockWait, "the waits at one lock", "locks' waits"),
    ] {
        let of_family = comparison.rows.iter().filter(|row| row.family == family);
        let mut found: Vec<f64> = of_family
            .map(|row| row.total.detectable)
            .filter(|detectable| detectable.is_finite())
            .collect();
        found.sort_by(f64::total_cmp);
        let tested = if family == Family::Cpu { " tested" } else { "" };
        match found.as_slice() {
            [] => {}
            [least] => parts.push(format!("{} of {one}{tested}", found_from(*least))),
            [least, ..] if *least > TENFOLD => parts.push(format!(
                "{} of the {} {many}{tested}",
                found_from(*least),
                found.len()
            )),
            [least, .., most] => parts.push(format!(
                "{} to {} of the {} {many}{tested}",
                found_from(*least).trim_end_matches(" %"),
                found_from(*most),
                found.len()
            )),
        }
    }
    if parts.is_empty() {
        return None;
    }
    let left_out = match comparison.untested {
        0 => String::new(),
        1 => " 1 more has too few samples, or too small a part, to be tested.".to_owned(),
        n => format!(
            " {} more have too few samples, or too small a part, to be tested.",
            count(n.into())
        ),
    };
    Some(format!(
        "A change of this size would have been found four times of five: {}.{left_out}",
        parts.join(", ")
    ))
}

/// Of more than this nobody asks how much more.
const TENFOLD: f64 = 9.0;

/// A change that is found, in percent.
fn found_from(detectable: f64) -> String {
    if detectable > TENFOLD {
        "over 900 %".to_owned()
    } else {
        format!("{} %", hundredths(detectable))
    }
}
