//! Walks in a real signal handler, thousands of times a second, each compared with framehop's and, where they differ, with gimli's.
//!
//! A thread works; a timer interrupts it; the handler walks in place, as the sampler does, and copies registers and stack. Afterwards the
//! same walk is made from the copy by all three. Prints how many were compared, how many are equal, and who is right about the rest.
#![allow(unsafe_code)] // A signal handler, and the stack that it interrupts.

#[path = "../unwind_common/mod.rs"]
mod unwind_common;

mod capture;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use capture::Sample;
use hotpoll_profile::{Module, ModuleKind, Truncation};
use hotpoll_sampler::module::Tracker;
use hotpoll_sampler::unwind::{RuleCache, Tables, walk_interrupted};
use unwind_common::framehop::Framehop;
use unwind_common::gimli_walk::GimliWalk;
use unwind_common::name::name;
use unwind_common::workload;

/// The parts that signals interrupt; `signals` switches stacks, and is stepped through elsewhere.
fn parts() -> impl Iterator<Item = fn()> {
    workload::ALL
        .iter()
        .filter(|(name, _)| *name != "signals")
        .map(|&(_, run)| run)
}

/// Fewer samples say nothing.
const LEAST: u64 = 1000;

#[derive(Default)]
struct Counts {
    samples: u64,
    frames: u64,
    complete: u64,
    guessed: u64,
    /// The walk in the handler gave what the walk from the copy gave.
    equal_in_handler: u64,
    equal_framehop: u64,
    /// framehop differs, and gimli with all registers gives what we gave.
    framehop_alone: u64,
    /// The function in whose frame framehop went astray.
    framehop_lost_in: BTreeMap<String, u64>,
    /// gimli differs from us: by how our walk ended.
    gimli_differs: BTreeMap<Truncation, u64>,
    ends: BTreeMap<Truncation, u64>,
}

fn main() -> ExitCode {
    workload::prepare();
    std::panic::set_hook(Box::new(|_| {}));
    let mut tracker = Tracker::new();
    let tables = tracker.refresh().expect("the first list is new");
    let vdso = tracker
        .modules()
        .find(|module| module.kind == ModuleKind::Vdso)
        .expect("a vDSO");
    // SAFETY: the vDSO is always mapped.
    let image = unsafe {
        std::slice::from_raw_parts(
            vdso.start as usize as *const u8,
            (vdso.end - vdso.start) as usize,
        )
    };
    let mut framehop = Framehop::new(tracker.modules(), image);
    let mut gimli = GimliWalk::new(tracker.modules(), image);
    let modules: Vec<Module> = tracker.modules().cloned().collect();
    let seconds = if std::env::var_os("HOTPOLL_TEST_LONG").is_some() {
        600
    } else {
        6
    };
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut counts = Counts::default();
    capture::run_sampled(tables, parts, |tables, samples| {
        for sample in samples {
            compare(
                tables,
                &mut framehop,
                &mut gimli,
                &modules,
                sample,
                &mut counts,
            );
        }
        // On a busy machine so many take longer.
        Instant::now() < until || counts.samples <= LEAST
    });
    report(&counts)
}

fn compare(
    tables: &Tables,
    framehop: &mut Framehop,
    gimli: &mut GimliWalk,
    modules: &[Module],
    sample: &Sample,
    counts: &mut Counts,
) {
    let mut out = [0; capture::DEPTH];
    let stack = sample.stack();
    let found = walk_interrupted(
        tables,
        &mut RuleCache::new(),
        &sample.registers,
        &stack,
        &mut out,
    );
    let callchain = &out[..found.frames];
    counts.samples += 1;
    counts.frames += found.frames as u64;
    counts.complete += (found.end == Truncation::Complete) as u64;
    counts.guessed += (found.guessed > 0) as u64;
    *counts.ends.entry(found.end).or_default() += 1;
    counts.equal_in_handler +=
        (sample.walk == Some(found) && sample.callchain() == callchain) as u64;
    let (theirs, _) = framehop.walk(sample.start(), &stack, capture::DEPTH);
    let (third, _) = gimli.walk(sample.all_registers(), &stack, capture::DEPTH);
    let equal = callchain == theirs;
    counts.equal_framehop += equal as u64;
    // gimli knows nothing of code without unwind information: compare up to there.
    let gimli_agrees = callchain == third || (found.guessed > 0 && equal);
    if !equal && gimli_agrees {
        counts.framehop_alone += 1;
        let right = callchain
            .iter()
            .zip(&theirs)
            .take_while(|(ours, theirs)| ours == theirs)
            .count();
        let lost_in = callchain
            .get(right.saturating_sub(1))
            .map_or(0, |address| address - (right > 1) as u64);
        *counts
            .framehop_lost_in
            .entry(name(tables, modules, lost_in))
            .or_default() += 1;
    }
    if !gimli_agrees {
        *counts.gimli_differs.entry(found.end).or_default() += 1;
    }
}

fn report(counts: &Counts) -> ExitCode {
    let share = |part: u64| 100.0 * part as f64 / counts.samples.max(1) as f64;
    println!(
        "samples {}, frames {} ({:.1} each)",
        counts.samples,
        counts.frames,
        counts.frames as f64 / counts.samples.max(1) as f64
    );
    println!(
        "in the handler as from the copy: {} ({:.4} %)",
        counts.equal_in_handler,
        share(counts.equal_in_handler)
    );
    println!(
        "equal to framehop: {} ({:.4} %); framehop alone against gimli and us: {}",
        counts.equal_framehop,
        share(counts.equal_framehop),
        counts.framehop_alone
    );
    counts
        .framehop_lost_in
        .iter()
        .for_each(|(function, count)| println!("    {count} in {function}"));
    println!(
        "to the thread's start: {} ({:.4} %); with a guessed step: {}",
        counts.complete,
        share(counts.complete),
        counts.guessed
    );
    println!(
        "ends: {:?}; gimli differs: {:?}",
        counts.ends, counts.gimli_differs
    );
    // A rule that needs a register which is not followed (lazy binding) is known to end early; nothing else may differ from gimli. framehop may end
    // at the same place: then both are counted.
    let unexplained: u64 = counts
        .gimli_differs
        .iter()
        .filter(|(end, _)| **end != Truncation::UnsupportedRule)
        .map(|(_, count)| count)
        .sum();
    let passed = counts.samples > LEAST
        && counts.equal_in_handler == counts.samples
        && unexplained == 0
        && counts.complete * 1000 >= counts.samples * 995;
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
