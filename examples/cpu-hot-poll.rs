//! A task that computes too long between two awaits.
//!
//! # The known answer
//! The kind `reindex` has long polls of about 50 ms, on the CPU all the time: their stacks are running in `hash_all_rows`. It takes about half of
//! one worker's time, so nearly all CPU time of the process; the kind `ticker` takes next to none.
//!
//! `cargo run --release --example cpu-hot-poll -- [SECONDS]` (60), then `hotpoll tasks --long-polls`, `hotpoll report --by task`.

#[path = "shared/mod.rs"]
mod shared;

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

const EXAMPLE: &str = "cpu-hot-poll";
const BURST: Duration = Duration::from_millis(50);
const TICK: Duration = Duration::from_millis(10);

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    hotpoll::spawn_named("ticker", async {
        loop {
            tokio::time::sleep(TICK).await;
        }
    });
    hotpoll::spawn_named("reindex", async {
        loop {
            let until = Instant::now() + BURST;
            while Instant::now() < until {
                black_box(hash_all_rows(20_000));
            }
            tokio::time::sleep(BURST).await;
        }
    });
    shared::ready(EXAMPLE, "hotpoll tasks {} --long-polls");
    tokio::time::sleep(seconds).await;
    Ok(())
}

/// What should have been on a thread of its own.
#[inline(never)]
fn hash_all_rows(rows: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut row = 0;
    // Operators only: a call into std, inlined, would take the samples for itself.
    while row < rows {
        hash = (hash ^ row).wrapping_mul(0x0100_0000_01b3);
        row += 1;
    }
    hash
}
