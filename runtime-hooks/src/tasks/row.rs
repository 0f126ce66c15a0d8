//! What a tracked task's record says, all of it of one moment.
//!
//! In: a record, whose task goes on meanwhile. Out: a row. What a poll writes lies between its writing that it runs and its writing that it has ended, so a
//! reading with neither a poll's begin nor its end in it is of one moment. (The first look of a poll's waits beside the last poll's count made three places
//! of two.)

use super::record::{BLOCKING, HOLDS_PARENTS, LOCAL, PROGRAM, Record};
use super::snapshot::Clock;
use super::wait::Wait;
use super::wake_stamp::{DURING_POLL, Who};
use hotpoll_profile::{Task, TaskState, Waker};
use std::sync::atomic::{AtomicU64, Ordering, Ordering::Relaxed, fence};

/// Readings after which a task is taken to be polled all the time.
const TRIES: usize = 16;

/// What a record said, with ticks turned into nanoseconds.
pub(super) struct Row {
    pub task: Task,
    pub nested: bool,
    pub blocking: bool,
    /// Its runtime counts it among its tasks.
    pub of_runtime: bool,
    /// Clones of its waker that were held when its last poll ended.
    pub held_at_end: u64,
    /// Whether it has a clone of the waker of the task around it.
    pub holds_parents: bool,
    /// Places that were kept, with how many polls ago each was.
    pub waits: Vec<(Wait, u64)>,
    /// Polls that had ended, the asked ones among them: they say whether there was another since.
    pub ended_polls: u64,
}

impl Row {
    /// Whether nothing has happened since to a task that was waiting: the row was true all the time.
    pub fn is_still_true(&self, task: &Record) -> bool {
        // In this order: see `wakers`.
        let wakers = task.wakers();
        let rests = task.poll_start.load(Ordering::Acquire) == 0
            && task.totals.polls.load(Ordering::Acquire) == self.ended_polls;
        rests && task.stamp.peek().is_none() && wakers == self.task.wakers
    }
}

/// What the record says now.
pub(super) fn row(task: &Record, clock: &Clock) -> Row {
    let mut tries = 1;
    loop {
        let (mut row, is_of_one_moment) = read(task, clock, || {});
        if is_of_one_moment {
            return row;
        }
        if tries == TRIES {
            // A poll began or ended in each of these readings.
            if row.task.state != TaskState::Polling {
                row.task.state = TaskState::Polling;
                row.task.state_ns = 0;
            }
            return row;
        }
        tries += 1;
    }
}

/// One reading, and whether all of it is of one moment. `meanwhile` is for tests.
fn read(task: &Record, clock: &Clock, meanwhile: impl FnOnce()) -> (Row, bool) {
    // Before the stamp: see `wakers`.
    let wakers = task.wakers();
    let totals = &task.totals;
    let number = |number: &AtomicU64| number.load(Relaxed);
    // Acquire: nothing that a poll writes is read before these.
    let moment = || {
        let start = task.poll_start.load(Ordering::Acquire);
        (start, totals.polls.load(Ordering::Acquire))
    };
    let (poll_start, polls) = moment();
    let stamp = task.stamp.peek();
    let last_end = number(&task.last_end);
    meanwhile();
    let waits = task.waits(poll_start != 0);
    let flags = task.flags.load(Relaxed);
    let blocking = flags & BLOCKING != 0;
    let yielded = !waits.is_empty()
        && waits
            .iter()
            .filter(|(_, ago)| *ago == 0)
            .any(|(wait, _)| wait.yielded);
    let (state, since) = match stamp {
        _ if poll_start != 0 => (TaskState::Polling, poll_start),
        Some(stamp) if stamp > DURING_POLL => (TaskState::Scheduled, stamp.max(last_end)),
        Some(_) => (TaskState::Scheduled, last_end),
        None if polls == 0 => (TaskState::Scheduled, last_end),
        None if yielded => (TaskState::Yielded, last_end),
        None => (TaskState::Waiting, last_end),
    };
    let state_ns = clock.since(since);
    let (mut busy, mut scheduled, mut idle) = (
        clock.ns(number(&totals.busy)),
        clock.ns(number(&totals.scheduled)),
        clock.ns(number(&totals.idle)),
    );
    // Each total is of stretches that have ended; the running one belongs to one of them.
    match state {
        TaskState::Polling => busy += state_ns,
        TaskState::Scheduled => {
            scheduled += state_ns;
            idle += clock.ns(since.saturating_sub(last_end));
        }
        _ => idle += state_ns,
    }
    let last_wake = match stamp {
        Some(stamp) if stamp > DURING_POLL => stamp,
        Some(_) => last_end,
        None => number(&task.last_wake),
    };
    let last_waker = match task.stamp.who() {
        None => Waker::None,
        Some(Who::Task(id)) => Waker::Task(id),
        Some(Who::Thread(tid)) => Waker::Thread(tid),
    };
    let row = Row {
        task: Task {
            id: number(&task.id),
            runtime_id: 0,
            kind: task.kind.id(),
            parent: number(&task.parent),
            blocking,
            state,
            age_ns: clock.since(task.spawned),
            state_ns,
            polls: polls.saturating_sub(u64::from(task.asked.load(Relaxed))),
            wakes: number(&totals.wakes) + u64::from(stamp.is_some()),
            self_wakes: number(&totals.self_wakes),
            coop_yields: number(&totals.coop_yields),
            busy_ns: busy,
            scheduled_ns: scheduled,
            idle_ns: idle,
            max_poll_ns: clock.ns(number(&task.longest)).max(match state {
                TaskState::Polling => state_ns,
                _ => 0,
            }),
            last_waker,
            last_wake_ns: if last_wake == 0 {
                0
            } else {
                clock.since(last_wake).max(1)
            },
            wakers,
            waits: Vec::new(),
        },
        nested: task.nested,
        blocking,
        of_runtime: !task.nested && flags & (BLOCKING | LOCAL | PROGRAM) == 0,
        held_at_end: u64::from(task.held_at_end.load(Relaxed)),
        holds_parents: flags & HOLDS_PARENTS != 0,
        waits,
        ended_polls: polls,
    };
    // All of the above is read before these.
    fence(Ordering::Acquire);
    let is_of_one_moment = moment() == (poll_start, polls);
    (row, is_of_one_moment)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::tasks::kind::Kind;
    use crate::tasks::record::Handle;
    use crate::tasks::thread;
    use crate::tasks::waker::lent;
    use hotpoll_sampler::clock;

    const KIND: &str = "row-test";

    fn record() -> Handle {
        let record = Record::new(Kind::named(KIND), 0, 1, 0, false);
        record.id.store(7, Relaxed);
        Handle::new(record)
    }

    fn poll(record: &Record, stacks: &[u32], within: impl FnOnce()) {
        let local = thread::local().unwrap();
        let start = clock::now().max(1);
        let asked = record.begin(local, start);
        for (order, stack) in (1..).zip(stacks) {
            record.keep_wait(*stack, false, order);
        }
        within();
        record.end(local, asked, start, start + 1, u64::MAX);
    }

    fn places(row: &Row) -> Vec<(u32, u64)> {
        let mut places: Vec<_> = (row.waits.iter())
            .map(|(wait, ago)| (wait.stack, *ago))
            .collect();
        places.sort_unstable();
        places
    }

    /// After a refresh a task now and then showed three suspensions where two were true: those of its last poll, and the first one of the poll that had
    /// just begun, as one poll's.
    #[test]
    fn a_reading_with_a_part_of_a_poll_in_it_is_none() {
        let (record, clock) = (record(), Clock::read());
        poll(&record, &[1, 2], || {});
        let read = |meanwhile: &mut dyn FnMut()| read(&record, &clock, meanwhile);
        let (before, is_of_one_moment) = read(&mut || {});
        assert!(is_of_one_moment);
        assert_eq!(places(&before), [(1, 0), (2, 0)]);
        // Nobody woke it: as after a refresh, which users do not count.
        let (_, is_of_one_moment) = read(&mut || poll(&record, &[3], || {}));
        assert!(!is_of_one_moment);
        let mut during = None;
        poll(&record, &[4], || during = Some(read(&mut || {})));
        let (during, is_of_one_moment) = during.unwrap();
        assert!(is_of_one_moment, "the middle of a poll is a moment, too");
        assert_eq!(during.task.state, TaskState::Polling);
        assert_eq!(places(&during), [(1, 2), (2, 2), (3, 1), (4, 0)]);
        let after = row(&record, &clock);
        assert_eq!(after.task.state, TaskState::Waiting);
        assert_eq!(places(&after), [(1, 2), (2, 2), (3, 1), (4, 0)]);
    }

    #[test]
    fn a_reading_that_ends_within_a_poll_is_none() {
        let (record, clock) = (record(), Clock::read());
        poll(&record, &[1, 2], || {});
        let local = thread::local().unwrap();
        let mut started = (0, false);
        let (_, is_of_one_moment) = read(&record, &clock, || {
            let start = clock::now().max(1);
            started = (start, record.begin(local, start));
            record.keep_wait(3, false, 1);
        });
        assert!(!is_of_one_moment, "three places of two");
        record.end(local, started.1, started.0, started.0 + 1, u64::MAX);
    }

    #[test]
    fn a_row_is_true_until_something_happens() {
        let (record, clock) = (record(), Clock::read());
        poll(&record, &[1], || {});
        let seen = row(&record, &clock);
        assert!(seen.is_still_true(&record));
        poll(&record, &[], || assert!(!seen.is_still_true(&record)));
        assert!(!seen.is_still_true(&record), "asked, and back where it was");
        let seen = row(&record, &clock);
        let clone = std::task::Waker::clone(&lent(&record));
        assert!(!seen.is_still_true(&record));
        drop(clone);
        assert!(seen.is_still_true(&record));
        record.stamp.stamp(|| (5, Who::Thread(1)));
        assert!(!row(&record, &clock).is_still_true(&record));
    }
}
