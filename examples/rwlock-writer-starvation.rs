//! A writer that never gets its turn: readers overlap, and the lock lets them pass.
//!
//! # The known answer
//! The lock `routes` is a `RecursiveRwLock`, whose readers come before waiting writers. The thread `publisher` has waited for it to write, in `publish`, since
//! shortly after the start. The threads `reader-0` to `reader-2` hold it by turns for 20 ms each, so that there is always one: each of them took it after
//! the publisher began to wait. It is writer starvation, and no deadlock.
//!
//! `cargo run --release --example rwlock-writer-starvation -- [SECONDS]` (60), then `hotpoll stuck` and `hotpoll locks`.

#[path = "shared/mod.rs"]
mod shared;

use hotpoll::sync::RecursiveRwLock;
use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const EXAMPLE: &str = "rwlock-writer-starvation";
const READERS: u32 = 3;
/// A reader keeps the lock for so long, and takes it again a moment later.
const READING: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn Error>> {
    let until = Instant::now() + shared::seconds(EXAMPLE)?;
    let _profiler = hotpoll::start()?;
    let routes = Arc::new(RecursiveRwLock::new(vec![0_u64; 16]).named("routes"));
    let mut threads = Vec::new();
    let (begins, begun) = channel();
    for number in 0..READERS {
        let (routes, begins) = (Arc::clone(&routes), begins.clone());
        let reader = std::thread::Builder::new().name(format!("reader-{number}"));
        threads.push(reader.spawn(move || {
            look_up(&routes);
            let _ = begins.send(());
            while Instant::now() < until {
                look_up(&routes);
            }
        })?);
        // One after the other, so that they do not all let go at once.
        std::thread::sleep(READING / READERS);
    }
    // All of them read by then.
    for _ in 0..READERS {
        begun.recv()?;
    }
    let publisher = std::thread::Builder::new().name("publisher".to_owned());
    threads.push(publisher.spawn({
        let routes = Arc::clone(&routes);
        move || publish(&routes)
    })?);
    shared::ready(EXAMPLE, "hotpoll stuck {}");
    for thread in threads {
        thread.join().map_err(|_| "a thread has failed")?;
    }
    Ok(())
}

#[inline(never)]
fn look_up(routes: &RecursiveRwLock<Vec<u64>>) -> u64 {
    let routes = routes.read();
    std::thread::sleep(READING);
    routes.iter().sum()
}

#[inline(never)]
fn publish(routes: &RecursiveRwLock<Vec<u64>>) {
    routes.write().push(1);
}
