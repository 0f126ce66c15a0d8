//! The snapshot in an answer: what every thread and every task is doing now, and what is held and waited for.
//!
//! It asks no thread of the program for anything, so it works while all of them are blocked. Threads are looked at from outside, as the capture
//! thread does; no account counts these looks. Once sampling has stopped nobody can be looked at any more: then there are no threads in it, no tasks,
//! and of the kinds of tasks what they have counted, with the names that samples need.

#[cfg(feature = "tokio")]
use super::long_polls::PollId;
use super::{Shared, lock};
#[cfg(feature = "tokio")]
use hotpoll_hooks::tasks::Moment;
#[cfg(feature = "tokio")]
use hotpoll_profile::task::{LongPoll, MAX_LONG_POLLS, PollStack};
use hotpoll_profile::{
    CodeAddress, Location, Profile, Resources, Snapshot, Tasks, Thread, ThreadNow,
};
use hotpoll_sampler::Look;
use hotpoll_symbolizer::recorder;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

/// Puts the snapshot into a profile whose locations have no modules yet.
pub(super) fn put(shared: &Shared, known: &recorder::Snapshot, profile: &mut Profile) {
    let moment = Moment::now();
    let (ticks, unix_ns) = (moment.ticks(), moment.unix_ns());
    let ns_per_tick = moment.ns_per_tick();
    let began = Instant::now();
    let mut places = Places::of(profile);
    let mut threads = threads(shared, known, &mut places, (ticks, ns_per_tick));
    // Before the tasks: one that has been suspended for longer than all of this takes was so while it was seen waiting.
    let mut resources = resources(&mut places);
    let mut tasks = tasks(moment, &mut places);
    let took = began.elapsed();
    long_polls(
        shared,
        &mut tasks,
        &mut places,
        (ticks, ns_per_tick, unix_ns),
    );
    mark_workers(&mut threads, &tasks, places.threads);
    let is_of_now = shared.is_in_force();
    if !is_of_now {
        tasks.tasks.clear();
        for one in &mut resources.resources {
            one.holders.clear();
            one.waiters.clear();
            (one.more_holders, one.more_waiters) = (0, 0);
        }
    }
    profile.snapshot = Some(Snapshot {
        taken_unix_ns: if is_of_now { unix_ns } else { 0 },
        // What is of no moment took no time, either: after the end every answer is the same.
        took_ns: if is_of_now { took.as_nanos() as u64 } else { 0 },
        threads,
        tasks,
        resources,
    });
}

/// Locks and channels, with who holds them and who waits.
fn resources(places: &mut Places<'_>) -> Resources {
    let limits = hotpoll_hooks::sync::Limits::default();
    let mut intern = |callchain: &[u64]| places.stack(CodeAddress::lookups(callchain));
    hotpoll_hooks::sync::snapshot(&mut intern, limits)
}

/// The profile's tables, that the snapshot adds to.
struct Places<'p> {
    threads: &'p mut Vec<Thread>,
    /// By ID and start.
    thread_places: HashMap<(u32, u64), u32>,
    locations: &'p mut Vec<Location>,
    /// By address.
    location_places: HashMap<u64, u32>,
}

impl<'p> Places<'p> {
    fn of(profile: &'p mut Profile) -> Self {
        let threads = (0..).zip(&profile.threads);
        let locations = (0..).zip(&profile.locations);
        Self {
            thread_places: threads
                .map(|(place, thread)| ((thread.tid, thread.start_ticks), place))
                .collect(),
            location_places: locations
                .map(|(place, location)| (location.address, place))
                .collect(),
            threads: &mut profile.threads,
            locations: &mut profile.locations,
        }
    }

    /// A thread's row. It may lack one: answers put the threads of a pool together where there are too many.
    fn thread(&mut self, thread: Thread) -> u32 {
        let key = (thread.tid, thread.start_ticks);
        *self.thread_places.entry(key).or_insert_with(|| {
            self.threads.push(thread);
            self.threads.len() as u32 - 1
        })
    }

    /// Lookup addresses as locations.
    fn stack(&mut self, addresses: impl Iterator<Item = u64>) -> Vec<u32> {
        addresses
            .map(|address| {
                *self.location_places.entry(address).or_insert_with(|| {
                    self.locations.push(Location {
                        address,
                        ..Location::default()
                    });
                    self.locations.len() as u32 - 1
                })
            })
            .collect()
    }
}

fn threads(
    shared: &Shared,
    known: &recorder::Snapshot,
    places: &mut Places<'_>,
    (now, ns_per_tick): (u64, f64),
) -> Vec<ThreadNow> {
    let busy = outermost_polls();
    let mut threads = Vec::new();
    lock(&shared.off_cpu).look_now(&mut |key, look| {
        // The recorder is told of a thread with the next slice; until then it asks to be described here.
        let described = known.thread(key).filter(|thread| thread.tid == look.tid);
        let thread = described.unwrap_or_else(|| new_thread(look.tid));
        if thread.own {
            return;
        }
        // Of polls inside of one another the outermost is what keeps the thread.
        let start = look.words.outermost_start();
        let poll_ns = match start {
            0 => 0,
            // At least something: 0 is no poll.
            start => ((now.saturating_sub(start) as f64 * ns_per_tick) as u64).max(1),
        };
        let outermost = busy.get(&(look.tid, start)).copied();
        let polls = outermost.unwrap_or((look.words.task, look.words.kind));
        let place = places.thread(thread);
        threads.push(thread_now(place, look, poll_ns, polls, places));
    });
    threads
}

/// A thread that is younger than the last slice.
fn new_thread(tid: u32) -> Thread {
    let line = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/self/task/{tid}/{name}"));
        text.unwrap_or_default().trim_end().to_owned()
    };
    // Behind the name in brackets, which may hold anything, the 20th field is the start.
    let stat = line("stat");
    let start = stat
        .rsplit_once(')')
        .and_then(|(_, fields)| fields.split_whitespace().nth(19));
    Thread {
        tid,
        start_ticks: start.and_then(|start| start.parse().ok()).unwrap_or(0),
        name: line("comm"),
        ..Thread::default()
    }
}

/// The task and kind of each thread's outermost poll, by the thread and the poll's start.
#[cfg(feature = "tokio")]
fn outermost_polls() -> HashMap<(u32, u64), (u64, u64)> {
    let polls = hotpoll_hooks::tasks::outermost_polls().into_iter();
    polls
        .map(|poll| ((poll.tid, poll.start), (poll.task, poll.kind)))
        .collect()
}

/// Without hooks there are no polls.
#[cfg(not(feature = "tokio"))]
fn outermost_polls() -> HashMap<(u32, u64), (u64, u64)> {
    HashMap::new()
}

fn thread_now(
    thread: u32,
    look: &Look<'_>,
    poll_ns: u64,
    (task, kind): (u64, u64),
    places: &mut Places<'_>,
) -> ThreadNow {
    ThreadNow {
        thread,
        state: look.state,
        state_ns: look.state_ns,
        syscall: look.syscall,
        waits_at: look.waits_at,
        stack: places.stack(CodeAddress::lookups(look.callchain)),
        stack_age_ns: if look.fresh { 0 } else { look.state_ns },
        failure: look.failure,
        runtime_worker: false,
        parked: false,
        task,
        kind,
        poll_ns,
    }
}

/// Which threads work for a runtime, and which of these have nothing to do.
fn mark_workers(now: &mut [ThreadNow], tasks: &Tasks, threads: &[Thread]) {
    let workers: HashSet<u32> = (tasks.runtimes.iter())
        .flat_map(|runtime| runtime.workers.iter().copied())
        .collect();
    for one in now {
        one.runtime_worker = workers.contains(&threads[one.thread as usize].tid);
        one.parked = one.runtime_worker && one.poll_ns == 0 && one.state.is_blocked();
    }
}

/// What the hooks know.
#[cfg(feature = "tokio")]
fn tasks(moment: Moment, places: &mut Places<'_>) -> Tasks {
    let mut intern = |stack: &[u64]| {
        // The leaf is a call, too: of the capture itself.
        let addresses = stack
            .iter()
            .map(|&address| CodeAddress::ReturnAddress(address));
        places.stack(addresses.map(CodeAddress::lookup))
    };
    hotpoll_hooks::tasks::snapshot_at(moment, &mut intern, Default::default())
}

/// Lists the long polls that are running, and puts to all what the watchdog has seen of them.
#[cfg(feature = "tokio")]
fn long_polls(
    shared: &Shared,
    tasks: &mut Tasks,
    places: &mut Places<'_>,
    (now, ns_per_tick, unix_ns): (u64, f64, u64),
) {
    /// A poll's start, told by the wall clock and turned back, may be off by so much.
    const OFF_NS: f64 = 500_000.0;
    let ns = |ticks: u64| (ticks as f64 * ns_per_tick) as u64;
    for poll in hotpoll_hooks::tasks::open_polls() {
        let poll_ns = ns(now.saturating_sub(poll.start));
        if poll_ns >= tasks.long_poll_ns
            && let Some(kind) = tasks.kinds.iter_mut().find(|kind| kind.id == poll.kind)
        {
            let open = LongPoll {
                task: poll.task,
                kind: poll.kind,
                start_unix_ns: unix_ns.saturating_sub(poll_ns),
                poll_ns,
                open: true,
                stacks: Vec::new(),
                no_stack: None,
            };
            kind.long_polls.insert(0, open);
            kind.long_polls.truncate(MAX_LONG_POLLS);
        }
    }
    let known = lock(&shared.long_polls);
    for kind in &mut tasks.kinds {
        for poll in kind.long_polls.iter_mut().chain(&mut kind.longest_poll) {
            let ago = unix_ns.saturating_sub(poll.start_unix_ns) as f64 / ns_per_tick;
            let id = PollId {
                task: poll.task,
                start: now.saturating_sub(ago as u64),
            };
            let off = (OFF_NS / ns_per_tick) as u64;
            let stacks = known.stacks_about(id, off);
            poll.no_stack = known.why_no_stack(id, off);
            poll.stacks = stacks
                .unwrap_or_default()
                .iter()
                .map(|stack| PollStack {
                    at_ns: ns(stack.at),
                    state: stack.state,
                    stack: places.stack(CodeAddress::lookups(&stack.callchain)),
                })
                .collect();
        }
    }
}

/// Without hooks there are no polls.
#[cfg(not(feature = "tokio"))]
fn long_polls(_: &Shared, _: &mut Tasks, _: &mut Places<'_>, _: (u64, f64, u64)) {}

/// Without hooks nothing is known of tasks.
#[cfg(not(feature = "tokio"))]
fn tasks(_: Moment, _: &mut Places<'_>) -> Tasks {
    Tasks::default()
}

/// The moment that all ages of an answer are of.
#[cfg(not(feature = "tokio"))]
struct Moment(u64, u64);

#[cfg(not(feature = "tokio"))]
impl Moment {
    fn now() -> Self {
        let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(
            hotpoll_sampler::clock::now(),
            unix.map_or(0, |unix| unix.as_nanos() as u64),
        )
    }

    fn ticks(&self) -> u64 {
        self.0
    }

    fn ns_per_tick(&self) -> f64 {
        hotpoll_sampler::clock::ns_per_tick()
    }

    fn unix_ns(&self) -> u64 {
        self.1
    }
}
