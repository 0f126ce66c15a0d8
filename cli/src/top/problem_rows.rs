//! The tab of what is stuck.

use super::columns::{Column, Width, parts};
use super::rows::Rows;
use crate::export::text::printable;
use crate::text::number::{compact, compact_count};
use crate::text::style::{DIM, ERROR, STRONG, WARNING, paint};
use crate::text::width::keep_start;
use hotpoll_symbolizer::verdict::{Confidence, Problem, ProblemKind};
use regex::Regex;
use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The problems of a picture, worst first.
pub struct ProblemRows<'p>(pub &'p [Problem]);

const COLUMNS: &[Column] = &[
    Column::words("problem", Width::Fixed(16)),
    Column::figures("age", 6),
    Column::figures("waiting", 7),
    Column::words("sure", Width::Fixed(8)).from(90),
    Column::words("what", Width::Share(1, 300)),
];

/// What a problem is called from one picture to the next: who is to be asked about it does not change while it lasts.
pub fn id(problem: &Problem) -> u64 {
    let mut hasher = DefaultHasher::new();
    problem.kind.hash(&mut hasher);
    problem.resource.hash(&mut hasher);
    problem
        .owner
        .as_ref()
        .map(|owner| owner.actor)
        .hash(&mut hasher);
    for member in &problem.cycle {
        member.actor.hash(&mut hasher);
    }
    (&problem.site.file, problem.site.line, &problem.threads).hash(&mut hasher);
    hasher.finish()
}

impl Rows for ProblemRows<'_> {
    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn id(&self, row: usize) -> u64 {
        id(&self.0[row])
    }

    fn cell(&self, row: usize, column: usize, columns: usize) -> String {
        let problem = &self.0[row];
        match column {
            0 => {
                let style = match (problem.kind, problem.confidence) {
                    (ProblemKind::Deadlock, _) | (_, Confidence::Certain) => ERROR,
                    _ => WARNING,
                };
                paint(style, keep_start(problem.kind.label(), columns))
            }
            1 => compact(problem.age_ns),
            2 => compact_count(waiting(problem)),
            3 => paint(DIM, problem.confidence.label()),
            _ => paint(STRONG, keep_start(&printable(&problem.headline), columns)),
        }
    }

    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        let (a, b) = (&self.0[a], &self.0[b]);
        match column {
            // The kinds' own order is worst first.
            0 => b.kind.cmp(&a.kind),
            1 => a.age_ns.cmp(&b.age_ns),
            2 => waiting(a).cmp(&waiting(b)),
            3 => b.confidence.cmp(&a.confidence),
            _ => a.headline.cmp(&b.headline),
        }
    }

    fn matches(&self, row: usize, filter: &Regex) -> bool {
        let problem = &self.0[row];
        filter.is_match(problem.kind.label())
            || filter.is_match(&problem.headline)
            || (problem.victims.iter())
                .any(|one| filter.is_match(&one.who) || filter.is_match(&one.what))
    }

    fn is_odd(&self, _: usize) -> bool {
        true
    }

    fn about(&self, row: usize, columns: usize) -> String {
        let problem = &self.0[row];
        let mut words = vec![printable(&problem.headline)];
        words.extend(
            problem
                .owner
                .as_ref()
                .map(|owner| printable(&format!("{} is {}", owner.who, owner.doing))),
        );
        words.extend(problem.evidence.first().map(|sentence| printable(sentence)));
        parts(&words, columns)
    }
}

/// All who wait because of it, members of a cycle too.
fn waiting(problem: &Problem) -> u64 {
    (problem.victims.len() + problem.cycle.len()) as u64
}
