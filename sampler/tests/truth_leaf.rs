//! Is the leaf exact, and the chain above it? A thread runs nothing but a few known instructions in three functions of assembler, from before
//! the sampler starts until after its last drain; so every leaf must be one of their addresses, and every address has one right chain.
#![allow(unsafe_code)] // assembler, and a table in it

mod truth;

use hotpoll_profile::Truncation;
use hotpoll_sampler::EngineSetting;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use truth::common::{Harness, at_hz};
use truth::{alone, ensure, patiently};

// root calls middle, middle calls leaf. `at LEVEL` before an instruction puts its address and its function's level into a table. The frame
// changes inside each function, and its unwind information with it; each state of it has instructions slow enough to be interrupted (`slow`).
std::arch::global_asm!(
    r#"
    .macro at level
    .Lat\@:
        .pushsection .data.rel.ro.hotpoll_truth, "aw"
        .quad .Lat\@, \level
        .popsection
    .endm
    .macro slow level
        at \level
        imul rax, rax, 77
        at \level
        imul rax, rax, 79
    .endm

    .pushsection .data.rel.ro.hotpoll_truth, "aw"
    .balign 8
    .globl hotpoll_truth_table
    hotpoll_truth_table:
    .popsection

    .pushsection .text.hotpoll_truth, "ax"
    .globl hotpoll_truth_root
    .type hotpoll_truth_root, @function
    hotpoll_truth_root:
        .cfi_startproc
        push rbx
        .cfi_def_cfa_offset 16
        .cfi_offset rbx, -16
        mov rbx, rdi
        mov byte ptr [rbx + 1], 1
    2:
        slow 0
        at 0
        call hotpoll_truth_middle
    .globl hotpoll_truth_return_to_root
    hotpoll_truth_return_to_root:
        slow 0
        at 0
        cmp byte ptr [rbx], 0
        at 0
        je 2b
        pop rbx
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
    .size hotpoll_truth_root, . - hotpoll_truth_root

    .type hotpoll_truth_middle, @function
    hotpoll_truth_middle:
        .cfi_startproc
        slow 1
        at 1
        sub rsp, 40
        .cfi_def_cfa_offset 48
        slow 1
        at 1
        call hotpoll_truth_leaf
    .globl hotpoll_truth_return_to_middle
    hotpoll_truth_return_to_middle:
        slow 1
        at 1
        add rsp, 40
        .cfi_def_cfa_offset 8
        slow 1
        at 1
        ret
        .cfi_endproc
    .size hotpoll_truth_middle, . - hotpoll_truth_middle

    .type hotpoll_truth_leaf, @function
    hotpoll_truth_leaf:
        .cfi_startproc
        slow 2
        at 2
        push rbp
        .cfi_def_cfa_offset 16
        .cfi_offset rbp, -16
        slow 2
        at 2
        mov rbp, rsp
        .cfi_def_cfa_register rbp
        slow 2
        at 2
        push r12
        .cfi_offset r12, -24
        slow 2
        at 2
        sub rsp, 200
        slow 2
        at 2
        add rsp, 200
        slow 2
        at 2
        pop r12
        .cfi_restore r12
        slow 2
        at 2
        pop rbp
        .cfi_def_cfa rsp, 8
        slow 2
        at 2
        ret
        .cfi_endproc
    .size hotpoll_truth_leaf, . - hotpoll_truth_leaf
    .popsection

    .pushsection .data.rel.ro.hotpoll_truth, "aw"
    .globl hotpoll_truth_table_end
    hotpoll_truth_table_end:
    .popsection
    .purgem slow
    .purgem at
    "#
);

/// Flags that the assembler reads and writes: stop, entered.
#[repr(C)]
struct Flags {
    stop: AtomicBool,
    entered: AtomicBool,
}

unsafe extern "C" {
    fn hotpoll_truth_root(flags: *const Flags);
    static hotpoll_truth_return_to_root: u8;
    static hotpoll_truth_return_to_middle: u8;
    static hotpoll_truth_table: [u64; 2];
    static hotpoll_truth_table_end: u8;
}

/// Address of every instruction -> level of its function (0 root, 1 middle, 2 leaf).
fn instructions() -> BTreeMap<u64, u64> {
    let first = &raw const hotpoll_truth_table;
    let end = &raw const hotpoll_truth_table_end;
    let rows = (end as usize - first as usize) / size_of::<[u64; 2]>();
    // SAFETY: the assembler above puts rows of two words between the two symbols.
    let rows = unsafe { std::slice::from_raw_parts(first, rows) };
    rows.iter()
        .map(|&[address, level]| (address, level))
        .collect()
}

fn leaf_is_exact(engine: EngineSetting, hz: u64, time: Duration) -> Result<(), String> {
    let flags = Arc::new(Flags {
        stop: AtomicBool::new(false),
        entered: AtomicBool::new(false),
    });
    let worker = {
        let flags = Arc::clone(&flags);
        std::thread::Builder::new()
            .name("leaf".into())
            // SAFETY: the function loads and stores the two flags, which live until it returns.
            .spawn(move || unsafe { hotpoll_truth_root(&*flags) })
            .unwrap()
    };
    while !flags.entered.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    let mut settings = at_hz(hz);
    settings.engine = engine;
    let mut harness = Harness::start(settings);
    harness.keep_callchains = true;
    harness.run_for(time, time / 2);
    harness.sampler.stop();
    flags.stop.store(true, Ordering::Release);
    worker.join().unwrap();

    let instructions = instructions();
    let to_root = &raw const hotpoll_truth_return_to_root as u64;
    let to_middle = &raw const hotpoll_truth_return_to_middle as u64;
    let mut met = BTreeSet::new();
    let mut above = BTreeSet::new();
    let seen = &harness.seen[&harness.key("leaf")];
    for (callchain, truncation, _) in &seen.callchains {
        let leaf = callchain[0];
        let Some(level) = instructions.get(&leaf) else {
            return Err(format!(
                "leaf {leaf:#x} is no instruction of {instructions:x?}"
            ));
        };
        let expected: &[u64] = match level {
            0 => &[leaf],
            1 => &[leaf, to_root],
            _ => &[leaf, to_middle, to_root],
        };
        ensure!(
            callchain.starts_with(expected) && *truncation == Truncation::Complete,
            "{callchain:x?} ({truncation:?}) does not begin with {expected:x?}"
        );
        met.insert(leaf);
        above.insert(callchain[expected.len()..].to_vec());
    }
    // Above root stands whatever called it, up to the thread's start: the same for every sample.
    ensure!(above.len() == 1, "different chains above: {above:x?}");
    ensure!(
        above.iter().all(|above| above.len() >= 3),
        "no way to the thread's start: {above:x?}"
    );
    println!(
        "{} at {hz} Hz: {} samples, every one exact, at {} of {} instructions",
        engine.name(),
        seen.callchains.len(),
        met.len(),
        instructions.len()
    );
    // Enough to have met all three functions in more than one state; not each instruction, as some never take an interrupt.
    let levels: BTreeSet<_> = met.iter().map(|leaf| instructions[leaf]).collect();
    ensure!(
        levels.len() == 3 && met.len() >= 8,
        "only {} of {} instructions met",
        met.len(),
        instructions.len()
    );
    Ok(())
}

#[test]
fn leaf_and_chain_are_exact() {
    let _alone = alone();
    for (engine, hz) in [(EngineSetting::Ctimer, 250), (EngineSetting::Perf, 4_000)] {
        patiently(Duration::from_secs(1), |time| {
            leaf_is_exact(engine, hz, time)
        });
    }
}
