//! Work units: how much a process got done, so that its cost can be told per unit.

use crate::Profile;

/// A counter of work: requests, messages, iterations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
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

impl Profile {
    /// Adds the units of a slice to the totals.
    pub(crate) fn add_slice_work(&mut self, work: &[SliceWork]) {
        for part in work {
            let units = &mut self.work[part.work as usize].units;
            *units = units.saturating_add(part.units);
        }
    }

    /// Of each counter, the units that no slice has: whoever made the recording told of the whole window only.
    pub(crate) fn work_beside_slices(&self) -> Vec<u64> {
        let mut rest: Vec<u64> = self.work.iter().map(|work| work.units).collect();
        for part in self.slices.iter().flat_map(|slice| &slice.work) {
            let units = &mut rest[part.work as usize];
            *units = units.saturating_sub(part.units);
        }
        rest
    }

    /// Drops what is known of the whole window and of no part of it: the window has become another one.
    pub(crate) fn forget_whole(&mut self) {
        self.exact = None;
        for work in &mut self.work {
            work.units = 0;
        }
        let slices = std::mem::take(&mut self.slices);
        for slice in &slices {
            self.add_slice_work(&slice.work);
        }
        self.slices = slices;
    }
}
