//! The runtime's own waker of a tracked future: replaced by the poll, while any thread may be waking through it.
//!
//! In: the waker of each poll's context, and wakes. Out: every wake reaches the waker of the latest poll, or one that the poll was given after it.
//!
//! One word says who is in: wakers count themselves as readers; the poll that replaces the waker is alone. A wake that comes while the poll replaces
//! leaves a mark, and the poll passes it on to the new waker. A poll that finds readers in the old waker leaves it in place and wakes the new one at
//! once, so that there is another poll, which tries again. Nobody ever waits for anybody: a waker may run anything, this very future's
//! next poll included. The model is checked by loom below.
#![allow(unsafe_code)] // The waker lies in a cell that the word guards.

#[cfg(loom)]
use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicUsize, Ordering},
};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

#[cfg(not(loom))]
struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

/// loom's interface over the standard cell.
#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    #[inline(always)]
    fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// The poll is replacing the waker.
const REPLACING: usize = 1;
/// A wake came meanwhile.
const MISSED: usize = 2;
/// The future has ended: nobody is woken any more.
const CLOSED: usize = 4;
/// There was no poll yet: nobody is woken, and nobody comes in.
const EMPTY: usize = 8;
/// One waker is in.
const READER: usize = 16;

/// The waker, and who is using it. Polls of one future never overlap; the functions that only they may call say so.
pub(super) struct InnerWaker {
    word: AtomicUsize,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: the cell is read by those who are counted in the word, written by the one who set REPLACING while no reader was in, or by the last one in
// after CLOSED.
unsafe impl Sync for InnerWaker {}
// SAFETY: a Waker is Send.
unsafe impl Send for InnerWaker {}

impl InnerWaker {
    pub fn new() -> Self {
        Self {
            word: AtomicUsize::new(EMPTY),
            waker: UnsafeCell::new(None),
        }
    }

    /// Whether it would wake the same. Only the poll may call it.
    #[inline(always)]
    pub fn is(&self, waker: &Waker) -> bool {
        // SAFETY: only polls write, and they do not overlap.
        self.waker.with(|mine| match unsafe { &*mine } {
            Some(mine) => mine.will_wake(waker),
            None => false,
        })
    }

    /// Wakes from now on go to this waker. Only the poll may call it.
    #[cold]
    pub fn replace(&self, waker: &Waker) {
        if self.word.load(Ordering::Relaxed) == EMPTY {
            let first = waker.clone();
            // SAFETY: nobody comes in while it is empty, and only polls end that.
            self.waker.with_mut(|mine| unsafe { *mine = Some(first) });
            // Release: whoever comes in from now on sees the waker. Nothing was missed: no waker of ours was out.
            self.word.store(0, Ordering::Release);
            return;
        }
        // Before the mark: a clone may panic, and with the mark left behind every later wake would be lost.
        let new = waker.clone();
        // Acquire: readers that have left are done with the old waker.
        if self
            .word
            .compare_exchange(0, REPLACING, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            waker.wake_by_ref();
            return;
        }
        // SAFETY: REPLACING is set and no reader was in: nobody else touches the cell.
        let old = self.waker.with_mut(|mine| unsafe { (*mine).replace(new) });
        // Release: whoever comes in sees the new waker. Acquire: the mark's maker expects the poll to see what it did before.
        if self.word.swap(0, Ordering::AcqRel) & MISSED != 0 {
            waker.wake_by_ref();
        }
        // Last: it may run anything.
        drop(old);
    }

    /// Passes a wake on. Any thread.
    #[inline]
    pub fn wake(&self) {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & (CLOSED | EMPTY) != 0 {
                return;
            }
            let (next, leaves) = if word & REPLACING != 0 {
                (word | MISSED, true)
            } else {
                (word + READER, false)
            };
            // Acquire: the waker that was put in is visible. Release: what the caller did before is visible to the poll that takes the mark.
            match self
                .word
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) if leaves => return,
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        // It leaves by a panic of that waker's, too: who stayed in would keep the waker from being replaced, and each poll would wake the next.
        let _in = Reader(self);
        // SAFETY: counted in the word: nobody writes meanwhile.
        self.waker.with(|mine| pass_on(unsafe { &*mine }));
    }

    /// Passes on a wake that the running poll makes itself: nobody can be replacing the waker. Only the poll may call it.
    #[inline(always)]
    pub fn wake_from_poll(&self) {
        // SAFETY: only polls and `close` write, and this is the poll.
        self.waker.with(|mine| pass_on(unsafe { &*mine }));
    }

    /// The future has ended; the waker is dropped, and later wakes go nowhere. Only the poll, or whoever owns the future, may call it.
    pub fn close(&self) {
        // AcqRel: what readers did is done, if none is in; else the last of them sees everything.
        if self.word.fetch_or(CLOSED, Ordering::AcqRel) == 0 {
            self.empty();
        }
    }

    fn empty(&self) {
        // SAFETY: CLOSED is set, so nobody comes in any more, and the caller has seen that nobody is in.
        drop(self.waker.with_mut(|mine| unsafe { (*mine).take() }));
    }
}

/// One that wakes, counted in the word.
struct Reader<'w>(&'w InnerWaker);

impl Drop for Reader<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: the waker may be replaced or dropped now. Acquire: the last one in after CLOSED drops what others have used.
        if self.0.word.fetch_sub(READER, Ordering::AcqRel) == CLOSED | READER {
            self.0.empty();
        }
    }
}

#[inline(always)]
fn pass_on(waker: &Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake_by_ref();
    }
}

#[cfg(all(test, not(loom)))]
mod panic_tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;

    /// Panics at its first wake. (Counted, not compared: under Miri two wakers of one kind may have two tables.)
    struct Panics(AtomicU32);

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            assert_ne!(self.0.fetch_add(1, Ordering::Relaxed), 0, "meant");
        }
    }

    #[test]
    fn a_waker_that_panics_is_replaced_all_the_same() {
        let inner = InnerWaker::new();
        inner.replace(&Waker::from(Arc::new(Panics(AtomicU32::new(0)))));
        let woken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| inner.wake()));
        assert!(woken.is_err());
        let next = Arc::new(Panics(AtomicU32::new(1)));
        inner.replace(&Waker::from(Arc::clone(&next)));
        inner.wake();
        assert_eq!(next.0.load(Ordering::Relaxed), 2);
        inner.close();
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;
    use std::task::{RawWaker, RawWakerVTable};

    /// A waker that counts in loom's world.
    struct Count {
        wakes: AtomicUsize,
        handles: AtomicUsize,
    }

    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

    fn count<'a>(data: *const ()) -> &'a Count {
        // SAFETY: the tests keep the count alive in an Arc for as long as there are wakers.
        unsafe { &*data.cast() }
    }
    unsafe fn clone(data: *const ()) -> RawWaker {
        count(data).handles.fetch_add(1, Ordering::SeqCst);
        RawWaker::new(data, &VTABLE)
    }
    unsafe fn wake(data: *const ()) {
        // SAFETY: the same data.
        unsafe {
            wake_by_ref(data);
            release(data);
        }
    }
    unsafe fn wake_by_ref(data: *const ()) {
        assert_ne!(count(data).handles.load(Ordering::SeqCst), 0);
        count(data).wakes.fetch_add(1, Ordering::SeqCst);
    }
    unsafe fn release(data: *const ()) {
        assert_ne!(count(data).handles.fetch_sub(1, Ordering::SeqCst), 0);
    }

    fn new() -> Arc<Count> {
        Arc::new(Count {
            wakes: AtomicUsize::new(0),
            handles: AtomicUsize::new(1),
        })
    }
    fn waker(count: &Arc<Count>) -> Waker {
        // SAFETY: the functions above do what a waker's must; the Arc outlives it. The count begins with this handle.
        unsafe { Waker::from_raw(RawWaker::new(std::ptr::from_ref(&**count).cast(), &VTABLE)) }
    }

    /// A wake that races with the replacing reaches the new waker, or went to the old one while the poll was yet to put the new one in, or the
    /// poll has woken the new one itself: a task that looks at its condition after registering never sleeps through it.
    #[test]
    fn a_wake_is_never_lost_to_a_replacement() {
        loom::model(|| {
            let (old, new) = (new(), new());
            let inner = Arc::new(InnerWaker::new());
            let condition = Arc::new(AtomicUsize::new(0));
            let old_waker = waker(&old);
            inner.replace(&old_waker);
            let thread = {
                let (inner, condition) = (Arc::clone(&inner), Arc::clone(&condition));
                thread::spawn(move || {
                    condition.store(1, Ordering::SeqCst);
                    inner.wake();
                })
            };
            // The next poll: with another waker. The leaf looks at its condition after that.
            let new_waker = waker(&new);
            if !inner.is(&new_waker) {
                inner.replace(&new_waker);
            }
            let seen = condition.load(Ordering::SeqCst);
            thread.join().unwrap();
            assert!(
                seen == 1 || new.wakes.load(Ordering::SeqCst) > 0,
                "asleep for good"
            );
            inner.close();
            drop((old_waker, new_waker));
            assert_eq!(old.handles.load(Ordering::SeqCst), 0);
            assert_eq!(new.handles.load(Ordering::SeqCst), 0);
        });
    }

    #[test]
    fn two_wakers_and_a_replacement() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let (old, new) = (new(), new());
            let inner = Arc::new(InnerWaker::new());
            let old_waker = waker(&old);
            inner.replace(&old_waker);
            let threads = [0, 1].map(|_| {
                let inner = Arc::clone(&inner);
                thread::spawn(move || inner.wake())
            });
            let new_waker = waker(&new);
            inner.replace(&new_waker);
            for thread in threads {
                thread.join().unwrap();
            }
            let wakes = old.wakes.load(Ordering::SeqCst) + new.wakes.load(Ordering::SeqCst);
            assert!(wakes >= 1);
            inner.close();
            drop((old_waker, new_waker));
            assert_eq!(old.handles.load(Ordering::SeqCst), 0);
            assert_eq!(new.handles.load(Ordering::SeqCst), 0);
        });
    }

    #[test]
    fn an_end_that_races_with_wakes_drops_the_waker_once() {
        loom::model(|| {
            let old = new();
            let inner = Arc::new(InnerWaker::new());
            let old_waker = waker(&old);
            inner.replace(&old_waker);
            drop(old_waker);
            let threads = [0, 1].map(|_| {
                let inner = Arc::clone(&inner);
                thread::spawn(move || inner.wake())
            });
            inner.close();
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(old.handles.load(Ordering::SeqCst), 0);
        });
    }
}
