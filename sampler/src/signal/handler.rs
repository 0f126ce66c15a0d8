//! The sampling signal's handler: from a timer's expiry to one record in the thread's ring.
//!
//! Order of events: whose signal is it · which slot · is there room on the stack · walk · push or count the loss. It runs with every signal
//! but the fault signals blocked, so it is never interrupted by itself or by another handler, and it is the only writer of its slot's
//! handler side.
#![allow(unsafe_code)] // It is entered by the kernel with raw pointers, and reads the unwind tables through one.

use super::{
    capture::{Captured, capture, spoil},
    forward, frame,
    frame::Interrupted,
    source::{self, Expiry, Scope, Source},
    stack_bounds::{self, StackBounds},
    syscall, task_id, tsc,
};
use crate::broken::{self, Defect};
use crate::published::Published;
use crate::record::{self, FrameWords, Head, LONGEST_HEAD, Words};
use crate::slot::{self, HandlerSide, Scratch, Slot, pending, table};
use crate::unwind::{
    Publisher, Registers, RuleCache, StackReader, Tables, Trail, Walk, walk_along,
};
use hotpoll_profile::{Engine, Loss, Reason, State, Truncation};
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

/// Stack that telling whose signal it is may take, and counting a loss. `tests/handler_calls.rs` adds up the frames.
pub const ROOM_TO_LOOK: u64 = if cfg!(debug_assertions) { 1_280 } else { 384 };
/// Stack that recording the leaf alone may take, below the point where room is measured.
pub const ROOM_FOR_LEAF: u64 = if cfg!(debug_assertions) { 2_816 } else { 704 };
/// Stack that the walk, or a record of what it found, may take below that point.
pub const ROOM_FOR_WALK: u64 = if cfg!(debug_assertions) { 3_072 } else { 1_024 };

/// One call counts at most this much towards the handler's own time: some 50 µs. The counter runs on while the thread is preempted inside the
/// handler, and on a crowded machine that made the handler's time most of the threads'.
const LONGEST_TICKS: u64 = 1 << 17;

static TABLES: Publisher = Publisher::new();
static LEAKED: AtomicU64 = AtomicU64::new(0);

/// Makes new unwind tables current, and frees the old ones once no handler can be reading them.
pub(crate) fn publish_tables(tables: Tables) {
    let retired = TABLES.publish(tables);
    if wait_for_readers() {
        // SAFETY: every handler and every walk that may have seen the old tables has said since that it is done (wait_for_readers).
        unsafe { retired.reclaim() };
    } else if !retired.is_empty() {
        // Dropping it leaks it.
        LEAKED.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many tables were never freed, because a walk that may have used them did not end.
pub(crate) fn leaked_tables() -> u64 {
    LEAKED.load(Ordering::Relaxed)
}

/// Waits until nobody can still be using tables that were replaced before the call. False when that does not come about in time.
fn wait_for_readers() -> bool {
    // With the fences of the handler (look) and of a walk (walk_from), which stand between saying that they run and taking the tables: for each of
    // them either its fence comes before this one, and what it did before is seen below: its slot among the used ones, its odd number; or this one
    // comes first, and it takes the new tables.
    fence(Ordering::SeqCst);
    let begun = Instant::now();
    // Each is looked at, so that what is waited for in vain is waited for once and not by turns.
    let handlers = table::used().fold(true, |all, slot| all & wait_since(slot, begun));
    crate::published::wait_for_walks() & handlers
}

/// Walks a stack by the newest tables, in ordinary code. The caller has said that it runs as `wait_for_walks` wants it.
pub(crate) fn walk_ordinary<S: StackReader>(
    registers: Registers,
    rules: &mut RuleCache,
    trail: &mut Trail<'_>,
    stack: &S,
    into: &mut [u64],
) -> Walk {
    match TABLES.current() {
        Some(tables) => walk_along(tables, rules, trail, registers, stack, into),
        None => Walk {
            frames: 0,
            end: Truncation::TablesNotReady,
            guessed: 0,
        },
    }
}

/// How long handlers are waited for. One takes microseconds, unless its thread is not on a processor: preempted, or stopped by a debugger.
const PATIENCE: Duration = Duration::from_secs(1);
/// Looks before each wait is a pause.
const QUICK_LOOKS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(1);

/// Waits until the handler of this slot's thread has seen every change made before the call. False when it did not end in time: it may go on where it
/// is, with what it has seen. Ordinary code.
#[must_use]
pub(crate) fn wait_for(slot: &Slot) -> bool {
    wait_since(slot, Instant::now())
}

fn wait_since(slot: &Slot, begun: Instant) -> bool {
    // With the handler's fence: either we see its odd number below, or it sees what was changed before this fence.
    fence(Ordering::SeqCst);
    let entries = || slot.handler.entries.load(Ordering::SeqCst);
    let seen = entries();
    let mut looks = 0;
    while seen & 1 == 1 && entries() == seen {
        looks += 1;
        if looks < QUICK_LOOKS {
            std::thread::yield_now();
        } else if begun.elapsed() > PATIENCE {
            return false;
        } else {
            std::thread::sleep(PAUSE);
        }
    }
    true
}

/// The slot's thread is dead, so no handler runs there, whatever its number says: one that was left by a jump (of a program's handler of faults) left it
/// odd. Ordinary code.
pub(crate) fn end(slot: &Slot) {
    let entries = slot.handler.entries.load(Ordering::Relaxed);
    let even = entries.wrapping_add(entries & 1);
    slot.handler.entries.store(even, Ordering::Release);
}

/// The handler that the kernel calls.
///
/// It is kept small, because nothing has been checked yet: on a thread whose alternate stack holds little more than the kernel's own frame,
/// what it takes must fit in the few hundred bytes that are left.
pub(super) extern "C" fn on_signal(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel calls this with SA_SIGINFO (install.rs).
    if unsafe { frame::room_on_alternate_stack(context) } < ROOM_TO_LOOK {
        return; // not even counted: the time shows as unsampled
    }
    look(signal, info, context);
}

/// Whose signal is it, and which slot.
#[inline(never)]
fn look(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let entered = tsc::now();
    // SAFETY: the arguments are the kernel's.
    match unsafe { source::identify(info) } {
        Source::Expired(id, expiry) => {
            let Some(slot) = table::slot(id.number) else {
                return;
            };
            if expiry.engine == Engine::Perf {
                // SAFETY: the context is the kernel's.
                let interrupted = unsafe { Interrupted::read(context) };
                if !is_slots_thread(slot, &interrupted) {
                    pending::mark(id.number); // it may want its stack looked up
                    return;
                }
            }
            // The next odd number, also when the last call was left by a jump and the number is odd: it must not be even while this one runs.
            let entries = slot.handler.entries.load(Ordering::Relaxed);
            let running = entries.wrapping_add(1) | 1;
            slot.handler.entries.store(running, Ordering::Relaxed);
            // Orders the store above before the loads of the generation and of the tables: whoever takes one of them away and then sees an
            // even number knows that this handler has seen the change (wait_for).
            full_fence();
            // Acquire: pairs with the Release in attach, so everything that the agent wrote for this use of the slot is visible. Another
            // generation means a late signal: the timer is gone, and its account is closed.
            if slot.agent.generation.load(Ordering::Acquire) == u32::from(id.generation) {
                // SAFETY: as above; the context stays valid until this handler returns.
                let interrupted = unsafe { Interrupted::read(context) };
                sample(slot, expiry, &interrupted, entered);
                pending::mark(id.number);
                let ticks = tsc::now().wrapping_sub(entered);
                slot::add(&slot.handler.ticks, ticks.min(LONGEST_TICKS));
                slot.handler.tick_histogram.count(ticks);
            }
            // Release: nothing above is used any more once the even number is seen.
            let done = running.wrapping_add(1);
            slot.handler.entries.store(done, Ordering::Release);
        }
        Source::Stale | Source::Calibration => {}
        // SAFETY: the arguments are the kernel's.
        Source::Foreign => unsafe { forward::forward(signal, info, context) },
    }
}

/// `fence(SeqCst)`, as what it orders here are a store and loads of this one thread: a locked instruction on its own stack does that, in a third of the
/// time of the `mfence` that compilers write. Called in SIGPROF.
#[inline(always)]
fn full_fence() {
    // SAFETY: it changes nothing. No `nomem`: the compiler, too, keeps memory accesses on their side.
    unsafe { std::arch::asm!("lock or dword ptr [rsp], 0", options(nostack)) };
}

/// Whether this is the slot's thread. A late signal of a perf event carries a descriptor that may have passed to another thread's event since;
/// two threads in one slot would break it.
///
/// A thread made by a bare clone has its maker's descriptor, and where descriptors cannot be read nobody has one: such threads are known by their
/// stacks, once the agent has looked those up.
fn is_slots_thread(slot: &Slot, interrupted: &Interrupted) -> bool {
    if stack_bounds::is_of_thread(slot.agent.tid.load(Ordering::Relaxed)) {
        return true;
    }
    let high = slot.agent.stack_high.load(Ordering::Acquire);
    if high == 0 {
        // Should it be the wrong thread after all, the right one corrects it by its own descriptor (thread_stack).
        slot.handler
            .wanted_stack
            .store(interrupted.sp, Ordering::Relaxed);
    }
    let low = slot.agent.stack_low.load(Ordering::Relaxed);
    StackBounds { low, high }.contains(interrupted.sp)
}

/// Records one expiry, or counts why not.
fn sample(slot: &Slot, mut expiry: Expiry, interrupted: &Interrupted, entered: u64) {
    let stack = thread_stack(slot, interrupted);
    let room = interrupted.room(stack);
    if room < ROOM_FOR_LEAF {
        // Whether a timer that speaks for the kernel alone would have counted is not known here, so it does not.
        if expiry.scope == Scope::All {
            slot::add(&slot.handler.fired, u64::from(expiry.count));
            lose(slot, Loss::NoStackRoom, expiry.count);
        }
        return;
    }
    let tables = TABLES.current();
    if broken::is(Defect::OverlooksThird) && slot.handler.entries.load(Ordering::Relaxed) % 6 == 1 {
        return;
    }
    let state = if !broken::is(Defect::DeniesKernel)
        && tables.is_some_and(|tables| syscall::is_at(tables, interrupted.pc))
    {
        State::Kernel
    } else {
        State::Running
    };
    if expiry.engine == Engine::Perf {
        slot::add(&slot.handler.perf_expiries, u64::from(expiry.count));
    }
    if expiry.scope == Scope::KernelOnly {
        expiry.count = unspoken_for(&slot.handler, expiry.count, state);
        if expiry.count == 0 {
            return; // the perf event speaks for this time
        }
    }
    slot::add(&slot.handler.fired, u64::from(expiry.count));
    // SAFETY: only this thread's handler touches the scratch while the slot is attached (slot/table.rs), and it is not re-entered: its
    // signal is masked while it runs.
    let scratch = unsafe { &mut *slot.scratch.get() };
    let found = Found {
        expiry,
        state,
        entered,
    };
    // One after the other rather than one in the other: the stack that the walk takes is free again for the push.
    let mut captured = Captured::NOTHING;
    capture(
        slot,
        scratch,
        tables,
        interrupted,
        stack,
        room,
        &mut captured,
    );
    spoil(scratch, &mut captured);
    push(slot, scratch, &found, &captured);
}

/// What a sample stands for.
struct Found {
    expiry: Expiry,
    state: State,
    entered: u64,
}

/// How many of the expiries of a perf event's companion count, which found the thread in such a state.
///
/// In the kernel all of them would, and in user space none. But one signal may stand for many intervals: a thread in step with the tick, whose bursts
/// the tick seldom meets, had five of them put on one system call, and all but a little of that time was the perf event's. So never more
/// count than the event has left out: an expiry that lands in the kernel is not told, and the companion's own number of expiries, wherever they
/// land, is how many there were. What found the kernel and may not count yet counts with a later one.
fn unspoken_for(handler: &HandlerSide, count: u32, state: State) -> u32 {
    slot::add(&handler.companion_expiries, u64::from(count));
    if state != State::Kernel {
        return 0;
    }
    slot::add(&handler.companion_in_kernel, u64::from(count));
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let left_out = read(&handler.companion_expiries).saturating_sub(read(&handler.perf_expiries));
    let counted = read(&handler.companion_counted);
    let more = left_out
        .min(read(&handler.companion_in_kernel))
        .saturating_sub(counted);
    let more = u32::try_from(more).unwrap_or(u32::MAX);
    slot::add(&handler.companion_counted, u64::from(more));
    more
}

/// Pushes the scratch's current callchain as one record, or counts its loss.
#[inline(never)]
fn push(slot: &Slot, scratch: &mut Scratch, found: &Found, captured: &Captured) {
    let Captured {
        frames,
        truncation,
        agreement,
    } = *captured;
    let Found {
        expiry,
        state,
        entered,
        ..
    } = *found;
    let [first, second] = &scratch.callchains;
    let (previous, current) = if scratch.previous & 1 == 0 {
        (first, second)
    } else {
        (second, first)
    };
    let callchain = current.get(..frames).unwrap_or_default();
    let previous = previous.get(..scratch.previous_length).unwrap_or_default();
    let shared = record::shared_root(callchain, previous, agreement);
    let new = frames.wrapping_sub(shared);
    let head = Head {
        state,
        truncation,
        engine: expiry.engine,
        expiries: expiry.count,
        ticks: entered,
        words: published(slot),
    };
    // Nothing was pushed yet: every callchain has a leaf.
    let words = (!previous.is_empty()).then_some(&scratch.previous_words);
    let new_frames = FrameWords::new(callchain, shared);
    let length = new_frames.length();
    let mut packed = [0u64; LONGEST_HEAD];
    let used = record::pack_head(&head, words, shared, new, length, &mut packed);
    let packed = packed.get(..used).unwrap_or_default();
    if slot
        .ring
        .producer()
        .push(packed, length, new_frames)
        .is_err()
    {
        lose(slot, Loss::RingFull, expiry.count);
        return;
    }
    scratch.previous = scratch.previous & 1 ^ 1;
    scratch.previous_length = frames;
    scratch.previous_words = head.words;
    if expiry.count == 0 {
        return; // it stands for no time, and no account knows of it
    }
    slot::add(&slot.handler.recorded, 1);
    if expiry.count > 1 {
        let more = u64::from(expiry.count).wrapping_sub(1);
        slot::add(&slot.handler.overrun, more);
    }
    if truncation == Truncation::Complete {
        slot::add(&slot.handler.whole, 1);
    } else if let Some(counter) = slot.handler.cut_short.get(truncation.index()) {
        slot::add(counter, 1);
    }
}

/// Counts expiries that leave no record.
fn lose(slot: &Slot, reason: Loss, expiries: u32) {
    if broken::is(Defect::LosesSilently) {
        return;
    }
    if let Some(counter) = slot.handler.lost.get(reason.index()) {
        slot::add(counter, u64::from(expiries));
    }
}

/// The thread's own stack. Finds it out if nobody has yet, or asks the agent to; and once more when the thread runs elsewhere: the one thread
/// of a forked child has the main thread's number, and runs on the stack of the thread that forked.
fn thread_stack(slot: &Slot, interrupted: &Interrupted) -> Option<StackBounds> {
    // Acquire: whoever sees the high end sees the low end.
    let high = slot.agent.stack_high.load(Ordering::Acquire);
    let known = StackBounds {
        low: slot.agent.stack_low.load(Ordering::Relaxed),
        high,
    };
    if known.contains(interrupted.sp) {
        return Some(known);
    }
    let found = stack_bounds::of_current_thread(slot.agent.tid.load(Ordering::Relaxed));
    if let Some(found) = found
        && (high == 0 || found.contains(interrupted.sp))
    {
        slot.agent.stack_low.store(found.low, Ordering::Relaxed);
        slot.agent.stack_high.store(found.high, Ordering::Release);
        return Some(found);
    }
    if high == 0 {
        slot.handler
            .wanted_stack
            .store(interrupted.sp, Ordering::Relaxed);
        return None;
    }
    Some(known)
}

/// The words that ordinary code on this thread has published; the runtime's task when nothing is tracked.
fn published(slot: &Slot) -> Words {
    let mut words = slot.published().map(Published::words).unwrap_or_default();
    if words.task == 0 && slot.agent.task_id_ready.load(Ordering::Relaxed) {
        words.task = task_id::current();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signals of the companion (how many expiries, whether in the kernel), each behind so many expiries of the event, and what counts of them.
    #[track_caller]
    fn check(signals: &[(u64, u32, State)], expected: &[u32]) {
        // SAFETY: all-zero memory is a valid slot (slot/mod.rs).
        let handler: HandlerSide = unsafe { std::mem::zeroed() };
        let counted: Vec<u32> = signals
            .iter()
            .map(|&(perf, count, state)| {
                slot::add(&handler.perf_expiries, perf);
                unspoken_for(&handler, count, state)
            })
            .collect();
        assert_eq!(counted, expected);
    }

    /// The thread used five intervals that the event has told of, before a tick met it, in a system call: 46 of 700 ms too many were sampled.
    #[test]
    fn overruns_of_a_companion_are_the_events_time() {
        use State::{Kernel, Running};
        check(&[(5, 5, Kernel)], &[0]);
        check(&[(5, 6, Kernel)], &[1]);
        check(&[(5, 6, Running), (0, 1, Kernel)], &[0, 1]);
    }

    #[test]
    fn a_thread_that_is_in_the_kernel_only_is_the_companions() {
        use State::Kernel;
        check(&[(0, 1, Kernel), (0, 3, Kernel)], &[1, 3]);
    }

    #[test]
    fn what_found_the_kernel_too_early_counts_with_a_later_one() {
        use State::{Kernel, Running};
        check(
            &[(1, 1, Kernel), (0, 1, Running), (0, 1, Kernel)],
            &[0, 0, 2],
        );
        // And what never found it does not count.
        check(&[(0, 4, Running), (0, 1, Kernel)], &[0, 1]);
    }
}
