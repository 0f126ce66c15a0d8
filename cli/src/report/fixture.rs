//! A service for the golden tests: named pools, inlined frames, scaffolding, one blocking thread, one busy in the kernel, one
//! tick-biased, hotpoll's own, a stripped library, stacks cut short and folded, hostile names.

use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{
    Engine, EngineReason, Function, Line, Location, Loss, Module, Process, Profile, Reason, Sample,
    Thread, Truncation,
};

const INTERVAL_NS: u64 = 10_101_010;
const SECOND_NS: u64 = 1_000_000_000;

const START: &str = "clone3;start_thread;std::sys::thread::unix::Thread::new::thread_start;<alloc::boxed::Box<dyn core::ops::function::FnOnce()> as core::ops::function::FnOnce<()>>::call_once;std::thread::lifecycle::spawn_unchecked::{closure#1}";
const TOKIO: &str = "tokio::runtime::scheduler::multi_thread::worker::run;tokio::runtime::scheduler::multi_thread::worker::Context::run_task;tokio::runtime::task::harness::poll_future;<tracing::instrument::Instrumented<T> as core::future::future::Future>::poll";

/// `(thread, stack after the scaffolding, samples, task, truncation)`; `a+b` is `b` inlined into `a`; `@name` is a library's
/// address without a name.
const ROWS: &[(usize, &str, u64, u64, Truncation)] = &[
    (
        0,
        "hyper::proto::h1::dispatch::Dispatcher::poll_loop;shop::serve::{closure#0};shop::orders::handle;shop::json::Parser<R>::parse_value;shop::json::Parser<R>::parse_string+core::str::validations::next_code_point",
        300,
        7,
        Truncation::Complete,
    ),
    (
        0,
        "hyper::proto::h1::dispatch::Dispatcher::poll_loop;shop::serve::{closure#0};shop::orders::handle;shop::json::Parser<R>::parse_value;shop::json::Parser<R>::parse_value;shop::json::Parser<R>::parse_number",
        150,
        7,
        Truncation::Complete,
    ),
    (
        1,
        "hyper::proto::h1::dispatch::Dispatcher::poll_loop;shop::serve::{closure#0};shop::orders::handle;shop::json::Parser<R>::parse_value;<alloc::vec::Vec<shop::orders::Order, alloc::alloc::Global> as core::iter::traits::collect::Extend<shop::orders::Order>>::extend;__memmove_avx_unaligned_erms",
        90,
        9,
        Truncation::Complete,
    ),
    (
        1,
        "hyper::proto::h1::dispatch::Dispatcher::poll_loop;shop::serve::{closure#0};shop::orders::respond;write",
        60,
        0,
        Truncation::Complete,
    ),
    (
        2,
        "shop::pool::compress::worker;shop::pool::compress::deflate::longest_match+<core::slice::iter::Iter<u8> as core::iter::traits::iterator::Iterator>::next",
        240,
        0,
        Truncation::Complete,
    ),
    (
        3,
        "shop::pool::compress::worker;shop::pool::compress::deflate::longest_match",
        180,
        0,
        Truncation::Complete,
    ),
    (
        3,
        "shop::pool::compress::worker;shop::pool::compress::crc::update",
        20,
        0,
        Truncation::Depth,
    ),
    (
        4,
        "shop::audit::log_loop;shop::audit::append;write",
        12,
        0,
        Truncation::Complete,
    ),
    (5, "@4a10", 30, 0, Truncation::NoUnwindInfo),
    (
        8,
        "shop::tick::every_4_ms;shop::tick::hash",
        40,
        0,
        Truncation::Complete,
    ),
    (8, "", 3, 0, Truncation::Complete),
];

/// The profile.
pub fn service() -> Profile {
    let mut profile = Profile {
        process: Process {
            pid: 4242,
            name: "shop".into(),
            start_ticks: 1234,
            start_unix_ns: 1_750_000_000 * SECOND_NS,
            hotpoll_version: "0.1.0".into(),
            asked_hz: 99.0,
            engine_setting: "auto".into(),
            tick_hz: 250,
            delivery_ns: 1_400,
            self_time_measured: true,
            cpus: 8,
            unwind_table_bytes: 3 << 20,
            notices: Vec::new(),
            ..Process::default()
        },
        start_unix_ns: 1_750_000_600 * SECOND_NS,
        duration_ns: 10 * SECOND_NS,
        interval_ns: INTERVAL_NS,
        modules: vec![
            module("/srv/shop/bin/shop"),
            module("/usr/lib/libvendor.so.3"),
        ],
        threads: threads(),
        folded_stacks: 2,
        evicted_slices: 312,
        ..Profile::default()
    };
    for &(thread, stack, count, task, truncation) in ROWS {
        let prefix = match (thread, stack) {
            (_, "") | (5, _) => String::new(),
            (0 | 1, _) => format!("{START};{TOKIO};"),
            _ => format!("{START};"),
        };
        let mut leaf_first: Vec<u32> = Vec::new();
        let whole = format!("{prefix}{stack}");
        for address in whole.rsplit(';').filter(|address| !address.is_empty()) {
            leaf_first.push(locate(&mut profile, address));
        }
        add(&mut profile, thread, leaf_first, count, task, truncation);
    }
    profile.process_cpu_ns = profile.totals().cpu_ns + 40_000_000;
    profile.unseen_cpu_ns = 40_000_000;
    profile
}

fn add(
    profile: &mut Profile,
    thread: usize,
    stack: Vec<u32>,
    count: u64,
    task: u64,
    why: Truncation,
) {
    let cpu_ns = count * INTERVAL_NS;
    profile.samples.push(Sample {
        thread: thread as u32,
        stack,
        count,
        cpu_ns,
        task,
        truncation: why.index() as u8,
        ..Sample::default()
    });
    let totals = &mut profile.threads[thread].totals;
    totals.cpu_ns += cpu_ns;
    totals.sampled_ns += cpu_ns;
    totals.fired += count;
    totals.recorded += count;
    totals.handler_ns += count * 2_400;
    totals.truncated.add(why, count);
    // One stack in a hundred went through generated code that keeps frame pointers.
    totals.guessed += count / 100;
}

fn locate(profile: &mut Profile, address: &str) -> u32 {
    let nth = profile.locations.len() as u64;
    if let Some(hex) = address.strip_prefix('@') {
        profile.locations.push(Location {
            address: u64::from_str_radix(hex, 16).unwrap(),
            module: Some(1),
            lines: Vec::new(),
        });
        return nth as u32;
    }
    let lines: Vec<Line> = address
        .rsplit('+')
        .map(|name| Line {
            function: function(profile, name),
            line: 10 + nth as u32,
        })
        .collect();
    let known = profile.locations.iter().position(|known| {
        known.lines.len() == lines.len()
            && known
                .lines
                .iter()
                .zip(&lines)
                .all(|(a, b)| a.function == b.function)
    });
    known.unwrap_or_else(|| {
        profile.locations.push(Location {
            address: 0x1000 + nth,
            module: Some(0),
            lines,
        });
        nth as usize
    }) as u32
}

fn function(profile: &mut Profile, name: &str) -> u32 {
    let known = profile
        .functions
        .iter()
        .position(|known| known.name == name);
    known.unwrap_or_else(|| {
        let file = match name {
            name if name.starts_with("shop::json") => "src/json.rs",
            name if name.starts_with("shop::pool::compress") => "src/pool/compress.rs",
            name if name.starts_with("shop::") => "src/main.rs",
            name if name.starts_with("hyper::") => {
                "/home/me/.cargo/registry/src/index/hyper-1/src/dispatch.rs"
            }
            name if name.starts_with("core::") || name.contains("core::") => {
                "/rustc/abc/library/core/src/lib.rs"
            }
            _ => "",
        };
        profile.functions.push(Function {
            name: name.to_owned(),
            system_name: format!("_ZN{name}E"),
            file: file.to_owned(),
            start_line: 1,
        });
        profile.functions.len() - 1
    }) as u32
}

fn module(path: &str) -> Module {
    Module {
        path: path.to_owned(),
        build_id: vec![0xab; 20],
        end: 1 << 20,
        ..Module::default()
    }
}

fn threads() -> Vec<Thread> {
    let thread = |index: u32, name: &str| Thread {
        tid: 4242 + index,
        name: name.to_owned(),
        engine: Engine::Ctimer,
        ..Thread::default()
    };
    let mut threads = vec![
        thread(1, "tokio-rt-worker"),
        thread(2, "tokio-rt-worker"),
        thread(3, "compress-1"),
        thread(4, "compress-2"),
        thread(5, "audit"),
        thread(6, "vendor\u{1b}[2J"),
        thread(7, "signals"),
        thread(8, "hotpoll-drain"),
        thread(9, "ticker"),
        thread(0, "shop"),
    ];
    let audit = &mut threads[4];
    audit.engine = Engine::Perf;
    audit.engine_reason = EngineReason::Unsampled;
    audit.totals = Accounts {
        cpu_ns: 900_000_000,
        kernel_ns: 880_000_000,
        ..Accounts::default()
    };
    threads[3].totals.cpu_ns = 33_000_000;
    threads[3].totals.lost.add(Loss::RingFull, 3);
    threads[3].totals.fired = 3;
    threads[5].exited = true;
    threads[6].signal_blocked = true;
    threads[6].engine = Engine::None;
    threads[6].engine_reason = EngineReason::SignalBlocked;
    threads[6].totals.cpu_ns = 310_000_000;
    threads[7].own = true;
    threads[7].engine = Engine::None;
    threads[7].engine_reason = EngineReason::OwnThread;
    threads[7].totals.cpu_ns = 21_000_000;
    threads[8].tick_biased = true;
    threads[8].engine_reason = EngineReason::PerfDenied;
    threads
}
