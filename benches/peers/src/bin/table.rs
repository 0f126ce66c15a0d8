//! Puts figures side by side: one column a subject. `table [--readme samples|polls] SUBJECT=FILE.json…`; a file that does not exist is
//! absent, not an error.
//!
//! Without `--readme` every figure is a row, by its name. With it the rows are those of a README, in its words.

use peers::figures::{Figure, Figures, rounded};
use std::process::ExitCode;

/// A row of the README: its words, the figure, and where there is one its 95 % interval.
type Row = (
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
);

const SAMPLES: &[Row] = &[
    (
        "whole signal over an empty handler's, 15 frames",
        "signal_ratio_15_frames",
        None,
    ),
    ("30 frames", "signal_ratio_30_frames", None),
    ("60 frames", "signal_ratio_60_frames", None),
    ("110 frames", "signal_ratio_110_frames", None),
    (
        "CPU time accounted for, a busy thread at 99 Hz",
        "accounted_99_hz_1_threads",
        None,
    ),
    ("the same at 1 kHz", "accounted_1000_hz_1_threads", None),
    (
        "four busy threads at 1 kHz",
        "accounted_1000_hz_4_threads",
        None,
    ),
    (
        "a busy thread at 99 Hz runs slower by (95 % interval)",
        "overhead_99_hz",
        Some(("overhead_low_99_hz", "overhead_high_99_hz")),
    ),
    (
        "the same at 1 kHz",
        "overhead_1000_hz",
        Some(("overhead_low_1000_hz", "overhead_high_1000_hz")),
    ),
];

const POLLS: &[Row] = &[
    ("a poll that wakes itself: added", "self_wake_added", None),
    (
        "a poll that suspends elsewhere (oneshot ping-pong): added",
        "ping_pong_added",
        None,
    ),
    (
        "a poll of an interval timer, CPU time: added",
        "interval_added",
        None,
    ),
    ("spawning and ending a task: added", "spawn_added", None),
    ("memory of an idle task: added", "task_bytes_added", None),
    (
        "10,000 tasks, where each waits, read in the process",
        "snapshot_of_10000",
        None,
    ),
    ("100,000 tasks", "snapshot_of_100000", None),
];

fn main() -> ExitCode {
    let mut readme = None;
    let mut columns: Vec<(String, Vec<Figure>)> = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--readme" {
            readme = match arguments.next().as_deref() {
                Some("samples") => Some(SAMPLES),
                Some("polls") => Some(POLLS),
                other => {
                    eprintln!("table: {other:?} is neither samples nor polls");
                    return ExitCode::from(2);
                }
            };
            continue;
        }
        let Some((subject, file)) = argument.split_once('=') else {
            eprintln!("table: {argument:?} is not SUBJECT=FILE");
            return ExitCode::from(2);
        };
        if !columns.iter().any(|(known, _)| known == subject) {
            columns.push((subject.to_owned(), Vec::new()));
        }
        let Ok(json) = std::fs::read_to_string(file) else {
            continue;
        };
        match serde_json::from_str::<Figures>(&json) {
            Ok(figures) => {
                let column = columns.iter_mut().find(|(known, _)| known == subject);
                column.expect("made above").1.extend(figures.0);
            }
            Err(error) => {
                eprintln!("table: {file}: {error}");
                return ExitCode::from(2);
            }
        }
    }

    match readme {
        Some(rows) => for_readme(rows, &columns),
        None => all(&columns),
    }
    ExitCode::SUCCESS
}

fn head(what: &str, columns: &[(String, Vec<Figure>)]) {
    let subjects: Vec<&str> = columns
        .iter()
        .map(|(subject, _)| subject.as_str())
        .collect();
    println!("| {what} | {} |", subjects.join(" | "));
    println!("|---|{}", "---:|".repeat(subjects.len()));
}

fn find<'f>(figures: &'f [Figure], name: &str) -> Option<&'f Figure> {
    figures.iter().find(|figure| figure.name == name)
}

/// Every figure by its name.
fn all(columns: &[(String, Vec<Figure>)]) {
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for figure in columns.iter().flat_map(|(_, figures)| figures) {
        if !rows.iter().any(|(name, _)| *name == figure.name) {
            rows.push((&figure.name, &figure.unit));
        }
    }
    head("figure", columns);
    for (name, unit) in rows {
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, figures)| find(figures, name).map_or("-".into(), |one| rounded(one.value)))
            .collect();
        println!("| {name}, {unit} | {} |", cells.join(" | "));
    }
}

/// These rows, each figure with its unit.
fn for_readme(rows: &[Row], columns: &[(String, Vec<Figure>)]) {
    head("question", columns);
    for (words, name, interval) in rows {
        let cell = |figures: &[Figure]| {
            let figure = find(figures, name)?;
            let bounds = interval.and_then(|(low, high)| {
                let (low, high) = (find(figures, low)?, find(figures, high)?);
                Some(format!(" ({:.1} to {:.1})", low.value, high.value))
            });
            let value = match figure.unit.as_str() {
                "x" => format!("{:.2}x", figure.value),
                "%" => format!("{:.1} %", figure.value),
                unit => format!("{} {unit}", rounded(figure.value)),
            };
            Some(value + &bounds.unwrap_or_default())
        };
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, figures)| cell(figures).unwrap_or_default())
            .collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            println!("| {words} | {} |", cells.join(" | "));
        }
    }
}
