//! What the rows of some slices refer to: callchains and sample keys, each under a number.

use super::callchains::{Callchains, NodeId, grow, growth};
use super::id_index::{IdIndex, mix};
use hotpoll_profile::{State, Truncation};

/// All that tells one row of a thread from another. Threads of a pool do the same things: they share these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SampleKey {
    pub leaf: NodeId,
    pub marks: Marks,
}

/// What a row says besides its thread and its callchain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    pub task: u64,
    pub kind: u64,
    pub context: u64,
    pub lock: u64,
    pub holds: u64,
    pub state: State,
    pub truncation: Truncation,
}

impl Marks {
    fn hash(&self) -> u64 {
        let small = (self.state as u64) << 8 | self.truncation as u64;
        let words = [
            self.task,
            self.kind,
            self.context,
            self.lock,
            self.holds,
            small,
        ];
        words.into_iter().fold(0x3c, mix)
    }
}

/// A sample key as it is stored: the marks are few and the samples are many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StoredKey {
    leaf: NodeId,
    marks: u32,
}

impl StoredKey {
    fn hash(&self) -> u64 {
        mix(0x3c, u64::from(self.leaf) << 32 | u64::from(self.marks))
    }
}

/// Callchains and sample keys. Numbers stay valid as long as it lives.
#[derive(Debug, Clone)]
pub(super) struct Dictionary {
    pub callchains: Callchains,
    samples: Vec<StoredKey>,
    marks: Vec<Marks>,
}

impl Dictionary {
    /// How many sample keys there are: their numbers are below.
    pub fn samples(&self) -> usize {
        self.samples.len()
    }

    /// The sample key with this number.
    #[inline]
    pub fn sample(&self, number: u32) -> SampleKey {
        let stored = self.samples[number as usize];
        SampleKey {
            leaf: stored.leaf,
            marks: self.marks[stored.marks as usize],
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.callchains.bytes()
            + self.samples.capacity() * size_of::<StoredKey>()
            + self.marks.capacity() * size_of::<Marks>()
    }
}

/// A dictionary that still grows, with the indexes that find what is in it.
#[derive(Debug)]
pub(super) struct OpenDictionary {
    dictionary: Dictionary,
    nodes: IdIndex,
    samples: IdIndex,
    marks: IdIndex,
}

impl OpenDictionary {
    pub fn new() -> Self {
        Self {
            dictionary: Dictionary {
                callchains: Callchains::new(),
                samples: Vec::new(),
                marks: Vec::new(),
            },
            nodes: IdIndex::default(),
            samples: IdIndex::default(),
            marks: IdIndex::default(),
        }
    }

    /// What it holds so far.
    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// The leaf node of a callchain.
    pub fn intern_callchain(&mut self, callchain: &[u64]) -> NodeId {
        let callchains = &mut self.dictionary.callchains;
        callchains.intern(&mut self.nodes, callchain)
    }

    /// The node of a lookup address under its caller's node.
    pub fn intern_node(&mut self, parent: NodeId, address: u64) -> NodeId {
        let callchains = &mut self.dictionary.callchains;
        callchains.intern_node(&mut self.nodes, parent, address)
    }

    fn find_stored(&self, stored: &StoredKey) -> Option<u32> {
        let samples = &self.dictionary.samples;
        let found = |id: u32| samples[id as usize] == *stored;
        self.samples.find(stored.hash(), found)
    }

    /// The number of a sample key, made where it is new.
    pub fn intern_sample(&mut self, key: SampleKey) -> u32 {
        let stored = key.stored(self.intern_marks(key.marks));
        self.find_stored(&stored).unwrap_or_else(|| {
            let samples = &mut self.dictionary.samples;
            insert(samples, &mut self.samples, stored, StoredKey::hash)
        })
    }

    fn intern_marks(&mut self, wanted: Marks) -> u32 {
        let marks = &mut self.dictionary.marks;
        let found = self
            .marks
            .find(wanted.hash(), |id| marks[id as usize] == wanted);
        found.unwrap_or_else(|| insert(marks, &mut self.marks, wanted, Marks::hash))
    }

    /// The dictionary as it will stay: no index, nothing allotted ahead.
    pub fn seal(mut self) -> Dictionary {
        self.dictionary.callchains.shrink();
        self.dictionary.samples.shrink_to_fit();
        self.dictionary.marks.shrink_to_fit();
        self.dictionary
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.dictionary.bytes() + self.nodes.bytes() + self.samples.bytes() + self.marks.bytes()
    }

    /// The most bytes that so many new nodes and one new sample key would add.
    pub fn growth(&self, nodes: usize) -> usize {
        self.dictionary.callchains.growth(nodes)
            + self.nodes.growth(nodes)
            + growth(&self.dictionary.samples, 1)
            + self.samples.growth(1)
            + growth(&self.dictionary.marks, 1)
            + self.marks.growth(1)
    }
}

impl SampleKey {
    fn stored(&self, marks: u32) -> StoredKey {
        StoredKey {
            leaf: self.leaf,
            marks,
        }
    }
}

/// Appends an entry that is not in the list yet, and returns its number.
fn insert<T>(list: &mut Vec<T>, index: &mut IdIndex, entry: T, hash: impl Fn(&T) -> u64) -> u32 {
    let id = list.len() as u32;
    let of_entry = hash(&entry);
    grow(list, 1);
    list.push(entry);
    index.insert(of_entry, id, |id| hash(&list[id as usize]));
    id
}
