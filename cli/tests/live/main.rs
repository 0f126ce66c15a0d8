//! The command on live processes: a real agent in a real process, which is this test run once more.

#[path = "../folder/mod.rs"]
mod folder;
mod process;
mod recording;
mod report;
mod socketless;
mod stopped;
mod users;

use nix::time::{ClockId, clock_gettime};
use process::ROLE;
use std::time::{Duration, Instant};

/// Orphans of a failed test end, too.
const ORPHANED: Duration = Duration::from_secs(300);

/// Not a test, unless it is asked to be the process.
#[test]
fn be_the_process() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let (role, is_idle) = match role.strip_prefix("idle ") {
        Some(rest) => (rest, true),
        None => (&role[..], false),
    };
    // `burn`, `hidden` and `chroot` burn until they are killed.
    let (length, code) = match role.split_once(' ') {
        Some((seconds, code)) => (seconds.parse().unwrap(), code.parse().unwrap()),
        None => (300.0, 0),
    };
    let _guard = hotpoll::start_if_asked().unwrap();
    match role {
        "hidden" => nix::sys::prctl::set_dumpable(false).unwrap(),
        "chroot" => {
            let root = std::env::var_os("HOTPOLL_TEST_ROOT").unwrap();
            nix::unistd::chroot(std::path::Path::new(&root)).unwrap();
        }
        _ => {}
    }
    println!("started");
    let length = Duration::from_secs_f64(length);
    let mut sum = 0;
    if is_idle {
        std::thread::sleep(length);
    } else {
        // By the processor's time: on a busy machine little of the wall clock's is left to be sampled.
        let (begun, orphaned) = (on_a_processor(), Instant::now() + ORPHANED);
        while on_a_processor() - begun < length && Instant::now() < orphaned {
            sum = burn_the_processor(sum);
        }
    }
    drop(_guard);
    std::hint::black_box(sum);
    std::process::exit(code);
}

/// How long the calling thread has run.
fn on_a_processor() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .unwrap()
        .into()
}

/// What every report must find.
#[inline(never)]
fn burn_the_processor(mut sum: u64) -> u64 {
    for i in 0..1_000_000u64 {
        sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(i));
    }
    sum
}
