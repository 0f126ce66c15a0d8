//! After sampling was stopped a tracked future is polled, and woken, and nothing is measured. Alone in its process, whose sampling it stops.

use hotpoll_hooks::tasks::{self, Limits, Track};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn polls_are_not_measured_and_wakes_arrive() {
    let (sampler, _modules) =
        hotpoll_sampler::start(hotpoll_sampler::Settings::default()).expect("start");
    let kept: Arc<std::sync::Mutex<Option<Waker>>> = Arc::default();
    let keeps = Arc::clone(&kept);
    let future = std::future::poll_fn(move |context| {
        *keeps.lock().unwrap() = Some(context.waker().clone());
        Poll::<()>::Pending
    });
    let mut future = Box::pin(future.tracked("outlives"));
    let polls = || {
        let seen = tasks::snapshot(&mut |_| Vec::new(), Limits::default());
        let mut kinds = seen.kinds.iter();
        kinds.find(|kind| kind.name == "outlives").unwrap().polls
    };
    let (first, second) = (Arc::<Count>::default(), Arc::<Count>::default());
    let mut poll = |count: &Arc<Count>| {
        let waker = Waker::from(Arc::clone(count));
        assert!(
            future
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    };
    poll(&first);
    assert_eq!(polls(), 1);
    let before = kept.lock().unwrap().take().unwrap();
    drop(sampler);
    assert_eq!(hotpoll_sampler::start_number(), 0);
    poll(&second);
    assert_eq!(polls(), 1);
    // Wakers of both times lead to the poll's latest.
    before.wake();
    kept.lock().unwrap().take().unwrap().wake();
    assert_eq!((first.0.load(SeqCst), second.0.load(SeqCst)), (0, 2));
}
