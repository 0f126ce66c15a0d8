//! The snapshot of a profile as JSON: every number that it holds. `hotpoll tasks` and `hotpoll threads` write what it means.

use super::json::{hex, state};
use hotpoll_profile::{
    Histogram, LongPoll, Reason, Runtime, Snapshot, Task, TaskKind, ThreadNow, Waker, histogram,
};
use serde_json::{Value, json};

/// The snapshot.
pub fn snapshot(snapshot: &Snapshot) -> Value {
    let tasks = &snapshot.tasks;
    json!({
        "taken_unix_ns": snapshot.taken_unix_ns,
        "threads": snapshot.threads.iter().map(thread).collect::<Vec<_>>(),
        "alive": tasks.alive,
        "tracked": tasks.tracked,
        "tracked_beside": tasks.tracked_beside,
        "long_poll_ns": tasks.long_poll_ns,
        "folded_tasks": tasks.folded_tasks,
        "folded_kinds": tasks.folded_kinds,
        "kinds": tasks.kinds.iter().map(kind).collect::<Vec<_>>(),
        "tasks": tasks.tasks.iter().map(task).collect::<Vec<_>>(),
        "runtimes": tasks.runtimes.iter().map(runtime).collect::<Vec<_>>(),
    })
}

fn thread(now: &ThreadNow) -> Value {
    json!({
        "thread": now.thread,
        "state": state(now.state),
        "state_ns": now.state_ns,
        "syscall": now.syscall,
        "stack": now.stack,
        "stack_age_ns": now.stack_age_ns,
        "failure": now.failure.map(|why| why.label()),
        "runtime_worker": now.runtime_worker,
        "parked": now.parked,
        "task": hex(now.task),
        "kind": hex(now.kind),
        "poll_ns": now.poll_ns,
    })
}

fn kind(kind: &TaskKind) -> Value {
    json!({
        "id": hex(kind.id),
        "name": kind.name,
        "site": { "file": kind.site.file, "line": kind.site.line, "column": kind.site.column },
        "alive": kind.alive,
        "spawned": kind.spawned,
        "completed": kind.completed,
        "aborted": kind.aborted,
        "panicked": kind.panicked,
        "polls": kind.polls,
        "wakes": kind.wakes,
        "self_wakes": kind.self_wakes,
        "coop_yields": kind.coop_yields,
        "busy_ns": kind.busy_ns,
        "scheduled_ns": kind.scheduled_ns,
        "idle_ns": kind.idle_ns,
        "poll_time": buckets(&kind.poll_time),
        "wake_delay": buckets(&kind.wake_delay),
        "longest_poll": kind.longest_poll.as_ref().map(long_poll),
        "captures": kind.captures,
        "captures_failed": kind.captures_failed,
        "long_polls": kind.long_polls.iter().map(long_poll).collect::<Vec<_>>(),
    })
}

/// Pairs of a bucket's shortest duration in nanoseconds and its count, empty buckets left out.
fn buckets(durations: &Histogram) -> Value {
    let counts = durations.counts.iter().enumerate();
    let filled = counts.filter(|(_, count)| **count > 0);
    filled
        .map(|(bucket, &count)| json!([histogram::lower_bound(bucket), count]))
        .collect()
}

fn long_poll(poll: &LongPoll) -> Value {
    json!({
        "task": hex(poll.task),
        "kind": hex(poll.kind),
        "start_unix_ns": poll.start_unix_ns,
        "poll_ns": poll.poll_ns,
        "open": poll.open,
        "stacks": poll.stacks.iter().map(|look| json!({
            "at_ns": look.at_ns,
            "state": state(look.state),
            "stack": look.stack,
        })).collect::<Vec<_>>(),
        "no_stack": poll.no_stack.map(|why| why.label()),
    })
}

fn task(task: &Task) -> Value {
    json!({
        "id": hex(task.id),
        "runtime_id": hex(task.runtime_id),
        "kind": hex(task.kind),
        "parent": hex(task.parent),
        "state": task.state.label(),
        "age_ns": task.age_ns,
        "state_ns": task.state_ns,
        "polls": task.polls,
        "wakes": task.wakes,
        "self_wakes": task.self_wakes,
        "coop_yields": task.coop_yields,
        "busy_ns": task.busy_ns,
        "scheduled_ns": task.scheduled_ns,
        "idle_ns": task.idle_ns,
        "max_poll_ns": task.max_poll_ns,
        "last_waker": match task.last_waker {
            Waker::None => Value::Null,
            Waker::Task(task) => json!({ "task": hex(task) }),
            Waker::Thread(tid) => json!({ "tid": tid }),
        },
        "last_wake_ns": task.last_wake_ns,
        "wakers": task.wakers,
        "waits": task.waits.iter().map(|wait| json!({
            "stack": wait.stack,
            "polls_ago": wait.polls_ago,
            "representative": wait.representative,
        })).collect::<Vec<_>>(),
    })
}

fn runtime(runtime: &Runtime) -> Value {
    json!({
        "id": hex(runtime.id),
        "name": runtime.name,
        "workers": runtime.workers,
        "alive": runtime.alive,
        "blocked": runtime.blocked,
        "in_doubt": runtime.in_doubt,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shops_snapshot() {
        let profile = crate::tasks::fixture::profile();
        let value = snapshot(profile.snapshot.as_ref().unwrap());
        assert_eq!(value["tasks"].as_array().unwrap().len(), 1_003);
        assert_eq!(value["threads"][1]["state"], "lock");
        assert_eq!(
            value["kinds"][0]["long_polls"][0]["stacks"][2]["at_ns"],
            18_000_000
        );
        // 990 polls of 30 µs.
        assert_eq!(value["kinds"][0]["poll_time"][0], json!([28_672, 990]));
        assert_eq!(value["tasks"][1_002]["last_waker"], Value::Null);
        assert_eq!(value["tasks"][0]["last_waker"]["tid"], 4251);
    }
}
