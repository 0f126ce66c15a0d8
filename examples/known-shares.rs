//! Four functions whose shares are known by construction: 10, 20, 30 and 40 % of each thread's CPU time.
//!
//! # The known answer
//! Every thread `burner-N` spends 10 % in `burn_10`, 20 % in `burn_20`, 30 % in `burn_30`, 40 % in `burn_40`. They run the same
//! instructions for 1, 2, 3 and 4 turns with constants of their own, so that the compiler can neither fold them into one nor
//! make one faster than another. The program prints what the threads' own clocks say.
//!
//! `cargo run --release --example known-shares -- [SECONDS] [THREADS]` (10 and 1), then `hotpoll report --by function`.

use nix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const MAX_SECONDS: u64 = 3_600;
const MAX_THREADS: u64 = 256;
/// What one turn takes; not a multiple or fraction of any kernel's tick, so that turns do not keep step with it.
const TURN: Duration = Duration::from_micros(7_300);

// Operators only: a call into std, inlined, would take the samples for itself.
macro_rules! burner {
    ($name:ident, $first:literal, $second:literal, $third:literal) => {
        #[inline(never)]
        fn $name(mut iterations: u64, mut state: u64) -> u64 {
            while iterations > 0 {
                state ^= state << $first;
                state ^= state >> $second;
                state ^= state << $third;
                iterations -= 1;
            }
            state
        }
    };
}

burner!(burn_10, 13, 7, 17);
burner!(burn_20, 7, 9, 8);
burner!(burn_30, 21, 35, 4);
burner!(burn_40, 17, 31, 8);

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse::<u64>().ok());
    let seconds = numbers.next().unwrap_or(Some(10));
    let threads = numbers.next().unwrap_or(Some(1));
    let (Some(seconds @ 1..=MAX_SECONDS), Some(threads @ 1..=MAX_THREADS)) = (seconds, threads)
    else {
        eprintln!(
            "usage: known-shares [SECONDS (1 to {MAX_SECONDS})] [THREADS (1 to {MAX_THREADS})]"
        );
        return ExitCode::from(2);
    };

    let _guard = match hotpoll::start() {
        Ok(guard) => guard,
        Err(error) => {
            eprintln!("known-shares: {error}");
            return ExitCode::from(2);
        }
    };
    println!(
        "known-shares: pid {}, {threads} threads, {seconds} s",
        std::process::id()
    );
    let per_turn = iterations_per_turn();
    let until = Instant::now() + Duration::from_secs(seconds);
    let burners: Vec<_> = (0..threads)
        .map(|number| {
            std::thread::Builder::new()
                .name(format!("burner-{number}"))
                .spawn(move || burn(per_turn, until))
                .expect("a thread")
        })
        .collect();
    let mut truth = [Duration::ZERO; 4];
    for burner in burners {
        for (total, used) in truth
            .iter_mut()
            .zip(burner.join().expect("a burner never panics"))
        {
            *total += used;
        }
    }
    let total: Duration = truth.iter().sum();
    for (name, used) in ["burn_10", "burn_20", "burn_30", "burn_40"]
        .iter()
        .zip(truth)
    {
        println!(
            "truth {name} {:>8.3} s {:>5.2} %",
            used.as_secs_f64(),
            100.0 * used.as_secs_f64() / total.as_secs_f64()
        );
    }
    ExitCode::SUCCESS
}

/// Burns in whole rounds until the time is up; returns what each function used.
fn burn(per_turn: u64, until: Instant) -> [Duration; 4] {
    let mut used = [Duration::ZERO; 4];
    let mut state = 1;
    while Instant::now() < until {
        let burners: [fn(u64, u64) -> u64; 4] = [burn_10, burn_20, burn_30, burn_40];
        for (index, burner) in burners.into_iter().enumerate() {
            let before = thread_cpu();
            state = burner(per_turn * (index as u64 + 1), state);
            used[index] += thread_cpu().saturating_sub(before);
        }
    }
    black_box(state);
    used
}

/// How many iterations one turn has on this machine, from the fastest of a few tries.
fn iterations_per_turn() -> u64 {
    const TRY: u64 = 500_000;
    let fastest = (0..10)
        .map(|number| {
            let before = thread_cpu();
            black_box(burn_10(TRY, number));
            thread_cpu().saturating_sub(before)
        })
        .min()
        .unwrap_or_default();
    (u128::from(TRY) * TURN.as_nanos() / fastest.as_nanos().max(1)) as u64
}

fn thread_cpu() -> Duration {
    // This clock exists on every Linux.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map(Duration::from)
        .unwrap_or_default()
}
