//! Arbitrary profiles: every valid one, not only those that an agent would make.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod resources;
pub mod run;
pub mod snapshot;

use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{
    CaptureFailure, Counts, Engine, EngineReason, Function, Line, Location, Loss, Module,
    ModuleKind, Process, Profile, Reason, Sample, Slice, SliceRow, State, Thread, ThreadSlice,
    Truncation,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Numbers of all sizes: small ones are likelier than in `any`, and so are the ends.
pub fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..4u64, 0..1_000_000_000u64, any::<u64>(), Just(u64::MAX)]
}

pub fn small() -> impl Strategy<Value = u32> {
    prop_oneof![0..4u32, any::<u32>()]
}

pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-c]{1,3}",
        any::<String>(),
        Just("[kernel]".to_owned())
    ]
}

fn counts<R: Reason + std::fmt::Debug>() -> impl Strategy<Value = Counts<R>> {
    vec(number(), 0..=R::ALL.len()).prop_map(|counts| Counts::from_slice(&counts))
}

pub fn accounts() -> impl Strategy<Value = Accounts> {
    (
        [number(), number(), number(), number()],
        [number(), number(), number(), number()],
        counts::<Loss>(),
        counts::<Truncation>(),
        [number(), number(), number(), number(), number(), number()],
        counts::<CaptureFailure>(),
    )
        .prop_map(
            |(first, second, lost, truncated, wall, capture_failed)| Accounts {
                cpu_ns: first[0],
                sampled_ns: first[1],
                kernel_ns: first[2],
                fired: first[3],
                recorded: second[0],
                overrun: second[1],
                handler_ns: second[2],
                switches: second[3],
                lost,
                truncated,
                wall_ns: wall[0],
                runnable_ns: wall[1],
                looks: wall[2],
                captured: wall[3],
                kept: wall[4],
                guessed: wall[5],
                capture_failed,
            },
        )
}

fn reason<R: Reason + std::fmt::Debug>() -> impl Strategy<Value = R> {
    prop::sample::select(R::ALL)
}

prop_compose! {
    fn thread()(
        (tid, start_ticks, name) in (small(), number(), text()),
        flags in any::<[bool; 4]>(),
        engine in reason::<Engine>(),
        engine_reason in reason::<EngineReason>(),
        totals in accounts(),
    ) -> Thread {
        let [exited, own, signal_blocked, tick_biased] = flags;
        Thread {
            tid,
            start_ticks,
            name,
            exited,
            own,
            engine,
            engine_reason,
            signal_blocked,
            tick_biased,
            totals,
        }
    }
}

prop_compose! {
    fn process()(
        (pid, name, start_ticks, start_unix_ns) in (small(), text(), number(), number()),
        (hotpoll_version, engine_setting) in (text(), text()),
        // Not NaN: it equals nothing, itself neither.
        asked_hz in prop_oneof![Just(0.0), 0.0..20_000.0, Just(f64::INFINITY)],
        (tick_hz, delivery_ns, self_time_measured) in (small(), number(), any::<bool>()),
        (cpus, unwind_table_bytes) in (small(), number()),
        notices in vec(text(), 0..3),
        [wall_asked_hz, wall_delivered_hz] in [0.0..1e6, 0.0..1e6],
        wall_stretch in small(),
    ) -> Process {
        Process {
            pid,
            name,
            start_ticks,
            start_unix_ns,
            hotpoll_version,
            asked_hz,
            engine_setting,
            tick_hz,
            delivery_ns,
            self_time_measured,
            cpus,
            unwind_table_bytes,
            notices,
            wall_asked_hz,
            wall_delivered_hz,
            wall_stretch,
        }
    }
}

prop_compose! {
    fn module()(
        (path, build_id) in (text(), vec(any::<u8>(), 0..21)),
        vdso in any::<bool>(),
        [start, end, load_bias, file_offset] in [number(), number(), number(), number()],
    ) -> Module {
        Module {
            path,
            build_id,
            kind: if vdso { ModuleKind::Vdso } else { ModuleKind::File },
            start,
            end,
            load_bias,
            file_offset,
        }
    }
}

prop_compose! {
    fn function()(
        [name, system_name, file] in [text(), text(), text()],
        start_line in small(),
    ) -> Function {
        Function { name, system_name, file, start_line }
    }
}

/// An index into a table of `len` entries: scaled in [`fit`], once it is known how long the table is.
fn fit(index: u32, len: usize) -> Option<u32> {
    (len > 0).then(|| index % len as u32)
}

type RawSample = (u32, State, [u64; 5], u8, Vec<u32>, [u64; 2]);
type RawSlice = (
    [u64; 5],
    Vec<(u32, u64, u64)>,
    Vec<(u32, Accounts)>,
    Vec<(u32, u64)>,
);

fn raw_sample() -> impl Strategy<Value = RawSample> {
    (
        any::<u32>(),
        prop::sample::select(State::ALL),
        [number(), number(), number(), number(), number()],
        prop_oneof![Just(0u8), 0..13u8, any::<u8>()],
        vec(any::<u32>(), 0..5),
        [number(), number()],
    )
}

fn raw_slice() -> impl Strategy<Value = RawSlice> {
    (
        [number(), number(), number(), number(), number()],
        vec((any::<u32>(), number(), number()), 0..4),
        vec((any::<u32>(), accounts()), 0..3),
        vec((any::<u32>(), number()), 0..3),
    )
}

prop_compose! {
    /// Every valid profile: indices fit their tables, and no number is NaN. Its parts are boxed: strategies hold what they are made of, and
    /// these would not fit a test's stack.
    pub fn profile()(
        process in process().boxed(),
        numbers in [number(), number(), number(), number(), number(), number(), number()],
        modules in vec(module().boxed(), 0..4),
        threads in vec(thread().boxed(), 0..4),
        functions in vec(function().boxed(), 0..5),
        locations in vec((number(), any::<Option<u32>>(), vec((any::<u32>(), small()), 0..3)), 0..6),
        samples in vec(raw_sample().boxed(), 0..6),
        slices in vec(raw_slice().boxed(), 0..4),
        snapshot in prop::option::of(snapshot::snapshot().boxed()),
        (work, fingerprint, exact) in run::parts().boxed(),
    ) -> Profile {
        let mut profile = Profile {
            process,
            start_unix_ns: numbers[0],
            duration_ns: numbers[1],
            interval_ns: numbers[2],
            process_cpu_ns: numbers[3],
            unseen_cpu_ns: numbers[4],
            evicted_slices: numbers[5],
            folded_stacks: numbers[6],
            modules,
            threads,
            functions,
            locations: Vec::new(),
            samples: Vec::new(),
            slices: Vec::new(),
            snapshot: None,
            work,
            fingerprint,
            exact,
        };
        for (address, module, lines) in locations {
            let lines = lines.into_iter().filter_map(|(function, line)| {
                Some(Line { function: fit(function, profile.functions.len())?, line })
            });
            profile.locations.push(Location {
                address,
                module: module.and_then(|module| fit(module, profile.modules.len())),
                lines: lines.collect(),
            });
        }
        for (thread, state, [task, kind, context, lock, holds], truncation, stack, [count, time_ns]) in samples {
            let Some(thread) = fit(thread, profile.threads.len()) else { continue };
            let stack = stack.into_iter().filter_map(|at| fit(at, profile.locations.len()));
            profile.samples.push(Sample {
                thread,
                state,
                task,
                kind,
                context,
                lock,
                holds,
                truncation,
                stack: stack.collect(),
                count,
                cpu_ns: if state.is_on_cpu() { time_ns } else { 0 },
                wall_ns: if state.is_on_cpu() { 0 } else { time_ns },
            });
        }
        for ([sequence, start_unix_ns, duration_ns, process_cpu_ns, unseen_cpu_ns], rows, threads, parts) in slices {
            let rows = rows.into_iter().filter_map(|(sample, count, time_ns)| {
                let sample = fit(sample, profile.samples.len())?;
                let (cpu_ns, wall_ns) = match profile.samples[sample as usize].state.is_on_cpu() {
                    true => (time_ns, 0),
                    false => (0, time_ns),
                };
                Some(SliceRow { sample, count, cpu_ns, wall_ns })
            });
            let threads = threads.into_iter().filter_map(|(thread, accounts)| {
                Some(ThreadSlice { thread: fit(thread, profile.threads.len())?, accounts })
            });
            profile.slices.push(Slice {
                sequence,
                start_unix_ns,
                duration_ns,
                process_cpu_ns,
                unseen_cpu_ns,
                rows: rows.collect(),
                threads: threads.collect(),
                work: run::parts_of_slice(parts, profile.work.len()),
            });
        }
        let tables = (profile.threads.len(), profile.locations.len());
        profile.snapshot = snapshot.map(|snapshot| snapshot::fit(snapshot, tables.0, tables.1));
        profile
    }
}
