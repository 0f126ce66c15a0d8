//! A clone of a waker, and a wake, take no memory on a thread that does either for the first time: a runtime may hold a lock there. Alone in its process,
//! whose allocations it counts.
#![allow(unsafe_code)] // A global allocator.

mod support;

use hotpoll_hooks::tasks::Track;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Waker};

thread_local! {
    static COUNTED: Cell<Option<usize>> = const { Cell::new(None) };
}

struct Counting;

// SAFETY: the system's, which is asked for everything.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNTED.set(COUNTED.get().map(|counted| counted + 1));
        // SAFETY: the caller's word.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's word.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often the thread takes memory meanwhile. (What the C library takes for itself is not seen.)
fn allocations(what: impl FnOnce()) -> usize {
    COUNTED.set(Some(0));
    what();
    COUNTED.take().unwrap()
}

/// Clones its waker into a place that is there, and says what memory that took.
struct Clones(mpsc::Sender<(Waker, usize)>);

impl Future for Clones {
    type Output = ();
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut waker = None;
        let taken = allocations(|| waker = Some(context.waker().clone()));
        self.0.send((waker.unwrap(), taken)).unwrap();
        Poll::Pending
    }
}

#[test]
fn first_clones_and_first_wakes_take_none() {
    support::sampling();
    let (send, clones) = mpsc::channel();
    let mut future = Box::pin(Clones(send).tracked("clones"));
    // Each poll on a thread that has never polled this kind, as no thread ends and leaves its numbers to the next; no wake leads to the later ones, so
    // that nothing is counted before the clone.
    let ended = Arc::new(Barrier::new(4));
    let mut threads = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        let (polled, back) = mpsc::channel();
        let ended = Arc::clone(&ended);
        threads.push(std::thread::spawn(move || {
            let poll = future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(poll.is_pending());
            polled.send(future).unwrap();
            ended.wait();
        }));
        future = back.recv().unwrap();
        let (waker, taken) = clones.recv().unwrap();
        assert_eq!(taken, 0);
        last = Some(waker);
    }
    // On a thread that has nothing to do with a runtime.
    let waker = last.unwrap();
    let woken = std::thread::spawn(move || allocations(|| waker.wake()));
    assert_eq!(woken.join().unwrap(), 0);
    ended.wait();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}
