//! polls: console-subscriber, which needs `--cfg tokio_unstable` and tokio's own instrumentation; nobody is connected to it.
//!
//! Bare tokio is measured in the same process, without the subscriber but with that instrumentation compiled in. What it keeps of a task is made by a
//! thread of its own, later: the bytes here are not all of it.

use peers::polls::{Spawn, measure};
use std::future::Future;
use tokio::task::JoinHandle;
use tracing::Dispatch;
use tracing_subscriber::prelude::*;

struct Subject(Dispatch);

impl Spawn for Subject {
    fn spawn<F>(&self, future: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(future)
    }

    fn around<R>(&self, measured: impl FnOnce() -> R) -> R {
        tracing::dispatcher::with_default(&self.0, measured)
    }
}

fn main() -> std::io::Result<()> {
    let layer = console_subscriber::ConsoleLayer::builder()
        .server_addr(([127, 0, 0, 1], 0))
        .spawn();
    let subscriber = tracing_subscriber::registry().with(layer);
    measure("console-subscriber", &Subject(Dispatch::new(subscriber)))
}
