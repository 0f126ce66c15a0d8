//! polls: hotpath, with each task's future in its `future!`.

use peers::polls::{Spawn, measure};
use std::future::Future;
use tokio::task::JoinHandle;

struct Subject;

impl Spawn for Subject {
    fn spawn<F>(&self, future: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(async move {
            hotpath::future!(future).await;
        })
    }
}

fn main() -> std::io::Result<()> {
    let guard = hotpath::HotpathGuardBuilder::new("polls").build();
    let result = measure("hotpath", &Subject);
    // Its report is of no interest here.
    std::mem::forget(guard);
    result
}
