//! What runs of one build say, in words.

use crate::diff::text::wrapped;
use crate::export::text::printable;
use crate::text::number::counted;
use hotpoll_compare::{Alarms, LARGE, NoiseModel, SameBuild};
use std::path::Path;

/// All of it.
pub fn told(same: &SameBuild, runs: usize, columns: usize) -> String {
    let side = counted(same.side as u64, "run");
    let said = [
        (
            "",
            format!(
                "{} of one build, {side} a side.",
                counted(runs as u64, "run")
            ),
        ),
        ("  ", independent(&same.independent)),
        ("  ", dealt(&same.dealt)),
        ("", noise_told(&same.noise)),
        ("", power(same)),
    ];
    said.iter()
        .map(|(indent, text)| lines(indent, text, columns))
        .collect()
}

/// Where the model went, and what it holds for.
pub fn kept(noise: &NoiseModel, path: &Path, columns: usize) -> String {
    let workload = match &*noise.workload {
        "" => String::new(),
        workload => format!(" with the workload {}", printable(workload)),
    };
    let of = format!(
        "The noise model holds for runs of {}{workload} on this machine, and is kept in {}.",
        printable(&noise.program),
        path.display()
    );
    lines("", &of, columns)
}

fn lines(indent: &str, text: &str, columns: usize) -> String {
    let lines = wrapped(text, columns.saturating_sub(indent.len()));
    lines
        .iter()
        .map(|line| format!("{indent}{line}\n"))
        .collect()
}

fn independent(alarms: &Alarms) -> String {
    let (low, high) = alarms.interval();
    format!(
        "{} without a run in common: {} would have failed ({} to {}, 95 % bounds each), {}, {}.",
        counted(alarms.comparisons as u64, "comparison"),
        alarms.failed,
        percent(low),
        percent(high),
        improved(alarms),
        inconclusive(alarms),
    )
}

fn dealt(alarms: &Alarms) -> String {
    format!(
        "Dealt anew {}: {} would have failed, {}. These depend on each other.",
        match alarms.comparisons {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        },
        alarms.failed,
        improved(alarms),
    )
}

fn improved(alarms: &Alarms) -> String {
    match alarms.improved {
        0 => "none spoke of an improvement".to_owned(),
        n => format!("{n} spoke of an improvement"),
    }
}

fn inconclusive(alarms: &Alarms) -> String {
    match alarms.inconclusive {
        0 => "none was inconclusive".to_owned(),
        1 => "1 was inconclusive".to_owned(),
        n => format!("{n} were inconclusive"),
    }
}

fn noise_told(noise: &NoiseModel) -> String {
    format!(
        "Runs differ by {} in all, and a function by {} of its own.",
        percent(noise.total_variance.sqrt()),
        percent(noise.variance.sqrt()),
    )
}

/// Comparisons that never alarm are easily had: what these could have found belongs beside it.
fn power(same: &SameBuild) -> String {
    let mut found = Vec::new();
    if same.detectable.is_finite() {
        found.push(format!("of the total from {} on", percent(same.detectable)));
    }
    if same.detectable_function.is_finite() {
        found.push(format!(
            "of a function with {:.0} % of the cost and more from {} on",
            100.0 * LARGE,
            percent(same.detectable_function)
        ));
    }
    match found.is_empty() {
        true => String::new(),
        false => format!(
            "So many runs a side find a change four times out of five: {}.",
            found.join(", ")
        ),
    }
}

/// As `hotpoll diff` writes it.
fn percent(part: f64) -> String {
    format!("{:.1} %", 100.0 * part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::width::width;

    #[test]
    fn what_is_told() {
        let same = SameBuild {
            side: 5,
            independent: Alarms {
                comparisons: 2,
                inconclusive: 1,
                ..Alarms::default()
            },
            dealt: Alarms {
                comparisons: 200,
                failed: 1,
                improved: 3,
                ..Alarms::default()
            },
            noise: NoiseModel {
                total_variance: 4e-4,
                variance: 1e-4,
                ..NoiseModel::default()
            },
            detectable: 0.09,
            detectable_function: 0.17,
        };
        for columns in [60, 80] {
            let text = told(&same, 20, columns);
            assert!(text.lines().all(|line| width(line) <= columns), "{text}");
        }
        let text = told(&same, 20, 1_000);
        for part in [
            "20 runs of one build, 5 runs a side.",
            "2 comparisons without a run in common: 0 would have failed (0.0 % to 77.6 %",
            "Dealt anew 200 times: 1 would have failed, 3 spoke of an improvement.",
            "Runs differ by 2.0 % in all, and a function by 1.0 % of its own.",
            "none spoke of an improvement, 1 was inconclusive.",
            "of the total from 9.0 % on, of a function with 5 % of the cost and more from 17.0 % on.",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
