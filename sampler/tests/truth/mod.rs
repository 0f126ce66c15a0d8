//! What the truth tests share: one sampler at a time, patience, and threads that know their own clocks.
#![allow(dead_code)] // each test file uses a part

#[path = "../common/mod.rs"]
pub mod common;

pub mod burner;
pub mod child;
pub mod clock;
pub mod perf_denied;
pub mod random;
pub mod shares;
pub mod work;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One sampler exists at a time in a process, so the tests of a file wait for each other. The guard's holder drains, as the agent does, and
/// like the agent's its thread is not sampled.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    hotpoll_sampler::register_own_thread();
    guard
}

/// Patience in place of tolerances: what fails gets a run of twice the length, and one more on a machine that is busy with other things, and
/// fails if it fails again.
pub fn patiently(first: Duration, mut check: impl FnMut(Duration) -> Result<(), String>) {
    let mut failures = String::new();
    for times in [1, 2, 4] {
        let Err(why) = check(first * times) else {
            return;
        };
        eprintln!("failed after {:?}: {why}", first * times);
        failures += &format!("after {:?}: {why}\n", first * times);
        if child::broken_on_purpose() {
            break;
        }
    }
    panic!("{failures}");
}

/// Whether the long forms were asked for.
pub fn long() -> bool {
    std::env::var_os("HOTPOLL_TEST_LONG").is_some_and(|value| value == "1")
}

/// `Err` with the message when the condition does not hold.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if $condition {
        } else {
            return Err(format!($($message)+));
        }
    };
}
pub(crate) use ensure;
