//! One thread's place to be sampled into: its ring, counters, published words and scratch memory.
//!
//! In: expiries, from the handler. Out: records and counters, to the drain. A slot lives in memory of its own that is mapped once and never
//! unmapped, so that a late signal can always look at it; all-zero memory is a valid free slot.

mod histogram;
pub(crate) mod pending;
pub(crate) mod table;

pub use histogram::HandlerTimes;
pub(crate) use histogram::Histogram;

use crate::published::Published;
use crate::record::{MAX_DEPTH, Words};
use crate::ring::Ring;
use crate::unwind::{Note, RuleCache, TRAIL_LENGTH};
use std::cell::UnsafeCell;
use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Words in a thread's ring: 32 KB. A record of an untracked thread takes two words, and half a word for each frame that changed. So 200 records
/// of 30 changed frames fit: a stall of 200 ms at 1,000 records a second (record.rs has the sum, tests/truth_loss.rs the test).
pub(crate) const RING_WORDS: usize = 4096;

// What a thread may cost: all that is mapped for it. Fewer pages are touched: of the two callchains as many as the stack is deep, of the ring
// all once a thread has been busy for a while.
const _: () = assert!(size_of::<Slot>() <= 64 << 10);

/// One thread's slot. Fields are grouped by who writes them.
#[repr(C)]
pub(crate) struct Slot {
    /// Written by the agent before a timer is armed, fixed while it is.
    pub agent: AgentSide,
    /// Written by the handler, read by the agent.
    pub handler: HandlerSide,
    /// Only the handler touches it while the slot is attached.
    pub scratch: UnsafeCell<Scratch>,
    /// Records; the handler pushes, the drain pops.
    pub ring: Ring<RING_WORDS>,
}

/// What the agent tells the handler.
#[repr(C, align(64))]
pub(crate) struct AgentSide {
    /// Which use of the slot this is; a timer's cookie names it. 0 is free.
    pub generation: AtomicU32,
    /// The thread.
    pub tid: AtomicU32,
    /// One past the thread's stack; 0 while unknown.
    pub stack_high: AtomicU64,
    /// The lowest address of the thread's stack that may be used.
    pub stack_low: AtomicU64,
    /// Whether `tokio::task::try_id` or the like may be called on this thread: it was called before by ordinary code.
    pub task_id_ready: AtomicBool,
    /// The thread's published words (published.rs), null when it has none.
    published: AtomicPtr<Published>,
}

/// What the handler counts. Only the handler of one thread writes, so plain load and store make no lost update.
///
/// The first line has what every sample touches: in a busy process each line more is a miss.
#[repr(C, align(64))]
pub(crate) struct HandlerSide {
    /// Odd while the handler runs: it may be reading the unwind tables and using the scratch.
    pub entries: AtomicU32,
    /// Expiries that reached the handler: `recorded + overrun + lost`.
    pub fired: AtomicU64,
    /// Records pushed.
    pub recorded: AtomicU64,
    /// Those of them whose callchain is whole.
    pub whole: AtomicU64,
    /// Time stamp counter ticks spent in the handler.
    pub ticks: AtomicU64,
    /// Expiries of a perf event.
    pub perf_expiries: AtomicU64,
    /// Expiries folded into a record beyond its first.
    pub overrun: AtomicU64,
    /// An interrupted stack pointer whose stack the agent should look up; 0 when none.
    pub wanted_stack: AtomicU64,
    /// Expiries of the timer that stands beside a perf event, wherever they found the thread, and in the kernel; and how many of those were
    /// counted.
    pub companion_expiries: AtomicU64,
    pub companion_in_kernel: AtomicU64,
    pub companion_counted: AtomicU64,
    /// Callchains with a guessed step; if their records were lost, too.
    pub guessed: AtomicU64,
    /// Expiries lost, by reason.
    pub lost: [AtomicU64; hotpoll_profile::counts::MAX_REASONS],
    /// Records by how their callchain ended, but for the whole ones.
    pub cut_short: [AtomicU64; hotpoll_profile::counts::MAX_REASONS],
    /// The handler's times by size, for a median and a tail.
    pub tick_histogram: Histogram,
}
const _: () = assert!(offset_of!(HandlerSide, companion_expiries) == 64);

/// The handler's memory, too large for a signal stack. What every sample touches comes first, and what is short before what is long: a page that is not
/// touched takes no memory, and the first touch of one takes a microsecond.
#[repr(C, align(64))]
pub(crate) struct Scratch {
    /// Length of the callchain pushed last.
    pub previous_length: usize,
    /// Which of the two was pushed last: 0 or 1.
    pub previous: usize,
    /// Which tables the walks of the two went by; 0 where it was no walk.
    pub notes_of: [u32; 2],
    /// The published words of the record pushed last.
    pub previous_words: Words,
    /// What the walks of the two noted.
    pub notes: [[Note; TRAIL_LENGTH]; 2],
    /// The unwind rules met last.
    pub rules: RuleCache,
    /// The callchain being captured and the one pushed last, in turn.
    pub callchains: [[u64; MAX_DEPTH]; 2],
}

impl Slot {
    /// Says where the thread's words are. Called by the agent before a timer is armed, and by the thread itself.
    pub fn publish(&self, words: Option<&'static Published>) {
        let pointer = words.map_or(std::ptr::null_mut(), |words| {
            std::ptr::from_ref(words).cast_mut()
        });
        // Release: whoever sees the pointer sees the words.
        self.agent.published.store(pointer, Ordering::Release);
    }

    /// The thread's words. Called in SIGPROF, and by the agent.
    #[allow(unsafe_code)]
    pub fn published(&self) -> Option<&'static Published> {
        // SAFETY: only `publish` stores here, and what it stores lives for ever.
        unsafe { self.agent.published.load(Ordering::Acquire).as_ref() }
    }

    /// Empties the ring and forgets the last callchain. The slot is free, and its last handler has returned (signal::wait_for).
    #[allow(unsafe_code)]
    pub fn forget_records(&self) {
        self.ring.consumer().pop_all(&mut Vec::new());
        // SAFETY: only the handler touches the scratch while the slot is attached; it is not (sampler/attach.rs), and no handler that found
        // it attached is still running: its thread is dead, or the agent has waited for it.
        unsafe { (*self.scratch.get()).previous_length = 0 };
    }
}

/// Adds to a counter that only this thread writes. Called in SIGPROF.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    use Ordering::Relaxed;
    // Relaxed, and no read-modify-write: one writer, and the agent only wants a recent value.
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
}
