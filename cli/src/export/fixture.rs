//! One small profile for the golden tests, with something of everything that a format has to write.
//!
//! Three seconds of a service at 100 Hz: two workers of the same name, the main thread, one of hotpoll's own. Inlined frames,
//! kernel time of both sorts, unsampled time, a truncated stack, a stack folded into "other", code without a name, a name that
//! would like to be HTML.

use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{
    Engine, EngineReason, Function, Line, Location, Loss, Module, ModuleKind, Process, Profile,
    Sample, Slice, SliceRow, State, Thread, ThreadSlice, Truncation,
};

const INTERVAL_NS: u64 = 10_000_000;
const SECOND_NS: u64 = 1_000_000_000;
const START_UNIX_NS: u64 = 1_750_000_000_000_000_000;

/// A name from a binary that nobody should trust.
pub const HOSTILE: &str = "</script><img src=x onerror=alert(1)>;\"'&\u{202e}\n<!--";

/// `(sample, expiries in each slice)`.
const COUNTS: [(u32, [u64; 3]); 7] = [
    (0, [50, 40, 10]),
    (1, [5, 5, 5]),
    (2, [20, 30, 40]),
    (3, [0, 2, 0]),
    (4, [1, 1, 1]),
    (5, [3, 0, 0]),
    (6, [4, 4, 4]),
];

/// The profile.
pub fn service() -> Profile {
    let mut profile = Profile {
        process: Process {
            pid: 4242,
            name: "shop".into(),
            start_ticks: 1234,
            start_unix_ns: START_UNIX_NS - 60 * SECOND_NS,
            hotpoll_version: "0.1.0".into(),
            asked_hz: 100.0,
            engine_setting: "auto".into(),
            tick_hz: 250,
            delivery_ns: 1_400,
            self_time_measured: true,
            cpus: 2,
            unwind_table_bytes: 1 << 20,
            notices: vec![
                "perf is not permitted here: threads with short bursts are marked".into(),
            ],
            ..Process::default()
        },
        start_unix_ns: START_UNIX_NS,
        duration_ns: 3 * SECOND_NS,
        interval_ns: INTERVAL_NS,
        modules: modules(),
        threads: threads(),
        locations: locations(),
        functions: functions(),
        samples: samples(),
        ..Profile::default()
    };
    for second in 0..3 {
        let slice = slice(&profile, second);
        for row in &slice.rows {
            let sample = &mut profile.samples[row.sample as usize];
            sample.count += row.count;
            sample.cpu_ns += row.cpu_ns;
        }
        for of_thread in &slice.threads {
            profile.threads[of_thread.thread as usize]
                .totals
                .add(&of_thread.accounts);
        }
        profile.process_cpu_ns += slice.process_cpu_ns;
        profile.unseen_cpu_ns += slice.unseen_cpu_ns;
        profile.slices.push(slice);
    }
    profile
}

fn slice(profile: &Profile, second: usize) -> Slice {
    let rows: Vec<SliceRow> = COUNTS
        .iter()
        .filter(|(_, counts)| counts[second] > 0)
        .map(|&(sample, counts)| SliceRow {
            sample,
            count: counts[second],
            cpu_ns: counts[second] * INTERVAL_NS,
            ..SliceRow::default()
        })
        .collect();
    let threads: Vec<ThreadSlice> = (0..profile.threads.len() as u32)
        .map(|thread| ThreadSlice {
            thread,
            accounts: accounts(profile, &rows, thread, second),
        })
        .collect();
    let unseen_cpu_ns = if second == 1 { 7_000_000 } else { 0 };
    let known_cpu_ns: u64 = threads
        .iter()
        .map(|of_thread| of_thread.accounts.cpu_ns)
        .sum();
    Slice {
        work: Vec::new(),
        sequence: second as u64 + 1,
        start_unix_ns: START_UNIX_NS + second as u64 * SECOND_NS,
        duration_ns: SECOND_NS,
        process_cpu_ns: known_cpu_ns + unseen_cpu_ns,
        unseen_cpu_ns,
        rows,
        threads,
    }
}

fn accounts(profile: &Profile, rows: &[SliceRow], thread: u32, second: usize) -> Accounts {
    let mut accounts = Accounts::default();
    for row in rows {
        let sample = &profile.samples[row.sample as usize];
        if sample.thread == thread {
            accounts.sampled_ns += row.cpu_ns;
            accounts.fired += row.count;
            accounts.recorded += row.count;
            let truncation = if sample.truncation == 0 {
                Truncation::Complete
            } else {
                Truncation::NoUnwindInfo
            };
            accounts.truncated.add(truncation, row.count);
        }
    }
    // The first worker's clock runs ahead of its samples in the first second and is overtaken in the second.
    let unsampled_ns: i64 = match (thread, second) {
        (1, 0) => 8_000_000,
        (1, 1) => -3_000_000,
        (3, _) => 400_000,
        _ => 0,
    };
    accounts.kernel_ns = if thread == 2 { 25_000_000 } else { 0 };
    accounts.cpu_ns =
        (accounts.sampled_ns as i64 + accounts.kernel_ns as i64 + unsampled_ns) as u64;
    accounts.handler_ns = accounts.fired * 1_200;
    accounts.switches = 10;
    if thread == 1 {
        accounts.fired += 1;
        accounts.lost.add(Loss::RingFull, 1);
    }
    accounts
}

fn samples() -> Vec<Sample> {
    let sample = |thread, stack: &[u32]| Sample {
        thread,
        stack: stack.to_vec(),
        ..Sample::default()
    };
    vec![
        sample(1, &[2, 1, 0]),
        Sample {
            state: State::Kernel,
            ..sample(1, &[3, 1, 0])
        },
        Sample {
            task: 7,
            kind: 99,
            ..sample(2, &[4, 1, 0])
        },
        Sample {
            truncation: Truncation::NoUnwindInfo as u8,
            ..sample(2, &[5])
        },
        sample(1, &[]),
        sample(0, &[6, 0]),
        sample(0, &[4, 7, 0]),
    ]
}

fn locations() -> Vec<Location> {
    let line = |function, line| Line { function, line };
    let location = |address, module, lines: &[Line]| Location {
        address,
        module,
        lines: lines.to_vec(),
    };
    vec![
        location(0x5000_1000, Some(0), &[line(0, 12)]),
        location(0x5000_2000, Some(0), &[line(1, 40)]),
        location(0x5000_3000, Some(0), &[line(3, 81), line(2, 57)]),
        location(0x7000_1000, Some(1), &[line(4, 0)]),
        location(0x5000_4000, Some(0), &[line(5, 301)]),
        location(0x7100_1234, Some(2), &[]),
        location(0x5000_5000, Some(0), &[line(6, 1)]),
        location(0x5000_6000, Some(0), &[line(7, 9)]),
    ]
}

fn functions() -> Vec<Function> {
    let function = |name: &str, file: &str, start_line| Function {
        name: name.into(),
        system_name: String::new(),
        file: file.into(),
        start_line,
    };
    vec![
        function("shop::main", "/srv/shop/src/main.rs", 10),
        function("shop::serve", "/srv/shop/src/serve.rs", 33),
        function("shop::parse", "/srv/shop/src/parse.rs", 50),
        function("shop::utf8", "/srv/shop/src/parse.rs", 80),
        function("write", "", 0),
        function(
            "<tokio::io::Poll<T> as core::future::Future>::poll",
            "/home/me/.cargo/registry/src/index-0/tokio-1.54.0/src/io/poll.rs",
            290,
        ),
        function(HOSTILE, "a<b>.rs", 1),
        function(
            "<[T; 4] as core::fmt::Debug>::fmt",
            "/rustc/0/library/core/src/fmt/mod.rs",
            7,
        ),
    ]
}

fn modules() -> Vec<Module> {
    let module = |path: &str, start: u64, build_id: &[u8]| Module {
        path: path.into(),
        kind: ModuleKind::File,
        build_id: build_id.to_vec(),
        start,
        end: start + 0x10_0000,
        load_bias: start,
        file_offset: 0,
    };
    vec![
        module("/srv/shop/shop", 0x5000_0000, &[0xab; 20]),
        module(
            "/usr/lib/x86_64-linux-gnu/libc.so.6",
            0x7000_0000,
            &[0xcd; 20],
        ),
        module("/opt/vendor/libvendor.so", 0x7100_0000, &[]),
    ]
}

fn threads() -> Vec<Thread> {
    let thread = |tid, name: &str, engine, engine_reason| Thread {
        tid,
        start_ticks: 1234,
        name: name.into(),
        engine,
        engine_reason,
        ..Thread::default()
    };
    vec![
        thread(4242, "shop", Engine::Ctimer, EngineReason::Default),
        thread(
            4250,
            "tokio-rt-worker",
            Engine::Ctimer,
            EngineReason::Default,
        ),
        Thread {
            tick_biased: true,
            ..thread(
                4251,
                "tokio-rt-worker",
                Engine::Perf,
                EngineReason::ShortBursts,
            )
        },
        Thread {
            own: true,
            ..thread(4260, "hotpoll-drain", Engine::None, EngineReason::OwnThread)
        },
    ]
}
