//! What the handler can reach, by its machine code: no panic, no allocation, no thread-local variable, nothing of the C library but memory copies, and
//! no call through a pointer but the two that are meant. And how much stack it can take at most, frame by frame.
//!
//! The program taken apart is this test itself. Optimised, all of it is judged; in a development build arithmetic and slices check themselves, so
//! there panics are reachable, never taken. `scripts/test` runs both.

#![allow(unsafe_code)] // a call of the C library, to be found

#[path = "guest_support/disassembly.rs"]
mod disassembly;

use disassembly::{Call, Disassembly};
use hotpoll_sampler::testing::{ROOM_FOR_LEAF, ROOM_FOR_WALK, ROOM_TO_LOOK};

const DEVELOPMENT: bool = cfg!(debug_assertions);
/// Stack that the whole handler may take.
const PROMISE: u64 = if DEVELOPMENT { 4 << 10 } else { 2 << 10 };
/// Stack that the task-ID function may take.
const TASK_ID_FRAME: u64 = if DEVELOPMENT { 1_024 } else { 256 };
/// Functions of the C library that only move bytes.
const HARMLESS: [&str; 5] = ["memset", "memcpy", "memmove", "memcmp", "bcmp"];
/// Where calls through pointers are: to the handler that was there before ours, here or on another stack, and to the task-ID function.
const POINTERS: usize = 3;
/// The one system call: with a foreign signal, to take the alternate stack away from a handler that is not to run there.
const SYSTEM_CALLS: usize = 1;

/// Where an exception would land. None can be on its way when nothing that raises one is reachable, which is what is shown here.
const LANDING_PADS: [&str; 3] = ["panic_cannot_unwind", "panic_in_cleanup", "_Unwind_Resume"];
/// How checked arithmetic and slices fail in a development build.
const CHECKS: [&str; 2] = ["core::panicking", "slice_index_fail"];

fn is_never_taken(name: &str) -> bool {
    LANDING_PADS.iter().any(|pad| name.ends_with(pad))
        || DEVELOPMENT && CHECKS.iter().any(|check| name.contains(check))
}

fn program() -> Option<Disassembly> {
    // The sampler is linked in because it could be started here.
    std::hint::black_box(hotpoll_sampler::start as fn(_) -> _);
    let program = Disassembly::of(&std::env::current_exe().unwrap());
    assert!(
        program.is_some() || std::env::var_os("HOTPOLL_REQUIRE_TOOLS").is_none(),
        "objdump is not installed"
    );
    program
}

fn one(program: &Disassembly, name: &str) -> u64 {
    let found: Vec<u64> = program.named(name).collect();
    let [address] = found[..] else {
        panic!("{} functions are called {name}", found.len())
    };
    address
}

/// What panicking, allocating, locking, waiting and input begin in.
const FORBIDDEN: [&str; 7] = [
    "panic",
    "__rust_",
    "alloc::alloc::",
    "alloc::raw_vec",
    "std::sys",
    "std::sync",
    "std::io",
];

/// What a function reaches that the handler must not, with the way there; and its calls through pointers.
fn judge(program: &Disassembly, from: u64) -> (Vec<String>, Vec<String>) {
    judge_calls(program, from, SYSTEM_CALLS)
}

fn judge_calls(program: &Disassembly, from: u64, allowed: usize) -> (Vec<String>, Vec<String>) {
    let (mut wrong, mut pointers) = (Vec::new(), Vec::new());
    let reachable = program.reachable(from, &is_never_taken);
    println!("functions reachable = {}", reachable.len());
    let mut system_calls = 0;
    for (function, way) in &reachable {
        system_calls += function.system_calls;
        if system_calls > allowed {
            wrong.push(format!("{way} > system call"));
        }
        if FORBIDDEN.iter().any(|part| function.name.contains(part)) {
            wrong.push(way.clone());
        }
        let locals = function.thread_locals.iter();
        wrong.extend(locals.map(|instruction| format!("{way} > thread-local: {instruction}")));
        for call in &function.calls {
            match call {
                Call::Function(_) => {}
                Call::Library(name) if is_never_taken(name) => {}
                Call::Library(name) if HARMLESS.contains(&name.as_str()) => {}
                Call::Library(name) => wrong.push(format!("{way} > {name}")),
                Call::Unknown(instruction) => pointers.push(format!("{way} > {instruction}")),
            }
        }
    }
    (wrong, pointers)
}

#[test]
fn handler_reaches_nothing_that_it_must_not() {
    let Some(program) = program() else {
        println!("objdump is not installed: not checked");
        return;
    };
    let handler = one(&program, "signal::handler::on_signal");
    let (wrong, pointers) = judge(&program, handler);
    assert!(wrong.is_empty(), "the handler can reach {wrong:#?}");
    assert!(
        pointers.len() <= POINTERS
            && pointers
                .iter()
                .all(|way| way.contains("hotpoll_sampler::signal::")),
        "calls through pointers: {pointers:#?}"
    );
    assert!(!pointers.is_empty(), "the two that are meant were not seen");
    // Without a foreign signal there is none at all.
    let (wrong, _) = match program.named("signal::capture::capture").next() {
        Some(capture) => judge_calls(&program, capture, 0),
        None => panic!("the walk has no function of its own"),
    };
    assert!(wrong.is_empty(), "the walk can reach {wrong:#?}");
}

#[inline(never)]
extern "C" fn function_that_allocates(length: usize) -> usize {
    std::hint::black_box(vec![1u8; length]).len()
}

#[inline(never)]
extern "C" fn function_that_panics(index: usize) -> u8 {
    std::hint::black_box(&[1u8, 2, 3][..])[index]
}

#[inline(never)]
extern "C" fn function_that_calls_out() -> i32 {
    // SAFETY: it has no preconditions.
    unsafe { libc::getppid() }
}

#[inline(never)]
extern "C" fn function_that_enters_the_kernel() -> i64 {
    let number: i64;
    // SAFETY: getppid takes nothing, and no memory.
    unsafe {
        std::arch::asm!("syscall", inlateout("rax") libc::SYS_getppid => number, out("rcx") _, out("r11") _);
        std::arch::asm!("syscall", inlateout("rax") libc::SYS_getppid => _, out("rcx") _, out("r11") _);
    }
    number
}

#[inline(never)]
extern "C" fn function_that_uses_a_thread_local() -> u32 {
    thread_local! {
        static CALLS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }
    CALLS.set(CALLS.get() + 1);
    CALLS.get()
}

#[test]
fn what_is_forbidden_is_found() {
    let Some(program) = program() else {
        println!("objdump is not installed: not checked");
        return;
    };
    std::hint::black_box((
        function_that_allocates(3),
        function_that_panics(1),
        function_that_calls_out(),
        function_that_enters_the_kernel(),
        function_that_uses_a_thread_local(),
    ));
    let find = |name: &str, wanted: &str| {
        let (wrong, _) = judge(&program, one(&program, name));
        assert!(
            wrong.iter().any(|way| way.contains(wanted)),
            "{wanted} is not found in the {} ways from {name}",
            wrong.len()
        );
    };
    find("handler_calls::function_that_allocates", "__rust_");
    find("handler_calls::function_that_calls_out", "getppid");
    find(
        "handler_calls::function_that_enters_the_kernel",
        "system call",
    );
    if !DEVELOPMENT {
        // (Not optimised it is reached through a pointer.)
        find(
            "handler_calls::function_that_uses_a_thread_local",
            "thread-local",
        );
        find("handler_calls::function_that_panics", "panic");
    }
}

#[test]
fn handler_stack_has_a_bound() {
    let Some(program) = program() else {
        println!("objdump is not installed: not checked");
        return;
    };
    let check = |what: &str, name: &str, leave_out: &[&str], extra: u64, limit: u64| {
        let leave_out = |callee: &str| {
            is_never_taken(callee) || leave_out.iter().any(|name| callee.ends_with(name))
        };
        let Some(start) = program.named(name).next() else {
            return; // it has become a part of its caller, whose frame is counted
        };
        let (bytes, path) = program.deepest(start, &leave_out);
        let bytes = bytes + extra;
        println!("{what} = {bytes} bytes of {limit}, {}", path.join(" > "));
        assert!(
            bytes <= limit,
            "{what}: {bytes} bytes of stack, more than {limit}: {path:#?}"
        );
    };
    let is_at = "signal::syscall::is_at";
    let capture = "signal::capture::capture";
    let push = "signal::handler::push";
    // Whichever of them is left when the other has become a part of its caller.
    let walk = [
        "walk::walk_interrupted_along",
        "walk::walk_from",
        "walk_elsewhere",
    ];
    let forward = "forward::forward";
    check("whole handler", "handler::on_signal", &[], 0, PROMISE);
    check(
        "before room is measured",
        "signal::handler::look",
        &[is_at, capture, push, forward],
        0,
        ROOM_TO_LOOK,
    );
    check("walk", capture, &[], 0, ROOM_FOR_WALK);
    check("leaf alone", capture, &walk, 0, ROOM_FOR_LEAF);
    check("in a system call?", is_at, &[], 0, ROOM_FOR_LEAF);
    check("record", push, &[], TASK_ID_FRAME, ROOM_FOR_LEAF);
}
