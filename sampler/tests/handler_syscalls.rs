//! The handler makes no system call: its thread runs under a seccomp filter that ends the process at any call but the return from a signal.
//!
//! The filter sits on the sampled thread alone, which therefore can never stop running: its process ends around it when enough samples came.
#![allow(unsafe_code)] // prctl

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::{Engine, Truncation};
use hotpoll_sampler::{EngineSetting, Settings};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use support::{Harness, is_child, killed_in_child, perf_permitted, shapes, with_engine};

/// The filtered thread, once it is filtered.
static FILTERED: AtomicU32 = AtomicU32::new(0);

/// From here on the calling thread may only return from signals: anything else ends the process by SIGSYS.
fn permit_only_sigreturn() {
    const LOAD_NUMBER: libc::sock_filter = libc::sock_filter {
        code: 0x20, // BPF_LD | BPF_W | BPF_ABS
        jt: 0,
        jf: 0,
        k: 0, // offsetof(struct seccomp_data, nr)
    };
    let skip_unless_sigreturn = libc::sock_filter {
        code: 0x15, // BPF_JMP | BPF_JEQ | BPF_K
        jt: 0,
        jf: 1,
        k: libc::SYS_rt_sigreturn as u32,
    };
    let answer = |k| libc::sock_filter {
        code: 0x06, // BPF_RET | BPF_K
        jt: 0,
        jf: 0,
        k,
    };
    let mut filter = [
        LOAD_NUMBER,
        skip_unless_sigreturn,
        answer(libc::SECCOMP_RET_ALLOW),
        answer(libc::SECCOMP_RET_KILL_PROCESS),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the program and its instructions live through both calls.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program),
            0
        );
    }
}

/// Runs every kind of code that a walk can meet, and never returns.
fn run_filtered() -> ! {
    let mut shapes = shapes::Shapes::new();
    FILTERED.store(support::tid(), Ordering::Release);
    permit_only_sigreturn();
    loop {
        shapes.run_each();
    }
}

/// Samples the filtered thread until each way through the handler was taken, then ends the process.
fn sample_filtered(settings: Settings, expect: &[Truncation], run: fn(), tasks: bool) {
    let perf = settings.engine == EngineSetting::Perf;
    support::install(libc::SIGUSR1, shapes::on_signal, 0);
    std::thread::Builder::new()
        .name("filtered".into())
        .stack_size(shapes::STACK)
        .spawn(run)
        .unwrap();
    while FILTERED.load(Ordering::Acquire) == 0 {
        std::thread::yield_now();
    }
    let tid = FILTERED.load(Ordering::Acquire);
    let mut harness = Harness::start(settings);
    harness.keep_callchains = true;
    let mut with_task = 0u64;
    loop {
        std::thread::sleep(Duration::from_millis(5));
        harness.sampler.scan_threads();
        harness.modules.refresh();
        support::signal_thread(tid, libc::SIGUSR1);
        // A foreign signal of the sampling kind too: it is told apart and dropped without a call.
        support::signal_thread(tid, libc::SIGPROF);
        let mut ends: BTreeMap<Truncation, u64> = BTreeMap::new();
        let mut records = 0;
        let key = harness
            .sampler
            .threads()
            .find(|(_, info)| info.tid == tid)
            .map(|(key, info)| {
                let engine = if perf { Engine::Perf } else { Engine::Ctimer };
                assert_eq!(info.engine, engine, "{info:?}");
                key
            })
            .unwrap();
        harness.sampler.drain(&mut |thread, record| {
            if thread == key && record.words.task != 0 {
                with_task += 1;
            }
            harness.seen.entry(thread).or_default().callchains.push((
                Vec::new(),
                record.truncation,
                0,
            ));
        });
        if let Some(seen) = harness.seen.get(&key) {
            records = seen.callchains.len();
            for (_, end, _) in &seen.callchains {
                *ends.entry(*end).or_default() += 1;
            }
        }
        let enough = if perf { 2_000 } else { 300 };
        if records >= enough
            && expect.iter().all(|end| ends.contains_key(end))
            && shapes::interruptions() > 10
            && (!tasks || with_task as usize > enough / 2)
        {
            println!("{records} samples under the filter, {with_task} with a task: {ends:?}");
            return;
        }
    }
}

fn run_filtered_forever() {
    run_filtered()
}

const EVERY_WAY: [Truncation; 3] = [
    Truncation::Complete,
    Truncation::Depth,
    Truncation::ForeignStack,
];

#[test]
fn ctimer_handler_makes_no_system_call() {
    support::in_child("ctimer_handler_makes_no_system_call", || {
        let settings = with_engine(250, EngineSetting::Ctimer);
        sample_filtered(settings, &EVERY_WAY, run_filtered_forever, false);
    });
}

#[test]
fn perf_handler_makes_no_system_call() {
    if !is_child() && !perf_permitted() {
        println!("perf events are not permitted here");
        return;
    }
    support::in_child("perf_handler_makes_no_system_call", || {
        let settings = with_engine(5_000, EngineSetting::Perf);
        sample_filtered(settings, &EVERY_WAY, run_filtered_forever, false);
    });
}

#[test]
fn handler_that_asks_tokio_makes_no_system_call() {
    support::in_child("handler_that_asks_tokio_makes_no_system_call", || {
        let settings = with_engine(250, EngineSetting::Ctimer);
        sample_filtered(settings, &[Truncation::Complete], run_in_a_task, true);
    });
}

/// A worker of a tokio runtime, in a task, filtered.
fn run_in_a_task() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll_hooks::runtime(&mut builder)
        .worker_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async { tokio::spawn(async { run_filtered() }).await.unwrap() })
}

#[test]
fn the_filter_kills_at_another_call() {
    killed_in_child("the_filter_kills_at_another_call", "", libc::SIGSYS, || {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                permit_only_sigreturn();
                support::tid();
                stop.store(true, Ordering::Relaxed);
            });
        });
    });
}
