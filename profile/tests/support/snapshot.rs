//! Arbitrary snapshots, all but their resources. Their indices are any numbers: [`fit`] makes them point into the profile's tables.

use super::{number, small, text};
use hotpoll_profile::{
    CaptureFailure, Histogram, LongPoll, NoPollStack, PollStack, Reason, Runtime, Site, Snapshot,
    State, Suspension, Task, TaskKind, TaskState, Tasks, ThreadNow, Waker,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub fn stack() -> impl Strategy<Value = Vec<u32>> {
    // Few different ones: equal stacks share their place in the file.
    vec(0..3u32, 0..4)
}

prop_compose! {
    fn thread_now()(
        thread in any::<u32>(),
        state in select(State::ALL),
        numbers in [number(), number(), number(), number(), number(), number()],
        syscall in option::of(small()),
        stack in stack(),
        failure in option::of(select(CaptureFailure::ALL)),
        [runtime_worker, parked] in any::<[bool; 2]>(),
    ) -> ThreadNow {
        let [state_ns, stack_age_ns, task, kind, poll_ns, waits_at] = numbers;
        ThreadNow {
            thread, state, state_ns, syscall, stack, stack_age_ns, failure, runtime_worker, parked, task, kind, poll_ns, waits_at,
        }
    }
}

prop_compose! {
    fn long_poll()(
        [task, kind, start_unix_ns, poll_ns] in [number(), number(), number(), number()],
        open in any::<bool>(),
        stacks in vec((number(), select(State::ALL), stack()), 0..3),
        no_stack in option::of(select(NoPollStack::ALL)),
    ) -> LongPoll {
        let stacks = stacks.into_iter().map(|(at_ns, state, stack)| PollStack { at_ns, state, stack });
        LongPoll { task, kind, start_unix_ns, poll_ns, open, stacks: stacks.collect(), no_stack }
    }
}

pub fn histogram() -> impl Strategy<Value = Histogram> {
    vec(number(), 0..5).prop_map(|counts| Histogram { counts })
}

prop_compose! {
    fn kind()(
        id in number(),
        (name, file, line, column) in (text(), text(), small(), small()),
        numbers in vec(number(), 14),
        (poll_time, wake_delay) in (histogram(), histogram()),
        longest_poll in option::of(long_poll().boxed()),
        long_polls in vec(long_poll().boxed(), 0..3),
    ) -> TaskKind {
        TaskKind {
            id,
            name,
            site: Site { file, line, column },
            alive: numbers[0],
            spawned: numbers[1],
            completed: numbers[2],
            aborted: numbers[3],
            panicked: numbers[4],
            polls: numbers[5],
            wakes: numbers[6],
            self_wakes: numbers[7],
            coop_yields: numbers[8],
            busy_ns: numbers[9],
            scheduled_ns: numbers[10],
            idle_ns: numbers[11],
            captures: numbers[12],
            captures_failed: numbers[13],
            poll_time,
            wake_delay,
            longest_poll,
            long_polls,
        }
    }
}

fn waker() -> impl Strategy<Value = Waker> {
    prop_oneof![
        Just(Waker::None),
        number().prop_map(Waker::Task),
        small().prop_map(Waker::Thread),
    ]
}

prop_compose! {
    fn task()(
        numbers in vec(number(), 16),
        state in select(TaskState::ALL),
        last_waker in waker(),
        blocking in any::<bool>(),
        waits in vec((stack(), number(), any::<bool>()), 0..3),
    ) -> Task {
        let waits = waits
            .into_iter()
            .map(|(stack, polls_ago, representative)| Suspension { stack, polls_ago, representative });
        Task {
            id: numbers[0],
            runtime_id: numbers[1],
            kind: numbers[2],
            parent: numbers[3],
            state,
            age_ns: numbers[4],
            state_ns: numbers[5],
            polls: numbers[6],
            wakes: numbers[7],
            self_wakes: numbers[8],
            coop_yields: numbers[9],
            busy_ns: numbers[10],
            scheduled_ns: numbers[11],
            idle_ns: numbers[12],
            max_poll_ns: numbers[13],
            last_waker,
            last_wake_ns: numbers[14],
            wakers: numbers[15],
            blocking,
            waits: waits.collect(),
        }
    }
}

prop_compose! {
    fn runtime()(
        (id, name, alive, blocked) in (number(), text(), number(), any::<bool>()),
        [workers, in_doubt] in [vec(small(), 0..3), vec(small(), 0..3)],
    ) -> Runtime {
        Runtime { id, name, workers, alive, blocked, in_doubt }
    }
}

prop_compose! {
    /// A snapshot whose indices may point nowhere.
    pub fn snapshot()(
        [taken_unix_ns, took_ns] in [number(), number()],
        threads in vec(thread_now().boxed(), 0..3),
        alive in option::of(number()),
        [tracked, tracked_beside, long_poll_ns] in [number(), number(), number()],
        [folded_tasks, folded_kinds] in [number(), number()],
        kinds in vec(kind().boxed(), 0..3),
        tasks in vec(task().boxed(), 0..4),
        runtimes in vec(runtime().boxed(), 0..3),
        resources in super::resources::resources().boxed(),
    ) -> Snapshot {
        let tasks = Tasks { alive, tracked, tracked_beside, long_poll_ns, kinds, tasks, runtimes, folded_tasks, folded_kinds };
        Snapshot { taken_unix_ns, took_ns, threads, tasks, resources }
    }
}

/// Makes the indices point into tables of so many threads and locations.
pub fn fit(mut snapshot: Snapshot, threads: usize, locations: usize) -> Snapshot {
    if threads == 0 {
        snapshot.threads.clear();
    }
    for now in &mut snapshot.threads {
        now.thread %= threads as u32;
    }
    for stack in snapshot.stacks_mut() {
        stack.retain(|_| locations > 0);
        for location in stack {
            *location %= locations as u32;
        }
    }
    snapshot
}
