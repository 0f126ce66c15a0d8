//! Puts figures side by side: one row a figure, one column a subject. `table SUBJECT=FILE.json…`; a file that does not exist is
//! absent, not an error.

use peers::figures::{Figure, Figures, rounded};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut columns: Vec<(String, Vec<Figure>)> = Vec::new();
    for argument in std::env::args().skip(1) {
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

    let mut rows: Vec<(&str, &str)> = Vec::new();
    for figure in columns.iter().flat_map(|(_, figures)| figures) {
        if !rows.iter().any(|(name, _)| *name == figure.name) {
            rows.push((&figure.name, &figure.unit));
        }
    }
    let subjects: Vec<&str> = columns
        .iter()
        .map(|(subject, _)| subject.as_str())
        .collect();
    println!("| figure | {} |", subjects.join(" | "));
    println!("|---|{}", "---:|".repeat(subjects.len()));
    for (name, unit) in rows {
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, figures)| {
                let figure = figures.iter().find(|figure| figure.name == name);
                figure.map_or("-".into(), |figure| rounded(figure.value))
            })
            .collect();
        println!("| {name}, {unit} | {} |", cells.join(" | "));
    }
    ExitCode::SUCCESS
}
