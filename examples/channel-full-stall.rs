//! A channel is full: its receiver took a job and has not come back for the next one.
//!
//! # The known answer
//! One problem: the channel `jobs` is full (16 of 16). The receiver is the task of the kind `worker`, which has received 3 and waits for something else,
//! in a sleep; the task of the kind `acceptor` waits to send, in `accept`. It is no deadlock: whatever the worker waits for may come.
//!
//! `cargo run --release --example channel-full-stall -- [SECONDS]` (60), then `hotpoll stuck`.

#[path = "shared/mod.rs"]
mod shared;

use hotpoll::tokio::sync::mpsc::{Receiver, Sender, channel};
use hotpoll::tokio::time::sleep;
use std::error::Error;
use std::time::Duration;

const EXAMPLE: &str = "channel-full-stall";
const ROOM: usize = 16;
/// The job that takes longer than anybody waits.
const BAD_JOB: u64 = 2;
const LONG: Duration = Duration::from_secs(3600);

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    let (sender, receiver) = channel(ROOM);
    let sender = sender.named("jobs");
    hotpoll::spawn_named("worker", work(receiver));
    hotpoll::spawn_named("acceptor", accept(sender));
    shared::ready(EXAMPLE, "hotpoll stuck {}");
    sleep(seconds).await;
    Ok(())
}

async fn accept(jobs: Sender<u64>) {
    for job in 0.. {
        if jobs.send(job).await.is_err() {
            return;
        }
    }
}

async fn work(mut jobs: Receiver<u64>) {
    while let Some(job) = jobs.recv().await {
        if job == BAD_JOB {
            // The bug: a far end that does not answer, asked without a time-out.
            sleep(LONG).await;
        }
    }
}
