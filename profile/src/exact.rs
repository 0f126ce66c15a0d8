//! What was counted rather than sampled in a window: polls, delays from wake to poll, and waits for locks.

use crate::{Histogram, Library, Resource, ResourceKind, Site, Snapshot, TaskKind};
use std::collections::HashMap;

/// Totals of the window, by task kind and by resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exact {
    /// By task kind.
    pub polls: Vec<PollTotals>,
    /// By lock, channel and the like.
    pub waits: Vec<WaitTotals>,
}

/// What the tasks of one kind did in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollTotals {
    /// The kind's name; empty: it goes by its site.
    pub name: String,
    /// Where its tasks are spawned.
    pub site: Site,
    /// Tasks that ran to their end.
    pub completed: u64,
    /// Polls.
    pub polls: u64,
    /// Time in polls.
    pub poll_ns: u64,
    /// How long polls took.
    pub poll_time: Histogram,
    /// Time woken and not yet polled.
    pub delay_ns: u64,
    /// How long from wake to poll.
    pub wake_delay: Histogram,
}

/// What was waited for at one resource in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitTotals {
    /// The resource's name; empty: it goes by its site.
    pub name: String,
    /// Where it is made.
    pub site: Site,
    /// What it is.
    pub kind: ResourceKind,
    /// Whose.
    pub library: Library,
    /// Acquisitions, or messages.
    pub acquired: u64,
    /// Those that had to wait.
    pub contended: u64,
    /// Time waited.
    pub wait_ns: u64,
    /// How long waits took.
    pub wait: Histogram,
}

impl Exact {
    /// What a snapshot has counted since the process began to count. Kinds of one title are one, and so are resources.
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut exact = Self::default();
        exact.add(&Self {
            polls: snapshot.tasks.kinds.iter().map(PollTotals::of).collect(),
            waits: (snapshot.resources.resources.iter())
                .map(WaitTotals::of)
                .collect(),
        });
        exact
    }

    /// What was counted after `earlier`, a state of the same process. Kinds and resources that have counted nothing since are left out.
    pub fn since(&self, earlier: &Self) -> Self {
        let polls = earlier.polls.iter().map(|one| (one.title(), one));
        let polls: HashMap<_, _> = polls.collect();
        let waits = earlier.waits.iter().map(|one| (one.key(), one));
        let waits: HashMap<_, _> = waits.collect();
        Self {
            polls: (self.polls.iter())
                .map(|one| match polls.get(&one.title()) {
                    Some(before) => one.since(before),
                    None => one.clone(),
                })
                .filter(|one| one.polls > 0 || one.completed > 0)
                .collect(),
            waits: (self.waits.iter())
                .map(|one| match waits.get(&one.key()) {
                    Some(before) => one.since(before),
                    None => one.clone(),
                })
                .filter(|one| one.acquired > 0 || one.contended > 0)
                .collect(),
        }
    }

    /// Adds another window's totals.
    pub fn add(&mut self, other: &Self) {
        let mut polls: HashMap<String, usize> = (self.polls.iter().enumerate())
            .map(|(place, one)| (one.title(), place))
            .collect();
        for one in &other.polls {
            let place = *polls.entry(one.title()).or_insert(self.polls.len());
            match self.polls.get_mut(place) {
                Some(known) => known.add(one),
                None => self.polls.push(one.clone()),
            }
        }
        let mut waits: HashMap<_, usize> = (self.waits.iter().enumerate())
            .map(|(place, one)| (one.key(), place))
            .collect();
        for one in &other.waits {
            let place = *waits.entry(one.key()).or_insert(self.waits.len());
            match self.waits.get_mut(place) {
                Some(known) => known.add(one),
                None => self.waits.push(one.clone()),
            }
        }
    }
}

/// Where a total's number is.
type Number<T> = (fn(&T) -> u64, fn(&mut T) -> &mut u64);

/// What is counted of a task kind. The order is that of files: new ones go to the end.
pub(crate) const POLL_NUMBERS: [Number<PollTotals>; 4] = [
    (|one| one.completed, |one| &mut one.completed),
    (|one| one.polls, |one| &mut one.polls),
    (|one| one.poll_ns, |one| &mut one.poll_ns),
    (|one| one.delay_ns, |one| &mut one.delay_ns),
];

/// What is counted of a resource. The order is that of files: new ones go to the end.
pub(crate) const WAIT_NUMBERS: [Number<WaitTotals>; 3] = [
    (|one| one.acquired, |one| &mut one.acquired),
    (|one| one.contended, |one| &mut one.contended),
    (|one| one.wait_ns, |one| &mut one.wait_ns),
];

impl PollTotals {
    fn of(kind: &TaskKind) -> Self {
        Self {
            name: kind.name.clone(),
            site: kind.site.clone(),
            completed: kind.completed,
            polls: kind.polls,
            poll_ns: kind.busy_ns,
            poll_time: kind.poll_time.clone(),
            delay_ns: kind.scheduled_ns,
            wake_delay: kind.wake_delay.clone(),
        }
    }

    /// The kind's name, or else its site.
    pub fn title(&self) -> String {
        title(&self.name, &self.site)
    }

    fn since(&self, earlier: &Self) -> Self {
        let mut since = Self {
            poll_time: self.poll_time.since(&earlier.poll_time),
            wake_delay: self.wake_delay.since(&earlier.wake_delay),
            ..self.clone()
        };
        for (get, place) in POLL_NUMBERS {
            *place(&mut since) = get(self).saturating_sub(get(earlier));
        }
        since
    }

    fn add(&mut self, other: &Self) {
        for (get, place) in POLL_NUMBERS {
            *place(self) = get(self).saturating_add(get(other));
        }
        self.poll_time.add(&other.poll_time);
        self.wake_delay.add(&other.wake_delay);
    }
}

impl WaitTotals {
    fn of(resource: &Resource) -> Self {
        let mut uses = resource.exclusive.clone();
        uses.add(&resource.shared);
        Self {
            name: resource.name.clone(),
            site: resource.site.clone(),
            kind: resource.kind,
            library: resource.library,
            acquired: uses.acquired,
            contended: uses.contended,
            wait_ns: uses.wait_ns,
            wait: uses.wait,
        }
    }

    /// The resource's name, or else its site.
    pub fn title(&self) -> String {
        title(&self.name, &self.site)
    }

    fn key(&self) -> (ResourceKind, String) {
        (self.kind, self.title())
    }

    fn since(&self, earlier: &Self) -> Self {
        let mut since = Self {
            wait: self.wait.since(&earlier.wait),
            ..self.clone()
        };
        for (get, place) in WAIT_NUMBERS {
            *place(&mut since) = get(self).saturating_sub(get(earlier));
        }
        since
    }

    fn add(&mut self, other: &Self) {
        for (get, place) in WAIT_NUMBERS {
            *place(self) = get(self).saturating_add(get(other));
        }
        self.wait.add(&other.wait);
    }
}

fn title(name: &str, site: &Site) -> String {
    if name.is_empty() {
        site.to_string()
    } else {
        name.to_owned()
    }
}
