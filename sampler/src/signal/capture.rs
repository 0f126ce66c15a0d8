//! Capturing: the thread's callchain, or its leaf alone and the reason.
//!
//! In: the interrupted registers, the tables, the stack that the thread is known by. Out: the scratch's current callchain and how it ended. All of it is
//! called in SIGPROF.
//!
//! Mostly the thread runs on its own stack. A stack pointer elsewhere is followed where it is certain what may be read: on the thread's alternate signal
//! stack, as the kernel knows it, and on one that the program has told of (on_stack.rs). From there a signal's frame leads back to the thread's own.
#![allow(unsafe_code)] // It says which memory is the thread's stack.

use super::frame::{self, Interrupted};
use super::handler::ROOM_FOR_WALK;
use super::stack_bounds::StackBounds;
use crate::broken;
use crate::published::Published;
use crate::record::{Agreement, MAX_DEPTH};
use crate::slot::{self, Scratch, Slot};
use crate::unwind::{BoundedStack, LinkedStacks, RuleCache, Tables, Trail, walk_interrupted_along};
use hotpoll_profile::Truncation;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many frames fewer than [`MAX_DEPTH`] are captured at most. Zero at first, so that it lies where the other statics of the handler do.
static FRAMES_LEFT_OUT: AtomicUsize = AtomicUsize::new(0);

/// Sets the longest callchain.
pub(crate) fn set_max_depth(frames: usize) {
    let left_out = MAX_DEPTH - frames.clamp(1, MAX_DEPTH);
    FRAMES_LEFT_OUT.store(left_out, Ordering::Relaxed);
}

/// What the scratch's current callchain holds.
pub(super) struct Captured {
    pub frames: usize,
    /// Why it ended.
    pub truncation: Truncation,
    /// Where it is known to be the one before.
    pub agreement: Agreement,
}

impl Captured {
    /// Not captured yet.
    pub const NOTHING: Self = Self {
        frames: 0,
        truncation: Truncation::NoStackRoom,
        agreement: Agreement {
            here: 0,
            before: 0,
            frames: 0,
        },
    };
}

/// Walks into the scratch's current callchain.
#[inline(never)]
pub(super) fn capture(
    slot: &Slot,
    scratch: &mut Scratch,
    tables: Option<&Tables>,
    interrupted: &Interrupted,
    stack: Option<StackBounds>,
    room: u64,
    captured: &mut Captured,
) {
    match (obstacle(slot, tables, interrupted, stack, room), tables) {
        (Ok(stack), Some(tables)) => walk_into(slot, scratch, tables, interrupted, stack, captured),
        (Err(Truncation::ForeignStack | Truncation::UnknownStack), Some(tables))
            if other_stack(slot, interrupted).is_some() =>
        {
            walk_elsewhere(slot, scratch, tables, interrupted, stack, captured)
        }
        (reason, _) => {
            let (_, _, out) = turn(scratch, 0);
            if let Some(leaf) = out.first_mut() {
                *leaf = interrupted.pc;
            }
            captured.frames = 1;
            captured.truncation = reason.err().unwrap_or(Truncation::TablesNotReady);
        }
    }
}

/// The walk itself.
#[cfg_attr(not(debug_assertions), inline(always))]
fn walk_into(
    slot: &Slot,
    scratch: &mut Scratch,
    tables: &Tables,
    interrupted: &Interrupted,
    stack: StackBounds,
    captured: &mut Captured,
) {
    // Between `pop rbp` and `ret` compilers still say that rbp is saved below the CFA, where it was: just below the stack pointer.
    // Without the red zone every sample on such a `ret` lost its callers.
    let low = stack
        .low
        .max(interrupted.sp.saturating_sub(frame::RED_ZONE));
    // SAFETY: the stack of a running thread is mapped from its stack pointer to its top: `high` comes from the thread's own
    // descriptor (stack_bounds.rs) or from the mapping that the agent found (thread/stack.rs), and stays for the thread's life.
    // The red zone is the thread's to use (psABI) and not below the stack's low end, so it is mapped, or grows like the main
    // thread's stack when it is read.
    let stack = unsafe { BoundedStack::new(low, stack.high) };
    let (rules, mut trail, out) = turn(scratch, tables.generation());
    let registers = interrupted.registers;
    let walked = walk_interrupted_along(tables, rules, &mut trail, registers, &stack, out);
    if walked.guessed != 0 {
        slot::add(&slot.handler.guessed, 1);
    }
    *captured = Captured {
        frames: walked.frames,
        truncation: walked.end,
        agreement: trail.agreement(),
    };
}

/// The stack that the thread runs on, where that is not its own and yet known: the alternate signal stack, or one that the program has told of.
#[cfg_attr(not(debug_assertions), inline(always))]
fn other_stack(slot: &Slot, interrupted: &Interrupted) -> Option<StackBounds> {
    let alternate = StackBounds {
        low: interrupted.alternate_low,
        high: (interrupted.alternate_low).wrapping_add(interrupted.alternate_size),
    };
    if alternate.contains(interrupted.sp) {
        return Some(alternate);
    }
    let told = slot.published()?.other_stack();
    told.contains(interrupted.sp).then_some(told)
}

/// The walk of a thread that runs on another stack than its own, and from there on its own if a signal's frame leads back to it.
#[cold]
#[inline(never)]
fn walk_elsewhere(
    slot: &Slot,
    scratch: &mut Scratch,
    tables: &Tables,
    interrupted: &Interrupted,
    own: Option<StackBounds>,
    captured: &mut Captured,
) {
    let nothing = StackBounds { low: 0, high: 0 };
    let here = other_stack(slot, interrupted).unwrap_or(nothing);
    let low = here.low.max(interrupted.sp.saturating_sub(frame::RED_ZONE));
    let own = own.unwrap_or(nothing);
    let told = slot.published().map_or(nothing, Published::other_stack);
    // SAFETY: the kernel has put a signal's frame at the top of an alternate stack that a thread runs on, and a program that tells of a stack answers
    // for it (OnStack::enter): both are mapped from the stack pointer up. So is the thread's own from where it was interrupted (walk_into).
    let stack = unsafe {
        let here = BoundedStack::new(low, here.high);
        LinkedStacks::new(here, [(own.low, own.high), (told.low, told.high)])
    };
    // The notes are nobody's: a trail is of one stack, and this is rare.
    let (rules, mut notes, out) = turn(scratch, 0);
    let registers = interrupted.registers;
    let walked = walk_interrupted_along(tables, rules, &mut notes, registers, &stack, out);
    if walked.guessed != 0 {
        slot::add(&slot.handler.guessed, 1);
    }
    captured.frames = walked.frames;
    captured.truncation = walked.end;
}

/// The thread's stack, if it can be walked; otherwise why not.
#[cfg_attr(not(debug_assertions), inline(always))]
fn obstacle(
    slot: &Slot,
    tables: Option<&Tables>,
    interrupted: &Interrupted,
    stack: Option<StackBounds>,
    room: u64,
) -> Result<StackBounds, Truncation> {
    match (tables, stack) {
        _ if is_walking(slot, interrupted) => Err(Truncation::InHotpoll),
        _ if room < ROOM_FOR_WALK => Err(Truncation::NoStackRoom),
        (_, None) => Err(Truncation::UnknownStack),
        (_, Some(stack)) if !stack.contains(interrupted.sp) => Err(Truncation::ForeignStack),
        (None, _) => Err(Truncation::TablesNotReady),
        (Some(_), Some(stack)) => Ok(stack),
    }
}

/// The rules, the trail of the last walk if it was by the tables of this generation, and room for the current callchain. 0 is no walk.
#[cfg_attr(not(debug_assertions), inline(always))]
fn turn(scratch: &mut Scratch, generation: u32) -> (&mut RuleCache, Trail<'_>, &mut [u64]) {
    let [first_of, second_of] = &mut scratch.notes_of;
    let [first, second] = &mut scratch.callchains;
    let [first_notes, second_notes] = &mut scratch.notes;
    let (notes_of, before_of, callchains, notes) = if scratch.previous & 1 == 0 {
        let notes = (first_notes, second_notes);
        (second_of, *first_of, (first, second), notes)
    } else {
        let notes = (second_notes, first_notes);
        (first_of, *second_of, (second, first), notes)
    };
    *notes_of = generation;
    let is_of_these = generation != 0 && generation == before_of;
    let length = if is_of_these {
        scratch.previous_length
    } else {
        0
    };
    let before = callchains.0.get(..length).unwrap_or_default();
    let limit = MAX_DEPTH.wrapping_sub(FRAMES_LEFT_OUT.load(Ordering::Relaxed));
    let out = callchains.1.get_mut(..limit).unwrap_or_default();
    (
        &mut scratch.rules,
        Trail::new(before, notes.0, notes.1),
        out,
    )
}

/// Whether the thread was walking its own stack.
fn is_walking(slot: &Slot, interrupted: &Interrupted) -> bool {
    slot.published()
        .is_some_and(|words| words.is_walking(interrupted.sp))
}

/// Nothing, but in tests that want a broken handler (broken.rs).
#[inline(always)]
pub(super) fn spoil(scratch: &mut Scratch, captured: &mut Captured) {
    if !cfg!(feature = "broken-engine") {
        return;
    }
    let [first, second] = &mut scratch.callchains;
    captured.frames = if scratch.previous & 1 == 0 {
        broken::callchain(second, captured.frames, first[0])
    } else {
        broken::callchain(first, captured.frames, second[0])
    };
    captured.agreement = Agreement::default();
}
