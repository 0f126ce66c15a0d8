//! A thousand tasks that work, and one of them that does not.
//!
//! # The known answer
//! All tasks of the kind `session` work and wait for a moment, but for one: it waits in `for_an_answer` since the start. It is the first of the listed tasks.
//!
//! It has competition. Some sessions are polled far more often than the rest (`gives_way`), some take most of the CPU time (`computes`), a few at a time
//! wait where no others do (`in_the_archive`), and a task of another kind has waited for as long. So it is not the first by polls, by time in polls or by its longest poll.
//!
//! `cargo run --release --example thousand-tasks-noise -- [SECONDS]` (60), then `hotpoll tasks`.

#[path = "shared/mod.rs"]
mod shared;

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;
use tokio::sync::oneshot;

const EXAMPLE: &str = "thousand-tasks-noise";
const TASKS: u64 = 1_000;
const ODD: u64 = 617;
const TURN: Duration = Duration::from_millis(50);
/// Longer than a turn, and nothing that anybody has to look at.
const SEARCH: Duration = Duration::from_millis(300);

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    let (_never_told, told) = oneshot::channel();
    hotpoll::spawn_named("shutdown", async move {
        let _: Result<(), _> = told.await;
    });
    let (_never_sent, answer) = oneshot::channel();
    let mut answer = Some(answer);
    for number in 0..TASKS {
        let answer = if number == ODD { answer.take() } else { None };
        hotpoll::spawn_named("session", session(number, answer));
    }
    shared::ready(EXAMPLE, "hotpoll tasks {}");
    tokio::time::sleep(seconds).await;
    Ok(())
}

async fn session(number: u64, answer: Option<oneshot::Receiver<u64>>) {
    if let Some(answer) = answer {
        for_an_answer(answer).await;
    }
    loop {
        match number % 200 {
            3 => gives_way().await,
            77 => computes(number),
            131 => in_the_archive().await,
            _ => {}
        }
        // Not all at once.
        tokio::time::sleep(TURN + Duration::from_micros(number)).await;
    }
}

async fn for_an_answer(answer: oneshot::Receiver<u64>) {
    let _ = answer.await;
}

async fn gives_way() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// Some hundred microseconds: no long poll.
#[inline(never)]
fn computes(number: u64) {
    let mut hash = number;
    let mut round = 0;
    while round < 300_000 {
        hash = black_box((hash ^ round).wrapping_mul(0x0100_0000_01b3));
        round += 1;
    }
}

async fn in_the_archive() {
    tokio::time::sleep(SEARCH).await;
}
