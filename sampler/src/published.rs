//! The words that ordinary code publishes for its own thread, and that thread's walk of its own stack.
//!
//! In: which task a thread polls, since when, in which context. Out: the same, in every sample of the thread from its first on. A thread asks for its
//! words once ([`published`]) and keeps the reference; the handler finds them through the thread's slot. The memory is never unmapped, so that
//! the agent may look at any time; it goes to another thread after its own has ended.
//!
//! In a forked child none of the parent's words are known: its threads ask for their own. The thread that forked still has its reference to the
//! parent's, in a copy that nobody looks at: [`published`] sees that they are another generation's and takes new ones, and a walk by them is refused.
#![allow(unsafe_code)] // The rule cache has one user, the thread itself; and the registers and the stack are read in place.

use crate::fork;
use crate::own;
use crate::record::Words;
use crate::signal::{self, stack_bounds::StackBounds};
use crate::slot::Slot;
use crate::unwind::{BoundedStack, Registers, RuleCache, Trail, Walk};
use crate::walk_again::{MOST_FRAMES, WalkAgain};
use hotpoll_profile::Truncation;
use std::cell::{Cell, UnsafeCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence, fence};
use std::time::{Duration, Instant};

/// A thread's published words. Its own thread stores, with relaxed order (but for `holds`); its handler and the agent load.
#[repr(C, align(64))]
pub struct Published {
    /// The task being polled: the runtime's number of it, or one of the hooks' own; 0 is none.
    pub task: AtomicU64,
    /// Its kind; 0 is none.
    pub kind: AtomicU64,
    /// When the running poll began, in [`crate::clock`] ticks; 0 when none runs.
    pub poll_start: AtomicU64,
    /// A request's context.
    pub context: AtomicU64,
    /// The lock (or another resource) being waited for.
    pub lock: AtomicU64,
    /// A resource that the thread, or the task that it polls, holds while others wait for it. The one word that others store, too: the first who waits
    /// sets it, and whoever clears it exchanges only its own number for 0.
    pub holds: AtomicU64,
    /// When the outermost poll began, in ticks, while another one runs inside of it; else 0.
    pub root_start: AtomicU64,
    /// Odd while the thread walks its own stack: the handler then keeps the leaf only, and unwind tables that were replaced stay.
    walks: AtomicU32,
    /// The odd number of a walk that was waited for in vain.
    given_up: AtomicU32,
    /// The stack pointer of the frame that the walk began in.
    walk_sp: AtomicU64,
    /// The process that they were made in: [`fork::generation`].
    generation: u32,
    /// The thread; 0 while nobody has the words.
    tid: AtomicU32,
    /// The thread's stack, as the C library knows it.
    stack_low: AtomicU64,
    stack_high: AtomicU64,
    /// Another stack that the thread may run on (on_stack.rs). High is 0 where there is none.
    other_low: AtomicU64,
    other_high: AtomicU64,
    /// The rules met by [`Published::walk_here`].
    rules: UnsafeCell<RuleCache>,
}

// SAFETY: everything but `rules` is atomic, and `rules` is used by `walk_here` alone, whose callers answer for being the thread itself.
unsafe impl Sync for Published {}

/// What the process knows of published words: a part of what threads have told (own.rs), so that a forked child begins without.
#[derive(Default)]
pub(crate) struct Registry {
    by_tid: HashMap<u32, &'static Published>,
    slots: HashMap<u32, &'static Slot>,
    spare: Vec<&'static Published>,
}

/// Gives the words back when the thread ends.
struct Mine(Cell<Option<&'static Published>>);

thread_local! {
    static MINE: Mine = const { Mine(Cell::new(None)) };
}

impl Drop for Mine {
    fn drop(&mut self) {
        if let Some(words) = self.0.take()
            && words.is_of_this_process()
        {
            give_back(words);
        }
    }
}

/// The calling thread's words, which its samples carry from now on. Ordinary code; takes a lock at the first call on each thread. `None` while the
/// thread's thread-local variables are being dropped.
///
/// After that the words belong to another thread: whoever keeps the reference registers a thread-local destructor of its own after this call (it
/// then runs before) and forgets it there.
pub fn published() -> Option<&'static Published> {
    MINE.try_with(|mine| {
        if let Some(words) = mine.0.get()
            && words.is_of_this_process()
        {
            return Some(words);
        }
        // The parent's words of the thread that forked stay: the poll that forked may store into them yet.
        mine.0.set(take());
        mine.0.get()
    })
    .ok()
    .flatten()
}

fn take() -> Option<&'static Published> {
    let tid = crate::sys::current_tid();
    let mut told = own::told()?;
    let registry = &mut told.published;
    let words = registry
        .spare
        .pop()
        .unwrap_or_else(|| Box::leak(Box::new(Published::new())));
    words.tid.store(tid, Ordering::Relaxed);
    // Odd where the thread before left its last walk by a jump.
    let walks = words.walks.load(Ordering::Relaxed);
    words
        .walks
        .store(walks.wrapping_add(walks & 1), Ordering::Relaxed);
    let stack = own_stack().unwrap_or(StackBounds { low: 0, high: 0 });
    words.stack_low.store(stack.low, Ordering::Relaxed);
    words.stack_high.store(stack.high, Ordering::Relaxed);
    registry.by_tid.insert(tid, words);
    if let Some(slot) = registry.slots.get(&tid) {
        slot.publish(Some(words));
    }
    Some(words)
}

/// The calling thread's stack. Ordinary code; reads `/proc/self/maps` on the main thread.
fn own_stack() -> Option<StackBounds> {
    // SAFETY: the attributes are initialised by pthread_getattr_np when it returns 0, read, and destroyed.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return None;
        }
        let (mut address, mut size) = (std::ptr::null_mut(), 0usize);
        let got = libc::pthread_attr_getstack(&attributes, &mut address, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        let low = address as u64;
        (got == 0).then(|| StackBounds {
            low,
            high: low.wrapping_add(size as u64),
        })
    }
}

fn give_back(words: &'static Published) {
    let Some(mut told) = own::told() else { return };
    let registry = &mut told.published;
    let tid = words.tid.swap(0, Ordering::Relaxed);
    if registry
        .by_tid
        .get(&tid)
        .is_some_and(|current| std::ptr::eq(*current, words))
    {
        registry.by_tid.remove(&tid);
        if let Some(slot) = registry.slots.get(&tid) {
            // The handler of this very thread cannot run between this and the next line of ours.
            slot.publish(None);
        }
    }
    words.clear();
    registry.spare.push(words);
}

/// A slot begins to serve a thread. Called by the agent before the timer is armed; whichever of this and [`published`] comes second joins them.
pub(crate) fn link(tid: u32, slot: &'static Slot) {
    let words = own::told().and_then(|mut told| {
        told.published.slots.insert(tid, slot);
        told.published.by_tid.get(&tid).copied()
    });
    slot.publish(words);
}

/// A slot serves its thread no longer.
pub(crate) fn unlink(tid: u32, slot: &'static Slot) {
    if let Some(mut told) = own::told() {
        let slots = &mut told.published.slots;
        if slots
            .get(&tid)
            .is_some_and(|current| std::ptr::eq(*current, slot))
        {
            slots.remove(&tid);
        }
    }
    slot.publish(None);
}

/// The words of a thread, by the kernel's number of it. Ordinary code.
pub fn published_by(tid: u32) -> Option<&'static Published> {
    own::told()?.published.by_tid.get(&tid).copied()
}

/// How long walks are waited for. One takes microseconds, unless its thread is not on a processor, or has left it by a jump, or is in a signal handler
/// that interrupted it and does not return.
const PATIENCE: Duration = Duration::from_secs(1);
/// Looks before each wait is a pause.
const QUICK_LOOKS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(1);

/// Waits until no thread walks its own stack by tables that were replaced before the caller's fence. False when one does not end. Ordinary code.
pub(crate) fn wait_for_walks() -> bool {
    // A thread that registers after this was listed has taken the lock after the tables were replaced, and sees the new ones.
    let all: Vec<&'static Published> = match own::told() {
        Some(told) => told.published.by_tid.values().copied().collect(),
        None => return true,
    };
    let begun = Instant::now();
    all.into_iter()
        .map(|words| words.wait_for_walk(begun))
        // Each is looked at, so that the next call knows which ones not to wait for.
        .fold(true, |all, done| all & done)
}

/// The stack pointer of the function that this is inlined into.
#[inline(always)]
pub fn stack_pointer() -> u64 {
    let sp: u64;
    // SAFETY: a register is read, nothing is written.
    unsafe {
        std::arch::asm!("mov {sp}, rsp", sp = out(reg) sp, options(nomem, nostack, preserves_flags));
    }
    sp
}

impl Published {
    fn new() -> Self {
        Self {
            task: AtomicU64::new(0),
            kind: AtomicU64::new(0),
            poll_start: AtomicU64::new(0),
            context: AtomicU64::new(0),
            lock: AtomicU64::new(0),
            holds: AtomicU64::new(0),
            root_start: AtomicU64::new(0),
            walks: AtomicU32::new(0),
            given_up: AtomicU32::new(0),
            walk_sp: AtomicU64::new(0),
            generation: fork::generation(),
            tid: AtomicU32::new(0),
            stack_low: AtomicU64::new(0),
            stack_high: AtomicU64::new(0),
            other_low: AtomicU64::new(0),
            other_high: AtomicU64::new(0),
            rules: UnsafeCell::new(RuleCache::new()),
        }
    }

    /// Whether they were made in this process, rather than in one that it was forked from.
    #[inline]
    pub fn is_of_this_process(&self) -> bool {
        self.generation == fork::generation()
    }

    /// The thread that has the words; 0 when it has ended.
    pub fn tid(&self) -> u32 {
        self.tid.load(Ordering::Relaxed)
    }

    /// The last word of the thread's stack: a mark for [`Published::walk_here`] that lets it go as far as it can. 0 when the stack is not known.
    pub fn stack_end(&self) -> usize {
        (self.stack_high.load(Ordering::Relaxed) as usize).saturating_sub(8)
    }

    /// All words. Called in SIGPROF, and by the agent.
    pub fn words(&self) -> Words {
        // Relaxed: the handler is the thread that wrote them; for the agent recent values are good enough.
        Words {
            task: self.task.load(Ordering::Relaxed),
            kind: self.kind.load(Ordering::Relaxed),
            poll_start: self.poll_start.load(Ordering::Relaxed),
            context: self.context.load(Ordering::Relaxed),
            lock: self.lock.load(Ordering::Relaxed),
            holds: self.holds.load(Ordering::Relaxed),
            root_start: self.root_start.load(Ordering::Relaxed),
        }
    }

    /// Whether the thread, whose stack pointer this is, walks its own stack. Called in SIGPROF.
    pub(crate) fn is_walking(&self, sp: u64) -> bool {
        // Above the frame that the walk began in the thread has left it.
        self.walks.load(Ordering::Relaxed) & 1 == 1 && sp <= self.walk_sp.load(Ordering::Relaxed)
    }

    /// The other stack that the thread may run on; empty when there is none. Called in SIGPROF.
    pub(crate) fn other_stack(&self) -> StackBounds {
        StackBounds {
            low: self.other_low.load(Ordering::Relaxed),
            high: self.other_high.load(Ordering::Relaxed),
        }
    }

    /// Says which other stack the thread may run on. Called by the thread itself.
    pub(crate) fn set_other_stack(&self, stack: StackBounds) {
        // Its handler may run between any two of these, and must never see one stack's low end with another's high end.
        self.other_high.store(0, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        self.other_low.store(stack.low, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        self.other_high.store(stack.high, Ordering::Relaxed);
    }

    /// Waits until the walk that runs now has ended. False when that was in vain.
    fn wait_for_walk(&self, begun: Instant) -> bool {
        // Acquire: with the Release at the walk's end, it is done with the tables.
        let walks = || self.walks.load(Ordering::Acquire);
        let seen = walks();
        let mut looks = 0;
        while seen & 1 == 1 && walks() == seen {
            if self.given_up.load(Ordering::Relaxed) == seen || begun.elapsed() > PATIENCE {
                self.given_up.store(seen, Ordering::Relaxed);
                return false;
            }
            looks += 1;
            if looks < QUICK_LOOKS {
                std::thread::yield_now();
            } else {
                std::thread::sleep(PAUSE);
            }
        }
        true
    }

    fn clear(&self) {
        for word in [
            &self.task,
            &self.kind,
            &self.poll_start,
            &self.context,
            &self.lock,
            &self.holds,
            &self.root_start,
        ] {
            word.store(0, Ordering::Relaxed);
        }
        self.set_other_stack(StackBounds { low: 0, high: 0 });
    }

    /// Walks the calling thread's stack from the function that this is inlined into, and writes the callchain, leaf first.
    ///
    /// `stop_above` is the address of something on the same stack: the walk ends ([`hotpoll_profile::Truncation::StackRead`]) at the first frame whose
    /// return address lies beyond it. No allocation, no lock, no system call; each step and the whole are bounded.
    ///
    /// # Safety
    /// The words are the calling thread's (it got them from [`published`], there or in a process that it was forked from, and its thread-local variables are not being dropped), and
    /// `stop_above` lies on the stack that the caller runs on.
    #[inline(always)]
    pub unsafe fn walk_here(&self, stop_above: usize, into: &mut [u64]) -> Walk {
        let fence = || fence(Ordering::SeqCst);
        // SAFETY: the caller's word.
        unsafe { self.walk_here_behind(stop_above, into, &mut WalkAgain::new(), fence) }
    }

    /// Whether a walk from here, which is a function that has a stack pointer of its own and walks with that elsewhere, would be this one again.
    ///
    /// # Safety
    /// As [`Published::walk_here`].
    #[inline(always)]
    pub unsafe fn is_here(&self, again: &WalkAgain, sp: u64, stop_above: usize) -> bool {
        let (own, mark) = (self.own_stack(), stop_above as u64);
        // SAFETY: both ends are on the thread's own stack, and so is what lies between them.
        own.contains(sp) && own.contains(mark) && unsafe { again.is_at(sp, mark) }
    }

    /// The same for a caller who executes a locked instruction anyway (an atomic read-modify-write): `locked` is called once in any case, and saves the walk a
    /// fence of its own. `again` keeps the walk, if it can be known again.
    ///
    /// # Safety
    /// As [`Published::walk_here`], and `locked` executes a locked instruction or a fence, and nothing that walks.
    #[inline(always)]
    pub unsafe fn walk_here_behind(
        &self,
        stop_above: usize,
        into: &mut [u64],
        again: &mut WalkAgain,
        locked: impl FnOnce(),
    ) -> Walk {
        let (pc, sp, bp): (u64, u64, u64);
        // SAFETY: three registers are read, nothing is written.
        unsafe {
            std::arch::asm!(
                "lea {pc}, [rip]",
                "mov {sp}, rsp",
                "mov {bp}, rbp",
                pc = out(reg) pc,
                sp = out(reg) sp,
                bp = out(reg) bp,
                options(nomem, nostack, preserves_flags)
            );
        }
        let bp = Some(bp);
        let odd = self.begin_walk(sp, stop_above);
        // With the fence in `wait_for_readers`: either who waits there sees the odd number, or the load of the tables below sees the new ones. What is to be
        // ordered are a store and loads of this one thread, and on this architecture any locked instruction between them does that, as in the handler.
        compiler_fence(Ordering::SeqCst);
        locked();
        compiler_fence(Ordering::SeqCst);
        match odd {
            // SAFETY: the caller's word; the registers are those of the frame that this is inlined into, and `begin_walk` has looked at both addresses.
            Ok(odd) => unsafe {
                self.walk_from(Registers { pc, sp, bp }, stop_above, into, again, odd)
            },
            Err(end) => Walk {
                frames: 0,
                end,
                guessed: 0,
            },
        }
    }

    /// The thread's stack.
    #[inline(always)]
    fn own_stack(&self) -> StackBounds {
        StackBounds {
            low: self.stack_low.load(Ordering::Relaxed),
            high: self.stack_high.load(Ordering::Relaxed),
        }
    }

    /// Publishes that this thread walks, from a frame with this stack pointer up to the mark; returns the odd number, or why there can be no walk.
    #[inline]
    fn begin_walk(&self, sp: u64, stop_above: usize) -> Result<u32, Truncation> {
        // A poll may run on a stack of its own (a coroutine's, or one that was made for deep recursion): what lies between that and the mark
        // need not be mapped.
        let own = self.own_stack();
        // And whoever replaces tables in a forked child does not know of the parent's words, so does not wait for a walk by them.
        if !own.contains(sp) || !own.contains(stop_above as u64) || !self.is_of_this_process() {
            return Err(Truncation::ForeignStack);
        }
        let walks = self.walks.load(Ordering::Relaxed);
        if walks & 1 == 1 && sp < self.walk_sp.load(Ordering::Relaxed) {
            // A signal handler that interrupted a walk: the rules are in use.
            return Err(Truncation::InHotpoll);
        }
        // Odd already: that walk was left by a jump, as its frame is gone. The next odd number then, so that who waits for it sees that it is over.
        let odd = walks.wrapping_add(1) | 1;
        self.walk_sp.store(sp, Ordering::Relaxed);
        self.walks.store(odd, Ordering::Relaxed);
        Ok(odd)
    }

    /// # Safety
    /// As [`Published::walk_here_behind`]; the registers are those of a frame that is still there, and `begin_walk` has just returned this number for them.
    #[inline(never)]
    unsafe fn walk_from(
        &self,
        registers: Registers,
        stop_above: usize,
        into: &mut [u64],
        again: &mut WalkAgain,
        odd: u32,
    ) -> Walk {
        // SAFETY: only this thread uses the rules, and nothing called from here comes back to this function: the handler has a cache of its own.
        let rules = unsafe { &mut *self.rules.get() };
        // SAFETY: from a frame's stack pointer up to an address on the same stack (both checked in `begin_walk`) everything is mapped and stays while we run.
        let stack = unsafe { BoundedStack::new(registers.sp, stop_above as u64) };
        let mut notes = [0; MOST_FRAMES];
        let mut trail = Trail::new(&[], &[], &mut notes);
        let walk = signal::walk_ordinary(registers, rules, &mut trail, &stack, into);
        again.keep(registers.sp, stop_above as u64, &notes, into, &walk);
        // Release: the tables are not used any more once the even number is seen.
        self.walks.store(odd.wrapping_add(1), Ordering::Release);
        walk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(words: &Published) -> Truncation {
        let mark = 0u8;
        // SAFETY: they are this thread's words, and the mark is a local.
        unsafe { words.walk_here(&raw const mark as usize, &mut [0; 8]) }.end
    }

    #[test]
    fn a_walk_left_by_a_jump_is_over_at_the_next() {
        let words = published().unwrap();
        let here = 0u8;
        let here = &raw const here as u64;
        words.walks.store(7, Ordering::Relaxed);
        // Its frame is above: a signal handler that walks has interrupted it.
        words.walk_sp.store(here + 4096, Ordering::Relaxed);
        assert!(words.is_walking(here));
        assert_eq!(walk(words), Truncation::InHotpoll);
        assert_eq!(words.walks.load(Ordering::Relaxed), 7);
        // Nobody waits for it for ever, nor twice.
        let long_ago = Instant::now().checked_sub(2 * PATIENCE).unwrap();
        assert!(!words.wait_for_walk(long_ago));
        assert!(!words.wait_for_walk(Instant::now()));
        // Its frame was below: it is gone.
        words.walk_sp.store(here - 65_536, Ordering::Relaxed);
        assert!(!words.is_walking(here));
        assert_ne!(walk(words), Truncation::InHotpoll);
        assert_eq!(words.walks.load(Ordering::Relaxed), 10);
        assert!(words.wait_for_walk(Instant::now()));
    }
}
