//! A waker's duties, without a runtime: what it counts, when it lets go, that a wake arrives. They run under Miri too.

#![allow(clippy::waker_clone_wake)] // what a clone does is the question
#![allow(unsafe_code)] // a waker whose clone panics must be a raw one

use super::inner_waker::InnerWaker;
use super::kind::Kind;
use super::tracked::Tracked;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

/// A runtime's waker that counts; its Arc says how many hold it.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Count {
    fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        (Arc::clone(&count), Waker::from(count))
    }

    fn wakes(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// What a leaf does in its next poll.
type Step<'a> = Box<dyn FnMut(&mut Context<'_>) -> Poll<u32> + Send + 'a>;

struct Leaf<'a>(Step<'a>);

impl Future for Leaf<'_> {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u32> {
        (self.0)(context)
    }
}

fn watched<'a>(
    step: impl FnMut(&mut Context<'_>) -> Poll<u32> + Send + 'a,
) -> Pin<Box<Tracked<Leaf<'a>>>> {
    Box::pin(Tracked::always(
        Leaf(Box::new(step)),
        Kind::named("waker tests"),
    ))
}

/// A leaf that hands out clones of its waker and waits for ever.
fn giving<'a>(clones: &mpsc::Sender<Waker>) -> Pin<Box<Tracked<Leaf<'a>>>> {
    let clones = clones.clone();
    watched(move |context| {
        clones.send(context.waker().clone()).unwrap();
        Poll::Pending
    })
}

fn poll(task: &mut Pin<Box<Tracked<Leaf<'_>>>>, waker: &Waker) -> Poll<u32> {
    task.as_mut().poll(&mut Context::from_waker(waker))
}

#[test]
fn a_poll_takes_the_runtimes_waker_once() {
    let (count, waker) = Count::new();
    let mut task = watched(|_| Poll::Pending);
    for _ in 0..3 {
        assert!(poll(&mut task, &waker).is_pending());
        // Ours, the context's, and the record's.
        assert_eq!(Arc::strong_count(&count), 3);
    }
    drop(task);
    assert_eq!(Arc::strong_count(&count), 2);
}

#[test]
fn clones_keep_the_record_and_each_lets_go_once() {
    let (count, waker) = Count::new();
    let (send, clones) = mpsc::channel();
    let mut task = giving(&send);
    assert!(poll(&mut task, &waker).is_pending());
    let first = clones.recv().unwrap();
    let record = task.record().unwrap();
    // Of others' holds, as the one just taken, nothing is woken.
    assert_eq!(record.wakers(), 1);
    let second = first.clone();
    assert_eq!(record.wakers(), 2);
    assert!(first.will_wake(&second));
    drop(second);
    assert_eq!(record.wakers(), 1);
    // By value: consumed.
    first.wake();
    assert_eq!(record.wakers(), 0);
    assert_eq!(count.wakes(), 1);
    assert!(record.stamp.peek().is_some());
}

#[test]
fn will_wake_holds_from_poll_to_poll() {
    let (_count, waker) = Count::new();
    let mut kept: Option<Waker> = None;
    let mut taken = 0;
    {
        let taken = &mut taken;
        let mut task = watched(move |context| {
            match &kept {
                Some(kept) if kept.will_wake(context.waker()) => {}
                _ => {
                    kept = Some(context.waker().clone());
                    *taken += 1;
                }
            }
            Poll::Pending
        });
        for _ in 0..5 {
            assert!(poll(&mut task, &waker).is_pending());
        }
    }
    assert_eq!(taken, 1);
}

#[test]
fn a_wake_goes_to_the_latest_polls_waker() {
    let ((old, old_waker), (new, new_waker)) = (Count::new(), Count::new());
    let (send, clones) = mpsc::channel();
    let mut task = giving(&send);
    assert!(poll(&mut task, &old_waker).is_pending());
    let clone = clones.recv().unwrap();
    assert!(poll(&mut task, &new_waker).is_pending());
    assert_eq!(Arc::strong_count(&old), 2, "the old one is let go");
    clone.wake_by_ref();
    assert_eq!((old.wakes(), new.wakes()), (0, 1));
}

/// A runtime's waker is any code. One whose clone panicked left the mark of a replacement behind, and every wake from then on was lost.
#[test]
fn a_clone_that_panics_loses_no_later_wake() {
    static PANICS: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("planned"), |_| (), |_| (), |_| ());
    // SAFETY: none of the functions looks at the data.
    let panics = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &PANICS)) };
    let (count, waker) = Count::new();
    let inner = InnerWaker::new();
    inner.replace(&waker);
    let replaced =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| inner.replace(&panics)));
    assert!(replaced.is_err());
    inner.wake();
    assert_eq!(count.wakes(), 1);
    inner.close();
}

#[test]
fn a_finished_future_lets_go_of_the_runtimes_waker() {
    let (count, waker) = Count::new();
    let (send, clones) = mpsc::channel::<Waker>();
    let mut polls = 0;
    let mut task = watched(move |context| {
        send.send(context.waker().clone()).unwrap();
        polls += 1;
        if polls == 2 {
            Poll::Ready(7)
        } else {
            Poll::Pending
        }
    });
    assert!(poll(&mut task, &waker).is_pending());
    assert_eq!(poll(&mut task, &waker), Poll::Ready(7));
    assert_eq!(Arc::strong_count(&count), 2);
    // What leaves kept of it does no harm, and wakes nobody.
    for clone in clones.try_iter().collect::<Vec<_>>() {
        clone.wake_by_ref();
        drop(task.record());
        clone.wake();
    }
    assert_eq!(count.wakes(), 0);
}

#[test]
fn a_wake_by_the_poll_itself_is_told_apart() {
    let (count, waker) = Count::new();
    let mut task = watched(|context| {
        context.waker().wake_by_ref();
        context.waker().clone().wake();
        Poll::Pending
    });
    assert!(poll(&mut task, &waker).is_pending());
    let record = task.record().unwrap();
    assert_eq!(count.wakes(), 2);
    assert_eq!(record.totals.self_wakes.load(SeqCst), 2);
    assert_eq!(record.stamp.peek(), Some(super::wake_stamp::DURING_POLL));
    assert!(poll(&mut task, &waker).is_pending());
    assert_eq!(record.totals.wakes.load(SeqCst), 1);
}

#[test]
fn an_aborted_future_may_drop_its_wakers_on_the_way() {
    let (count, waker) = Count::new();
    let mut kept = Vec::new();
    let mut task = watched(move |context| {
        kept.push(context.waker().clone());
        Poll::Pending
    });
    for _ in 0..3 {
        assert!(poll(&mut task, &waker).is_pending());
    }
    drop(task);
    assert_eq!(Arc::strong_count(&count), 2);
}

#[test]
fn a_panic_puts_everything_back() {
    let (count, waker) = Count::new();
    let mut inner = watched(|_| panic!("on purpose"));
    let mut task = watched(move |context| {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            poll(&mut inner, context.waker())
        }));
        assert!(result.is_err());
        // Its own poll again: a clone is of the outer task.
        let local = super::thread::existing().unwrap();
        assert!(!local.current.get().is_null());
        Poll::Pending
    });
    assert!(poll(&mut task, &waker).is_pending());
    assert!(super::thread::existing().unwrap().current.get().is_null());
    drop(task);
    assert_eq!(Arc::strong_count(&count), 2);
}

#[test]
fn wakes_clones_and_drops_from_many_threads() {
    let (count, waker) = Count::new();
    let (send, clones) = mpsc::channel();
    let mut task = giving(&send);
    assert!(poll(&mut task, &waker).is_pending());
    let clone = clones.recv().unwrap();
    let rounds = if cfg!(miri) { 20 } else { 2_000 };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let clone = clone.clone();
            scope.spawn(move || {
                for _ in 0..rounds {
                    clone.clone().wake();
                    clone.wake_by_ref();
                    drop(clone.clone());
                }
            });
        }
        // Meanwhile it is polled, by one runtime's waker and another's, and then goes.
        let (_other, other_waker) = Count::new();
        for round in 0..rounds {
            let waker = if round % 3 == 0 { &other_waker } else { &waker };
            assert!(poll(&mut task, waker).is_pending());
        }
        // Counted from before the poll: where a wake was just passing through, the poll could not change the waker and asks to be polled again instead.
        let before = count.wakes();
        assert!(poll(&mut task, &waker).is_pending());
        clone.wake_by_ref();
        drop(task);
        drop(clone);
        assert!(count.wakes() > before);
    });
    drop(clones);
    assert_eq!(Arc::strong_count(&count), 2);
}
