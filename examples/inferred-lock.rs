//! A lock that nobody wrapped: the standard library's own, held over a sleep.
//!
//! # The known answer
//! The threads `reader-0` and `reader-1` have waited for a lock in `read_rates` since shortly after the start. hotpoll was not told of that lock: it sees by their stacks
//! that they wait for a mutex of the standard library, and by the address that they wait for the same one; who holds it cannot be told. The answer is
//! marked as inferred. (It is the thread `updater`, which sleeps in `update_rates` until the end.)
//!
//! `cargo run --release --example inferred-lock -- [SECONDS]` (60), then `hotpoll stuck` and `hotpoll locks`.

#[path = "shared/mod.rs"]
mod shared;

use std::error::Error;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const EXAMPLE: &str = "inferred-lock";
const READERS: usize = 2;
/// Time for the readers to wait.
const BEFORE: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    let _profiler = hotpoll::start()?;
    let rates = Arc::new(Mutex::new(vec![1.0, 1.1]));
    let (has_it, had) = channel();
    let updater = std::thread::Builder::new().name("updater".to_owned());
    let updater = updater.spawn({
        let rates = Arc::clone(&rates);
        move || update_rates(&rates, &has_it, seconds)
    })?;
    had.recv()?;
    for number in 0..READERS {
        let rates = Arc::clone(&rates);
        let reader = std::thread::Builder::new().name(format!("reader-{number}"));
        reader.spawn(move || read_rates(&rates))?;
    }
    std::thread::sleep(BEFORE);
    shared::ready(EXAMPLE, "hotpoll stuck {}");
    updater.join().map_err(|_| "the updater has failed")?;
    Ok(())
}

#[inline(never)]
fn update_rates(rates: &Mutex<Vec<f64>>, has_it: &Sender<()>, time: Duration) {
    let Ok(mut rates) = rates.lock() else { return };
    if has_it.send(()).is_ok() {
        std::thread::sleep(time);
    }
    rates.push(1.2);
}

#[inline(never)]
fn read_rates(rates: &Mutex<Vec<f64>>) -> f64 {
    rates.lock().map_or(0.0, |rates| rates.iter().sum())
}
