//! The tab of tasks: their kinds, and what each did lately.

use super::columns::{Column, Width};
use super::rows::{Rows, figures};
use crate::tasks::text::title;
use crate::text::number::{compact, compact_count, percent};
use crate::text::style::{DIM, STRONG, WARNING, heat, paint};
use crate::text::width::width;
use hotpoll_profile::{Histogram, TaskKind};
use regex::Regex;
use std::cmp::Ordering;

/// A kind of tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct KindRow {
    /// What samples and tasks call it.
    pub id: u64,
    /// Its name, or else its site.
    pub title: String,
    /// Where its tasks are spawned.
    pub site: String,
    /// Whether it has a name beside its site.
    pub named: bool,
    /// Tasks alive.
    pub alive: u64,
    /// Tasks of it with a problem.
    pub odd: usize,
    /// Polls a second.
    pub polls_hz: f64,
    /// Tasks ended a second.
    pub ended_hz: f64,
    /// Panics, of all its time.
    pub panicked: u64,
    /// Its time in polls, as a part of one core.
    pub busy: f64,
    /// Ninety-nine of a hundred polls are shorter.
    pub poll_p99_ns: Option<u64>,
    /// Ninety-nine of a hundred wakes were polled sooner.
    pub wake_p99_ns: Option<u64>,
}

impl KindRow {
    /// A kind, of which `lately` has counted for so long; it has counted everything in `kind`.
    pub fn new(kind: &TaskKind, lately: &TaskKind, span_ns: u64) -> Self {
        let seconds = span_ns as f64 / 1e9;
        let per_second = |n: u64| {
            if seconds > 0.0 {
                n as f64 / seconds
            } else {
                0.0
            }
        };
        let p99 = |histogram: &Histogram| histogram.quantile(0.99);
        let ended = lately.completed + lately.aborted + lately.panicked;
        Self {
            id: kind.id,
            title: kind.title(),
            site: match kind.site.file.is_empty() {
                true => String::new(),
                false => format!("{}:{}", kind.site.file, kind.site.line),
            },
            named: !kind.name.is_empty(),
            alive: kind.alive,
            odd: 0,
            polls_hz: per_second(lately.polls),
            ended_hz: per_second(ended),
            panicked: kind.panicked,
            busy: per_second(lately.busy_ns) / 1e9,
            poll_p99_ns: p99(&lately.poll_time),
            wake_p99_ns: p99(&lately.wake_delay),
        }
    }
}

/// The kinds of a picture.
pub struct KindRows<'p>(pub &'p [KindRow]);

const COLUMNS: &[Column] = &[
    Column::figures("alive", 6),
    Column::figures("end/s", 6).from(70),
    Column::figures("polls/s", 7),
    Column::figures("busy", 6),
    Column::figures("poll p99", 8),
    Column::figures("wake p99", 8),
    Column::words("kind of task", Width::Share(1, 200)),
];

impl Rows for KindRows<'_> {
    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn id(&self, row: usize) -> u64 {
        self.0[row].id
    }

    fn cell(&self, row: usize, column: usize, columns: usize) -> String {
        let kind = &self.0[row];
        let quantile = |ns: Option<u64>| ns.map_or("-".to_owned(), compact);
        match column {
            0 => compact_count(kind.alive),
            1 => rate(kind.ended_hz),
            2 => rate(kind.polls_hz),
            3 => paint(heat(kind.busy), percent(kind.busy)),
            4 => quantile(kind.poll_p99_ns),
            5 => quantile(kind.wake_p99_ns),
            _ => {
                let odd = match kind.odd {
                    0 => String::new(),
                    n => format!(" {} odd", compact_count(n as u64)),
                };
                let name = title(&kind.title, columns.saturating_sub(width(&odd)));
                let room = columns.saturating_sub(width(&name) + width(&odd));
                let site = match kind.named && room > 12 {
                    true => format!(" {}", title(&kind.site, room - 1)),
                    false => String::new(),
                };
                format!(
                    "{}{}{}",
                    paint(STRONG, name),
                    paint(WARNING, odd),
                    paint(DIM, site)
                )
            }
        }
    }

    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        let (a, b) = (&self.0[a], &self.0[b]);
        match column {
            0 => a.alive.cmp(&b.alive),
            1 => figures(a.ended_hz, b.ended_hz),
            2 => figures(a.polls_hz, b.polls_hz),
            3 => figures(a.busy, b.busy),
            4 => a.poll_p99_ns.cmp(&b.poll_p99_ns),
            5 => a.wake_p99_ns.cmp(&b.wake_p99_ns),
            _ => a.title.cmp(&b.title),
        }
    }

    fn matches(&self, row: usize, filter: &Regex) -> bool {
        filter.is_match(&self.0[row].title) || filter.is_match(&self.0[row].site)
    }

    fn is_odd(&self, row: usize) -> bool {
        self.0[row].odd > 0
    }

    fn about(&self, row: usize, columns: usize) -> String {
        let kind = &self.0[row];
        let mut parts = vec![title(&kind.title, columns / 2)];
        if kind.named && !kind.site.is_empty() {
            parts.push(title(&kind.site, columns / 2));
        }
        if kind.panicked > 0 {
            let panicked = format!("{} panicked since the start", compact_count(kind.panicked));
            parts.insert(0, paint(WARNING, panicked));
        }
        super::columns::parts(&parts, columns)
    }
}

/// So many a second, in at most six columns.
fn rate(hz: f64) -> String {
    match hz {
        0.0 => "0".to_owned(),
        hz if hz < 0.095 => "<0.1".to_owned(),
        hz if hz < 9.95 => format!("{hz:.1}"),
        hz => compact_count(hz.round() as u64),
    }
}
