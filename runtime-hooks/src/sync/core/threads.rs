//! What a thread that uses locks has for itself: its number, which locks carry; its wait; the shared locks that it holds.
//!
//! A number is given to one thread and not again before 65,534 others came, so that a lock left locked by a thread that ended is not another one's. The
//! memory is never freed: it goes to another thread, under another number. A forked child begins without any; its numbers go on where the parent's
//! ended.
#![allow(unsafe_code)] // References that live for ever, behind atomic pointers.

use super::readers::Line;
use super::tallies::Place;
use super::waits::{MAX_FRAMES, Wait};
use hotpoll_profile::Party;
use hotpoll_sampler::{ForkLock, Published, clock, generation};
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, Ordering::Relaxed, fence};

/// Where a thread's number stands in a word; below it is an address.
pub(super) const NUMBER_SHIFT: u32 = 48;
/// Numbers that there are. 0 is nobody's.
const NUMBERS: u32 = 1 << (u64::BITS - NUMBER_SHIFT);
const CHUNK: usize = 256;
/// Shared locks that a thread holds at once and that are known of.
pub(super) const LINES: usize = 16;
/// Between two walks of its own stack a thread lets so much time go by, so that walking takes a few hundredths at most.
const WALK_GAP_NS: u64 = 20_000;

/// One thread. Cells are touched by the thread itself only; atomics may be read by anybody.
pub(super) struct Local {
    /// The process that it was made in: see `hotpoll_sampler::generation`.
    generation: u32,
    /// The one that came before it, if any.
    before: *const Local,
    number: AtomicU32,
    /// 0 while no thread has it.
    pub tid: AtomicU32,
    /// Where the sampler looks; null under Miri, which cannot map the sampler's memory.
    words: AtomicPtr<Published>,
    /// What `holds` in them says that the task holds that the thread polls: taken back at the poll's end.
    pub told_row: AtomicU64,
    /// The thread's own wait: it can only have one.
    pub wait: Wait,
    /// The shared locks that it holds or held last.
    pub lines: [Line; LINES],
    /// What it counted of locks that it had to wait for.
    pub tallies: Place,
    next_walk: Cell<u64>,
}

// SAFETY: the cells are reached through `local()` only, which gives each thread its own.
unsafe impl Sync for Local {}
// SAFETY: as above; what it points to is never freed.
unsafe impl Send for Local {}

type Chunk = [AtomicPtr<Local>; CHUNK];
/// Threads by their numbers; null: nobody has it, or its thread has ended.
static BY_NUMBER: [AtomicPtr<Chunk>; NUMBERS as usize / CHUNK] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; NUMBERS as usize / CHUNK];
/// The next number that nobody had. A child has its parent's copy.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// The thread that came last, and behind it all others that ever came.
static LAST: AtomicPtr<Local> = AtomicPtr::new(std::ptr::null_mut());

#[derive(Default)]
struct Registry {
    spare: Vec<&'static Local>,
    /// Numbers of threads that ended, the oldest first.
    ended: VecDeque<u32>,
}

static REGISTRY: ForkLock<Registry> = ForkLock::new();

/// Gives the thread's memory back.
struct Guard(Cell<bool>);

thread_local! {
    /// The thread's number, where it stands in a word.
    static NUMBER: Cell<u64> = const { Cell::new(0) };
    static LOCAL: Cell<Option<&'static Local>> = const { Cell::new(None) };
    static GUARD: Guard = const { Guard(Cell::new(false)) };
}

impl Drop for Guard {
    fn drop(&mut self) {
        NUMBER.set(0);
        if let Some(local) = LOCAL.take()
            && local.generation == generation()
        {
            local.end();
        }
    }
}

/// The calling thread's number, shifted to where it stands. 0 for a thread that cannot have one.
#[inline(always)]
pub(super) fn number() -> u64 {
    match NUMBER.get() {
        0 => enter_for_number(),
        number => number,
    }
}

#[cold]
#[inline(never)]
fn enter_for_number() -> u64 {
    enter();
    NUMBER.get()
}

/// The calling thread's. `None` while its thread-local variables are being dropped, and in a forked child that does not sample.
#[inline(always)]
pub(super) fn local() -> Option<&'static Local> {
    match LOCAL.get() {
        Some(local) if local.generation == generation() => Some(local),
        _ => enter(),
    }
}

/// The calling thread's as it was left: perhaps its parent's, in a forked child.
#[inline(always)]
pub(super) fn existing() -> Option<&'static Local> {
    LOCAL.get()
}

/// The calling thread takes a new number at its next lock: what it has may be of the process that this one was forked from.
pub(super) fn forget_mine() {
    if LOCAL
        .get()
        .is_some_and(|local| local.generation != generation())
    {
        LOCAL.set(None);
        NUMBER.set(0);
    }
}

#[cold]
#[inline(never)]
fn enter() -> Option<&'static Local> {
    if hotpoll_sampler::in_forked_child() {
        // Nothing runs there until it starts itself.
        super::set_on(false);
        return None;
    }
    // The sampler's own destructor is registered first, and so runs after this one's.
    let words = if cfg!(miri) {
        None
    } else {
        Some(hotpoll_sampler::published()?)
    };
    GUARD.try_with(|guard| guard.0.set(true)).ok()?;
    let local = take(words);
    LOCAL.set(Some(local));
    NUMBER.set(u64::from(local.number.load(Relaxed)) << NUMBER_SHIFT);
    Some(local)
}

fn take(words: Option<&'static Published>) -> &'static Local {
    let mut registry = REGISTRY.lock();
    let registry = &mut *registry;
    let local = registry.spare.pop().unwrap_or_else(|| {
        // Under the registry's lock: nobody else adds one.
        let fresh = Local::new(LAST.load(Relaxed));
        let local = Box::into_raw(Box::new(fresh));
        LAST.store(local, Ordering::Release);
        // SAFETY: just made, and never freed.
        unsafe { &*local }
    });
    let number = match NEXT.fetch_update(Relaxed, Relaxed, |next| {
        (next < NUMBERS).then_some(next + 1)
    }) {
        Ok(number) => number,
        // More threads live at once than there are numbers: those have none.
        Err(_) => registry.ended.pop_front().unwrap_or(0),
    };
    let pointer = words.map_or(std::ptr::null_mut(), |words| {
        std::ptr::from_ref(words).cast_mut()
    });
    local.words.store(pointer, Ordering::Release);
    local.number.store(number, Relaxed);
    local
        .tid
        .store(words.map_or(1, Published::tid), Ordering::Release);
    if number != 0 {
        let place = place(number).expect("a number within the table");
        // Release: whoever finds it sees its words.
        place.store(std::ptr::from_ref(local).cast_mut(), Ordering::Release);
    }
    local
}

/// Where the thread with a number is found. Makes the place.
fn place(number: u32) -> Option<&'static AtomicPtr<Local>> {
    let chunk = BY_NUMBER.get(number as usize / CHUNK)?;
    let mut pointer = chunk.load(Ordering::Acquire);
    if pointer.is_null() {
        // Under the registry's lock: nobody else makes one.
        pointer = Box::into_raw(Box::new(
            [const { AtomicPtr::new(std::ptr::null_mut()) }; CHUNK],
        ));
        chunk.store(pointer, Ordering::Release);
    }
    // SAFETY: made here, never freed.
    unsafe { &*pointer }.get(number as usize % CHUNK)
}

/// The living thread whose number stands in a word.
pub(super) fn by_word(word: u64) -> Option<&'static Local> {
    let number = (word >> NUMBER_SHIFT) as usize;
    // SAFETY: null, or made in `place` and never freed.
    let chunk = unsafe {
        BY_NUMBER
            .get(number / CHUNK)?
            .load(Ordering::Acquire)
            .as_ref()
    }?;
    // SAFETY: null, or a reference that lives for ever (take).
    let local = unsafe { chunk.get(number % CHUNK)?.load(Ordering::Acquire).as_ref() }?;
    (local.generation == generation()).then_some(local)
}

/// Every thread's of this process, those that nobody has included. Takes no lock.
pub(super) fn all() -> impl Iterator<Item = &'static Local> {
    // Acquire: pairs with the Release in `take`, as all below.
    // SAFETY: null, or made in `take` and never freed; so are those behind it.
    let first = unsafe { LAST.load(Ordering::Acquire).as_ref() };
    // SAFETY: as said.
    let all = std::iter::successors(first, |local| unsafe { local.before.as_ref() });
    let process = generation();
    all.filter(move |local| local.generation == process)
}

impl Local {
    fn new(before: *const Self) -> Self {
        Self {
            generation: generation(),
            before,
            number: AtomicU32::new(0),
            tid: AtomicU32::new(0),
            words: AtomicPtr::new(std::ptr::null_mut()),
            told_row: AtomicU64::new(0),
            wait: Wait::new(),
            lines: [const { Line::new() }; LINES],
            tallies: Place::default(),
            next_walk: Cell::new(0),
        }
    }

    /// The thread ends.
    fn end(&'static self) {
        for line in &self.lines {
            line.thread_ends();
        }
        self.tallies.thread_ends();
        let number = self.number.swap(0, Relaxed);
        self.tid.store(0, Relaxed);
        let mut registry = REGISTRY.lock();
        if let Some(place) = place(number) {
            place.store(std::ptr::null_mut(), Ordering::Release);
        }
        if number != 0 {
            registry.ended.push_back(number);
        }
        registry.spare.push(self);
    }

    /// The published words.
    pub fn words(&self) -> Option<&'static Published> {
        // SAFETY: null, or a reference that lives for ever (enter).
        unsafe { self.words.load(Ordering::Acquire).as_ref() }
    }

    /// Who the thread is now: the task that it polls, or itself.
    pub fn party(&self) -> Party {
        let tid = self.tid.load(Relaxed);
        match self.words() {
            Some(words) => Party {
                tid,
                task: words.task.load(Relaxed),
                kind: words.kind.load(Relaxed),
            },
            None => Party {
                tid,
                ..Party::default()
            },
        }
    }

    /// Who the thread is now whose number stands in this word; nobody where it has ended, and this is another one's by now.
    pub fn party_of(&self, word: u64) -> Option<Party> {
        let party = self.party();
        // Acquire fence: with the Release of the ID in `take`, who finds the next thread finds its number, too.
        fence(Ordering::Acquire);
        let number = u64::from(self.number.load(Relaxed));
        (number == word >> NUMBER_SHIFT).then_some(party)
    }

    /// Whether the line is one of this thread's.
    #[cfg(feature = "send_guard")]
    pub fn has(&self, line: &Line) -> bool {
        self.lines
            .as_ptr_range()
            .contains(&std::ptr::from_ref(line))
    }

    /// Walks the calling thread's stack, if it has not done so just before. Returns how many frames it wrote. No lock, no allocation.
    ///
    /// The thread's own: the caller got this from [`local`] on this thread.
    #[inline(always)]
    pub fn walk(&self, now: u64, into: &mut [u64; MAX_FRAMES]) -> usize {
        if now < self.next_walk.get() {
            return 0;
        }
        let Some(words) = self.words() else { return 0 };
        // SAFETY: they are the calling thread's, whose thread-local variables are not being dropped (its `Guard` is there); the mark is the end of
        // its own stack, and where it runs on another one the walk refuses.
        let frames = unsafe { words.walk_here(words.stack_end(), into) }.frames;
        self.next_walk.set(now.wrapping_add(ticks_of(WALK_GAP_NS)));
        frames
    }
}

/// Nanoseconds as clock ticks.
pub(super) fn ticks_of(ns: u64) -> u64 {
    let rate = u128::from(clock::rate().max(1));
    ((u128::from(ns) << 32) / rate) as u64
}

/// Ticks as nanoseconds, near enough for a histogram.
#[inline]
pub(super) fn ns_of(ticks: u64) -> u64 {
    ((u128::from(ticks) * u128::from(clock::rate())) >> 32) as u64
}
