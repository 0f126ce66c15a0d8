//! Two tasks take two async locks in opposite orders, and wait for each other for ever. No thread is blocked: the runtime idles.
//!
//! # The known answer
//! A deadlock of two: the task of the kind `transfer` holds `accounts` and waits for `journal`; the task of the kind `audit` holds `journal` and waits
//! for `accounts`. The task of the kind `reader` waits for `accounts`, too, and is not in the cycle. The task of the kind `heartbeat` goes on.
//!
//! `cargo run --release --example async-lock-order-inversion -- [SECONDS]` (60), then `hotpoll stuck`.

#[path = "shared/mod.rs"]
mod shared;

use hotpoll::tokio::sync::{Barrier, Mutex};
use hotpoll::tokio::time::{interval, sleep};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

const EXAMPLE: &str = "async-lock-order-inversion";
const BEAT: Duration = Duration::from_millis(50);

struct Bank {
    accounts: Mutex<Vec<i64>>,
    journal: Mutex<Vec<String>>,
    /// Makes sure that it happens: each has its first lock.
    both: Barrier,
}

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    let bank = Arc::new(Bank {
        accounts: Mutex::new(vec![100, 0]).named("accounts"),
        journal: Mutex::new(Vec::new()).named("journal"),
        both: Barrier::new(3),
    });
    hotpoll::spawn_named("heartbeat", async {
        let mut beat = interval(BEAT);
        loop {
            beat.tick().await;
        }
    });
    hotpoll::spawn_named("transfer", transfer(Arc::clone(&bank)));
    hotpoll::spawn_named("audit", audit(Arc::clone(&bank)));
    bank.both.wait().await;
    let other = Arc::clone(&bank);
    hotpoll::spawn_named("reader", async move { other.accounts.lock().await.len() });
    shared::ready(EXAMPLE, "hotpoll stuck {}");
    sleep(seconds).await;
    Ok(())
}

async fn transfer(bank: Arc<Bank>) {
    let mut accounts = bank.accounts.lock().await;
    bank.both.wait().await;
    accounts[0] -= 10;
    accounts[1] += 10;
    bank.journal.lock().await.push("10 from 0 to 1".to_owned());
}

async fn audit(bank: Arc<Bank>) {
    let mut journal = bank.journal.lock().await;
    bank.both.wait().await;
    // The bug: everybody else takes the accounts first.
    let sum: i64 = bank.accounts.lock().await.iter().sum();
    journal.push(format!("the sum is {sum}"));
}
