//! `hotpoll list`: the live processes that can be asked.

use crate::envelope;
use crate::exit::{self, FINE, Outcome};
use crate::export::text::printable;
use crate::live::{Client, Endpoint, discover};
use crate::target::{Host, ThisHost};
use crate::text::number::{count, duration, percent_in_words};
use crate::text::style::{DIM, WARNING, paint, plain};
use crate::text::terminal;
use crate::text::width::{keep_start, pad_left, pad_right, width};
use clap::{Args, ValueEnum};
use hotpoll_profile::Reason;
use hotpoll_profile::protocol::Status;
use serde::Serialize;

/// The version of the kind `list`.
const SCHEMA: u32 = 1;
/// The widest name.
const NAME: usize = 24;

const EXAMPLES: &str = "\
Examples:
  hotpoll list
  hotpoll list --format json | jq '.data.processes[].pid'";

/// List the live processes that have hotpoll
///
/// Those of other users are listed without figures: only the same user may ask.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct ListArgs {
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How the list is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table.
    #[default]
    Text,
    /// One line of JSON in hotpoll's envelope.
    Json,
}

/// One live process. As JSON this is in the kind `list`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Row {
    pid: u32,
    name: String,
    user: String,
    uptime_ns: u64,
    threads: u32,
    engine: String,
    asked_hz: f64,
    delivered_hz: f64,
    /// Handler and delivery as a part of the process's CPU time; null when nothing ran.
    overhead: Option<f64>,
    fired: u64,
    lost: u64,
    lost_by_reason: Vec<(String, u64)>,
    hotpoll_version: String,
    stopped: bool,
    notices: Vec<String>,
    /// Why it has no figures; null when it has.
    error: Option<String>,
}

#[derive(Serialize)]
struct Data {
    processes: Vec<Row>,
}

/// Carries the command out.
pub fn run(args: &ListArgs) -> Outcome {
    let rows: Vec<Row> = discover::all().iter().map(row).collect();
    let text = match args.format {
        Format::Json => envelope::line("list", SCHEMA, &Data { processes: rows }),
        Format::Text if rows.is_empty() => {
            terminal::say(
                "No live process with hotpoll was found. Start a program that calls hotpoll::start(), or try `hotpoll demo`.",
            );
            return Ok(FINE);
        }
        Format::Text => table(&rows, terminal::columns()),
    };
    terminal::print(&text)?;
    Ok(FINE)
}

fn row(endpoint: &Endpoint) -> Row {
    let host = ThisHost::asked_by("list");
    let process = &endpoint.process;
    let mut row = Row {
        pid: process.pid,
        name: process.display_name().to_owned(),
        user: host.user(process.uid),
        threads: process.threads,
        ..Row::default()
    };
    if !host.may_ask(process.uid) {
        row.error = Some(format!("belongs to {}", row.user));
        return row;
    }
    match Client::connect(endpoint).and_then(|mut client| client.status()) {
        Ok(status) => fill(&mut row, &status),
        Err(error) => row.error = Some(error.failure(endpoint).to_string()),
    }
    row
}

fn fill(row: &mut Row, status: &Status) {
    row.uptime_ns = status.uptime_ns;
    row.threads = status.threads;
    row.engine.clone_from(&status.engine_setting);
    row.asked_hz = status.asked_hz;
    row.delivered_hz = status.delivered_hz;
    row.overhead = status.overhead();
    row.fired = status.fired;
    row.lost = status.lost().total();
    row.lost_by_reason = (status.lost().iter())
        .map(|(reason, count)| (reason.label().to_owned(), count))
        .collect();
    row.hotpoll_version.clone_from(&status.hotpoll_version);
    row.stopped = status.stopped;
    row.notices.clone_from(&status.notices);
}

fn table(rows: &[Row], columns: usize) -> String {
    const HEAD: [&str; 8] = [
        "PID", "NAME", "UP", "THREADS", "ENGINE", "HZ", "OVERHEAD", "LOST",
    ];
    let mut cells: Vec<[String; 8]> = vec![HEAD.map(str::to_owned)];
    cells.extend(rows.iter().map(|row| {
        let name = keep_start(&printable(&row.name), NAME);
        if let Some(error) = &row.error {
            // The first sentence of it: the next step stands in the error of the command that is tried then.
            let why = error.lines().next().unwrap_or_default();
            let mut cells = [const { String::new() }; 8];
            cells[0] = row.pid.to_string();
            cells[1] = name;
            cells[2] = printable(why);
            return cells;
        }
        [
            row.pid.to_string(),
            name,
            duration(row.uptime_ns / 1_000_000_000 * 1_000_000_000),
            count(row.threads.into()),
            if row.stopped {
                "stopped".to_owned()
            } else {
                row.engine.clone()
            },
            hertz(row),
            row.overhead.map_or("-".to_owned(), percent_in_words),
            count(row.lost),
        ]
    }));
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| {
            let cells = cells
                .iter()
                .zip(std::iter::once(None).chain(rows.iter().map(Some)));
            cells
                // A process without figures has its sentence across the columns.
                .filter(|(_, row)| column < 2 || row.is_none_or(|row| row.error.is_none()))
                .map(|(cells, _)| width(&cells[column]))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for (index, cells) in cells.iter().enumerate() {
        let has_error = index > 0 && rows[index - 1].error.is_some();
        let mut line = String::new();
        for (column, cell) in cells.iter().enumerate() {
            if column > 0 {
                line += "  ";
            }
            match column {
                2 if has_error => {
                    line += &paint(WARNING, cell);
                    break;
                }
                1 | 4 => line += &pad_right(cell, widths[column]),
                _ => line += &pad_left(cell, widths[column]),
            }
        }
        let line = if index == 0 { paint(DIM, line) } else { line };
        let line = line.trim_end();
        // The columns above are narrow; an error's sentence may not be.
        if width(&plain(line)) > columns {
            text += &keep_start(&plain(line), columns);
        } else {
            text += line;
        }
        text.push('\n');
    }
    text
}

/// `99`, or `99/1,000` where less comes than was asked for.
fn hertz(row: &Row) -> String {
    const CLOSE: f64 = 0.95;
    let asked = count(row.asked_hz.round() as u64);
    if row.delivered_hz > 0.0 && row.delivered_hz < CLOSE * row.asked_hz {
        format!("{}/{asked}", count(row.delivered_hz.round() as u64))
    } else {
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each() {
        let rows = [
            Row {
                pid: 12,
                name: "shop".to_owned(),
                uptime_ns: 192_400_000_000,
                threads: 14,
                engine: "auto".to_owned(),
                asked_hz: 99.0,
                delivered_hz: 98.9,
                overhead: Some(0.000_4),
                ..Row::default()
            },
            Row {
                pid: 4242,
                name: "a-service-with-a-very-long-name".to_owned(),
                uptime_ns: 90_061_000_000_000,
                threads: 1_200,
                engine: "ctimer".to_owned(),
                asked_hz: 1000.0,
                delivered_hz: 250.0,
                lost: 12,
                ..Row::default()
            },
            Row {
                pid: 77,
                name: "vault".to_owned(),
                error: Some("belongs to bob".to_owned()),
                ..Row::default()
            },
        ];
        // The first column of the first line is a space, which a string's continued line would swallow.
        let expected =
            " PID  NAME                              UP  THREADS  ENGINE         HZ  OVERHEAD  LOST
  12  shop                      3 min 12 s       14  auto           99     0.04%     0
4242  a-service-with-a-very-l…  25 h 1 min    1,200  ctimer  250/1,000         -    12
  77  vault                     belongs to bob
";
        assert_eq!(plain(&table(&rows, 100)), expected);
        for line in plain(&table(&rows, 80)).lines() {
            assert!(width(line) <= 80, "{line}");
        }
    }
}
