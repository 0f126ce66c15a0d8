//! A thousand tasks that work, and one of them that does not.
//!
//! # The known answer
//! All tasks of the kind `session` wake each 50 ms or so, but for one: it waits in `for_an_answer` since the start. It is the first of the listed tasks.
//!
//! `cargo run --release --example thousand-tasks-noise -- [SECONDS]` (60), then `hotpoll tasks`.

#[path = "shared/mod.rs"]
mod shared;

use std::error::Error;
use std::time::Duration;
use tokio::sync::oneshot;

const EXAMPLE: &str = "thousand-tasks-noise";
const TASKS: u64 = 1_000;
const ODD: u64 = 617;
const TURN: Duration = Duration::from_millis(50);

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
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
        // Not all at once.
        tokio::time::sleep(TURN + Duration::from_micros(number)).await;
    }
}

async fn for_an_answer(answer: oneshot::Receiver<u64>) {
    let _ = answer.await;
}
