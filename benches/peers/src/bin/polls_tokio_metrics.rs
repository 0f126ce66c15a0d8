//! polls: tokio-metrics, with one monitor for all tasks.

use peers::polls::{Spawn, measure};
use std::future::Future;
use tokio::task::JoinHandle;
use tokio_metrics::TaskMonitor;

struct Subject(TaskMonitor);

impl Spawn for Subject {
    fn spawn<F>(&self, future: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(self.0.instrument(future))
    }
}

fn main() -> std::io::Result<()> {
    measure("tokio-metrics", &Subject(TaskMonitor::new()))
}
