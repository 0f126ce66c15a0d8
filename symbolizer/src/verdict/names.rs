//! What threads, tasks and resources are called in sentences, and what somebody is doing.

use super::actor::Actor;
use super::parts::OWN;
use crate::view::Frames;
use crate::view::await_stack;
use crate::view::live_tasks::representative;
use hotpoll_profile::{
    Holder, Party, Resource, ResourceKind, Since, Site, Snapshot, Task, TaskKind, TaskState,
    Thread, ThreadNow, Waiter,
};
use std::collections::HashMap;

/// Names of one snapshot.
#[derive(Debug)]
pub struct Names<'s> {
    frames: &'s Frames<'s>,
    threads: HashMap<u32, (&'s Thread, &'s ThreadNow)>,
    tasks: HashMap<u64, &'s Task>,
    kinds: HashMap<u64, &'s TaskKind>,
    polled_by: HashMap<u64, u32>,
    /// When what a task waits for is due, or its wait gives up, in nanoseconds from now.
    due: HashMap<u64, u64>,
    lists_all_tasks: bool,
}

/// What somebody is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Doing {
    /// A few words.
    pub words: String,
    /// The stack, leaf first.
    pub stack: Vec<u32>,
}

impl<'s> Names<'s> {
    /// Of a snapshot, whose stacks are named by `frames`.
    pub fn new(frames: &'s Frames<'s>, snapshot: &'s Snapshot) -> Self {
        let profile = frames.profile();
        let threads = snapshot.threads.iter().filter_map(|now| {
            let thread = profile.threads.get(now.thread as usize)?;
            Some((thread.tid, (thread, now)))
        });
        let tasks = &snapshot.tasks;
        let polled = snapshot.threads.iter().filter_map(|now| {
            let thread = profile.threads.get(now.thread as usize)?;
            (now.task != 0 && now.poll_ns > 0).then_some((now.task, thread.tid))
        });
        let mut due: HashMap<u64, u64> = HashMap::new();
        for waiter in (snapshot.resources.resources.iter()).flat_map(|one| &one.waiters) {
            if waiter.party.task != 0 && waiter.ends_in_ns > 0 {
                let first = due.entry(waiter.party.task).or_insert(u64::MAX);
                *first = (*first).min(waiter.ends_in_ns);
            }
        }
        Self {
            due,
            frames,
            threads: threads.collect(),
            tasks: tasks.tasks.iter().map(|task| (task.id, task)).collect(),
            kinds: tasks.kinds.iter().map(|kind| (kind.id, kind)).collect(),
            polled_by: polled.collect(),
            lists_all_tasks: tasks.folded_tasks == 0,
        }
    }

    /// The thread with this ID, if it is alive.
    pub fn thread(&self, tid: u32) -> Option<(&'s Thread, &'s ThreadNow)> {
        self.threads.get(&tid).copied()
    }

    /// The task with this number, if it is alive and listed.
    pub fn task(&self, id: u64) -> Option<&'s Task> {
        self.tasks.get(&id).copied()
    }

    /// All tasks that are listed.
    pub fn tasks(&self) -> impl Iterator<Item = &'s Task> + '_ {
        self.tasks.values().copied()
    }

    /// The thread that polls a task now.
    pub fn polled_by(&self, task: u64) -> Option<u32> {
        self.polled_by.get(&task).copied()
    }

    /// `task #9 (save)`, `thread 4250 (worker-1)`.
    pub fn actor(&self, actor: Actor) -> String {
        match actor {
            Actor::Task(id) => {
                let kind = self.tasks.get(&id).map_or(0, |task| task.kind);
                self.task_of_kind(id, kind)
            }
            Actor::Thread(tid) => match self.threads.get(&tid) {
                Some((thread, _)) if !thread.name.is_empty() => {
                    format!("thread {tid} ({})", thread.name)
                }
                _ => format!("thread {tid}"),
            },
        }
    }

    /// A party to a resource, whether it is anybody that can be told apart or not.
    pub fn party(&self, party: Party, resource: &Resource) -> String {
        match (party.task, Actor::of(party, resource)) {
            (0, None) if party.tid == 0 => "somebody".to_owned(),
            (0, None) => format!(
                "a task that is not tracked (seen on {})",
                self.actor(Actor::Thread(party.tid))
            ),
            (0, Some(actor)) => self.actor(actor),
            (task, _) => self.task_of_kind(task, party.kind),
        }
    }

    /// One who waits.
    pub fn waiter(&self, waiter: &Waiter, resource: &Resource) -> String {
        self.either(Actor::waiting(waiter, resource), waiter.party, resource)
    }

    /// Whether the one who took it has ended. Its guard is with somebody else then, or with nobody.
    pub fn has_ended(&self, holder: &Holder, resource: &Resource) -> bool {
        holder.gone
            || match Actor::holding(holder, resource) {
                Some(Actor::Thread(tid)) => self.thread(tid).is_none(),
                Some(Actor::Task(id)) => match self.task(id) {
                    Some(task) => task.state == TaskState::Done,
                    // The tasks are looked at after the locks, and all that live are listed.
                    None => self.lists_all_tasks,
                },
                None => false,
            }
    }

    /// One who holds it.
    pub fn holder(&self, holder: &Holder, resource: &Resource) -> String {
        if holder.gone && holder.party.task == 0 {
            return match holder.party.tid {
                0 => "a thread".to_owned(),
                tid => format!("thread {tid}"),
            };
        }
        self.either(Actor::holding(holder, resource), holder.party, resource)
    }

    fn either(&self, actor: Option<Actor>, party: Party, resource: &Resource) -> String {
        match actor {
            Some(actor @ Actor::Thread(_)) => self.actor(actor),
            _ => self.party(party, resource),
        }
    }

    fn task_of_kind(&self, task: u64, kind: u64) -> String {
        // As `tasks` has them: numbers of our own are of futures that are no task of the runtime's.
        let number = match task.checked_sub(OWN) {
            Some(own) => format!("#h{own}"),
            None => format!("#{task}"),
        };
        match self.kinds.get(&kind) {
            Some(kind) if !kind.name.is_empty() => format!("task {number} ({})", kind.name),
            Some(kind) if !kind.site.file.is_empty() => {
                format!("task {number} ({})", place(&kind.site))
            }
            _ => format!("task {number}"),
        }
    }

    /// What somebody is doing, in words and as a stack.
    pub fn doing(&self, actor: Actor) -> Doing {
        match actor {
            Actor::Thread(tid) => self.thread_doing(tid),
            Actor::Task(id) => {
                if let Some(tid) = self.polled_by(id) {
                    return self.thread_doing(tid);
                }
                match self.tasks.get(&id) {
                    Some(task) => self.task_doing(task),
                    None => Doing::default(),
                }
            }
        }
    }

    /// What somebody who holds this is doing. Who was blocked for longer than it has held it was looked at before it took it: of such a look nothing is told.
    pub fn doing_of(&self, holder: &Holder, resource: &Resource) -> Doing {
        match Actor::holding(holder, resource) {
            Some(actor) if !self.is_older(actor, holder) => self.doing(actor),
            Some(_) => Doing {
                words: "elsewhere by now: the last look was before it took it".to_owned(),
                stack: Vec::new(),
            },
            None => Doing::default(),
        }
    }

    fn is_older(&self, actor: Actor, holder: &Holder) -> bool {
        let tid = match actor {
            Actor::Thread(tid) => Some(tid),
            Actor::Task(id) => self.polled_by(id),
        };
        let now = tid.and_then(|tid| self.threads.get(&tid));
        now.is_some_and(|(_, now)| is_older(now, holder))
    }

    fn thread_doing(&self, tid: u32) -> Doing {
        let Some((_, now)) = self.threads.get(&tid) else {
            return Doing::default();
        };
        let state = match now.state {
            hotpoll_profile::State::Lock | hotpoll_profile::State::Futex => "blocked",
            hotpoll_profile::State::Io => "in I/O",
            hotpoll_profile::State::Sleep => "asleep",
            hotpoll_profile::State::OtherWait => "waiting",
            state => state.label(),
        };
        Doing {
            words: self.in_place(state, now.state_ns, &now.stack),
            stack: now.stack.clone(),
        }
    }

    fn task_doing(&self, task: &Task) -> Doing {
        let stack = representative(task).map_or_else(Vec::new, |wait| wait.stack.clone());
        let state = match task.state {
            TaskState::Waiting => "suspended",
            state => state.label(),
        };
        let mut words = self.in_place(state, task.state_ns, &stack);
        if let Some(due_ns) = self.due(task) {
            // Something else may wake it before.
            let latest = if task.wakers > 1 {
                " at the latest"
            } else {
                ""
            };
            words += &format!(", wakes in {}{latest}", duration(due_ns));
        }
        Doing { words, stack }
    }

    /// In how long a suspended task is woken at the latest, by the timers that it waits for and that are known.
    pub fn due(&self, task: &Task) -> Option<u64> {
        let waits = task.state == TaskState::Waiting;
        self.due.get(&task.id).copied().filter(|_| waits)
    }

    /// `suspended for 3.20 s in shop::save → tokio::time::sleep`.
    fn in_place(&self, state: &str, ns: u64, stack: &[u32]) -> String {
        let mut words = state.to_owned();
        if ns > 0 {
            words += &format!(" for {}", duration(ns));
        }
        let place = self.stack(stack);
        if !place.is_empty() {
            words += &format!(" in {place}");
        }
        words
    }

    /// The program's innermost function on a stack, and what it called: `shop::save → std::fs::write`.
    pub fn stack(&self, stack: &[u32]) -> String {
        let levels = await_stack::fold(self.frames, stack);
        let name = |at: crate::view::FrameAt| {
            let name = &self.frames.get(at.frame).name;
            await_stack::title(name).to_owned()
        };
        match (await_stack::own(&levels), await_stack::called(&levels)) {
            (Some(own), Some(called)) => format!("{} → {}", name(own), name(called)),
            (Some(one), None) | (None, Some(one)) => name(one),
            (None, None) => String::new(),
        }
    }

    /// The frames that stacks are named by.
    pub fn frames(&self) -> &'s Frames<'s> {
        self.frames
    }
}

/// Whether a thread's look is from before it took what it holds: it cannot have been blocked all the while.
pub(super) fn is_older(now: &ThreadNow, holder: &Holder) -> bool {
    holder.since == Since::Exact && now.state.is_blocked() && now.state_ns > holder.since_ns
}

/// `mutex cache.rs:41`, or `mutex sessions`.
pub fn resource(resource: &Resource) -> String {
    let kind = match resource.kind {
        kind if kind.is_channel() && kind != ResourceKind::Watch => {
            format!("{} channel", kind.label())
        }
        kind => kind.label().to_owned(),
    };
    let name = if !resource.name.is_empty() {
        resource.name.clone()
    } else if resource.site.file.is_empty() {
        format!("{}", resource.id)
    } else {
        place(&resource.site)
    };
    format!("{kind} {name}")
}

/// `cache.rs:41`; nothing where it is not known.
pub fn place(site: &Site) -> String {
    let file = site.file.rsplit('/').next().unwrap_or_default();
    match site.line {
        0 => file.to_owned(),
        line => format!("{file}:{line}"),
    }
}

/// ` at cache.rs:41`, where that is known.
pub fn at(site: &Site) -> String {
    match place(site) {
        place if place.is_empty() => String::new(),
        place => format!(" at {place}"),
    }
}

/// `held for 3.20 s`, `held for at least 1.10 s, since the first waiter came`, `held for at least 5.00 s (sampled: since a look found it)`.
pub fn held(ns: u64, since: Since) -> String {
    let ns = duration(ns);
    match since {
        Since::Exact => format!("held for {ns}"),
        Since::AtLeast => format!("held for at least {ns}, since the first waiter came"),
        Since::Sampled => format!("held for at least {ns} (sampled: since a look found it)"),
        Since::Unknown => "held, not known since when".to_owned(),
    }
}

/// When a wait ends by itself: `, wakes in 4.20 s`, `, gives up in 4.20 s`; nothing where it does not.
pub fn ends(waiter: &Waiter, resource: &Resource) -> String {
    let in_time = duration(waiter.ends_in_ns);
    match (waiter.timed, waiter.ends_in_ns) {
        (_, 1..) if resource.kind == ResourceKind::Timer => format!(", wakes in {in_time}"),
        (_, 1..) => format!(", gives up in {in_time}"),
        // Every timer does.
        (true, 0) if resource.kind != ResourceKind::Timer => ", with a time-out".to_owned(),
        (_, 0) => String::new(),
    }
}

/// A duration with three digits: `3.20 s`, `12.3 ms`.
pub fn duration(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        1_000_000_000..120_000_000_000 => (ns as f64 / 1e9, "s"),
        _ => {
            let seconds = ns / 1_000_000_000;
            return match seconds / 60 {
                minutes @ 0..120 => format!("{minutes} min {} s", seconds % 60),
                minutes => format!("{} h {} min", minutes / 60, minutes % 60),
            };
        }
    };
    match value {
        value if value < 9.995 => format!("{value:.2} {unit}"),
        value if value < 99.95 => format!("{value:.1} {unit}"),
        value => format!("{value:.0} {unit}"),
    }
}

/// `1 waiter`, `3 waiters`.
pub fn counted(n: usize, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{s}")
}
