//! The record: what the handler writes for one sample, and how it is packed into ring words.
//!
//! The format is versioned, though both sides live in one process: a forgotten change must show as an error, not as wrong numbers.
//!
//! ```text
//! word 0   length in words (16) | version (8) | kind (8) | state (8) | truncation (8) | flags (8) | engine (8)
//! word 1   time stamp counter at the handler's entry, or 0
//! word 2   expiries (32) | frames shared with the previous record's root end (16) | new frames (16)
//! …        one word for each bit set in flags: task, kind, poll start, context, lock
//! …        the new frames, leaf first
//! ```
//!
//! Consecutive callchains of a thread mostly agree from the root up to somewhere near the leaf. Only the frames that changed are written;
//! the reader keeps the previous callchain. A lost record changes nothing, because the writer compares with the last record that was pushed.

use hotpoll_profile::{Engine, Reason, State, Truncation};

/// The version of the packing.
pub const RECORD_VERSION: u8 = 1;
/// Words before the optional words.
pub const HEAD_WORDS: usize = 3;
/// How many optional words there are.
pub const OPTIONAL_WORDS: usize = 5;
/// The longest callchain that is ever captured.
pub const MAX_DEPTH: usize = 1024;

/// What sort of record it is.
const KIND_CPU_SAMPLE: u8 = 1;

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
    /// The lock that the thread waits for.
    pub lock: u64,
}

impl Words {
    fn as_array(&self) -> [u64; OPTIONAL_WORDS] {
        [
            self.task,
            self.kind,
            self.poll_start,
            self.context,
            self.lock,
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
    /// How many expiries the record stands for.
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
pub(crate) fn pack_head(
    head: &Head,
    shared: usize,
    new: usize,
    into: &mut [u64; HEAD_WORDS + OPTIONAL_WORDS],
) -> usize {
    let mut used = HEAD_WORDS;
    let mut flags = 0u64;
    for (bit, value) in head.words.as_array().into_iter().enumerate() {
        if value != 0
            && let Some(word) = into.get_mut(used)
        {
            *word = value;
            flags |= 1 << bit;
            used = used.wrapping_add(1);
        }
    }
    let length = used.wrapping_add(new) as u64;
    into[0] = length & 0xffff
        | u64::from(RECORD_VERSION) << 16
        | u64::from(KIND_CPU_SAMPLE) << 24
        | u64::from(head.state == State::Kernel) << 32
        | (head.truncation as u64) << 40
        | flags << 48
        | (head.engine as u64) << 56;
    into[1] = head.ticks;
    into[2] =
        u64::from(head.expiries) | (shared as u64 & 0xffff) << 32 | (new as u64 & 0xffff) << 48;
    used
}

/// How many frames two callchains share, counted from their root ends. Called in SIGPROF.
pub(crate) fn shared_root(current: &[u64], previous: &[u64]) -> usize {
    let mut same: usize = 0;
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
    while let (Some(ours), Some(theirs)) = (from_root(current, same), from_root(previous, same)) {
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
}

impl Unpacker {
    /// Unpacks the first record of `words`; `interval_ns` gives the weight of an expiry for the engine that fired.
    /// Returns the record and how many words it took.
    pub fn unpack(
        &mut self,
        words: &[u64],
        interval_ns: impl Fn(Engine) -> u64,
    ) -> Result<(Record<'_>, usize), RecordError> {
        let &[first, ticks, third, ..] = words else {
            return Err(RecordError::Short);
        };
        let length = (first & 0xffff) as usize;
        let byte = |shift: u32| (first >> shift & 0xff) as usize;
        if byte(16) != usize::from(RECORD_VERSION) || byte(24) != usize::from(KIND_CPU_SAMPLE) {
            return Err(RecordError::Unknown);
        }
        let state = if byte(32) == 0 {
            State::Running
        } else {
            State::Kernel
        };
        let truncation = Truncation::from_index(byte(40)).ok_or(RecordError::Unknown)?;
        let engine = Engine::from_index(byte(56)).ok_or(RecordError::Unknown)?;
        let expiries = third & 0xffff_ffff;
        let shared = (third >> 32 & 0xffff) as usize;
        let new = (third >> 48) as usize;
        let mut optional = [0u64; OPTIONAL_WORDS];
        let mut at = HEAD_WORDS;
        for (bit, value) in optional.iter_mut().enumerate() {
            if byte(48) & 1 << bit != 0 {
                *value = *words.get(at).ok_or(RecordError::Short)?;
                at += 1;
            }
        }
        if length != at + new || shared > self.callchain.len() || shared + new > MAX_DEPTH {
            return Err(RecordError::Inconsistent);
        }
        let frames = words.get(at..length).ok_or(RecordError::Short)?;
        let kept_from = self.callchain.len() - shared;
        self.callchain.splice(..kept_from, frames.iter().copied());
        let [task, kind, poll_start, context, lock] = optional;
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
            },
            callchain: &self.callchain,
        };
        Ok((record, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(words: Words, expiries: u32) -> Head {
        Head {
            state: State::Running,
            truncation: Truncation::Complete,
            engine: Engine::Ctimer,
            expiries,
            ticks: 7,
            words,
        }
    }

    /// Packs callchains one after the other, as the handler does.
    fn packed(records: &[(Words, Vec<u64>)]) -> Vec<u64> {
        let mut stream = Vec::new();
        let mut previous: &[u64] = &[];
        for (words, callchain) in records {
            let shared = shared_root(callchain, previous);
            let new = callchain.len() - shared;
            let mut packed = [0; HEAD_WORDS + OPTIONAL_WORDS];
            let used = pack_head(&head(*words, 3), shared, new, &mut packed);
            stream.extend(&packed[..used]);
            stream.extend(&callchain[..new]);
            previous = callchain;
        }
        stream
    }

    #[test]
    fn shares_frames_from_the_root() {
        assert_eq!(shared_root(&[9, 2, 3], &[1, 2, 3]), 2);
        assert_eq!(shared_root(&[5, 9, 2, 3], &[2, 3]), 2);
        assert_eq!(shared_root(&[1], &[1]), 1);
        assert_eq!(shared_root(&[1, 2], &[]), 0);
        // Around the number that is compared at once.
        for length in 0..40u64 {
            let chain: Vec<u64> = (0..length).collect();
            assert_eq!(shared_root(&chain, &chain), chain.len());
            for differs in 0..chain.len() {
                let mut other = chain.clone();
                other[differs] = u64::MAX;
                assert_eq!(shared_root(&chain, &other), chain.len() - differs - 1);
                other.insert(0, 7);
                assert_eq!(shared_root(&other, &chain), chain.len() - differs - 1);
            }
        }
    }

    #[test]
    fn junk_is_an_error_and_never_a_panic() {
        let mut unpacker = Unpacker::default();
        let mut check =
            |words: &[u64], error| assert_eq!(unpacker.unpack(words, |_| 1).unwrap_err(), error);
        check(&[], RecordError::Short);
        check(&[u64::MAX, 0, 0], RecordError::Unknown);
        let good = packed(&[(Words::default(), vec![1, 2, 3])]);
        check(&good[..4], RecordError::Short);
        let mut shares_too_much = good.clone();
        shares_too_much[2] |= 5 << 32;
        check(&shares_too_much, RecordError::Inconsistent);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 128 }))]
        #[test]
        fn round_trip(records in prop::collection::vec(
            ((0..3u64, 0..3u64, 0..3u64, 0..3u64, 0..3u64), prop::collection::vec(0..4u64, 0..20)), 0..20)) {
            let records: Vec<_> = records.into_iter().map(|((task, kind, poll_start, context, lock), callchain)|
                (Words { task, kind, poll_start, context, lock }, callchain)).collect();
            let stream = packed(&records);
            let mut unpacker = Unpacker::default();
            let mut at = 0;
            for (words, callchain) in &records {
                let (record, used) = unpacker.unpack(&stream[at..], |_| 10).unwrap();
                prop_assert_eq!(record.words, *words);
                prop_assert_eq!(record.callchain, &callchain[..]);
                prop_assert_eq!((record.expiries, record.cpu_ns, record.ticks), (3, 30, 7));
                at += used;
            }
            prop_assert_eq!(at, stream.len());
        }

        #[test]
        fn arbitrary_words_do_not_panic(words in prop::collection::vec(any::<u64>(), 0..40)) {
            let _ = Unpacker::default().unpack(&words, |_| 1);
        }
    }
}
