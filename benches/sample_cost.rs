//! What does one sample cost, warm, at 15, 30, 60 and 110 frames? And in a busy process, with cold caches?
//!
//! ```text
//! cargo bench -p hotpoll-sampler --bench sample_cost -- [--quick] [--json FILE]
//! RUSTFLAGS="-C force-frame-pointers=yes" cargo bench -p hotpoll-sampler --bench sample_cost --target-dir target/fp
//! ```
//! The whole signal (sending it, handler, return) with hotpoll's handler and with an empty one, in turns, in the same run, on the same
//! stack, by the same system call. The ratio is what to quote: absolute figures move with the machine. The promise is at most 1.3 at 30
//! frames and 2 at 110. `self_time` is the handler's own time, by its own counter, in threads that walk more memory than the caches hold.
#![allow(unsafe_code)] // it installs an empty handler

mod support;

use hotpoll_sampler::testing::Injector;
use hotpoll_sampler::{EngineSetting, Sampler, Settings, ThreadKey};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{Arguments, Figures, deeper, median, thread_cpu};

const DEPTHS: [usize; 4] = [15, 30, 60, 110];
/// Few enough for the ring: it is drained between batches.
const SIGNALS: u32 = 100;
const ROUNDS: usize = 400;

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let rounds = if arguments.quick { 40 } else { ROUNDS };
    let mut figures = Figures::default();
    for frames in DEPTHS {
        // A thread for each depth: its stack is its own.
        let cost = std::thread::spawn(move || cost_at(frames, rounds)).join();
        let cost = cost.expect("the measuring thread ended well");
        figures.push(format!("empty_signal_{frames}_frames"), cost.empty_ns, "ns");
        figures.push(format!("whole_signal_{frames}_frames"), cost.whole_ns, "ns");
        figures.push(format!("signal_ratio_{frames}_frames"), cost.ratio, "x");
        figures.push(
            format!("captured_frames_{frames}_frames"),
            cost.captured as f64,
            "frames",
        );
    }
    self_time(&arguments, &mut figures);
    figures.write(&arguments)
}

struct Cost {
    empty_ns: f64,
    whole_ns: f64,
    ratio: f64,
    captured: usize,
}

fn sampler(interval_ns: u64) -> (Sampler, hotpoll_sampler::ModuleWatch) {
    let mut settings = Settings::default();
    settings.interval_ns = interval_ns;
    settings.engine = EngineSetting::Ctimer;
    let (mut sampler, mut modules) = hotpoll_sampler::start(settings).expect("start");
    modules.refresh();
    sampler.scan_threads();
    (sampler, modules)
}

fn own_key(sampler: &Sampler) -> ThreadKey {
    let tid = hotpoll_sampler::current_tid();
    let found = sampler.threads().find(|(_, info)| info.tid == tid);
    found.expect("this thread was found").0
}

/// Turns of empty and real signals at a stack of this depth.
fn cost_at(frames: usize, rounds: usize) -> Cost {
    // The timer itself fires about never.
    let (mut sampler, _modules) = sampler(Settings::GREATEST_INTERVAL_NS);
    let injector = Injector::of(&sampler, own_key(&sampler)).expect("this thread has a slot");
    let ours = installed();
    let empty = empty_action(&ours);
    let mut captured = 0;
    let fire = |times: u32| {
        let before = thread_cpu();
        for _ in 0..times {
            injector.fire(0).expect("a signal to ourselves");
        }
        (thread_cpu() - before).as_nanos() as f64 / f64::from(times)
    };
    // How deep the thread is already, by what a sample captures.
    fire(1);
    let mut shallow = 0;
    sampler.drain(&mut |_, record| shallow = record.callchain.len());
    let (mut with, mut without) = (Vec::new(), Vec::new());
    deeper(frames.saturating_sub(shallow + 1), &mut || {
        for _ in 0..rounds {
            install(&empty);
            without.push(fire(SIGNALS));
            install(&ours);
            with.push(fire(SIGNALS));
            sampler.drain(&mut |_, record| captured = record.callchain.len());
        }
    });
    sampler.stop();
    let mut ratios: Vec<f64> = with
        .iter()
        .zip(&without)
        .map(|(with, without)| with / without)
        .collect();
    Cost {
        empty_ns: median(&mut without),
        whole_ns: median(&mut with),
        ratio: median(&mut ratios),
        captured,
    }
}

/// The handler's own time where caches are cold: threads that walk over 64 MB between samples, at several depths.
fn self_time(arguments: &Arguments, figures: &mut Figures) {
    let (mut sampler, _modules) = sampler(10_000_000);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for depth in [5, 20, 60] {
            let stop = &stop;
            scope.spawn(move || {
                let mut memory = vec![0u64; 8 << 20];
                deeper(depth, &mut || {
                    while !stop.load(Ordering::Relaxed) {
                        for place in (0..memory.len()).step_by(8) {
                            memory[place] = memory[place].wrapping_add(place as u64);
                        }
                    }
                });
            });
        }
        let run = Duration::from_secs(if arguments.quick { 2 } else { 10 });
        let begun = Instant::now();
        while begun.elapsed() < run {
            std::thread::sleep(Duration::from_millis(50));
            sampler.scan_threads();
            sampler.drain(&mut |_, _| {});
        }
        stop.store(true, Ordering::Relaxed);
    });
    let times = sampler.handler_times();
    let ns = sampler.ns_per_tick();
    if ns > 0.0 {
        let quantile = |q| times.quantile_ticks(q) as f64 * ns / 1_000.0;
        figures.push("self_time_cold_median", quantile(0.5), "us");
        figures.push("self_time_cold_p99", quantile(0.99), "us");
        figures.push("self_time_cold_samples", times.calls() as f64, "samples");
    }
    sampler.measure_delivery();
    figures.push("delivery", sampler.delivery_ns() as f64, "ns");
    sampler.stop();
}

extern "C" fn nothing(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

/// The action for SIGPROF now.
fn installed() -> libc::sigaction {
    // SAFETY: all bits zero is a valid sigaction, and it is a valid place for the result.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut action);
        action
    }
}

/// The same flags and mask with a handler that does nothing: what is left is the kernel's price.
fn empty_action(ours: &libc::sigaction) -> libc::sigaction {
    let mut action = *ours;
    action.sa_sigaction =
        nothing as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
    action
}

fn install(action: &libc::sigaction) {
    // SAFETY: the action came from the kernel, or has a handler with the signature that SA_SIGINFO promises.
    unsafe { libc::sigaction(libc::SIGPROF, action, std::ptr::null_mut()) };
}
