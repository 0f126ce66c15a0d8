//! Everything that a profile holds, as JSON in hotpoll's versioned envelope: for scripts, and for whoever wants another view.
//!
//! Units stand in the names. Addresses and opaque words are hexadecimal strings, because a JSON number loses digits above 2^53 in
//! many readers. Indices are those of the profile; a location's lines come innermost inlined first, a sample's stack leaf first.
//! A new field may come without a new schema number; a field that changes its meaning or goes away raises it.

use super::json_snapshot::snapshot;
use crate::envelope;
use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Counts, Profile, Reason, Slice, State, Thread, Truncation};
use serde_json::{Map, Value, json};

/// The version of `data` when `kind` is `profile`.
pub const SCHEMA: u32 = 1;

/// The profile as JSON.
pub fn json(profile: &Profile) -> String {
    envelope::line("profile", SCHEMA, &data(profile))
}

fn data(profile: &Profile) -> Value {
    json!({
        "process": process(profile),
        "window": {
            "start_unix_ns": profile.start_unix_ns,
            "duration_ns": profile.duration_ns,
            "interval_ns": profile.interval_ns,
            "cpu_ns": profile.process_cpu_ns,
            "unseen_cpu_ns": profile.unseen_cpu_ns,
            "evicted_slices": profile.evicted_slices,
            "folded_stacks": profile.folded_stacks,
        },
        "totals": accounts(&profile.totals()),
        "snapshot": profile.snapshot.as_ref().map(snapshot),
        "modules": profile.modules.iter().map(|module| json!({
            "path": module.path,
            "build_id": module.build_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            "start": hex(module.start),
            "end": hex(module.end),
            "load_bias": hex(module.load_bias),
            "file_offset": module.file_offset,
        })).collect::<Vec<_>>(),
        "functions": profile.functions.iter().map(|function| json!({
            "name": function.name,
            "system_name": function.system_name,
            "file": function.file,
            "start_line": function.start_line,
        })).collect::<Vec<_>>(),
        "locations": profile.locations.iter().map(|location| json!({
            "address": hex(location.address),
            "module": location.module,
            "lines": location.lines.iter().map(|line| json!({
                "function": line.function,
                "line": line.line,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "threads": profile.threads.iter().map(thread).collect::<Vec<_>>(),
        "samples": profile.samples.iter().map(|sample| json!({
            "thread": sample.thread,
            "state": state(sample.state),
            "task": hex(sample.task),
            "kind": hex(sample.kind),
            "context": hex(sample.context),
            "truncation": Truncation::from_index(sample.truncation.into()).map(Truncation::label),
            "stack": sample.stack,
            "count": sample.count,
            "cpu_ns": sample.cpu_ns,
            "wall_ns": sample.wall_ns,
        })).collect::<Vec<_>>(),
        "slices": profile.slices.iter().map(slice).collect::<Vec<_>>(),
    })
}

fn process(profile: &Profile) -> Value {
    let process = &profile.process;
    json!({
        "pid": process.pid,
        "name": process.name,
        "start_unix_ns": process.start_unix_ns,
        "start_ticks": process.start_ticks,
        "hotpoll_version": process.hotpoll_version,
        "asked_hz": process.asked_hz,
        "engine_setting": process.engine_setting,
        "tick_hz": process.tick_hz,
        "delivery_ns": process.delivery_ns,
        "self_time_measured": process.self_time_measured,
        "cpus": process.cpus,
        "unwind_table_bytes": process.unwind_table_bytes,
        "wall_asked_hz": process.wall_asked_hz,
        "wall_delivered_hz": process.wall_delivered_hz,
        "wall_stretch": process.wall_stretch,
        "notices": process.notices,
    })
}

fn thread(thread: &Thread) -> Value {
    json!({
        "tid": thread.tid,
        "start_ticks": thread.start_ticks,
        "name": thread.name,
        "exited": thread.exited,
        "own": thread.own,
        "engine": thread.engine.label(),
        "engine_reason": thread.engine_reason.label(),
        "signal_blocked": thread.signal_blocked,
        "tick_biased": thread.tick_biased,
        "totals": accounts(&thread.totals),
    })
}

fn slice(slice: &Slice) -> Value {
    json!({
        "sequence": slice.sequence,
        "start_unix_ns": slice.start_unix_ns,
        "duration_ns": slice.duration_ns,
        "cpu_ns": slice.process_cpu_ns,
        "unseen_cpu_ns": slice.unseen_cpu_ns,
        "rows": slice.rows.iter().map(|row| json!({
            "sample": row.sample,
            "count": row.count,
            "cpu_ns": row.cpu_ns,
            "wall_ns": row.wall_ns,
        })).collect::<Vec<_>>(),
        "threads": slice.threads.iter().map(|of_thread| json!({
            "thread": of_thread.thread,
            "accounts": accounts(&of_thread.accounts),
        })).collect::<Vec<_>>(),
    })
}

fn accounts(accounts: &Accounts) -> Value {
    json!({
        "cpu_ns": accounts.cpu_ns,
        "sampled_ns": accounts.sampled_ns,
        "kernel_ns": accounts.kernel_ns,
        "unsampled_ns": accounts.unsampled_ns(),
        "fired": accounts.fired,
        "recorded": accounts.recorded,
        "overrun": accounts.overrun,
        "guessed": accounts.guessed,
        "lost": counts(&accounts.lost),
        "truncated": counts(&accounts.truncated),
        "handler_ns": accounts.handler_ns,
        "switches": accounts.switches,
        "wall_ns": accounts.wall_ns,
        "runnable_ns": accounts.runnable_ns,
        "looks": accounts.looks,
        "captured": accounts.captured,
        "kept": accounts.kept,
        "capture_failed": counts(&accounts.capture_failed),
    })
}

fn counts<R: Reason>(counts: &Counts<R>) -> Value {
    let by_label: Map<String, Value> = counts
        .iter()
        .map(|(reason, count)| (reason.label().to_owned(), count.into()))
        .collect();
    Value::Object(by_label)
}

/// A state's name.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Kernel => "kernel",
        State::Runnable => "runnable",
        State::Lock => "lock",
        State::Io => "io",
        State::Sleep => "sleep",
        State::OtherWait => "other_wait",
        State::Uninterruptible => "uninterruptible",
        State::Futex => "futex_wait",
        _ => "unknown",
    }
}

/// A word in hexadecimal.
pub(super) fn hex(word: u64) -> String {
    format!("{word:#x}")
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::golden;

    #[test]
    fn service() {
        let value: Value = serde_json::from_str(&json(&fixture::service())).unwrap();
        golden::check(
            "service.json",
            &serde_json::to_string_pretty(&value).unwrap(),
        );
    }
}
