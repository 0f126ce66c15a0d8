//! Eight threads that queue for one lock: each needs it for a moment, but all of the time, and it is handed on in the order of arrival.
//!
//! # The known answer
//! The mutex `counter`, made and taken in this file, has 7 or so waiters at any moment (the threads `worker-0` to `worker-7`), for some milliseconds each;
//! nearly every acquisition had to wait. It is a lock convoy, and no deadlock: the holders change.
//!
//! `cargo run --release --example lock-convoy -- [SECONDS]` (60), then `hotpoll stuck` and `hotpoll locks`.

#[path = "shared/mod.rs"]
mod shared;

use hotpoll::sync::{Mutex, MutexGuard};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

const EXAMPLE: &str = "lock-convoy";
const WORKERS: usize = 8;
/// Each keeps the lock for so long.
const HELD: Duration = Duration::from_millis(2);

fn main() -> Result<(), Box<dyn Error>> {
    let until = Instant::now() + shared::seconds(EXAMPLE)?;
    let _profiler = hotpoll::start()?;
    let counter = Arc::new(Mutex::new(0_u64).named("counter"));
    let workers = (0..WORKERS).map(|number| {
        let counter = Arc::clone(&counter);
        std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || {
                while Instant::now() < until {
                    count(&counter);
                }
            })
    });
    let workers = workers.collect::<Result<Vec<_>, _>>()?;
    shared::ready(EXAMPLE, "hotpoll stuck {}");
    for worker in workers {
        worker.join().map_err(|_| "a worker has failed")?;
    }
    println!("{EXAMPLE}: counted {}", counter.lock());
    Ok(())
}

#[inline(never)]
fn count(counter: &Mutex<u64>) {
    let mut guard = counter.lock();
    *guard += 1;
    std::thread::sleep(HELD);
    // Handed to who waits longest; else the one that has it would take it again.
    MutexGuard::unlock_fair(guard);
}
