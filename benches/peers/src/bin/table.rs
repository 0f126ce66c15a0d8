//! Puts figures side by side: one row a figure, one column a subject. `table FILE.json…`; a file that does not exist is absent, not an error.

use peers::figures::{Figures, rounded};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut answers: Vec<Figures> = Vec::new();
    for file in std::env::args().skip(1) {
        let Ok(json) = std::fs::read_to_string(&file) else {
            continue;
        };
        match serde_json::from_str(&json) {
            Ok(figures) => answers.push(figures),
            Err(error) => {
                eprintln!("table: {file}: {error}");
                return ExitCode::from(2);
            }
        }
    }
    let mut subjects: Vec<&str> = Vec::new();
    let mut rows: Vec<(&str, &str, &str)> = Vec::new();
    for answer in &answers {
        if !subjects.contains(&answer.subject.as_str()) {
            subjects.push(&answer.subject);
        }
        for figure in &answer.figures {
            let row = (
                answer.bench.as_str(),
                figure.figure.as_str(),
                figure.unit.as_str(),
            );
            if !rows
                .iter()
                .any(|known| (known.0, known.1) == (row.0, row.1))
            {
                rows.push(row);
            }
        }
    }
    // Figures of one question stay together, in the order in which they were given.
    rows.sort_by_key(|row| answers.iter().position(|answer| answer.bench == row.0));
    println!("| figure | {} |", subjects.join(" | "));
    println!("|---|{}", "---:|".repeat(subjects.len()));
    for (bench, figure, unit) in rows {
        let cells: Vec<String> = subjects
            .iter()
            .map(|subject| {
                answers
                    .iter()
                    .filter(|answer| answer.bench == bench && answer.subject == *subject)
                    .flat_map(|answer| &answer.figures)
                    .find(|candidate| candidate.figure == figure)
                    .map_or("-".into(), |found| rounded(found.value))
            })
            .collect();
        println!("| {bench}: {figure}, {unit} | {} |", cells.join(" | "));
    }
    ExitCode::SUCCESS
}
