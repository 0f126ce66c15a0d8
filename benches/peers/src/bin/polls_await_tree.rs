//! polls: await-tree, with one span in each task. Read are the trees as it gives them, not yet as text.

use await_tree::{InstrumentAwait, Registry};
use peers::polls::{Spawn, measure_and_read};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::task::JoinHandle;

struct Subject {
    registry: Registry,
    tasks: AtomicU64,
}

impl Spawn for Subject {
    fn spawn<F>(&self, future: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let number = self.tasks.fetch_add(1, Relaxed);
        let root = self.registry.register(number, "task");
        tokio::spawn(root.instrument(future.instrument_await("waits")))
    }
}

fn main() -> std::io::Result<()> {
    let subject = Subject {
        registry: Registry::new(await_tree::Config::default()),
        tasks: AtomicU64::new(0),
    };
    let read = || subject.registry.collect_all().len();
    measure_and_read("await-tree", &subject, read)
}
