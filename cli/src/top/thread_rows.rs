//! The tab of threads.

use super::columns::{Column, Width};
use super::rows::{Rows, figures};
use crate::export::text::printable;
use crate::stack;
use crate::text::name;
use crate::text::number::{compact, percent};
use crate::text::style::{DIM, STRONG, WARNING, heat, paint};
use crate::text::width::{keep_start, width};
use crate::threads::data::{Data, ThreadData};
use regex::Regex;
use std::cmp::Ordering;

/// The threads of a picture.
pub struct ThreadRows<'p>(pub &'p Data);

const COLUMNS: &[Column] = &[
    Column::words("state", Width::Fixed(10)),
    Column::figures("for", 6),
    Column::figures("CPU", 6),
    Column::words("thread", Width::Share(9, 26)),
    Column::words("polls", Width::Share(9, 40)).from(100),
    Column::words("where it is", Width::Share(11, 200)),
];

impl ThreadRows<'_> {
    fn get(&self, row: usize) -> &ThreadData {
        &self.0.threads[row]
    }
}

impl Rows for ThreadRows<'_> {
    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn len(&self) -> usize {
        self.0.threads.len()
    }

    fn id(&self, row: usize) -> u64 {
        self.get(row).tid.into()
    }

    fn cell(&self, row: usize, column: usize, columns: usize) -> String {
        let thread = self.get(row);
        match column {
            0 if thread.stuck.is_some() => paint(WARNING, keep_start(thread.state, columns)),
            0 => keep_start(thread.state, columns),
            1 => match thread.state_ns {
                0 => "-".to_owned(),
                ns => compact(ns),
            },
            2 => paint(heat(thread.cores), percent(thread.cores)),
            3 => who(thread, columns),
            4 => keep_start(&polls(thread), columns),
            _ => place(thread, columns),
        }
    }

    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        let (a, b) = (self.get(a), self.get(b));
        match column {
            0 => a.state.cmp(b.state),
            1 => a.state_ns.cmp(&b.state_ns),
            2 => figures(a.cores, b.cores),
            3 => (&a.name, a.tid).cmp(&(&b.name, b.tid)),
            4 => {
                let ns = |thread: &ThreadData| thread.polls.as_ref().map(|poll| poll.poll_ns);
                ns(a).cmp(&ns(b))
            }
            _ => {
                let first = |thread: &ThreadData| {
                    let own = thread.folded.iter().find(|level| level.is_own());
                    own.map(|level| level.frame.name.clone())
                };
                first(a).cmp(&first(b))
            }
        }
    }

    fn matches(&self, row: usize, filter: &Regex) -> bool {
        let thread = self.get(row);
        filter.is_match(&thread.name)
            || filter.is_match(&thread.tid.to_string())
            || filter.is_match(thread.state)
            || thread.stuck.is_some_and(|stuck| filter.is_match(stuck))
            || (thread.polls.as_ref()).is_some_and(|poll| filter.is_match(&poll.kind))
            || (thread.stack.iter()).any(|frame| filter.is_match(&frame.name))
            || (thread.dominant.as_ref()).is_some_and(|one| filter.is_match(&one.name))
    }

    fn is_odd(&self, row: usize) -> bool {
        self.get(row).stuck.is_some()
    }

    fn about(&self, row: usize, columns: usize) -> String {
        about(self.get(row), columns)
    }
}

/// What a thread does, in a line.
pub fn about(thread: &ThreadData, columns: usize) -> String {
    let mut parts = Vec::new();
    if let Some(stuck) = thread.stuck {
        parts.push(paint(WARNING, stuck));
    }
    parts.push(polls(thread));
    let taken: String = super::columns::parts(&parts, columns);
    let room = columns.saturating_sub(width(&crate::text::style::plain(&taken)) + 3);
    if room > 12 {
        parts.push(place(thread, room));
    }
    super::columns::parts(&parts, columns)
}

/// Name and number, the number whole.
fn who(thread: &ThreadData, columns: usize) -> String {
    let tid = format!(" {}", thread.tid);
    let name = keep_start(
        &printable(&thread.name),
        columns.saturating_sub(width(&tid)),
    );
    let style = if thread.own { DIM } else { STRONG };
    format!("{}{}", paint(style, name), paint(DIM, tid))
}

/// Which poll it is in, or what it does for its runtime.
pub fn polls(thread: &ThreadData) -> String {
    match (&thread.polls, thread.role) {
        (Some(poll), _) => {
            let kind = printable(&poll.kind);
            let task = match poll.task {
                0 => String::new(),
                task => format!("{} ", crate::tasks::text::id(task)),
            };
            format!("{} in {task}{kind}", compact(poll.poll_ns))
        }
        (None, Some(role)) => role.to_owned(),
        (None, None) => String::new(),
    }
}

/// Where it is, or mostly was.
fn place(thread: &ThreadData, columns: usize) -> String {
    let place = stack::line(&thread.folded, columns);
    if !place.is_empty() {
        return place;
    }
    if let Some(dominant) = &thread.dominant {
        return name::fit(stack::title(&dominant.name), columns);
    }
    match thread.failure {
        Some(why) if thread.state != "running" && why != "running" => {
            paint(DIM, keep_start(&format!("no stack ({why})"), columns))
        }
        _ => String::new(),
    }
}
