//! The slice that is being filled.

use super::callchains::{NO_FRAMES, grow, growth};
use super::dictionary::{Marks, OpenDictionary, SampleKey};
use super::id_index::mix;
use super::observation::{Observation, ThreadKey, Weight};
use super::task_pairs::TaskPairs;
use hotpoll_profile::Truncation;

/// The open slice's weights, by the sample numbers of the open dictionary.
#[derive(Debug)]
pub(super) struct OpenSlice {
    pub dictionary: OpenDictionary,
    pub tasks: TaskPairs,
    /// Distinct callchains that found no room and count as the empty one.
    pub folded: u64,
    /// One weight for each sample number; zero where the slice has no row.
    weights: Vec<Weight>,
    /// The numbers whose weight is not zero, in the order of their first observation.
    touched: Vec<u32>,
    recent: Box<[Recent]>,
    /// Hashes of the callchains folded lately, so that one that comes again is not counted again.
    recent_folded: Box<[u64]>,
}

/// What a packed row takes at most in practice: a number, a count, an odd weight.
const MOST_PACKED_ROW: usize = 12;

/// The row that an observation with this hash went to. Checked in full before it is believed.
#[derive(Debug, Clone, Copy)]
struct Recent {
    hash: u64,
    sample: u32,
}

const NOT_RECENT: Recent = Recent {
    hash: 0,
    sample: u32::MAX,
};
/// How many folded callchains are remembered. More distinct ones than this may be counted more than once.
const RECENT_FOLDED: usize = 512;

impl OpenSlice {
    /// Nothing observed yet. `bytes` are for the recent rows and the task pairs together.
    pub fn new(bytes: usize) -> Self {
        let recent = (bytes / 2 / size_of::<Recent>()).next_power_of_two() / 2;
        Self {
            dictionary: OpenDictionary::new(),
            tasks: TaskPairs::new(bytes / 2),
            folded: 0,
            weights: Vec::new(),
            touched: Vec::new(),
            recent: vec![NOT_RECENT; recent.max(1)].into_boxed_slice(),
            recent_folded: vec![0; RECENT_FOLDED].into_boxed_slice(),
        }
    }

    /// Adds an observation to the row that it was seen in lately; false when it is not among those.
    #[inline]
    pub fn add_to_recent(&mut self, hash: u64, observation: &Observation<'_>) -> bool {
        let recent = self.recent[hash as usize & (self.recent.len() - 1)];
        if recent.hash != hash {
            return false;
        }
        let dictionary = self.dictionary.dictionary();
        if recent.sample as usize >= dictionary.samples() {
            return false;
        }
        let key = dictionary.sample(recent.sample);
        let same = key.thread == observation.thread
            && key.marks == marks(observation)
            && dictionary.callchains.is(key.leaf, observation.callchain);
        if same {
            self.add(recent.sample, observation);
        }
        same
    }

    /// Adds an observation to its row, which is made where it is new: [`OpenSlice::growth`] says what that may take.
    pub fn add_new(&mut self, hash: u64, observation: &Observation<'_>) {
        let leaf = self.dictionary.intern_callchain(observation.callchain);
        let sample = self.dictionary.intern_sample(SampleKey {
            thread: observation.thread,
            leaf,
            marks: marks(observation),
        });
        self.recent[hash as usize & (self.recent.len() - 1)] = Recent { hash, sample };
        self.add(sample, observation);
    }

    /// Adds an observation to "other": its thread and state with no callchain. (How callchains ended is counted exactly
    /// in the thread's accounts.)
    pub fn add_folded(&mut self, observation: &Observation<'_>) {
        let hash = callchain_hash(0, observation.callchain);
        let last = &mut self.recent_folded[hash as usize & (RECENT_FOLDED - 1)];
        if *last != hash {
            *last = hash;
            self.folded += 1;
        }
        let sample = self.dictionary.intern_sample(SampleKey {
            thread: observation.thread,
            leaf: NO_FRAMES,
            marks: Marks {
                kind: 0,
                context: 0,
                truncation: Truncation::Complete,
                ..marks(observation)
            },
        });
        self.add(sample, observation);
    }

    #[inline]
    fn add(&mut self, sample: u32, observation: &Observation<'_>) {
        let weight = Weight {
            count: observation.expiries,
            cpu_ns: observation.cpu_ns,
        };
        self.add_weight(sample, weight);
        if observation.task != 0 {
            self.tasks.add(sample, observation.task, weight);
        }
    }

    /// Adds to a row by its number.
    pub fn add_weight(&mut self, sample: u32, weight: Weight) {
        let place = sample as usize;
        if place >= self.weights.len() {
            let more = place + 1 - self.weights.len();
            grow(&mut self.weights, more);
            // Every number may be touched: room for that is made here, where it was asked for.
            let room = self.weights.capacity() - self.touched.len();
            self.touched.reserve_exact(room);
            self.weights.resize(place + 1, Weight::default());
        }
        if weight == Weight::default() {
            return;
        }
        if self.weights[place] == Weight::default() {
            self.touched.push(sample);
        }
        self.weights[place].add(weight);
    }

    /// Takes from a row by its number; the row is known to hold as much.
    pub fn take_weight(&mut self, sample: u32, weight: Weight) {
        let held = &mut self.weights[sample as usize];
        held.count -= weight.count;
        held.cpu_ns -= weight.cpu_ns;
    }

    /// Calls `row` for each row by ascending sample number; afterwards there are none.
    pub fn take_rows(&mut self, mut row: impl FnMut(u32, ThreadKey, Weight)) {
        self.touched.sort_unstable();
        for sample in self.touched.drain(..) {
            // Empty when it was there twice: emptied by `take_weight` and filled again.
            let weight = std::mem::take(&mut self.weights[sample as usize]);
            if weight != Weight::default() {
                row(
                    sample,
                    self.dictionary.dictionary().sample(sample).thread,
                    weight,
                );
            }
        }
        self.recent_folded.fill(0);
    }

    /// Starts a new dictionary and returns the old one. The slice must have no rows.
    pub fn replace_dictionary(&mut self) -> OpenDictionary {
        debug_assert!(self.touched.is_empty());
        self.weights = Vec::new();
        self.touched = Vec::new();
        self.recent.fill(NOT_RECENT);
        std::mem::replace(&mut self.dictionary, OpenDictionary::new())
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.dictionary.bytes()
            + self.tasks.bytes()
            + self.weights.capacity() * size_of::<Weight>()
            + self.touched.capacity() * size_of::<u32>()
            + self.recent.len() * size_of::<Recent>()
            + self.recent_folded.len() * size_of::<u64>()
    }

    /// The bytes that closing takes for a moment, besides what is held already.
    pub fn closing_bytes(&self) -> usize {
        // Packed rows in a vector that doubles; the pairs once more for sorting.
        self.touched.len() * 2 * MOST_PACKED_ROW + self.tasks.len() * size_of::<(u64, u64)>()
    }

    /// The most bytes that one new row with so many frames would add.
    pub fn growth(&self, frames: usize) -> usize {
        let samples = self.dictionary.dictionary().samples() + 1;
        let more = samples.saturating_sub(self.weights.len());
        let weights = growth(&self.weights, more);
        let touched = weights / size_of::<Weight>() * size_of::<u32>();
        self.dictionary.growth(frames) + weights + touched
    }
}

/// What an observation says besides thread and callchain; its task is counted on its own.
#[inline]
fn marks(observation: &Observation<'_>) -> Marks {
    Marks {
        task: 0,
        kind: observation.kind,
        context: observation.context,
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
