//! How much stack a walk takes, down to the deepest of its rare paths: a signal handler has little.
#![allow(unsafe_code)] // Paints the stack below itself.

use std::arch::asm;
use std::hint::black_box;
use std::ptr;

use hotpoll_profile::Truncation;
use hotpoll_sampler::module::Tracker;
use hotpoll_sampler::unwind::{
    BoundedStack, RuleCache, SavedRegisters, Tables, Trail, Walk, walk_interrupted_along,
};

const PAINTED: usize = 64 * 1024;
const PAINT: u8 = 0xa5;
/// The handler as a whole may take 2 KB in release builds and 4 KB in dev builds.
const ALLOWED: usize = if cfg!(debug_assertions) { 2048 } else { 700 };

/// Paints the stack below here, calls, and looks how far down the paint is gone.
#[inline(never)]
fn stack_used(call: &mut dyn FnMut()) -> usize {
    let sp: usize;
    // SAFETY: writes below the red zone of this function, which is nobody's, and far from the stack's end.
    unsafe {
        asm!(
            "lea rcx, [rsp - {painted}]", "mov rdi, rcx", "lea rcx, [rsp - 128]", "sub rcx, rdi", "rep stosb", "mov {sp}, rsp",
            painted = const PAINTED, sp = lateout(reg) sp, in("al") PAINT, out("rcx") _, out("rdi") _,
        );
    }
    let low = (sp - PAINTED) as *const u8;
    call();
    let mut untouched = 0;
    // SAFETY: likewise.
    while untouched < PAINTED && unsafe { low.add(untouched).read_volatile() } == PAINT {
        untouched += 1;
    }
    PAINTED - untouched
}

/// A function that the tables know, for return addresses.
#[inline(never)]
fn known() -> u64 {
    black_box(known as *const () as u64 + 1)
}

/// glibc's signal trampoline, as the kernel was told.
fn trampoline() -> u64 {
    extern "C" fn handler(_: i32) {}
    // SAFETY: a handler that does nothing, and the kernel's own structure read back: handler, flags, restorer, mask.
    unsafe {
        libc::signal(libc::SIGWINCH, handler as *const () as usize);
        let mut action = [0u64; 4];
        assert_eq!(
            libc::syscall(
                libc::SYS_rt_sigaction,
                libc::SIGWINCH,
                ptr::null::<u64>(),
                action.as_mut_ptr(),
                8
            ),
            0
        );
        action[2]
    }
}

#[track_caller]
fn check(tables: &Tables, pc: u64, bp: usize, words: &[u64], expected: (Truncation, u32)) {
    let low = words.as_ptr() as u64;
    let mut saved: SavedRegisters = [0; 23];
    saved[libc::REG_RIP as usize] = pc as i64;
    saved[libc::REG_RSP as usize] = low as i64;
    saved[libc::REG_RBP as usize] = (low + 8 * bp as u64) as i64;
    // SAFETY: the words outlive the walk.
    let stack = unsafe { BoundedStack::new(low, low + 8 * words.len() as u64) };
    let mut out = [0; 64];
    let mut found: Option<Walk> = None;
    let mut cache = Box::new(RuleCache::new());
    let mut notes = [0; 64];
    let mut trail = Trail::new(&[], &[], &mut notes);
    let mut walk = || {
        stack_used(&mut || {
            found = Some(walk_interrupted_along(
                tables, &mut cache, &mut trail, &saved, &stack, &mut out,
            ))
        })
    };
    let (cold, warm) = (walk(), walk());
    let nothing = stack_used(&mut || found = black_box(found));
    let found = found.unwrap();
    println!(
        "{cold} bytes, {warm} with a warm cache, of which {nothing} are the measurement's: {found:?}"
    );
    assert_eq!((found.end, found.guessed), expected);
    assert!(cold <= ALLOWED && warm <= ALLOWED);
}

#[test]
fn walk_stays_within_its_stack() {
    let tables = Tracker::new().refresh().unwrap();
    let mut stack = [0u64; 64];
    let low = stack.as_ptr() as u64;
    // Generated code: a chain of frame pointers that comes back to known code at its third link.
    stack[2..4].copy_from_slice(&[low + 8 * 6, 0x1111]);
    stack[6..8].copy_from_slice(&[low + 8 * 10, 0x2222]);
    stack[10..12].copy_from_slice(&[0, known()]);
    check(&tables, 0x1_0000, 2, &stack, (Truncation::Complete, 3));
    // A signal frame in which generated code was interrupted.
    let mut stack = [0u64; 64];
    let low = stack.as_ptr() as u64;
    (stack[15], stack[20], stack[21]) = (low + 8 * 42, low + 8 * 40, 0x1_0000);
    stack[42..44].copy_from_slice(&[low + 8 * 46, 0x1111]);
    stack[46..48].copy_from_slice(&[0, known()]);
    check(&tables, trampoline(), 0, &stack, (Truncation::Complete, 2));
    // A call through a null pointer.
    check(
        &tables,
        0,
        0,
        &[known(), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        (Truncation::Complete, 1),
    );
}
