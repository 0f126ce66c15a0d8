//! Two threads that take the same two locks, each in its own order: a deadlock.
//!
//! # The known answer
//! The thread `transfer-out` holds the mutex `checking` and waits for `savings`, both in `out_of_checking`; the thread `transfer-in` holds `savings` and waits for
//! `checking`, both in `into_checking`. It is a deadlock, certain, of two threads and two locks. The thread `heartbeat`, which goes on, is no part of it; the
//! thread `auditor`, which waits for `checking` too, is its victim.
//!
//! `cargo run --release --example mutex-lock-order-inversion -- [SECONDS]` (60), then `hotpoll stuck` and `hotpoll graph`.

#[path = "shared/mod.rs"]
mod shared;

use hotpoll::sync::Mutex;
use std::error::Error;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

const EXAMPLE: &str = "mutex-lock-order-inversion";
const BEAT: Duration = Duration::from_millis(50);

struct Accounts {
    checking: Mutex<i64>,
    savings: Mutex<i64>,
    /// Both have their first lock when they, and main, have met here.
    meeting: Barrier,
}

fn main() -> Result<(), Box<dyn Error>> {
    let until = Instant::now() + shared::seconds(EXAMPLE)?;
    let _profiler = hotpoll::start()?;
    let accounts = Arc::new(Accounts {
        checking: Mutex::new(100).named("checking"),
        savings: Mutex::new(100).named("savings"),
        meeting: Barrier::new(3),
    });
    let spawn = |name: &str, run: fn(&Accounts)| {
        let accounts = Arc::clone(&accounts);
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(move || run(&accounts)).map(drop)
    };
    spawn("transfer-out", out_of_checking)?;
    spawn("transfer-in", into_checking)?;
    accounts.meeting.wait();
    spawn("auditor", audit)?;
    let heartbeat = std::thread::Builder::new()
        .name("heartbeat".to_owned())
        .spawn(move || {
            while Instant::now() < until {
                std::thread::sleep(BEAT);
            }
        })?;
    shared::ready(EXAMPLE, "hotpoll stuck {}");
    heartbeat.join().map_err(|_| "the heartbeat has failed")?;
    Ok(())
}

#[inline(never)]
fn out_of_checking(accounts: &Accounts) {
    let mut from = accounts.checking.lock();
    accounts.meeting.wait();
    let mut to = accounts.savings.lock();
    *from -= 1;
    *to += 1;
}

#[inline(never)]
fn into_checking(accounts: &Accounts) {
    let mut from = accounts.savings.lock();
    accounts.meeting.wait();
    let mut to = accounts.checking.lock();
    *from -= 1;
    *to += 1;
}

#[inline(never)]
fn audit(accounts: &Accounts) {
    let _checked = *accounts.checking.lock();
}
