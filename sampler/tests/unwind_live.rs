//! The tracker and the walk on this very process: real modules, real stacks.
#![allow(unsafe_code)] // Reads its own registers and stack.

use std::arch::asm;
use std::hint::black_box;

use hotpoll_profile::{ModuleKind, Truncation};
use hotpoll_sampler::module::Tracker;
use hotpoll_sampler::unwind::{BoundedStack, Registers, RuleCache, Tables, Walk, walk};

/// The registers here, in the caller.
#[inline(always)]
fn registers() -> Registers {
    let (pc, sp, bp): (u64, u64, u64);
    // SAFETY: reads three registers.
    unsafe {
        asm!("lea {}, [rip]", "mov {}, rsp", "mov {}, rbp", out(reg) pc, out(reg) sp, out(reg) bp)
    };
    Registers {
        pc,
        sp,
        bp: Some(bp),
    }
}

/// The end of this thread's stack.
fn stack_end() -> u64 {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let here = &raw const maps as u64;
    let end = maps.lines().find_map(|line| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        let range = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
        range.contains(&here).then_some(range.end)
    });
    end.expect("a stack is mapped")
}

fn walk_here(tables: &Tables, out: &mut [u64]) -> Walk {
    let registers = registers();
    // SAFETY: this thread's own stack, from its stack pointer up.
    let stack = unsafe { BoundedStack::new(registers.sp, stack_end()) };
    walk(tables, &mut RuleCache::new(), registers, &stack, out)
}

#[inline(never)]
fn recurse(depth: usize, then: &mut dyn FnMut()) {
    if depth == 0 {
        then();
    } else {
        recurse(black_box(depth - 1), then);
    }
    black_box(depth);
}

#[test]
fn walk_reaches_the_threads_start() {
    let tables = Tracker::new().refresh().expect("the first list is new");
    for depth in [0, 1, 10, 100, 500] {
        let mut out = [0; 1024];
        let mut found = None;
        recurse(depth, &mut || found = Some(walk_here(&tables, &mut out)));
        let found = found.unwrap();
        assert_eq!((found.end, found.guessed), (Truncation::Complete, 0));
        let start = tables
            .function_start(recurse as *const () as u64)
            .expect("this function has an entry");
        assert_eq!(start, recurse as *const () as u64);
        let recursions = out[1..found.frames]
            .iter()
            .filter(|&&address| tables.function_start(address - 1) == Some(start))
            .count();
        assert_eq!(recursions, depth + 1);
    }
}

#[inline(never)]
fn with_frame<const BYTES: usize>(then: &mut dyn FnMut()) {
    let mut space = [0u8; BYTES];
    black_box(&mut space);
    then();
    black_box(&mut space);
}

#[test]
fn frames_of_200_kb_and_700_kb_are_passed() {
    let tables = Tracker::new().refresh().unwrap();
    let mut ends = Vec::new();
    let mut out = [0; 64];
    with_frame::<200_000>(&mut || ends.push(walk_here(&tables, &mut out).end));
    with_frame::<700_000>(&mut || ends.push(walk_here(&tables, &mut out).end));
    assert_eq!(ends, [Truncation::Complete; 2]);
}

#[repr(align(256))]
struct Aligned([u8; 256]);

#[inline(never)]
fn aligned_frame(then: &mut dyn FnMut()) {
    let mut space = Aligned([0; 256]);
    black_box(&mut space.0);
    then();
    black_box(&mut space);
}

#[test]
fn frame_that_aligns_the_stack_is_passed() {
    let tables = Tracker::new().refresh().unwrap();
    let mut out = [0; 64];
    let mut end = None;
    aligned_frame(&mut || end = Some(walk_here(&tables, &mut out).end));
    assert_eq!(end, Some(Truncation::Complete));
}

#[test]
fn modules_are_listed_with_paths_and_build_ids() {
    let mut tracker = Tracker::new();
    tracker.refresh().unwrap();
    let here = modules_are_listed_with_paths_and_build_ids as *const () as u64;
    let executable = tracker
        .modules()
        .find(|module| module.contains(here))
        .expect("this program is listed");
    assert_eq!(
        executable.path,
        std::env::current_exe().unwrap().to_string_lossy()
    );
    let libc = tracker
        .modules()
        .find(|module| module.contains(libc::getpid as *const () as u64))
        .expect("libc is listed");
    assert!(
        libc.path.starts_with('/') && libc.build_id.len() == 20,
        "{libc:?}"
    );
    let vdso = tracker
        .modules()
        .find(|module| module.kind == ModuleKind::Vdso)
        .expect("the vDSO is listed");
    assert_eq!(vdso.path, "[vdso]");
    assert_eq!(vdso.build_id.len(), 20);
    for unwind in tracker.unwind() {
        println!("{unwind:?}");
        assert_eq!(unwind.size.malformed_entries, 0);
    }
    assert!(tracker.refresh().is_none(), "nothing has changed");
}
