//! A task that sleeps the thread, not the task: everybody else on that worker waits with it.
//!
//! # The known answer
//! The kind `report` has long polls of 120 ms each, five times two seconds, and none of them uses the CPU: their stacks end in a sleep under
//! `render_report`, state sleeping. The kind `ticker` shares the runtime's one worker and is woken but not polled for as long.
//!
//! `cargo run --release --example blocking-call-in-async -- [SECONDS]` (60), then `hotpoll tasks --long-polls`.

#[path = "shared/mod.rs"]
mod shared;

use std::error::Error;
use std::time::Duration;

const EXAMPLE: &str = "blocking-call-in-async";
/// Twelve times what counts as a long poll by default.
const BLOCKED: Duration = Duration::from_millis(120);
const PAUSE: Duration = Duration::from_millis(280);
const TICK: Duration = Duration::from_millis(10);

#[hotpoll::main(worker_threads = 1)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    hotpoll::spawn_named("ticker", async {
        loop {
            tokio::time::sleep(TICK).await;
        }
    });
    hotpoll::spawn_named("report", async {
        loop {
            render_report();
            tokio::time::sleep(PAUSE).await;
        }
    });
    shared::ready(EXAMPLE, "hotpoll tasks {} --long-polls");
    tokio::time::sleep(seconds).await;
    Ok(())
}

/// What a library does that was not written for async: it waits for a printer, a disk, another program.
#[inline(never)]
fn render_report() {
    std::thread::sleep(BLOCKED);
}
