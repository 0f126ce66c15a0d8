//! Figures: `name = value unit` on standard output, and the same as JSON.
//!
//! The JSON is a list of `{"name": …, "value": …, "unit": …}`, as hotpoll's own benches write it, so that `table` can put them side
//! by side by their names.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// The answers to one question by one subject.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Figures(pub Vec<Figure>);

/// One answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured, with its circumstances.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: String,
}

impl Figures {
    /// No answers yet.
    pub fn new(question: &str, subject: &str) -> Self {
        println!("# {question}: {subject}");
        Self::default()
    }

    /// Notes an answer and prints it.
    pub fn push(&mut self, name: impl Into<String>, value: f64, unit: &str) {
        let name = name.into();
        println!("{name} = {} {unit}", rounded(value));
        self.0.push(Figure {
            name,
            value,
            unit: unit.into(),
        });
    }

    /// Writes the JSON where it is asked for.
    pub fn write(&self, json: Option<&Path>) -> std::io::Result<()> {
        match json {
            Some(path) => std::fs::write(path, serde_json::to_string_pretty(self)? + "\n"),
            None => Ok(()),
        }
    }
}

/// As many digits as tell something.
pub fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The middle one; values are sorted in place.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
