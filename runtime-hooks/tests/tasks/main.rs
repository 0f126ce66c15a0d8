//! What is counted of tracked tasks, against work of which the truth is known.

mod counts;
mod lost;
mod runtimes;
#[path = "../support/mod.rs"]
mod support;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use support::sampling;
use tokio::runtime::{Builder, Runtime};

fn workers(count: usize) -> Runtime {
    sampling();
    let mut builder = Builder::new_multi_thread();
    hotpoll_hooks::runtime(&mut builder)
        .worker_threads(count)
        .enable_all()
        .build()
        .unwrap()
}

/// Wakes itself in each poll, so many times.
struct SelfWake(u32);

impl Future for SelfWake {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
