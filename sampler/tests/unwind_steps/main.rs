//! The walk at every single instruction of real code, against a shadow stack.
//!
//! A child is stepped through formatting, sorting, allocation, copying, panics, signals, the vDSO, libraries and their PLT stubs. The shadow
//! stack knows nothing of unwind tables: it sees calls push return addresses and the stack pointer rise past them. At each instruction (first
//! bytes of functions, prologues, epilogues, hand-written assembly) the walk has to give exactly the shadow's callchain.
#![allow(unsafe_code)] // Forks, traces, reads the child's memory.

#[path = "../unwind_common/mod.rs"]
mod unwind_common;

mod shadow;
mod tracee;

use std::collections::BTreeMap;
use std::process::ExitCode;

use hotpoll_profile::{Module, ModuleKind, Truncation};
use hotpoll_sampler::module::Tracker;
use hotpoll_sampler::unwind::{RuleCache, Tables, walk_interrupted};
use shadow::Shadow;
use tracee::{Stop, Tracee};
use unwind_common::framehop::Framehop;
use unwind_common::gimli_walk::GimliWalk;
use unwind_common::name::name;
use unwind_common::workload;

/// One more comparison with framehop for this many steps: it takes twenty times as long.
const FRAMEHOP_EVERY: u64 = 8;
const DEPTH: usize = 256;
const GIMLI_RIGHT: &str = "gimli, with all registers, is right";

struct Counts {
    steps: u64,
    equal: u64,
    complete: u64,
    guessed: u64,
    framehop_steps: u64,
    framehop_equal: u64,
    /// Where and how the walk differed: (function, end, what gimli says) to count and first pc.
    different: BTreeMap<(String, Truncation, &'static str), (u64, u64)>,
}

fn main() -> ExitCode {
    workload::prepare();
    let mut tracker = Tracker::new();
    let tables = tracker.refresh().expect("the first list is new");
    let vdso = tracker
        .modules()
        .find(|module| module.kind == ModuleKind::Vdso)
        .expect("a vDSO");
    // SAFETY: the vDSO is always mapped.
    let vdso_image = unsafe {
        std::slice::from_raw_parts(
            vdso.start as usize as *const u8,
            (vdso.end - vdso.start) as usize,
        )
    };
    let mut framehop = Framehop::new(tracker.modules(), vdso_image);
    let mut gimli = GimliWalk::new(tracker.modules(), vdso_image);
    let modules: Vec<Module> = tracker.modules().cloned().collect();

    let mut failed = false;
    for (name, run) in workload::ALL {
        let counts = trace(&tables, &mut framehop, &mut gimli, &modules, *run);
        let share = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
        println!(
            "{name:>12}: {} instructions, {:.4} % equal to the shadow stack ({} not), {:.2} % to the thread's start, {} with guessed steps; framehop {:.2} %",
            counts.steps,
            share(counts.equal, counts.steps),
            counts.steps - counts.equal,
            share(counts.complete, counts.steps),
            counts.guessed,
            share(counts.framehop_equal, counts.framehop_steps),
        );
        for ((function, end, opinion), (count, pc)) in &counts.different {
            println!("              {count} at {function} ({pc:#x}): {end:?}; {opinion}");
        }
        // Two things are left that a walk cannot get right from unwind information alone, and both print above. Lazy binding (in the loader)
        // keeps its frame's address in rbx, which is followed in the leaf only. And while a panic is landing, libgcc overwrites the registers
        // saved in its own frames with those of the landing pad: gimli goes astray there too.
        let known = |end, opinion| end == Truncation::UnsupportedRule || opinion != GIMLI_RIGHT;
        failed |= counts.steps == 0
            || counts
                .different
                .keys()
                .any(|(_, end, opinion)| !known(*end, *opinion));
        let exact = !matches!(*name, "panics" | "libraries");
        failed |= exact && counts.equal != counts.steps;
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn trace(
    tables: &Tables,
    framehop: &mut Framehop,
    gimli: &mut GimliWalk,
    modules: &[Module],
    run: fn(),
) -> Counts {
    let mut counts = Counts {
        steps: 0,
        equal: 0,
        complete: 0,
        guessed: 0,
        framehop_steps: 0,
        framehop_equal: 0,
        different: BTreeMap::new(),
    };
    let mut cache = RuleCache::new();
    let mut tracee = Tracee::start(run);
    tracee.run_to(run as usize as u64);
    let mut out = [0; DEPTH];
    // Below the workload's own frame the shadow knows nothing: take what the walk says once, when it is simplest.
    let entry = walk_interrupted(tables, &mut cache, &tracee.saved(), &tracee, &mut out);
    assert_eq!(
        entry.end,
        Truncation::Complete,
        "at the workload's first instruction"
    );
    let mut shadow = Shadow::new(&tracee, &out[1..entry.frames]);
    while !shadow.is_done() {
        let registers = tracee.registers();
        let found = walk_interrupted(tables, &mut cache, &tracee.saved(), &tracee, &mut out);
        counts.steps += 1;
        let callchain = &out[..found.frames];
        let expected = shadow.callchain(registers.pc);
        counts.complete += (found.end == Truncation::Complete) as u64;
        counts.guessed += (found.guessed > 0) as u64;
        if callchain == expected {
            counts.equal += 1;
        } else {
            let common = callchain
                .iter()
                .zip(&expected)
                .take_while(|(a, b)| a == b)
                .count();
            let culprit = if common == 0 {
                registers.pc
            } else {
                callchain[common - 1] - (common > 1) as u64
            };
            let theirs = gimli.walk(tracee.all(), &tracee, DEPTH).0;
            let opinion = if theirs == callchain {
                "gimli says the same"
            } else if theirs == expected {
                GIMLI_RIGHT
            } else {
                "gimli is wrong too"
            };
            let count = counts
                .different
                .entry((name(tables, modules, culprit), found.end, opinion))
                .or_insert((0, culprit));
            count.0 += 1;
        }
        if counts.steps.is_multiple_of(FRAMEHOP_EVERY) {
            counts.framehop_steps += 1;
            counts.framehop_equal +=
                (framehop.walk(registers, &tracee, DEPTH).0 == expected) as u64;
        }
        match tracee.step() {
            Stop::Stepped { signalled } => shadow.follow(&tracee, signalled),
            Stop::Ended => break,
        }
    }
    tracee.finish();
    counts
}
