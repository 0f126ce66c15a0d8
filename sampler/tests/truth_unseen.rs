//! Is the CPU time of threads that nobody saw a row of its own, and that of known threads never in it? Threads that live and die between two
//! scans read their clocks before they end; getrusage counts the dead as well.

mod truth;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use truth::burner::{burn_10, iterations_per_us};
use truth::clock::{process_usage, thread_cpu_ns};
use truth::common::{Harness, at_hz, burn_until};
use truth::{alone, ensure, patiently};

/// What the clocks may waver between the sampler's readings of them.
const READINGS_NS: u64 = 1_000_000;

#[test]
fn short_lives_are_unseen_and_counted() {
    let _alone = alone();
    // The thread that reads the clocks may lose its processor between two of them.
    patiently(Duration::from_millis(300), short_lives);
}

/// Pairs of threads that live 2 ms of CPU time each, for so much of it in all.
fn short_lives(time: Duration) -> Result<(), String> {
    let lives = time.as_millis() as usize / 2;
    let per_us = iterations_per_us();
    // A thread that lives on and is seen, with the clock that it reads.
    let stop = Arc::new(AtomicBool::new(false));
    let gates: Arc<[Barrier; 3]> = Arc::new(std::array::from_fn(|_| Barrier::new(2)));
    let known = {
        let (stop, gates) = (Arc::clone(&stop), Arc::clone(&gates));
        std::thread::spawn(move || {
            gates[0].wait();
            burn_until(&stop);
            gates[1].wait();
            gates[2].wait();
        })
    };
    let mut harness = Harness::start(at_hz(99));
    let before = (process_usage().total_ns(), thread_cpu_ns());
    gates[0].wait();
    harness.close_slice();
    let unseen_at_first_ns = harness.unseen_cpu_ns;
    // No scan from here to the end of the last of them.
    let said = Arc::new(AtomicU64::new(0));
    for _ in 0..lives / 2 {
        let pair: Vec<_> = (0..2)
            .map(|_| {
                let said = Arc::clone(&said);
                std::thread::spawn(move || {
                    burn_10(2_000 * per_us);
                    said.fetch_add(thread_cpu_ns(), Ordering::Relaxed);
                })
            })
            .collect();
        for thread in pair {
            thread.join().unwrap();
        }
    }
    stop.store(true, Ordering::Relaxed);
    gates[1].wait();
    std::thread::sleep(Duration::from_millis(20));
    harness.turn();
    harness.close_slice();
    let after = (process_usage().total_ns(), thread_cpu_ns());
    gates[2].wait();
    known.join().unwrap();
    harness.sampler.stop();

    ensure!(
        unseen_at_first_ns <= READINGS_NS,
        "nobody is unseen yet: {unseen_at_first_ns}"
    );
    let threads_ns: u64 = harness.accounts.values().map(|each| each.cpu_ns).sum();
    let said_ns = said.load(Ordering::Relaxed);
    println!(
        "{} ns unseen; the threads said {said_ns}; process {}, known threads {threads_ns}",
        harness.unseen_cpu_ns, harness.process_cpu_ns
    );
    ensure!(
        harness
            .process_cpu_ns
            .abs_diff(threads_ns + harness.unseen_cpu_ns)
            <= READINGS_NS,
        "process {} against threads {threads_ns} + unseen {}",
        harness.process_cpu_ns,
        harness.unseen_cpu_ns
    );
    // At least what they said before they ended; at most what the process used beside this thread and the known one, by getrusage.
    let own_ns = after.1 - before.1;
    let known_ns: u64 = harness
        .accounts
        .iter()
        .filter(|(key, _)| !harness.info[key].own)
        .map(|(_, each)| each.cpu_ns)
        .sum();
    let most_ns = (after.0 - before.0)
        .saturating_sub(own_ns)
        .saturating_sub(known_ns);
    ensure!(
        said_ns > lives as u64 * 1_000_000,
        "they did work: {said_ns}"
    );
    ensure!(
        harness.unseen_cpu_ns + READINGS_NS >= said_ns
            && harness.unseen_cpu_ns <= most_ns + READINGS_NS,
        "{} unseen, not within {said_ns} and {most_ns}",
        harness.unseen_cpu_ns
    );
    Ok(())
}
