//! A runtime that answers nobody: every worker waits for a lock that a plain thread holds while it writes.
//!
//! # The known answer
//! Both workers are inside a poll of the kind `handler`, blocked on a lock under `read_settings`, since about when the program started; the runtime is
//! reported as blocked. The kind `heartbeat` waits for a timer that no worker drives any more. The thread `settings-writer`, which holds the lock, sleeps.
//!
//! `cargo run --release --example all-workers-blocked -- [SECONDS]` (60), then `hotpoll tasks`, `hotpoll threads`. hotpoll answers although the runtime is dead.

#[path = "shared/mod.rs"]
mod shared;

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const EXAMPLE: &str = "all-workers-blocked";
const WORKERS: usize = 2;
const BEAT: Duration = Duration::from_millis(100);
/// Time for the writer to take the lock, and for the heart to beat a few times.
const BEFORE: Duration = Duration::from_millis(500);

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    let _profiler = hotpoll::start()?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;

    let settings = Arc::new(Mutex::new(0_u64));
    let writer = std::thread::Builder::new()
        .name("settings-writer".to_owned())
        .spawn({
            let settings = Arc::clone(&settings);
            move || write_settings(&settings, seconds)
        })?;
    {
        let _entered = runtime.enter();
        hotpoll::spawn_named("heartbeat", async {
            loop {
                tokio::time::sleep(BEAT).await;
            }
        });
        std::thread::sleep(BEFORE);
        for _ in 0..WORKERS {
            let settings = Arc::clone(&settings);
            hotpoll::spawn_named("handler", async move { read_settings(&settings) });
        }
    }
    shared::ready(EXAMPLE, "hotpoll tasks {}");
    writer.join().map_err(|_| "the writer has failed")?;
    Ok(())
}

#[inline(never)]
fn read_settings(settings: &Mutex<u64>) -> u64 {
    settings.lock().map_or(0, |settings| *settings)
}

/// Holds the lock as long as the example lasts: a slow disk, say.
#[inline(never)]
fn write_settings(settings: &Mutex<u64>, lasts: Duration) {
    if let Ok(mut settings) = settings.lock() {
        std::thread::sleep(lasts);
        *settings += 1;
    }
}
