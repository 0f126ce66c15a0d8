//! The true CPU time of each piece of work, by the clock of the thread that did it.

use nix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A piece of work and the CPU time that it has used.
pub struct Account {
    /// The function that does it.
    pub name: &'static str,
    cpu_ns: AtomicU64,
    runs: AtomicU64,
}

impl Account {
    /// Nothing used yet.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            cpu_ns: AtomicU64::new(0),
            runs: AtomicU64::new(0),
        }
    }

    /// Does the work and notes what it used. The work must not yield to other work on its thread.
    pub fn of<R>(&self, work: impl FnOnce() -> R) -> R {
        let before = thread_cpu();
        let result = work();
        let used = thread_cpu().saturating_sub(before);
        // Relaxed: totals that are read after the threads were joined.
        self.cpu_ns
            .fetch_add(used.as_nanos() as u64, Ordering::Relaxed);
        self.runs.fetch_add(1, Ordering::Relaxed);
        result
    }
}

/// What the requests do, on the threads `web`.
pub static COMPRESS: Account = Account::new("compress");
pub static CHECKSUM: Account = Account::new("checksum");
pub static PARSE_ORDERS: Account = Account::new("parse_orders");
pub static RENDER_INVOICE: Account = Account::new("render_invoice");
pub static SORT_BY_PRICE: Account = Account::new("sort_by_price");
/// What the threads `indexer-N` do.
pub static COUNT_WORDS: Account = Account::new("count_words");
pub static RANK_WORDS: Account = Account::new("rank_words");

/// Prints the accounts: one line each, with its share of all CPU time of the process.
pub fn print() {
    let process = clock(ClockId::CLOCK_PROCESS_CPUTIME_ID);
    println!("the truth, by the threads' own clocks (share of the process's CPU time):");
    for account in [
        &COMPRESS,
        &CHECKSUM,
        &PARSE_ORDERS,
        &RENDER_INVOICE,
        &SORT_BY_PRICE,
        &COUNT_WORDS,
        &RANK_WORDS,
    ] {
        let cpu = Duration::from_nanos(account.cpu_ns.load(Ordering::Relaxed));
        println!(
            "truth {:<16} {:>8.3} s {:>5.1} % {:>8} runs",
            account.name,
            cpu.as_secs_f64(),
            100.0 * cpu.as_secs_f64() / process.as_secs_f64(),
            account.runs.load(Ordering::Relaxed),
        );
    }
    println!("truth {:<16} {:>8.3} s", "process", process.as_secs_f64());
}

fn thread_cpu() -> Duration {
    clock(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

fn clock(id: ClockId) -> Duration {
    // These clocks exist on every Linux.
    clock_gettime(id).map(Duration::from).unwrap_or_default()
}
