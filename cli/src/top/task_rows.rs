//! Tasks one by one.

use super::columns::{Column, Width};
use super::rows::Rows;
use crate::stack::{self, LevelData};
use crate::tasks::text::{id, title};
use crate::text::number::{compact, compact_count, count};
use crate::text::style::{DIM, STRONG, WARNING, paint, plain};
use crate::text::width::{keep_start, width};
use regex::Regex;
use std::cmp::Ordering;
use std::collections::HashMap;

/// A task. Where it is stands in [`Places`], as most tasks wait in a few.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRow {
    /// What samples call it.
    pub id: u64,
    /// Its kind.
    pub kind: u64,
    /// What it does.
    pub state: &'static str,
    /// What is wrong with it.
    pub problem: Option<&'static str>,
    /// How many of its kind wait where it does, where these are few of many.
    pub rare: Option<usize>,
    /// For how long it has been in its state.
    pub state_ns: u64,
    /// How long ago it was spawned.
    pub age_ns: u64,
    /// Polls.
    pub polls: u64,
    /// Time in polls.
    pub busy_ns: u64,
    /// The thread that polls it.
    pub thread: String,
    /// Where it is.
    pub place: usize,
}

/// Distinct folded stacks, innermost first.
pub type Places = Vec<Vec<LevelData>>;

/// Tasks of a picture: those of one kind, or all.
pub struct TaskRows<'p> {
    tasks: Vec<&'p TaskRow>,
    places: &'p Places,
    titles: &'p HashMap<u64, String>,
}

const COLUMNS: &[Column] = &[
    Column::words("state", Width::Fixed(10)),
    Column::figures("for", 6),
    Column::figures("age", 6).from(70),
    Column::figures("polls", 6).from(90),
    Column::figures("busy", 6),
    Column::words("task", Width::Share(4, 30)),
    Column::words("where it is", Width::Share(7, 200)),
];

impl<'p> TaskRows<'p> {
    /// Those of one kind, or all of them.
    pub fn new(
        tasks: &'p [TaskRow],
        places: &'p Places,
        titles: &'p HashMap<u64, String>,
        kind: Option<u64>,
    ) -> Self {
        let tasks = (tasks.iter())
            .filter(|task| kind.is_none_or(|kind| task.kind == kind))
            .collect();
        Self {
            tasks,
            places,
            titles,
        }
    }

    fn title(&self, task: &TaskRow) -> &str {
        self.titles.get(&task.kind).map_or("", String::as_str)
    }

    fn place(&self, task: &TaskRow) -> &[LevelData] {
        self.places.get(task.place).map_or(&[], Vec::as_slice)
    }
}

impl Rows for TaskRows<'_> {
    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn len(&self) -> usize {
        self.tasks.len()
    }

    fn id(&self, row: usize) -> u64 {
        self.tasks[row].id
    }

    fn cell(&self, row: usize, column: usize, columns: usize) -> String {
        let task = self.tasks[row];
        match column {
            0 => match task.problem {
                Some(problem) => paint(WARNING, keep_start(problem, columns)),
                None => keep_start(task.state, columns),
            },
            1 => compact(task.state_ns),
            2 => compact(task.age_ns),
            3 => compact_count(task.polls),
            4 => compact(task.busy_ns),
            5 => {
                let id = format!("{} ", id(task.id));
                let kind = title(self.title(task), columns.saturating_sub(width(&id)));
                format!("{}{}", paint(DIM, id), paint(STRONG, kind))
            }
            _ => {
                let place = stack::line(self.place(task), columns);
                match place.is_empty() {
                    true => paint(DIM, keep_start(&task.thread, columns)),
                    false => place,
                }
            }
        }
    }

    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        let (a, b) = (self.tasks[a], self.tasks[b]);
        match column {
            0 => a
                .problem
                .unwrap_or(a.state)
                .cmp(b.problem.unwrap_or(b.state)),
            1 => a.state_ns.cmp(&b.state_ns),
            2 => a.age_ns.cmp(&b.age_ns),
            3 => a.polls.cmp(&b.polls),
            4 => a.busy_ns.cmp(&b.busy_ns),
            5 => (self.title(a), a.id).cmp(&(self.title(b), b.id)),
            _ => {
                let first = |task| {
                    let own = self.place(task).iter().find(|level| level.is_own());
                    own.map(|level| (level.frame.name.as_str(), level.frame.line))
                };
                first(a).cmp(&first(b))
            }
        }
    }

    fn matches(&self, row: usize, filter: &Regex) -> bool {
        let task = self.tasks[row];
        filter.is_match(self.title(task))
            || filter.is_match(&id(task.id))
            || filter.is_match(task.problem.unwrap_or(task.state))
            || filter.is_match(&task.thread)
            || (self.place(task).iter()).any(|level| filter.is_match(&level.frame.name))
    }

    fn is_odd(&self, row: usize) -> bool {
        self.tasks[row].problem.is_some()
    }

    fn about(&self, row: usize, columns: usize) -> String {
        let task = self.tasks[row];
        let mut parts = Vec::new();
        if let Some(problem) = task.problem {
            parts.push(paint(WARNING, problem));
        }
        match task.rare {
            Some(1) => parts.push("alone there".to_owned()),
            Some(few) => parts.push(format!(
                "{} there, most of its kind elsewhere",
                count(few as u64)
            )),
            None => {}
        }
        parts.push(task.thread.clone());
        let taken = width(&plain(&super::columns::parts(&parts, columns)));
        parts.push(stack::line(
            self.place(task),
            columns.saturating_sub(taken + 3),
        ));
        super::columns::parts(&parts, columns)
    }
}
