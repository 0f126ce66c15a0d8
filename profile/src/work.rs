//! Work units: how much a process got done, so that its cost can be told per unit.

/// A counter of work: requests, messages, iterations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// What a unit is called: `requests`.
    pub name: String,
    /// Who counted.
    pub source: WorkSource,
    /// Units in the window.
    pub units: u64,
}

/// Who counted units of work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkSource {
    /// The program itself, as it went.
    #[default]
    Program,
    /// Tracked tasks that no other tracked task spawned, and that ran to their end: taken where the program counts nothing.
    Tasks,
    /// Whoever made the recording said so.
    Given,
}

impl WorkSource {
    /// Every source, in the order of [`WorkSource::index`].
    pub const ALL: &'static [Self] = &[Self::Program, Self::Tasks, Self::Given];

    /// The source's place in [`WorkSource::ALL`]; stable across versions, as it is written to files.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The source with this index, if there is one.
    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }
}

/// Units of one counter in one slice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SliceWork {
    /// Index into [`crate::Profile::work`].
    pub work: u32,
    /// Units that were counted in the slice.
    pub units: u64,
}
