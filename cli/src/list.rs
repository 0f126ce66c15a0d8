//! `hotpoll list`: the live processes that can be asked.

use crate::envelope;
use crate::exit::{self, FINE, Outcome};
use crate::export::text::printable;
use crate::live::{AskError, Client, Endpoint, ProcessFacts, discover, process, unheard};
use crate::target::{Host, ThisHost};
use crate::text::number::{count, duration, percent_in_words};
use crate::text::style::{DIM, WARNING, paint, plain};
use crate::text::terminal;
use crate::text::width::{keep_start, pad_left, pad_right, width};
use clap::{Args, ValueEnum};
use hotpoll_profile::Reason;
use hotpoll_profile::protocol::Status;
use serde::Serialize;
use std::time::Duration;

/// The version of the kind `list`. Since 2 the figures of a process that gives no answer are null.
const SCHEMA: u32 = 2;
/// How long a process may take for its answer: a list is for looking at, and says which ones are silent.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many are asked at once.
const AT_ONCE: usize = 64;
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
    /// Its PID in its own PID namespace.
    own_pid: u32,
    name: String,
    user: String,
    threads: u32,
    /// Null when it gives no answer, with all of its fields.
    #[serde(flatten)]
    figures: Figures,
    /// Why it has no figures; null when it has.
    error: Option<String>,
}

/// What a process says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Figures {
    uptime_ns: Option<u64>,
    engine: Option<String>,
    asked_hz: Option<f64>,
    /// Null also where too little ran to say.
    delivered_hz: Option<f64>,
    /// Handler and delivery as a part of the process's CPU time; null when nothing ran.
    overhead: Option<f64>,
    fired: Option<u64>,
    lost: Option<u64>,
    lost_by_reason: Vec<(String, u64)>,
    hotpoll_version: Option<String>,
    /// Whether sampling has been stopped.
    stopped: Option<bool>,
    notices: Vec<String>,
}

#[derive(Serialize)]
struct Data {
    processes: Vec<Row>,
}

/// Carries the command out.
pub fn run(args: &ListArgs) -> Outcome {
    let endpoints = discover::all();
    let mut rows = rows(&endpoints);
    rows.extend(unheard_rows(&endpoints));
    rows.sort_by_key(|row| row.pid);
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

/// Of each process a row, in their order: one that is silent keeps nobody else waiting.
fn rows(endpoints: &[Endpoint]) -> Vec<Row> {
    let mut rows = Vec::with_capacity(endpoints.len());
    for some in endpoints.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let asked: Vec<_> = some
                .iter()
                .map(|endpoint| scope.spawn(move || row(endpoint)))
                .collect();
            rows.extend(asked.into_iter().filter_map(|row| row.join().ok()));
        });
    }
    rows
}

/// Those that run hotpoll and have no socket.
fn unheard_rows(endpoints: &[Endpoint]) -> Vec<Row> {
    let mut others = process::all();
    others.retain(|process| {
        let pid = process.pid;
        !endpoints.iter().any(|endpoint| endpoint.process.pid == pid)
    });
    let rows = unheard::among(others).into_iter().map(|process| {
        let mut row = facts(&process);
        row.error = Some(format!(
            "runs, without a socket: {}",
            unheard::why(&process)
        ));
        row
    });
    rows.collect()
}

fn facts(process: &ProcessFacts) -> Row {
    Row {
        pid: process.pid,
        own_pid: process.own_pid,
        name: process.display_name().to_owned(),
        user: ThisHost::asked_by("list").user(process.uid),
        threads: process.threads,
        ..Row::default()
    }
}

fn row(endpoint: &Endpoint) -> Row {
    let host = ThisHost::asked_by("list");
    let process = &endpoint.process;
    let mut row = facts(process);
    if !host.may_ask(process.uid) {
        row.error = Some(format!("belongs to {}", row.user));
        return row;
    }
    match Client::connect_for(endpoint, PATIENCE).and_then(|mut client| client.status()) {
        Ok(status) => {
            row.threads = status.threads;
            row.figures = figures(&status);
        }
        Err(AskError::Stopped) => {
            row.error = Some("stopped: no answer until it runs on".to_owned());
        }
        Err(AskError::Silent(_)) => {
            row.error = Some(format!("no answer in {} s", PATIENCE.as_secs()));
        }
        Err(error) => row.error = Some(error.failure(endpoint).to_string()),
    }
    row
}

fn figures(status: &Status) -> Figures {
    let lost = status.lost();
    Figures {
        uptime_ns: Some(status.uptime_ns),
        engine: Some(status.engine_setting.clone()),
        asked_hz: Some(status.asked_hz),
        delivered_hz: Some(status.delivered_hz).filter(|hz| *hz > 0.0),
        overhead: status.overhead(),
        fired: Some(status.fired),
        lost: Some(lost.total()),
        lost_by_reason: (lost.iter())
            .map(|(reason, count)| (reason.label().to_owned(), count))
            .collect(),
        hotpoll_version: Some(status.hotpoll_version.clone()),
        stopped: Some(status.stopped),
        notices: status.notices.clone(),
    }
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
        let figures = &row.figures;
        [
            row.pid.to_string(),
            name,
            duration(figures.uptime_ns.unwrap_or_default() / 1_000_000_000 * 1_000_000_000),
            count(row.threads.into()),
            match figures.stopped {
                Some(true) => "stopped".to_owned(),
                _ => figures.engine.clone().unwrap_or_default(),
            },
            hertz(figures),
            figures.overhead.map_or("-".to_owned(), percent_in_words),
            count(figures.lost.unwrap_or_default()),
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
fn hertz(figures: &Figures) -> String {
    const CLOSE: f64 = 0.95;
    let asked_hz = figures.asked_hz.unwrap_or_default();
    let delivered_hz = figures.delivered_hz.unwrap_or_default();
    let asked = count(asked_hz.round() as u64);
    if delivered_hz > 0.0 && delivered_hz < CLOSE * asked_hz {
        format!("{}/{asked}", count(delivered_hz.round() as u64))
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
                threads: 14,
                figures: Figures {
                    uptime_ns: Some(192_400_000_000),
                    engine: Some("auto".to_owned()),
                    asked_hz: Some(99.0),
                    delivered_hz: Some(98.9),
                    overhead: Some(0.000_4),
                    ..Figures::default()
                },
                ..Row::default()
            },
            Row {
                pid: 4242,
                name: "a-service-with-a-very-long-name".to_owned(),
                threads: 1_200,
                figures: Figures {
                    uptime_ns: Some(90_061_000_000_000),
                    engine: Some("ctimer".to_owned()),
                    asked_hz: Some(1000.0),
                    delivered_hz: Some(250.0),
                    lost: Some(12),
                    ..Figures::default()
                },
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
