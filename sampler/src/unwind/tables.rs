//! The tables of all loaded modules, as one immutable value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::rule::{FullRule, PackedRule};
use super::table::ModuleTable;

/// One executable mapping and the table of its module.
#[derive(Clone, Debug)]
pub struct TablesEntry {
    /// First address of the executable mapping.
    pub start: u64,
    /// One past its last address.
    pub end: u64,
    /// The address that the table's offsets count from.
    pub base: u64,
    /// The module's table; shared with older and newer [`Tables`].
    pub table: Arc<ModuleTable>,
}

/// The tables of all modules that were loaded at one time. Signal handlers read it; nothing in it changes once it is made.
#[derive(Debug, Default)]
pub struct Tables {
    generation: u32,
    /// By address, without overlap.
    entries: Vec<TablesEntry>,
}

impl Tables {
    /// Puts modules together.
    pub fn new(mut entries: Vec<TablesEntry>) -> Self {
        entries.retain(|entry| entry.start < entry.end);
        entries.sort_by_key(|entry| entry.start);
        // Mappings cannot overlap. If what we were told does, the first one wins, and a look-up stays unambiguous.
        let mut end = 0;
        entries.retain(|entry| {
            let apart = entry.start >= end;
            if apart {
                end = entry.end;
            }
            apart
        });
        entries.shrink_to_fit();
        Self {
            generation: next_generation(),
            entries,
        }
    }

    /// The same tables once more, for ordinary code that cannot be waited for as handlers are.
    pub(crate) fn share(&self) -> Self {
        Self {
            generation: self.generation,
            entries: self.entries.clone(),
        }
    }

    /// Tells these tables from all others of the process; 0 is that of empty tables alone.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The mappings by address.
    pub fn entries(&self) -> &[TablesEntry] {
        &self.entries
    }

    /// The mapping around this address. Called in SIGPROF.
    #[inline]
    pub(crate) fn find(&self, address: u64) -> Option<&TablesEntry> {
        // Written out, as the standard library's search takes 600 bytes of stack in a dev build. Halves the entries in each turn.
        let (mut low, mut high) = (0, self.entries.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.entries.get(middle) {
                Some(entry) if entry.end <= address => low = middle.wrapping_add(1),
                _ => high = middle,
            }
        }
        match self.entries.get(low) {
            Some(entry) if entry.start <= address => Some(entry),
            _ => None,
        }
    }

    /// The rule for this address. Called in SIGPROF.
    #[inline]
    pub(crate) fn packed_rule(&self, address: u64) -> PackedRule {
        match self.find(address) {
            Some(entry) => entry.packed_rule(address),
            None => PackedRule::NO_MODULE,
        }
    }

    /// The side rule that this address's packed rule points to. Called in SIGPROF.
    #[inline]
    pub(crate) fn side_rule(&self, address: u64, index: u32) -> Option<&FullRule> {
        match self.find(address) {
            Some(entry) => entry.table.side_rule(index),
            None => None,
        }
    }

    /// Whether this address, one byte before a return address, lies in code that the tables can unwind. Called in SIGPROF.
    #[inline]
    pub(crate) fn knows(&self, address: u64) -> bool {
        let rule = self.packed_rule(address);
        rule != PackedRule::NO_MODULE && rule != PackedRule::NO_UNWIND_INFO
    }

    /// Where the function around this address starts, when known. Not for handlers.
    pub fn function_start(&self, address: u64) -> Option<u64> {
        let entry = self.find(address)?;
        let start = entry.table.function_start(entry.offset(address)?)?;
        Some(entry.base.wrapping_add(start as u64))
    }
}

/// Counted for the process and not by whoever makes tables: a sampler that starts again meets caches that the one before has filled.
fn next_generation() -> u32 {
    static NEWEST: AtomicU32 = AtomicU32::new(0);
    // Relaxed: only the numbers themselves have to differ. 0 stays what an empty cache has.
    match NEWEST.fetch_add(1, Ordering::Relaxed).wrapping_add(1) {
        0 => next_generation(),
        generation => generation,
    }
}

impl TablesEntry {
    #[inline]
    fn offset(&self, address: u64) -> Option<u32> {
        let offset = address.wrapping_sub(self.base);
        if offset <= u32::MAX as u64 {
            Some(offset as u32)
        } else {
            None
        }
    }

    #[inline]
    fn packed_rule(&self, address: u64) -> PackedRule {
        match self.offset(address) {
            Some(offset) => self.table.packed_rule(offset),
            None => PackedRule::NO_UNWIND_INFO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(start: u64, end: u64) -> TablesEntry {
        TablesEntry {
            start,
            end,
            base: start,
            table: Arc::new(ModuleTable::empty()),
        }
    }

    #[test]
    fn finds_the_mapping_around_an_address() {
        let tables = Tables::new(vec![
            entry(0x5000, 0x6000),
            entry(0x1000, 0x2000),
            entry(0x2000, 0x3000),
        ]);
        let start = |address| tables.find(address).map(|entry| entry.start);
        assert_eq!(start(0xfff), None);
        assert_eq!(start(0x1000), Some(0x1000));
        assert_eq!(start(0x1fff), Some(0x1000));
        assert_eq!(start(0x2000), Some(0x2000));
        assert_eq!(start(0x3000), None);
        assert_eq!(start(0x5fff), Some(0x5000));
        assert_eq!(start(u64::MAX), None);
        assert!(Tables::default().find(0x1000).is_none());
    }

    #[test]
    fn no_two_tables_have_the_same_generation() {
        let (first, second) = (Tables::new(Vec::new()), Tables::new(Vec::new()));
        assert!(
            first.generation() != 0
                && second.generation() != 0
                && first.generation() != second.generation()
        );
        assert_eq!(Tables::default().generation(), 0);
    }

    #[test]
    fn overlapping_and_empty_mappings_are_dropped() {
        let tables = Tables::new(vec![
            entry(0x1000, 0x3000),
            entry(0x2000, 0x4000),
            entry(0x9000, 0x8000),
        ]);
        assert_eq!(tables.entries().len(), 1);
    }
}
