//! tokio's locks and channels, wrapped: they behave as tokio's do, and tell who holds them and who waits; and only what is so.

mod channels;
mod due;
mod held;
mod locks;
mod model;
mod owners;
mod reentrant;
mod rest;
mod semaphores;
mod sets;
#[path = "../lock_support/mod.rs"]
mod support;

use hotpoll_hooks::tasks;
use hotpoll_profile::{Party, Resource};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use support::snapshot;
use tokio::runtime::{Builder, Runtime};

/// A runtime whose tasks are told of.
fn workers(count: usize) -> Runtime {
    support::sampling();
    let mut builder = Builder::new_multi_thread();
    hotpoll_hooks::runtime(&mut builder)
        .worker_threads(count)
        .enable_all()
        .build()
        .unwrap()
}

/// Runs this as a tracked task, and returns who it was.
fn run<F>(runtime: &Runtime, future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    runtime
        .block_on(tasks::spawn_on(runtime.handle(), future))
        .unwrap()
}

/// Polls once, by the calling thread.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// One thread waits, and has said from where.
fn one_waits_with_a_stack(resource: &Resource) -> bool {
    support::wait_with_stacks(1)(resource)
}

/// The tasks that wait, in order.
fn waiting(resource: &Resource) -> Vec<Party> {
    resource.waiters.iter().map(|waiter| waiter.party).collect()
}
