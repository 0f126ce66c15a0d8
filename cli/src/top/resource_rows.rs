//! The tab of locks: whatever can be waited for or held.

use super::columns::{Column, Width, parts};
use super::rows::{Rows, figures};
use crate::export::text::printable;
use crate::text::number::{compact, compact_count, count, counted, duration, percent};
use crate::text::since;
use crate::text::style::{DIM, STRONG, WARNING, heat, paint};
use crate::text::width::{keep_end, keep_start};
use hotpoll_profile::{Resource, Since};
use hotpoll_symbolizer::verdict::is_held;
use regex::Regex;
use std::cmp::Ordering;

/// A lock, a channel, a semaphore.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceRow {
    /// What samples call it.
    pub id: u64,
    /// Its kind and its name, or its site.
    pub title: String,
    /// Whether a problem is about it.
    pub is_odd: bool,
    /// Whether waiting for it is being held up: who waits for a message has nothing to do.
    pub is_held_up: bool,
    /// Who waits for it now.
    pub waiters: u64,
    /// The longest of them waits for so long.
    pub waits_ns: u64,
    /// For how long it has been held, and what that is.
    pub held: Option<(u64, Since)>,
    /// Who holds it; what is in it, of a channel.
    pub holder: String,
    /// Acquisitions.
    pub acquired: u64,
    /// Those that had to wait.
    pub contended: u64,
    /// Time waited, by all that waited.
    pub waited_ns: u64,
    /// The longest wait so far.
    pub longest_ns: u64,
    /// Ninety-nine of a hundred waits were shorter.
    pub wait_p99_ns: Option<u64>,
    /// Whether stacks alone tell of it.
    pub inferred: bool,
}

impl ResourceRow {
    /// A resource. `party` says what its holder is called.
    pub fn new(
        resource: &Resource,
        title: String,
        is_odd: bool,
        party: &dyn Fn(&Resource) -> String,
    ) -> Self {
        let uses = [&resource.exclusive, &resource.shared];
        let sum = |of: fn(&hotpoll_profile::Uses) -> u64| uses.iter().map(|uses| of(uses)).sum();
        let mut wait = resource.exclusive.wait.clone();
        wait.add(&resource.shared.wait);
        let held = resource.holders.iter().max_by_key(|holder| holder.since_ns);
        let mut title = title;
        if resource.instances > 1 {
            title += &format!(" x{}", count(resource.instances));
        }
        let waiters = resource.waiters.len() as u64 + resource.more_waiters;
        Self {
            id: resource.id,
            title: printable(&title),
            is_odd,
            is_held_up: is_odd || (is_held(resource) && waiters > 0),
            waiters,
            waits_ns: resource
                .waiters
                .iter()
                .map(|waiter| waiter.since_ns)
                .max()
                .unwrap_or(0),
            held: held.map(|holder| (holder.since_ns, holder.since)),
            holder: printable(&holder(resource, party)),
            acquired: sum(|uses| uses.acquired),
            contended: sum(|uses| uses.contended),
            waited_ns: sum(|uses| uses.wait_ns),
            longest_ns: uses
                .iter()
                .flat_map(|uses| &uses.longest_wait)
                .map(|wait| wait.ns)
                .max()
                .unwrap_or(0),
            wait_p99_ns: wait.quantile(0.99),
            inferred: resource.inferred,
        }
    }

    fn contention(&self) -> f64 {
        match self.acquired {
            0 => 0.0,
            acquired => self.contended as f64 / acquired as f64,
        }
    }

    /// What is worst stands first: problems, then who waits longest, then what was waited for longest.
    pub fn badness(&self) -> impl Ord + use<> {
        let waits_ns = if self.is_held_up { self.waits_ns } else { 0 };
        let badness = (
            self.is_odd,
            self.is_held_up,
            waits_ns,
            self.waited_ns,
            self.acquired,
        );
        (std::cmp::Reverse(badness), self.id)
    }
}

fn holder(resource: &Resource, party: &dyn Fn(&Resource) -> String) -> String {
    let mut words = Vec::new();
    if let Some(channel) = &resource.channel {
        words.push(match channel.capacity {
            Some(capacity) => format!("{}/{}", count(channel.length), count(capacity)),
            None => counted(channel.length, "message"),
        });
        if let Some(closed) = channel.closed {
            words.push(closed.label().to_owned());
        }
    }
    if let Some(permits) = &resource.permits {
        words.push(format!(
            "{}/{} free",
            count(permits.available),
            count(permits.total)
        ));
    }
    let holders = resource.holders.len() as u64 + resource.more_holders;
    if holders > 0 {
        words.push(party(resource));
    }
    if holders > 1 {
        words.push(format!("and {}", counted(holders - 1, "other")));
    }
    if resource.poisoned {
        words.push("poisoned".to_owned());
    }
    words.join(" ")
}

/// The resources of a picture.
pub struct ResourceRows<'p>(pub &'p [ResourceRow]);

const COLUMNS: &[Column] = &[
    Column::figures("waiting", 7),
    Column::figures("for", 6),
    Column::figures("held", 7),
    Column::figures("used", 6).from(70),
    Column::figures("cont.", 6).from(70),
    Column::figures("waited", 6).from(100),
    Column::figures("p99", 6).from(100),
    Column::words("lock", Width::Share(12, 60)),
    Column::words("held by", Width::Share(7, 200)),
];

impl Rows for ResourceRows<'_> {
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
        let one = &self.0[row];
        match column {
            0 if one.is_held_up => paint(WARNING, compact_count(one.waiters)),
            0 => compact_count(one.waiters),
            1 if one.waiters == 0 => "-".to_owned(),
            1 => compact(one.waits_ns),
            2 => match one.held {
                None => "-".to_owned(),
                Some((ns, known)) => since::in_a_column(ns, known),
            },
            3 => match one.inferred {
                true => "?".to_owned(),
                false => compact_count(one.acquired),
            },
            4 => paint(heat(one.contention()), percent(one.contention())),
            5 => compact(one.waited_ns),
            6 => one.wait_p99_ns.map_or("-".to_owned(), compact),
            7 => {
                let style = if one.inferred { DIM } else { STRONG };
                paint(style, keep_end(&one.title, columns))
            }
            _ => keep_start(&one.holder, columns),
        }
    }

    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        let (a, b) = (&self.0[a], &self.0[b]);
        match column {
            0 => a.waiters.cmp(&b.waiters),
            1 => a.waits_ns.cmp(&b.waits_ns),
            2 => a.held.map(|held| held.0).cmp(&b.held.map(|held| held.0)),
            3 => a.acquired.cmp(&b.acquired),
            4 => figures(a.contention(), b.contention()),
            5 => a.waited_ns.cmp(&b.waited_ns),
            6 => a.wait_p99_ns.cmp(&b.wait_p99_ns),
            7 => a.title.cmp(&b.title),
            _ => a.holder.cmp(&b.holder),
        }
    }

    fn matches(&self, row: usize, filter: &Regex) -> bool {
        filter.is_match(&self.0[row].title) || filter.is_match(&self.0[row].holder)
    }

    fn is_odd(&self, row: usize) -> bool {
        self.0[row].is_odd
    }

    fn about(&self, row: usize, columns: usize) -> String {
        let one = &self.0[row];
        let mut words = vec![one.title.clone()];
        if one.inferred {
            words.push("inferred from stacks: nobody wrapped it".to_owned());
        }
        if one.contended > 0 {
            words.push(format!(
                "waited {} in {} of {}, longest {}",
                duration(one.waited_ns),
                count(one.contended),
                count(one.acquired),
                duration(one.longest_ns)
            ));
        }
        parts(&words, columns)
    }
}
