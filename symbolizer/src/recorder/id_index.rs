//! A hash index from a key to the number under which its owner keeps it.
//!
//! The keys stay with the owner, who compares them; the index holds four bytes an entry and knows its size exactly,
//! which the standard map does not tell. Nothing is ever removed: a dictionary is dropped whole.

/// Numbers found by the hash of what they stand for.
#[derive(Debug, Default)]
pub(super) struct IdIndex {
    /// The number plus one; 0 is an empty slot. The length is 0 or a power of two.
    slots: Vec<u32>,
    len: usize,
}

/// The first number of slots.
const FIRST_SLOTS: usize = 64;

impl IdIndex {
    /// The number whose key has this hash and of which `is` says that it is the one.
    pub fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut place = hash as usize & mask;
        // Ends: at most three quarters of the slots are taken.
        while self.slots[place] != 0 {
            let id = self.slots[place] - 1;
            if is(id) {
                return Some(id);
            }
            place = (place + 1) & mask;
        }
        None
    }

    /// Adds a number that is not in the index. `hash_of` gives the hash of those that are.
    pub fn insert(&mut self, hash: u64, id: u32, hash_of: impl Fn(u32) -> u64) {
        if self.is_full() {
            let larger = vec![0; (self.slots.len() * 2).max(FIRST_SLOTS)];
            let taken = std::mem::replace(&mut self.slots, larger);
            for slot in taken.into_iter().filter(|&slot| slot != 0) {
                self.place(hash_of(slot - 1), slot);
            }
        }
        self.place(hash, id + 1);
        self.len += 1;
    }

    fn place(&mut self, hash: u64, slot: u32) {
        let mask = self.slots.len() - 1;
        let mut place = hash as usize & mask;
        while self.slots[place] != 0 {
            place = (place + 1) & mask;
        }
        self.slots[place] = slot;
    }

    fn is_full(&self) -> bool {
        self.len * 4 >= self.slots.len() * 3
    }

    /// Forgets every number, and keeps the memory.
    pub fn clear(&mut self) {
        self.slots.fill(0);
        self.len = 0;
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }

    /// Bytes that will be held more once `more` numbers were added (the old slots are freed only after the copy).
    pub fn growth(&self, more: usize) -> usize {
        let mut slots = self.slots.len();
        while (self.len + more) * 4 >= slots * 3 {
            slots = (slots * 2).max(FIRST_SLOTS);
        }
        if slots == self.slots.len() {
            0
        } else {
            slots * size_of::<u32>()
        }
    }
}

/// Mixes a word into a hash.
#[inline]
pub(super) fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * 0x9E37_79B9_7F4A_7C15;
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_inserted_and_nothing_else() {
        let keys: Vec<u64> = (0..10_000).map(|n| n * 4096).collect();
        let hash = |key: u64| mix(1, key);
        let mut index = IdIndex::default();
        for (id, &key) in keys.iter().enumerate() {
            assert_eq!(index.find(hash(key), |id| keys[id as usize] == key), None);
            let growth = index.growth(1);
            let before = index.bytes();
            index.insert(hash(key), id as u32, |id| hash(keys[id as usize]));
            assert!(index.bytes() <= before + growth);
        }
        for (id, &key) in keys.iter().enumerate() {
            let found = index.find(hash(key), |id| keys[id as usize] == key);
            assert_eq!(found, Some(id as u32));
        }
        index.clear();
        assert_eq!(index.find(hash(keys[7]), |_| true), None);
    }

    #[test]
    fn colliding_keys_are_told_apart() {
        let mut index = IdIndex::default();
        for id in 0..100 {
            index.insert(42, id, |_| 42);
        }
        assert_eq!(index.find(42, |id| id == 77), Some(77));
        assert_eq!(index.find(42, |id| id == 100), None);
    }
}
