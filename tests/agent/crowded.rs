//! A role with more busy threads than processors: kinds of tasks that wait for one each for a while of its own, and say what the scheduler counted.

use crate::roles::{burn_for, ready, wait_for_end};
use hotpoll_hooks::tasks::spawn_named;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the kinds of each thread do in each poll: compute so long, or sleep so long.
const THREADS: &[&[(&str, u64, u64)]] = &[
    &[("heavy", 9_000, 0)],
    // Half of this thread's time is one's that never waits for a processor for long.
    &[("medium", 3_000, 0), ("sleeper", 50, 6_000)],
    &[("light", 400, 0), ("heavy", 9_000, 0)],
    &[("medium", 3_000, 0)],
];

type Truth = Arc<Mutex<BTreeMap<&'static str, u64>>>;

/// Runs for so many seconds, prints `truth KIND NANOSECONDS` for each kind, and waits.
pub fn crowded(seconds: &str) {
    let _guard = hotpoll::start().expect("hotpoll starts");
    let until = Instant::now() + Duration::from_secs(seconds.parse().expect("a number"));
    let truth = Truth::default();
    let threads: Vec<_> = THREADS
        .iter()
        .map(|kinds| {
            let truth = Arc::clone(&truth);
            std::thread::spawn(move || run(kinds, until, &truth))
        })
        .collect();
    for thread in threads {
        thread.join().expect("it does not panic");
    }
    for (kind, ns) in truth.lock().expect("nobody panicked").iter() {
        println!("truth {kind} {ns}");
    }
    ready();
    wait_for_end();
}

fn run(kinds: &'static [(&'static str, u64, u64)], until: Instant, truth: &Truth) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = hotpoll::runtime(&mut builder).build().expect("a runtime");
    runtime.block_on(async {
        let tasks: Vec<_> = kinds
            .iter()
            .map(|&(name, burns, sleeps)| {
                let truth = Arc::clone(truth);
                spawn_named(name, async move {
                    let mut waited = 0;
                    while Instant::now() < until {
                        let before = run_delay();
                        burn_for(Duration::from_micros(burns));
                        if sleeps > 0 {
                            std::thread::sleep(Duration::from_micros(sleeps));
                        }
                        waited += run_delay() - before;
                        tokio::task::yield_now().await;
                    }
                    *truth
                        .lock()
                        .expect("nobody panicked")
                        .entry(name)
                        .or_default() += waited;
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("it does not panic");
        }
    });
}

/// The scheduler's count of the calling thread.
fn run_delay() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("a count");
    let count = text.split_ascii_whitespace().nth(1).expect("three numbers");
    count.parse().expect("a number")
}
