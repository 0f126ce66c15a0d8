//! Who holds a lock exclusive, inside of the lock: the first of its words.
//!
//! Written by the holder alone, and the lock itself orders one holder's writes after the other's; read from outside at any time, in the order in which the words lie,
//! through the kernel, which copies upwards. The holder is cleared before the lock is given back, and the count goes up before the next one is
//! there: so two looks that find one holder under one count find one acquisition, which lasted from the first to the second. The model below tries every
//! interleaving.

use super::atomics::AtomicU64;
use std::sync::atomic::{Ordering, Ordering::Relaxed};

/// The words, in the order in which they are read.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Owner {
    /// Number of the thread that holds it exclusive (or upgradable), and where it was taken. 0: nobody that is known.
    pub word: AtomicU64,
    /// Exclusive acquisitions.
    pub count: AtomicU64,
    /// The word once more, turned about ([`checked`]): whoever reads the words from outside may find other memory there by now.
    pub check: AtomicU64,
    /// When the present one began, if it is timed; else 0.
    pub since: AtomicU64,
}

/// What stands beside a word that only [`Owner`] wrote. Where memory was freed, what lies there is an allocator's or another value's, and its words do
/// not belong together: a place is not looked up that such a word seems to name.
#[inline(always)]
pub(super) const fn checked(word: u64) -> u64 {
    word ^ 0x5ca1_ab1e_b01d_face
}

impl Owner {
    /// How often the lock will have been taken by the one who has it. For the holder.
    #[inline(always)]
    pub fn next(&self) -> u64 {
        self.count.load(Relaxed).wrapping_add(1)
    }

    /// The lock was taken by this one. Returns how often it was. For the holder, as all below that change something.
    #[inline(always)]
    pub fn note(&self, word: u64) -> u64 {
        // No read-modify-write: only the holder writes. Release: who finds this count finds no holder of before it.
        let count = self.next();
        self.count.store(count, Ordering::Release);
        self.check.store(checked(word), Relaxed);
        // Release: who finds this holder finds its count.
        self.word.store(word, Ordering::Release);
        count
    }

    /// The same acquisition, held in another way or by another.
    #[inline(always)]
    pub fn becomes(&self, word: u64) {
        self.check.store(checked(word), Relaxed);
        self.word.store(word, Relaxed);
    }

    /// Nobody holds it any more: it is given back now.
    #[inline(always)]
    pub fn clear(&self) {
        self.word.store(0, Relaxed);
    }

    #[inline(always)]
    pub fn word(&self) -> u64 {
        self.word.load(Relaxed)
    }

    /// The same, after all that the calling thread wrote.
    pub fn word_now(&self) -> u64 {
        self.word.load(Ordering::SeqCst)
    }

    /// The present acquisition is timed, and began then; 0: it is not.
    #[inline(always)]
    pub fn time_from(&self, now: u64) {
        self.since.store(now, Relaxed);
    }

    #[inline(always)]
    pub fn since(&self) -> u64 {
        self.since.load(Relaxed)
    }
}

/// Every interleaving: `RUSTFLAGS="--cfg loom" cargo test -p hotpoll-hooks --lib --release model::`.
#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    /// A look: the words upwards.
    fn look(owner: &Owner) -> (u64, u64) {
        let word = owner.word.load(Ordering::Acquire);
        (word, owner.count.load(Ordering::Acquire))
    }

    fn shared() -> Arc<(Owner, Mutex<()>)> {
        let owner = Owner {
            word: AtomicU64::new(0),
            count: AtomicU64::new(0),
            check: AtomicU64::new(0),
            since: AtomicU64::new(0),
        };
        Arc::new((owner, Mutex::new(())))
    }

    /// One thread takes the lock again and again from one place: only the count tells its acquisitions apart. What was given back between two looks is
    /// known here by a word that says so, which nothing but the model has.
    #[test]
    fn two_looks_that_agree_found_one_acquisition() {
        loom::model(|| {
            let shared = shared();
            let given_back = Arc::new(AtomicU64::new(0));
            let holder = {
                let (shared, given_back) = (Arc::clone(&shared), Arc::clone(&given_back));
                thread::spawn(move || {
                    for count in 1..=2 {
                        let guard = shared.1.lock().unwrap();
                        shared.0.note(7);
                        given_back.store(count, Ordering::SeqCst);
                        shared.0.clear();
                        drop(guard);
                    }
                })
            };
            let first = look(&shared.0);
            // Acquisitions that were over, or nearly so, before the second look began.
            let over = given_back.load(Ordering::SeqCst);
            let second = look(&shared.0);
            if first.0 != 0 && first == second {
                // Of those before it none was still there: it is the newest that this thread can know of.
                assert!(
                    over <= first.1,
                    "{over} were over, and {} was seen",
                    first.1
                );
            }
            holder.join().unwrap();
        });
    }

    /// A holder is never found under the count of the one before it.
    #[test]
    fn a_holder_has_its_own_count_or_a_later_one() {
        loom::model(|| {
            let shared = shared();
            let holders: Vec<_> = [1, 2]
                .map(|who| {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || {
                        let guard = shared.1.lock().unwrap();
                        let count = shared.0.note(who);
                        shared.0.clear();
                        drop(guard);
                        (who, count)
                    })
                })
                .into();
            let (who, count) = look(&shared.0);
            let took: Vec<_> = holders.into_iter().map(|one| one.join().unwrap()).collect();
            if who != 0 {
                let (_, own) = took.iter().find(|(one, _)| *one == who).unwrap();
                assert!(count >= *own, "{who} took it as {own}, found as {count}");
            }
        });
    }
}
