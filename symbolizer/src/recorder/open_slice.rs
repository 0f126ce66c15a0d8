//! The slice that is being filled.

use super::callchains::NO_FRAMES;
use super::dictionary::{Marks, OpenDictionary, SampleKey};
use super::id_index::mix;
use super::observation::{Observation, ThreadKey, Weight};
use super::row_table::{Row, RowNumber, RowTable};
use super::task_pairs::TaskPairs;
use hotpoll_profile::Truncation;

/// The open slice: weights by thread and sample number of the open dictionary.
#[derive(Debug)]
pub(super) struct OpenSlice {
    pub dictionary: OpenDictionary,
    pub tasks: TaskPairs,
    /// Distinct callchains that found no room and count as the empty one.
    pub folded: u64,
    rows: RowTable,
    recent: Box<[Recent]>,
    /// Hashes of the callchains folded lately, so that one that comes again is not counted again.
    recent_folded: Box<[u64]>,
}

/// What a packed row takes at most in practice: a number, a count, an odd weight.
const MOST_PACKED_ROW: usize = 14;

/// The sample number that an observation with this hash got, and its row. Checked in full before it is believed: the row may be
/// an earlier slice's.
#[derive(Debug, Clone, Copy)]
struct Recent {
    hash: u64,
    sample: u32,
    row: RowNumber,
}

const NOT_RECENT: Recent = Recent {
    hash: 0,
    sample: u32::MAX,
    row: u32::MAX,
};
/// How many samples are remembered at most: 512 KiB, which are there from the start, whatever the bound is.
const MOST_RECENT: usize = 1 << 15;
/// How many folded callchains are remembered. More distinct ones than this may be counted more than once.
const RECENT_FOLDED: usize = 512;

impl OpenSlice {
    /// Nothing observed yet. `bytes` are for the recent rows and the task pairs together.
    pub fn new(bytes: usize) -> Self {
        let recent = (bytes / 2 / size_of::<Recent>()).next_power_of_two() / 2;
        let recent = recent.clamp(1, MOST_RECENT);
        Self {
            dictionary: OpenDictionary::new(),
            tasks: TaskPairs::new(bytes / 2),
            folded: 0,
            rows: RowTable::default(),
            recent: vec![NOT_RECENT; recent].into_boxed_slice(),
            recent_folded: vec![0; RECENT_FOLDED].into_boxed_slice(),
        }
    }

    /// Adds an observation to the row that it was seen in lately; `None` when it is not among those.
    #[inline]
    pub fn add_to_recent(&mut self, hash: u64, observation: &Observation<'_>) -> Option<RowNumber> {
        let recent = self.recent[hash as usize & (self.recent.len() - 1)];
        if recent.hash != hash {
            return None;
        }
        let row = self.rows.get(recent.row)?;
        let same = row.thread == observation.thread
            && row.sample == recent.sample
            && self.is_sample(recent.sample, observation);
        if same {
            self.add_to_row(recent.row, observation);
        }
        same.then_some(recent.row)
    }

    /// The sample number of an observation that was seen lately, if only in an earlier slice.
    pub fn recent_sample(&self, hash: u64, observation: &Observation<'_>) -> Option<u32> {
        let recent = self.recent[hash as usize & (self.recent.len() - 1)];
        let known = recent.hash == hash && self.is_sample(recent.sample, observation);
        known.then_some(recent.sample)
    }

    #[inline]
    fn is_sample(&self, sample: u32, observation: &Observation<'_>) -> bool {
        let dictionary = self.dictionary.dictionary();
        if sample as usize >= dictionary.samples() {
            return false;
        }
        let key = dictionary.sample(sample);
        key.marks == marks(observation) && dictionary.callchains.is(key.leaf, observation.callchain)
    }

    /// The sample number of an observation, made where it is new: [`OpenSlice::growth`] says what that may take.
    pub fn intern_sample(&mut self, observation: &Observation<'_>) -> u32 {
        let leaf = self.dictionary.intern_callchain(observation.callchain);
        self.dictionary.intern_sample(SampleKey {
            leaf,
            marks: marks(observation),
        })
    }

    /// Adds an observation under its sample number.
    pub fn add(&mut self, hash: u64, sample: u32, observation: &Observation<'_>) -> RowNumber {
        let row = self.rows.number(observation.thread, sample);
        self.recent[hash as usize & (self.recent.len() - 1)] = Recent { hash, sample, row };
        self.add_to_row(row, observation);
        row
    }

    /// Adds an observation to "other": its thread and state with no callchain. (How callchains ended is counted exactly
    /// in the thread's accounts.)
    pub fn add_folded(&mut self, observation: &Observation<'_>) -> RowNumber {
        let hash = callchain_hash(0, observation.callchain);
        let last = &mut self.recent_folded[hash as usize & (RECENT_FOLDED - 1)];
        if *last != hash {
            *last = hash;
            self.folded += 1;
        }
        let sample = self.dictionary.intern_sample(SampleKey {
            leaf: NO_FRAMES,
            marks: Marks {
                kind: 0,
                context: 0,
                lock: 0,
                holds: 0,
                truncation: Truncation::Complete,
                ..marks(observation)
            },
        });
        let row = self.rows.number(observation.thread, sample);
        self.add_to_row(row, observation);
        row
    }

    #[inline]
    fn add_to_row(&mut self, row: RowNumber, observation: &Observation<'_>) {
        let weight = Weight {
            count: observation.expiries,
            cpu_ns: observation.cpu_ns,
            wall_ns: observation.wall_ns,
        };
        self.add_weight(row, observation.task, weight);
    }

    /// Adds to a row of this slice.
    #[inline]
    pub fn add_weight(&mut self, row: RowNumber, task: u64, weight: Weight) {
        self.rows.weight(row).add(weight);
        if task != 0 {
            self.tasks.add(row, task, weight);
        }
    }

    /// The row with this number.
    pub fn row(&self, row: RowNumber) -> Option<Row> {
        self.rows.get(row).copied()
    }

    /// Moves weight from a row to the row of the same thread and another sample number.
    pub fn move_weight(&mut self, from: RowNumber, to: RowNumber, weight: Weight) {
        let held = self.rows.weight(from);
        held.count -= weight.count;
        held.cpu_ns -= weight.cpu_ns;
        held.wall_ns -= weight.wall_ns;
        self.rows.weight(to).add(weight);
    }

    /// The row of a thread and a sample number, made where it is new.
    pub fn row_number(&mut self, thread: ThreadKey, sample: u32) -> RowNumber {
        self.rows.number(thread, sample)
    }

    /// Calls `take` for each row by thread and sample number; afterwards there are none.
    pub fn take_rows(&mut self, take: impl FnMut(&Row)) {
        // Empty ones were moved away whole.
        let empty = Weight::default();
        let full = self.rows.sort().iter().filter(|row| row.weight != empty);
        full.for_each(take);
        self.rows.clear();
        self.recent_folded.fill(0);
    }

    /// Starts a new dictionary and returns the old one. The slice must have no rows.
    pub fn replace_dictionary(&mut self) -> OpenDictionary {
        debug_assert!(self.rows.rows().is_empty());
        self.rows = RowTable::default();
        self.recent.fill(NOT_RECENT);
        std::mem::replace(&mut self.dictionary, OpenDictionary::new())
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.dictionary.bytes()
            + self.tasks.bytes()
            + self.rows.bytes()
            + self.recent.len() * size_of::<Recent>()
            + self.recent_folded.len() * size_of::<u64>()
    }

    /// The bytes that closing takes for a moment, besides what is held already.
    pub fn closing_bytes(&self) -> usize {
        // Packed rows in a vector that doubles; the pairs once more for sorting.
        self.rows.rows().len() * 2 * MOST_PACKED_ROW + self.tasks.len() * size_of::<(u64, u64)>()
    }

    /// The most bytes that one new row of a known sample would add.
    pub fn row_growth(&self) -> usize {
        self.rows.growth()
    }

    /// The most bytes that one new row with so many new frames would add.
    pub fn growth(&self, frames: usize) -> usize {
        self.dictionary.growth(frames) + self.row_growth()
    }
}

/// What an observation says besides thread and callchain; its task is counted on its own.
#[inline]
fn marks(observation: &Observation<'_>) -> Marks {
    Marks {
        task: 0,
        kind: observation.kind,
        context: observation.context,
        lock: observation.lock,
        holds: observation.holds,
        state: observation.state,
        truncation: observation.truncation,
    }
}

/// The hash of all that tells an observation's row from another's.
#[inline]
pub(super) fn row_hash(observation: &Observation<'_>) -> u64 {
    let small = u64::from(observation.thread) << 16
        | (observation.state as u64) << 8
        | observation.truncation as u64;
    let mut hash = mix(0x3c, small);
    if observation.kind | observation.context != 0 {
        hash = mix(mix(hash, observation.kind), observation.context);
    }
    if observation.lock | observation.holds != 0 {
        hash = mix(mix(hash, observation.lock), observation.holds);
    }
    callchain_hash(hash, observation.callchain)
}

/// Two lanes, as each step waits for the multiplication before it.
#[inline]
fn callchain_hash(seed: u64, callchain: &[u64]) -> u64 {
    let (mut even, mut odd) = (mix(seed, callchain.len() as u64), seed ^ 0xa5a5);
    let mut pairs = callchain.chunks_exact(2);
    for pair in &mut pairs {
        even = mix(even, pair[0]);
        odd = mix(odd, pair[1]);
    }
    for &last in pairs.remainder() {
        even = mix(even, last);
    }
    // Never 0, which is an empty place among the recent ones.
    mix(even, odd) | 1 << 63
}
