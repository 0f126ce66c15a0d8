//! A report for an issue or a chat.

use super::data::{Data, FunctionData};
use super::header;
use super::options::{By, Options};
use super::wall_text;
use crate::export::text::printable;
use crate::text::name;
use crate::text::number::{count, percent, seconds};

/// Columns of a name in a table cell.
const NAME: usize = 100;
/// Own functions named for each thread.
const OWN: usize = 3;
/// Rows of a report that is left to be readable.
const ROWS: usize = 15;

/// The report as Markdown.
pub fn render(data: &Data, options: &Options) -> String {
    let (title, when) = header::title_text(data);
    let mut out = format!("## {} · {}\n\n", escape(&title), escape(&when));
    for (label, value) in header::fields(data) {
        out += &format!("- **{label}**: {}\n", escape(&value));
    }
    for notice in &data.notices {
        out += &format!("- :warning: {}\n", escape(&printable(notice)));
    }
    if data.is_without_match() {
        return out;
    }
    let rows = options.top.unwrap_or(ROWS);
    if let Some(tree) = &data.tree {
        // Its drawing needs equal columns.
        let mut lines = Vec::new();
        super::tree_text::section(&mut lines, tree, NAME);
        drawn(&mut out, &lines);
        return out;
    }
    if let (Some(wall), By::Thread) = (&data.wall, options.by) {
        let mut lines = Vec::new();
        wall_text::wall_section(&mut lines, wall, Some(rows), NAME);
        drawn(&mut out, &lines);
        return out;
    }
    match options.by {
        By::Thread => {
            threads(&mut out, data, rows);
            functions(&mut out, &data.functions, rows);
        }
        By::Function => functions(&mut out, &data.functions, rows),
        By::Module => modules(&mut out, data, rows),
        By::Lock => {
            let mut lines = Vec::new();
            super::locks_text::section(&mut lines, data, Some(rows), NAME);
            drawn(&mut out, &lines);
        }
        By::Task => {
            if data.kinds.as_deref().is_some_and(|kinds| !kinds.is_empty()) {
                let mut lines = Vec::new();
                wall_text::kind_section(&mut lines, data, rows, NAME);
                drawn(&mut out, &lines);
            }
            tasks(&mut out, data, rows);
        }
    }
    out
}

/// What needs equal columns.
fn drawn(out: &mut String, lines: &[String]) {
    let text = crate::text::style::plain(&lines.join("\n"));
    *out += &format!("\n````text\n{}\n````\n", text.trim_start_matches('\n'));
}

fn threads(out: &mut String, data: &Data, rows: usize) {
    *out += "\n### Threads\n\n| thread | CPU | of a core | samples | mostly in |\n|---|--:|--:|--:|---|\n";
    for thread in data.threads.iter().take(rows) {
        let mut label = printable(&thread.name);
        if thread.tids.len() > 1 {
            label += &format!(" x{}", thread.tids.len());
        }
        let places: Vec<String> = (thread.own_code.iter().take(OWN))
            .map(|row| {
                let name = code(&name::short(&row.function.name));
                format!("`{name}` {}", percent(row.weight.share))
            })
            .collect();
        let place = places.join(", ");
        *out += &format!(
            "| {} | {} | {} | {} | {place} |\n",
            escape(&label),
            seconds(thread.cpu_ns),
            percent(thread.cores),
            count(thread.samples),
        );
    }
}

fn functions(out: &mut String, functions: &[FunctionData], rows: usize) {
    *out += "\n### Functions\n\n| self | time | total | samples | function | line |\n|--:|--:|--:|--:|---|---|\n";
    for row in functions.iter().take(rows) {
        let place = match row.file.rsplit('/').next() {
            Some(file) if !file.is_empty() && row.line > 0 => {
                format!("`{}:{}`", code(&printable(file)), row.line)
            }
            _ => String::new(),
        };
        *out += &format!(
            "| {} | {} | {} | {} | `{}` | {place} |\n",
            percent(row.own.share),
            seconds(row.own.cpu_ns),
            percent(row.total.share),
            count(row.own.samples),
            code(&name::fit(&row.name, NAME)),
        );
    }
}

fn modules(out: &mut String, data: &Data, rows: usize) {
    *out += "\n### Modules\n\n| self | time | total | samples | module |\n|--:|--:|--:|--:|---|\n";
    for row in data.modules.iter().flatten().take(rows) {
        *out += &format!(
            "| {} | {} | {} | {} | `{}` |\n",
            percent(row.own.share),
            seconds(row.own.cpu_ns),
            percent(row.total.share),
            count(row.own.samples),
            code(&printable(&row.path)),
        );
    }
}

fn tasks(out: &mut String, data: &Data, rows: usize) {
    *out += "\n### Tasks\n\n| share | time | samples | task | mostly in |\n|--:|--:|--:|--:|---|\n";
    for row in data.tasks.iter().flatten().take(rows) {
        let place = row.hot_path.functions.last();
        *out += &format!(
            "| {} | {} | {} | {} | `{}` |\n",
            percent(row.weight.share),
            seconds(row.weight.cpu_ns),
            count(row.weight.samples),
            row.id,
            place.map_or_else(String::new, |place| code(&name::short(&place.name))),
        );
    }
}

/// Text that is not Markdown.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text inside of a table's backticks, where nothing can be escaped but the table's own bar.
fn code(text: &str) -> String {
    text.replace('`', "'").replace('|', "\\|")
}
