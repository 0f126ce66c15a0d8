//! The rules of addresses seen lately: one cache in each thread's slot.

use super::rule::{PackedRule, RULE_BITS};

const INDEX_BITS: u32 = 10;
const ENTRIES: usize = 1 << INDEX_BITS;
const INDEX_MASK: u64 = ENTRIES as u64 - 1;

/// Addresses from here on are not cached: they would not leave room for the rule. User space ends well below (2^47, or 2^56 when asked for).
const ADDRESS_LIMIT: u64 = 1 << (64 - RULE_BITS - 1 + INDEX_BITS);

/// A direct-mapped cache from address to rule. All zero bytes are a valid, empty cache.
///
/// An entry is the address without its lowest ten bits, then 22 bits of which the lower 21 are the rule. The place in the array gives the
/// lowest ten bits back, so a hit is exact. The zero entry means "an address below 1,024 lies in no module", which is true.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct RuleCache {
    /// Which [`super::Tables`] the rules were taken from; 0 is none.
    generation: u32,
    entries: [u64; ENTRIES],
}

impl RuleCache {
    /// An empty cache.
    pub const fn new() -> Self {
        Self {
            generation: 0,
            entries: [0; ENTRIES],
        }
    }

    /// Forgets everything unless it came from these tables. Called in SIGPROF.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn sync(&mut self, generation: u32) {
        if self.generation != generation {
            self.clear(generation);
        }
    }

    #[cold]
    #[inline(never)]
    fn clear(&mut self, generation: u32) {
        self.entries.fill(0);
        self.generation = generation;
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn place(address: u64) -> usize {
        // The lowest bits of return addresses are as good as random, and nothing stands between them and the load.
        (address & INDEX_MASK) as usize
    }

    /// The rule for this address, if it is there. Called in SIGPROF.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn get(&self, address: u64) -> Option<PackedRule> {
        let entry = self.entries[Self::place(address)];
        if entry >> (RULE_BITS + 1) == address >> INDEX_BITS {
            Some(PackedRule::from_bits(entry as u32))
        } else {
            None
        }
    }

    /// Remembers a rule. Called in SIGPROF.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn put(&mut self, address: u64, rule: PackedRule) {
        if address < ADDRESS_LIMIT && address > INDEX_MASK {
            self.entries[Self::place(address)] =
                address >> INDEX_BITS << (RULE_BITS + 1) | rule.bits() as u64;
        }
    }
}

impl Default for RuleCache {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_of_the_promised_size() {
        assert!(size_of::<RuleCache>() <= 8 * 1024 + 64);
    }

    #[test]
    fn empty_cache_knows_nothing_but_that_page_zero_is_no_module() {
        let cache = RuleCache::new();
        assert_eq!(cache.get(0x5555_5555_0000), None);
        assert_eq!(cache.get(u64::MAX), None);
        assert_eq!(cache.get(0), Some(PackedRule::NO_MODULE));
    }

    #[test]
    fn hit_is_exact() {
        let mut cache = RuleCache::new();
        cache.sync(1);
        let address = 0x7fff_f7a1_2345;
        cache.put(address, PackedRule::OUTERMOST);
        assert_eq!(cache.get(address), Some(PackedRule::OUTERMOST));
        for bit in 0..64 {
            let other = address ^ (1 << bit);
            assert_eq!(cache.get(other), None, "{other:#x}");
        }
    }

    #[test]
    fn new_tables_empty_it() {
        let mut cache = RuleCache::new();
        cache.sync(1);
        cache.put(0x1000_0000, PackedRule::OUTERMOST);
        cache.sync(1);
        assert_eq!(cache.get(0x1000_0000), Some(PackedRule::OUTERMOST));
        cache.sync(2);
        assert_eq!(cache.get(0x1000_0000), None);
    }

    #[test]
    fn addresses_that_do_not_fit_are_not_kept() {
        let mut cache = RuleCache::new();
        cache.put(5, PackedRule::OUTERMOST);
        assert_eq!(cache.get(5), Some(PackedRule::NO_MODULE));
        cache.put(u64::MAX - 5, PackedRule::OUTERMOST);
        assert_eq!(cache.get(u64::MAX - 5), None);
    }
}
