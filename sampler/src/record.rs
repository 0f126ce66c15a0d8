//! The record: what the handler writes for one sample, and how it is packed into ring words.
//!
//! The format is versioned, though both sides live in one process: a forgotten change must show as an error, not as wrong numbers.
//!
//! ```text
//! word 0   length in words (12) | version (4) | kind (3) | state (2) | truncation (6) | engine (4) | flags (9)
//!          | frames shared with the previous record's root end (12) | new frames (12)
//! word 1   time stamp counter at the handler's entry, or 0
//! …        one word for each published word that changed, by the low flags: task, kind, poll start, context, lock, holds,
//!          outermost poll's start
//! …        how many expiries it stands for, if not one
//! …        the new frames, from the root end to the leaf, in halves of a word (frames.rs)
//! ```
//!
//! Consecutive callchains of a thread mostly agree from the root up to somewhere near the leaf. Only the frames that changed are written, and
//! of the published words those that changed; the reader keeps what was there. A lost record changes nothing, because the writer compares
//! with the last record that was pushed. The first record of a slot's use says so, and the reader begins anew.

#![cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64")),
    allow(dead_code, reason = "nobody samples there")
)]

mod frames;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) use frames::FrameWords;

use hotpoll_profile::{Engine, Reason, State, Truncation};

/// The version of the packing.
pub const RECORD_VERSION: u8 = 4;
/// Words that every record has.
pub const HEAD_WORDS: usize = 2;
/// How many published words there are.
pub const PUBLISHED_WORDS: usize = 7;
/// The longest head: all published words, and the expiries.
pub(crate) const LONGEST_HEAD: usize = HEAD_WORDS + PUBLISHED_WORDS + 1;
/// The longest callchain that is ever captured.
pub const MAX_DEPTH: usize = 1024;

/// What sort of record it is.
const KIND_CPU_SAMPLE: u8 = 1;
/// Among the flags, behind one for each published word: the record stands for more than one expiry.
const HAS_EXPIRIES: u64 = 1 << PUBLISHED_WORDS;
/// Nothing was pushed before it: words that it does not carry are zero, not those of an earlier use of the slot.
const IS_FIRST: u64 = 1 << (PUBLISHED_WORDS + 1);
const _: () = assert!(IS_FIRST < 1 << FLAGS.1);

/// Where a field of word 0 begins, and how many bits it has.
type Field = (u32, u32);
const LENGTH: Field = (0, 12);
const VERSION: Field = (12, 4);
const KIND: Field = (16, 3);
const STATE: Field = (19, 2);
const TRUNCATION: Field = (21, 6);
const ENGINE: Field = (27, 4);
const FLAGS: Field = (31, 9);
const SHARED: Field = (40, 12);
const NEW: Field = (52, 12);
const _: () = assert!(MAX_DEPTH < 1 << SHARED.1 && MAX_DEPTH < 1 << NEW.1);
// A frame takes three halves of a word at the most.
const _: () = assert!(LONGEST_HEAD + (3 * MAX_DEPTH).div_ceil(2) < 1 << LENGTH.1);
const _: () = assert!(PUBLISHED_WORDS + 2 <= FLAGS.1 as usize);
const _: () =
    assert!(Truncation::ALL.len() <= 1 << TRUNCATION.1 && Engine::ALL.len() <= 1 << ENGINE.1);

/// Called in SIGPROF.
const fn field((shift, bits): Field, value: u64) -> u64 {
    (value & ((1 << bits) - 1)) << shift
}

fn read((shift, bits): Field, word: u64) -> usize {
    (word >> shift & ((1 << bits) - 1)) as usize
}

/// The words that ordinary code publishes for its thread, opaque to the sampler.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Words {
    /// The runtime's task ID, or a tracked task's.
    pub task: u64,
    /// The task's kind.
    pub kind: u64,
    /// When the current poll began, in the publisher's clock.
    pub poll_start: u64,
    /// The application's context.
    pub context: u64,
    /// The lock (or another resource) that the thread waits for.
    pub lock: u64,
    /// One that the thread, or the task that it polls, holds while others wait for it.
    pub holds: u64,
    /// When the outermost of the polls that run inside of one another began; 0 when the current one is the only one.
    pub root_start: u64,
}

impl Words {
    /// When the outermost poll began: what the thread has been busy with since. 0 when none runs.
    pub fn outermost_start(&self) -> u64 {
        match self.root_start {
            0 => self.poll_start,
            root => root,
        }
    }

    fn as_array(&self) -> [u64; PUBLISHED_WORDS] {
        [
            self.task,
            self.kind,
            self.poll_start,
            self.context,
            self.lock,
            self.holds,
            self.root_start,
        ]
    }
}

/// The fixed part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What the thread was doing.
    pub state: State,
    /// How the callchain ended.
    pub truncation: Truncation,
    /// The timer that fired.
    pub engine: Engine,
    /// How many expiries the record stands for: one, and those that the kernel folded into it.
    pub expiries: u32,
    /// The time stamp counter at the handler's entry, or 0.
    pub ticks: u64,
    /// The published words.
    pub words: Words,
}

/// One sample, as the drain hands it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the thread was doing.
    pub state: State,
    /// How the callchain ended.
    pub truncation: Truncation,
    /// The timer that fired.
    pub engine: Engine,
    /// How many expiries the record stands for; none where it only shows what a long poll does, on top of the samples.
    pub expiries: u64,
    /// The CPU time that they stand for.
    pub cpu_ns: u64,
    /// The time stamp counter at the handler's entry, or 0.
    pub ticks: u64,
    /// The published words.
    pub words: Words,
    /// The interrupted instruction, then return addresses.
    pub callchain: &'a [u64],
}

/// Packs everything but the frames. Returns how many words of `into` are used. Called in SIGPROF.
///
/// `previous` are the words of the last record that was pushed, if there was one. The frames will take `frame_words`, `new` frames of which
/// `shared` more are the last record's.
pub(crate) fn pack_head(
    head: &Head,
    previous: Option<&Words>,
    shared: usize,
    new: usize,
    frame_words: usize,
    into: &mut [u64; LONGEST_HEAD],
) -> usize {
    let mut used = HEAD_WORDS;
    let mut flags = 0u64;
    let before = match previous {
        Some(words) => words.as_array(),
        None => {
            flags |= IS_FIRST;
            [0; PUBLISHED_WORDS]
        }
    };
    let now = head.words.as_array();
    let mut bit = 0;
    while bit < PUBLISHED_WORDS {
        if now[bit] != before[bit]
            && let Some(word) = into.get_mut(used)
        {
            *word = now[bit];
            flags |= 1 << bit;
            used = used.wrapping_add(1);
        }
        bit += 1;
    }
    if head.expiries != 1
        && let Some(word) = into.get_mut(used)
    {
        *word = u64::from(head.expiries);
        flags |= HAS_EXPIRIES;
        used = used.wrapping_add(1);
    }
    into[0] = field(LENGTH, used.wrapping_add(frame_words) as u64)
        | field(VERSION, RECORD_VERSION as u64)
        | field(KIND, KIND_CPU_SAMPLE as u64)
        | field(STATE, (head.state == State::Kernel) as u64)
        | field(TRUNCATION, head.truncation as u64)
        | field(ENGINE, head.engine as u64)
        | field(FLAGS, flags)
        | field(SHARED, shared as u64)
        | field(NEW, new as u64);
    into[1] = head.ticks;
    used
}

/// Frames in which two callchains are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Where they begin in the one.
    pub here: usize,
    /// And in the other, which was captured before it.
    pub before: usize,
    /// How many they are.
    pub frames: usize,
}

/// How many frames two callchains share, counted from their root ends. That they share those of `known` need not be found out again. Called in SIGPROF.
#[inline(never)] // what it takes is free again for the rest of the push
pub(crate) fn shared_root(current: &[u64], previous: &[u64], known: Agreement) -> usize {
    let behind =
        |length: usize, first: usize| length.wrapping_sub(first).wrapping_sub(known.frames);
    let above = behind(current.len(), known.here);
    // As many frames above it in both, or it is another turn of a recursion. Those above it were met, but not as expected: few.
    if above == behind(previous.len(), known.before) && above <= ROOT_CHUNK {
        let same = shared_one_by_one(current, previous, 0, above);
        if same == above {
            return shared_from(current, previous, above.wrapping_add(known.frames));
        }
        return same;
    }
    shared_from(current, previous, 0)
}

/// The same, of callchains that share so many at least. Called in SIGPROF.
fn shared_from(current: &[u64], previous: &[u64], mut same: usize) -> usize {
    // Most frames are the same: eight at a time without a branch for each, and one by one where they begin to differ.
    while let (Some(ours), Some(theirs)) = (root_chunk(current, same), root_chunk(previous, same)) {
        let mut difference = 0;
        let mut index = 0;
        while index < ROOT_CHUNK {
            difference |= ours[index] ^ theirs[index];
            index += 1;
        }
        if difference != 0 {
            break;
        }
        same = same.wrapping_add(ROOT_CHUNK);
    }
    shared_one_by_one(current, previous, same, usize::MAX)
}

/// The same, up to so many. Called in SIGPROF.
fn shared_one_by_one(current: &[u64], previous: &[u64], mut same: usize, most: usize) -> usize {
    while same < most
        && let (Some(ours), Some(theirs)) = (from_root(current, same), from_root(previous, same))
    {
        if ours != theirs {
            break;
        }
        same = same.wrapping_add(1);
    }
    same
}

/// The frames after this many, counted from the root end, if there are enough. Called in SIGPROF.
fn root_chunk(callchain: &[u64], after: usize) -> Option<&[u64; ROOT_CHUNK]> {
    let end = callchain.len().checked_sub(after)?;
    let start = end.checked_sub(ROOT_CHUNK)?;
    callchain.get(start..end)?.first_chunk()
}

/// The frame after this many, counted from the root end. Called in SIGPROF.
fn from_root(callchain: &[u64], after: usize) -> Option<&u64> {
    let end = callchain.len().checked_sub(after)?;
    callchain.get(end.checked_sub(1)?)
}

/// How many frames are compared at once.
const ROOT_CHUNK: usize = 8;

/// Why a word stream could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The stream ends inside a record.
    Short,
    /// The version, kind or a reason is not one of ours.
    Unknown,
    /// The lengths contradict each other.
    Inconsistent,
}

/// Unpacks one thread's stream of records.
#[derive(Debug, Default)]
pub(crate) struct Unpacker {
    callchain: Vec<u64>,
    words: [u64; PUBLISHED_WORDS],
    /// New frames of a record, from the root end.
    new: Vec<u64>,
}

impl Unpacker {
    /// Unpacks the first record of `words`; `interval_ns` gives the weight of an expiry for the engine that fired.
    /// Returns the record and how many words it took.
    pub fn unpack(
        &mut self,
        words: &[u64],
        interval_ns: impl Fn(Engine) -> u64,
    ) -> Result<(Record<'_>, usize), RecordError> {
        let &[first, ticks, ..] = words else {
            return Err(RecordError::Short);
        };
        if read(VERSION, first) != usize::from(RECORD_VERSION)
            || read(KIND, first) != usize::from(KIND_CPU_SAMPLE)
        {
            return Err(RecordError::Unknown);
        }
        let state = match read(STATE, first) {
            0 => State::Running,
            1 => State::Kernel,
            _ => return Err(RecordError::Unknown),
        };
        let truncation =
            Truncation::from_index(read(TRUNCATION, first)).ok_or(RecordError::Unknown)?;
        let engine = Engine::from_index(read(ENGINE, first)).ok_or(RecordError::Unknown)?;
        let length = read(LENGTH, first);
        let words = words.get(..length).ok_or(RecordError::Short)?;
        let flags = read(FLAGS, first) as u64;
        let is_first = flags & IS_FIRST != 0;
        let mut published = if is_first {
            [0; PUBLISHED_WORDS]
        } else {
            self.words
        };
        let mut at = HEAD_WORDS;
        for (bit, value) in published.iter_mut().enumerate() {
            if flags & 1 << bit != 0 {
                *value = *words.get(at).ok_or(RecordError::Inconsistent)?;
                at += 1;
            }
        }
        let mut expiries = 1;
        if flags & HAS_EXPIRIES != 0 {
            expiries = *words.get(at).ok_or(RecordError::Inconsistent)?;
            at += 1;
        }
        let (shared, new) = (read(SHARED, first), read(NEW, first));
        let known = if is_first { 0 } else { self.callchain.len() };
        if shared > known || shared + new > MAX_DEPTH || expiries > u64::from(u32::MAX) {
            return Err(RecordError::Inconsistent);
        }
        let kept_from = self.callchain.len() - shared;
        let base = self.callchain.get(kept_from).copied().unwrap_or(0);
        let frames = words.get(at..).ok_or(RecordError::Inconsistent)?;
        if !frames::unpack(frames, new, base, &mut self.new) {
            return Err(RecordError::Inconsistent);
        }
        self.callchain
            .splice(..kept_from, self.new.iter().rev().copied());
        self.words = published;
        let [task, kind, poll_start, context, lock, holds, root_start] = published;
        let record = Record {
            state,
            truncation,
            engine,
            expiries,
            cpu_ns: expiries.saturating_mul(interval_ns(engine)),
            ticks,
            words: Words {
                task,
                kind,
                poll_start,
                context,
                lock,
                holds,
                root_start,
            },
            callchain: &self.callchain,
        };
        Ok((record, length))
    }
}

/// For fuzzing: any words as a thread's stream of records. What can be read is within its bounds.
#[cfg(fuzzing)]
pub fn check_stream(mut words: &[u64]) {
    let mut unpacker = Unpacker::default();
    while let Ok((record, used)) = unpacker.unpack(words, |_| 1) {
        assert!(record.callchain.len() <= MAX_DEPTH && used >= HEAD_WORDS);
        words = &words[used..];
    }
}

#[cfg(test)]
mod tests;
