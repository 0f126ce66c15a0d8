//! The recorder's own count of its bytes against an allocator that counts. One test: the allocator is the process's.

#![allow(unsafe_code)] // A global allocator cannot be written without it.

use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Engine, EngineReason, State, Truncation};
use hotpoll_symbolizer::recorder::{
    Observation, Query, Recorder, Settings, SliceClocks, ThreadFacts,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread's memory counts: the test's own does, the harness's does not.
    static COUNTS: Cell<bool> = const { Cell::new(false) };
}

fn took(bytes: usize) {
    if COUNTS.get() {
        let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
        PEAK.fetch_max(live, Relaxed);
    }
}

fn gave_back(bytes: usize) {
    if COUNTS.get() {
        LIVE.fetch_sub(bytes, Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator unchanged; only numbers are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        gave_back(layout.size());
        // SAFETY: the caller keeps `dealloc`'s contract, and all memory came from `System`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Small numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

struct Load {
    samples_a_second: u64,
    threads: u64,
    leaves: u64,
    depth: u64,
    tasks: u64,
    /// Threads that come and go each second.
    churn: u32,
}

fn check(bytes: usize, load: &Load, seconds: u64) {
    COUNTS.set(true);
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let settings = Settings {
        bytes,
        ..Settings::default()
    };
    let mut recorder = Recorder::new(settings);
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut callchain = Vec::with_capacity(1024);
    let mut worst_apart = 0;
    // What the test itself holds.
    let own = callchain.capacity() * size_of::<u64>();
    for second in 0..seconds {
        for _ in 0..load.samples_a_second {
            callchain.clear();
            callchain.push(numbers.below(load.leaves));
            let caller = numbers.below(load.leaves) % 16;
            callchain.extend((1..load.depth).map(|depth| depth * 4096 + caller));
            recorder.observe(&Observation {
                thread: numbers.below(load.threads) as u32,
                state: State::Running,
                truncation: Truncation::Complete,
                task: numbers.below(load.tasks),
                kind: numbers.below(4),
                context: 0,
                lock: 0,
                holds: 0,
                expiries: 1,
                cpu_ns: settings.interval_ns,
                wall_ns: 0,
                callchain: &callchain,
            });
        }
        let live = LIVE.load(Relaxed) - before - own;
        let apart = live.abs_diff(recorder.bytes());
        worst_apart = worst_apart.max(apart);

        let mut threads = Vec::with_capacity(load.threads as usize);
        for thread in 0..load.threads as u32 {
            threads.push((
                thread,
                Accounts {
                    cpu_ns: 5,
                    fired: 1,
                    recorded: 1,
                    ..Accounts::default()
                },
            ));
        }
        let facts = |exited| ThreadFacts {
            tid: 1,
            start_ticks: 1,
            name: "tokio-runtime-w",
            exited,
            own: false,
            engine: Engine::Ctimer,
            engine_reason: EngineReason::Default,
            signal_blocked: false,
            tick_biased: false,
        };
        for thread in 0..load.threads as u32 {
            recorder.describe_thread(thread, &facts(false));
        }
        for thread in 0..load.churn {
            let key = 1_000_000 + second as u32 * load.churn + thread;
            recorder.describe_thread(key, &facts(true));
        }
        let clocks = SliceClocks {
            start_unix_ns: second * 1_000_000_000,
            duration_ns: 1_000_000_000,
            threads,
            ..SliceClocks::default()
        };
        recorder.close_slice(&clocks);
        drop(clocks);
        let live = LIVE.load(Relaxed) - before - own;
        worst_apart = worst_apart.max(live.abs_diff(recorder.bytes()));
        assert!(live <= bytes, "second {second}: {live} of {bytes} bytes");
    }
    let peak =
        PEAK.load(Relaxed) - before - own - load.threads as usize * size_of::<(u32, Accounts)>();
    assert!(
        worst_apart <= bytes / 100,
        "counted {worst_apart} bytes wrong"
    );
    assert!(peak <= bytes + bytes / 10, "peak {peak} of {bytes} bytes");
    let profile = recorder.profile(Query::last_ns(1));
    assert_eq!(profile.slices.len(), 1);
    drop(profile);
    let (held, slices, folded) = (
        recorder.bytes(),
        recorder.slices(),
        recorder.folded_stacks(),
    );
    drop(recorder);
    drop(callchain);
    COUNTS.set(false);
    assert_eq!(LIVE.load(Relaxed), before, "all of it is given back");
    println!(
        "bytes {bytes}: held {held}, apart {worst_apart}, peak {peak}, slices {slices}, folded {folded}"
    );
}

#[test]
fn bytes_are_counted_honestly_and_bounded() {
    let quiet = Load {
        samples_a_second: 99,
        threads: 2,
        leaves: 50,
        depth: 30,
        tasks: 1,
        churn: 0,
    };
    let busy = Load {
        samples_a_second: 6_400,
        threads: 64,
        leaves: 5_000,
        depth: 60,
        tasks: 100_000,
        churn: 100,
    };
    let burst = Load {
        samples_a_second: 50_000,
        threads: 1_000,
        leaves: 1 << 40,
        depth: 200,
        tasks: 1 << 40,
        churn: 3_000,
    };
    check(8 << 20, &quiet, 320);
    check(8 << 20, &busy, 30);
    check(1 << 20, &busy, 10);
    check(1 << 20, &burst, 3);
    check(Settings::LEAST_BYTES, &quiet, 100);
    check(Settings::LEAST_BYTES, &busy, 5);
}

#[test]
fn a_wide_bound_takes_little_before_there_are_samples() {
    for bytes in [Settings::GREATEST_BYTES, usize::MAX] {
        let recorder = Recorder::new(Settings {
            bytes,
            ..Settings::default()
        });
        assert!(recorder.bytes() < 2 << 20, "{}", recorder.bytes());
    }
}
