//! The sampling signal's handler: from a timer's expiry to one record in the thread's ring.
//!
//! Order of events: whose signal is it · which slot · is there room on the stack · walk · push or count the loss. It runs with every signal
//! but the fault signals blocked, so it is never interrupted by itself or by another handler, and it is the only writer of its slot's
//! handler side.
#![allow(unsafe_code)] // It is entered by the kernel with raw pointers, and reads the unwind tables through one.

use super::{
    forward, frame,
    frame::Interrupted,
    source::{self, Expiry, Scope, Source},
    stack_bounds, syscall, task_id, tsc,
};
use crate::record::{self, HEAD_WORDS, Head, MAX_DEPTH, OPTIONAL_WORDS, Words};
use crate::slot::{self, Scratch, Slot, table};
use crate::unwind::{BoundedStack, Publisher, Tables, walk};
use hotpoll_profile::{Loss, Reason, State, Truncation};
use std::sync::atomic::{AtomicUsize, Ordering, fence};

/// Stack that the walk and the push may take below the point where room is checked; the painted-stack test holds them to it.
const ROOM_FOR_WALK: u64 = if cfg!(debug_assertions) {
    4_400
} else {
    2 << 10
};
/// Stack that recording the leaf alone may take.
const ROOM_FOR_LEAF: u64 = if cfg!(debug_assertions) {
    2_500
} else {
    1 << 10
};

/// Below the stack pointer code may use this much without saying so; the kernel puts a signal's frame under it.
const RED_ZONE: u64 = 128;

static TABLES: Publisher = Publisher::new();
static MAX_FRAMES: AtomicUsize = AtomicUsize::new(MAX_DEPTH);

/// Makes new unwind tables current, and frees the old ones once no handler can be reading them.
pub(crate) fn publish_tables(tables: Tables) {
    let retired = TABLES.publish(tables);
    wait_for_readers();
    // SAFETY: every handler that may have seen the old tables has said since that it is done (wait_for_readers).
    unsafe { retired.reclaim() };
}

/// Waits until no handler can still be using tables that were replaced before the call.
fn wait_for_readers() {
    for slot in table::used() {
        wait_for(slot);
    }
}

/// Waits until the handler of this slot's thread has seen every change made before the call. Ordinary code.
pub(crate) fn wait_for(slot: &Slot) {
    // With the handler's fence: either we see its odd number below, or it sees what was changed before this fence.
    fence(Ordering::SeqCst);
    let seen = slot.handler.entries.load(Ordering::SeqCst);
    // The handler takes microseconds, unless its thread is not on a processor. Its thread cannot die inside: only SIGKILL ends a thread
    // there, and that ends the process.
    while seen & 1 == 1 && slot.handler.entries.load(Ordering::SeqCst) == seen {
        std::thread::yield_now();
    }
}

/// Sets the longest callchain.
pub(crate) fn set_max_depth(frames: usize) {
    MAX_FRAMES.store(frames.clamp(1, MAX_DEPTH), Ordering::Relaxed);
}

/// The handler that the kernel calls.
pub(super) extern "C" fn on_signal(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let entered = tsc::now();
    // SAFETY: the kernel calls this with SA_SIGINFO (install.rs).
    match unsafe { source::identify(info) } {
        Source::Expired(id, expiry) => {
            let Some(slot) = table::slot(id.number) else {
                return;
            };
            let entries = slot.handler.entries.load(Ordering::Relaxed);
            slot.handler
                .entries
                .store(entries.wrapping_add(1), Ordering::Relaxed);
            // Orders the store above before the loads of the generation and of the tables: whoever takes one of them away and then sees an
            // even number knows that this handler has seen the change (wait_for).
            fence(Ordering::SeqCst);
            // Acquire: pairs with the Release in attach, so everything that the agent wrote for this use of the slot is visible. Another
            // generation means a late signal: the timer is gone, and its account is closed.
            if slot.agent.generation.load(Ordering::Acquire) == u32::from(id.generation) {
                // SAFETY: as above; the context stays valid until this handler returns.
                let interrupted = unsafe { Interrupted::read(context) };
                sample(slot, expiry, &interrupted, entered);
                let ticks = tsc::now().wrapping_sub(entered);
                slot::add(&slot.handler.ticks, ticks);
                slot.handler.tick_histogram.count(ticks);
            }
            // Release: nothing above is used any more once the even number is seen.
            slot.handler
                .entries
                .store(entries.wrapping_add(2), Ordering::Release);
        }
        Source::Stale | Source::Calibration => {}
        // SAFETY: the arguments are the kernel's.
        Source::Foreign => unsafe { forward::forward(signal, info, context) },
    }
}

/// Records one expiry, or counts why not.
fn sample(slot: &Slot, expiry: Expiry, interrupted: &Interrupted, entered: u64) {
    let tables = TABLES.current();
    let state = if tables.is_some_and(|tables| syscall::is_at(tables, interrupted.pc)) {
        State::Kernel
    } else {
        State::Running
    };
    if expiry.scope == Scope::KernelOnly && state != State::Kernel {
        return; // the perf event speaks for this time
    }
    slot::add(&slot.handler.fired, u64::from(expiry.count));
    let low = interrupted.handler_stack_low(stack_low(slot));
    let room = frame::stack_pointer().wrapping_sub(low);
    if room < ROOM_FOR_LEAF {
        lose(slot, Loss::NoStackRoom, expiry.count);
        return;
    }
    // SAFETY: only this thread's handler touches the scratch while the slot is attached (slot/table.rs), and it is not re-entered: its
    // signal is masked while it runs.
    let scratch = unsafe { &mut *slot.scratch.get() };
    capture(
        slot,
        scratch,
        tables,
        expiry,
        state,
        interrupted,
        entered,
        room,
    );
}

/// Walks and pushes.
#[inline(never)]
#[allow(clippy::too_many_arguments)] // a struct of references would only cost stack here
fn capture(
    slot: &Slot,
    scratch: &mut Scratch,
    tables: Option<&Tables>,
    expiry: Expiry,
    state: State,
    interrupted: &Interrupted,
    entered: u64,
    room: u64,
) {
    let previous_index = scratch.previous & 1;
    let [first, second] = &mut scratch.callchains;
    let (previous, current) = if previous_index == 0 {
        (first, second)
    } else {
        (second, first)
    };
    let limit = MAX_FRAMES.load(Ordering::Relaxed).min(MAX_DEPTH);
    let Some(out) = current.get_mut(..limit) else {
        return;
    };

    let stack = bounds(slot, interrupted);
    let leaf_only = if slot.published.in_hotpoll.load(Ordering::Relaxed) != 0 {
        Some(Truncation::InHotpoll)
    } else if room < ROOM_FOR_WALK {
        Some(Truncation::NoStackRoom)
    } else {
        stack.err()
    };
    let (frames, truncation) = match (leaf_only, tables, stack) {
        (None, Some(tables), Ok(stack)) => {
            let walked = walk(
                tables,
                &mut scratch.rules,
                interrupted.registers(),
                &stack,
                out,
            );
            (walked.frames, walked.end)
        }
        (reason, _, _) => {
            if let Some(leaf) = out.first_mut() {
                *leaf = interrupted.pc;
            }
            (1, reason.unwrap_or(Truncation::TablesNotReady))
        }
    };
    let Some(callchain) = out.get(..frames) else {
        return;
    };
    let previous = previous.get(..scratch.previous_length).unwrap_or(&[]);
    let shared = record::shared_root(callchain, previous);
    let new = frames.wrapping_sub(shared);
    let head = Head {
        state,
        truncation,
        engine: expiry.engine,
        expiries: expiry.count,
        ticks: entered,
        words: published(slot),
    };
    let mut packed = [0u64; HEAD_WORDS + OPTIONAL_WORDS];
    let used = record::pack_head(&head, shared, new, &mut packed);
    let (Some(packed), Some(new_frames)) = (packed.get(..used), callchain.get(..new)) else {
        return;
    };
    if slot.ring.producer().push(packed, new_frames).is_err() {
        lose(slot, Loss::RingFull, expiry.count);
        return;
    }
    scratch.previous = previous_index ^ 1;
    scratch.previous_length = frames;
    slot::add(&slot.handler.recorded, 1);
    slot::add(
        &slot.handler.overrun,
        u64::from(expiry.count).wrapping_sub(1),
    );
    if let Some(counter) = slot.handler.truncated.get(truncation.index()) {
        slot::add(counter, 1);
    }
}

/// Counts expiries that leave no record.
fn lose(slot: &Slot, reason: Loss, expiries: u32) {
    if let Some(counter) = slot.handler.lost.get(reason.index()) {
        slot::add(counter, u64::from(expiries));
    }
}

/// The low end of the thread's stack, finding the stack out first if nobody has yet.
fn stack_low(slot: &Slot) -> u64 {
    if slot.agent.stack_high.load(Ordering::Acquire) == 0
        && let Some(bounds) =
            stack_bounds::of_current_thread(slot.agent.tid.load(Ordering::Relaxed))
    {
        slot.agent.stack_low.store(bounds.low, Ordering::Relaxed);
        // Release: whoever sees the high end sees the low end.
        slot.agent.stack_high.store(bounds.high, Ordering::Release);
    }
    slot.agent.stack_low.load(Ordering::Relaxed)
}

/// The memory that the walk may read: from the red zone of the interrupted frame to the top of the thread's stack.
fn bounds(slot: &Slot, interrupted: &Interrupted) -> Result<BoundedStack, Truncation> {
    let high = slot.agent.stack_high.load(Ordering::Acquire);
    let low = slot.agent.stack_low.load(Ordering::Relaxed);
    if high == 0 {
        slot.handler
            .wanted_stack
            .store(interrupted.sp, Ordering::Relaxed);
        return Err(Truncation::UnknownStack);
    }
    if interrupted.sp < low || interrupted.sp >= high {
        return Err(Truncation::ForeignStack);
    }
    // Between `pop rbp` and `ret` compilers still say that rbp is saved below the CFA, where it was: just below the stack pointer. Without the
    // red zone every sample on such a `ret` lost its callers.
    let low = low.max(interrupted.sp.saturating_sub(RED_ZONE));
    // SAFETY: the stack of a running thread is mapped from its stack pointer to its top: `high` comes from the thread's own descriptor
    // (stack_bounds.rs) or from the mapping that the agent found (thread/stack.rs), and stays for the thread's life. The red zone is the
    // thread's to use (psABI) and not below the stack's low end, so it is mapped, or grows like the main thread's stack when it is read.
    Ok(unsafe { BoundedStack::new(low, high) })
}

/// The words that ordinary code on this thread has published; the runtime's task when nothing is tracked.
fn published(slot: &Slot) -> Words {
    // Relaxed: written by this same thread.
    let words = &slot.published;
    let mut task = words.task.load(Ordering::Relaxed);
    if task == 0 && slot.agent.task_id_ready.load(Ordering::Relaxed) {
        task = task_id::current();
    }
    Words {
        task,
        kind: words.kind.load(Ordering::Relaxed),
        poll_start: words.poll_start.load(Ordering::Relaxed),
        context: words.context.load(Ordering::Relaxed),
        lock: words.lock.load(Ordering::Relaxed),
    }
}
