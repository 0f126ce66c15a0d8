//! A few words that belong together: told by who owns them, read by anybody at any time, whole or not at all.
//!
//! A seqlock with a number in the place of a counter. Whoever tells takes the number away before the words change, and gives the record a new one after
//! that; who reads believes the words if the number is the same before and after. Numbers do not come again, so equal ones in two looks are one telling. Nobody
//! ever waits for anybody. Records are never freed, so a reader needs no permission. The models below try every interleaving of small ones.

use super::atomics::{AtomicU64, fence};
use std::sync::atomic::{AtomicU32, Ordering, Ordering::Relaxed};

/// Somebody is about to tell.
const TAKEN: u64 = u64::MAX;

/// Serials of records, which their numbers begin with.
static SERIALS: AtomicU32 = AtomicU32::new(1);

/// The words.
pub(super) struct Record<const WORDS: usize> {
    /// What it tells now: the record's serial and how often it has told; 0 while it tells nothing.
    number: AtomicU64,
    /// Written by who tells.
    last: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl<const WORDS: usize> Record<WORDS> {
    pub fn new() -> Self {
        Self {
            number: AtomicU64::new(0),
            last: AtomicU64::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Takes the place for who will tell, if nobody has it.
    pub fn claim(&self) -> bool {
        self.number.load(Relaxed) == 0
            && (self.number)
                // Acquire: what the one before told is over (`end`).
                .compare_exchange(0, TAKEN, Ordering::Acquire, Relaxed)
                .is_ok()
    }

    /// The same where nobody else can want it.
    #[inline]
    pub fn claim_alone(&self) -> bool {
        let is_free = self.number.load(Relaxed) == 0;
        if is_free {
            self.number.store(TAKEN, Relaxed);
        }
        is_free
    }

    /// Tells this. For its owner, while it tells nothing.
    #[inline]
    pub fn tell(&self, words: &[u64; WORDS]) {
        // Release fence: whoever reads any of what follows does not find an earlier number.
        fence(Ordering::Release);
        for (place, word) in self.words.iter().zip(words) {
            place.store(*word, Relaxed);
        }
        self.publish();
    }

    /// Tells the same but for these, as another telling. For its owner.
    pub fn tell_anew(&self, changes: &[(usize, u64)]) {
        self.number.store(TAKEN, Relaxed);
        // Release fence: as in `tell`.
        fence(Ordering::Release);
        for (at, word) in changes {
            self.words[*at].store(*word, Relaxed);
        }
        self.publish();
    }

    #[inline]
    fn publish(&self) {
        let mut last = self.last.load(Relaxed);
        if last == 0 {
            last = u64::from(SERIALS.fetch_add(1, Relaxed)) << 32;
        }
        // The serial stays: what is told 2^32 times begins with the first number again.
        let number = last & !u64::from(u32::MAX) | u64::from((last as u32).wrapping_add(1));
        self.last.store(number, Relaxed);
        // Release: publishes the words above to the Acquire in `read`.
        self.number.store(number, Ordering::Release);
    }

    /// One word changes while the same is told. For its owner.
    #[inline]
    pub fn set(&self, at: usize, word: u64) {
        self.words[at].store(word, Relaxed);
    }

    /// One word. For its owner, or for who needs nothing beside it.
    #[inline]
    pub fn get(&self, at: usize) -> u64 {
        self.words[at].load(Relaxed)
    }

    /// All words. For its owner.
    #[inline]
    pub fn all(&self) -> [u64; WORDS] {
        std::array::from_fn(|at| self.get(at))
    }

    /// Tells nothing from now on. For its owner.
    #[inline]
    pub fn end(&self) {
        self.number.store(0, Ordering::Release);
    }

    /// Whether it still tells what it told under this number. After all that the calling thread read before.
    pub fn tells(&self, number: u64) -> bool {
        // Acquire fence: what was read before is not read after this.
        fence(Ordering::Acquire);
        self.number.load(Relaxed) == number
    }

    /// Whether it is somebody's.
    #[inline]
    pub fn is_taken(&self) -> bool {
        self.number.load(Relaxed) != 0
    }

    /// Whether it tells something.
    #[inline]
    pub fn is_telling(&self) -> bool {
        !matches!(self.number.load(Relaxed), 0 | TAKEN)
    }

    /// What it tells, and its number, if that stays the same one while it is read. `beside`: what else is its owner's, read with it.
    pub fn read<B>(&self, beside: impl FnOnce() -> B) -> Option<(u64, [u64; WORDS], B)> {
        // Acquire: pairs with the Release in `publish`.
        let number = self.number.load(Ordering::Acquire);
        if number == 0 || number == TAKEN {
            return None;
        }
        let (words, beside) = (self.all(), beside());
        // Acquire fence: with the one in `tell`, words of a later telling are not read with this number.
        fence(Ordering::Acquire);
        (self.number.load(Relaxed) == number).then_some((number, words, beside))
    }
}

impl<const WORDS: usize> Default for Record<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn it_tells_whole_or_nothing_and_under_one_number_once() {
        let record = Record::<2>::new();
        assert!(record.claim() && !record.claim() && !record.claim_alone());
        assert!(record.read(|| ()).is_none() && record.is_taken() && !record.is_telling());
        record.tell(&[1, 2]);
        let (first, words, ()) = record.read(|| ()).unwrap();
        assert_eq!(words, [1, 2]);
        record.tell_anew(&[(1, 3)]);
        let (second, words, ()) = record.read(|| ()).unwrap();
        assert_eq!(words, [1, 3]);
        assert_ne!(first, second);
        record.end();
        assert!(record.read(|| ()).is_none() && record.claim());
    }

    #[test]
    fn numbers_differ_between_records() {
        let (one, other) = (Record::<1>::new(), Record::<1>::new());
        one.tell(&[1]);
        other.tell(&[1]);
        let number = |record: &Record<1>| record.read(|| ()).unwrap().0;
        assert_ne!(number(&one), number(&other));
    }
}

/// Every interleaving: `RUSTFLAGS="--cfg loom" cargo test -p hotpoll-hooks --lib --release model::`.
#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    /// What is told belongs together, also while it changes and when the record goes from one owner to the next.
    #[test]
    fn what_is_read_was_told_together() {
        loom::model(|| {
            let record = Arc::new(Record::<2>::new());
            record.tell(&[1, 1]);
            let owner = {
                let record = Arc::clone(&record);
                thread::spawn(move || {
                    record.end();
                    record.tell(&[2, 2]);
                    record.tell_anew(&[(0, 3), (1, 3)]);
                })
            };
            if let Some((_, [one, other], ())) = record.read(|| ()) {
                assert_eq!(one, other);
            }
            owner.join().unwrap();
            let (_, words, ()) = record.read(|| ()).unwrap();
            assert_eq!(words, [3, 3]);
        });
    }

    /// Two looks that find one number find one telling, which lasted from the first to the second.
    #[test]
    fn equal_numbers_are_one_telling() {
        loom::model(|| {
            let record = Arc::new(Record::<1>::new());
            let owner = {
                let record = Arc::clone(&record);
                thread::spawn(move || {
                    record.tell(&[1]);
                    record.end();
                    record.tell(&[2]);
                })
            };
            let first = record.read(|| ());
            let second = record.read(|| ());
            if let (Some((first, before, ())), Some((second, after, ()))) = (first, second) {
                assert_eq!(first == second, before == after);
                assert!(first <= second, "numbers go up");
            }
            owner.join().unwrap();
        });
    }

    /// A place in a pool is one owner's at a time, and the next one does not mix its words with the last one's.
    #[test]
    fn a_place_goes_from_owner_to_owner_whole() {
        loom::model(|| {
            let record = Arc::new(Record::<2>::new());
            let owners: Vec<_> = [1, 2]
                .map(|word| {
                    let record = Arc::clone(&record);
                    thread::spawn(move || {
                        let has_it = record.claim();
                        if has_it {
                            record.tell(&[word, word]);
                            assert_eq!(record.all(), [word, word], "nobody else's");
                            record.end();
                        }
                        has_it
                    })
                })
                .into();
            if let Some((_, [one, other], ())) = record.read(|| ()) {
                assert_eq!(one, other);
            }
            let had_it = owners.into_iter().filter_map(|one| one.join().ok());
            assert!(had_it.filter(|&has_it| has_it).count() >= 1);
        });
    }
}
