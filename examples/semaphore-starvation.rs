//! Four connections for many requests, and four requests that never give theirs back.
//!
//! # The known answer
//! One problem: the semaphore `connections` has no permit left (0 of 4). Its holders are the four tasks of the kind `report`, one permit each, since the
//! start, all taken in `report`; the three tasks of the kind `request` wait for one each. It is no deadlock.
//!
//! `cargo run --release --example semaphore-starvation -- [SECONDS]` (60), then `hotpoll stuck`.

#[path = "shared/mod.rs"]
mod shared;

use hotpoll::tokio::sync::Semaphore;
use hotpoll::tokio::time::sleep;
use std::error::Error;
use std::time::Duration;

const EXAMPLE: &str = "semaphore-starvation";
const CONNECTIONS: usize = 4;
const REQUESTS: usize = 3;
const LONG: Duration = Duration::from_secs(3600);

static POOL: Semaphore = Semaphore::const_new(CONNECTIONS).named("connections");

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    // A healthy time first: each request has a connection at once.
    for _ in 0..100 {
        request().await;
    }
    for _ in 0..CONNECTIONS {
        hotpoll::spawn_named("report", report());
    }
    while POOL.available_permits() > 0 {
        sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..REQUESTS {
        hotpoll::spawn_named("request", request());
    }
    shared::ready(EXAMPLE, "hotpoll stuck {}");
    sleep(seconds).await;
    Ok(())
}

async fn request() {
    let _connection = POOL.acquire().await.expect("the pool stays open");
    answer().await;
}

async fn answer() {
    std::hint::black_box((0..1000_u64).sum::<u64>());
}

async fn report() {
    let _connection = POOL.acquire().await.expect("the pool stays open");
    // The bug: it keeps the connection while it waits for a reader who has gone.
    sleep(LONG).await;
}
