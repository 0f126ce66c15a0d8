//! One request of many is never answered: its sender lies in a list that nobody looks at again.
//!
//! # The known answer
//! One problem: the task of the kind `asker` waits in `ask` for one value; the sender is alive, and nobody sends. Others of the same place were answered
//! at once. It is no deadlock: nobody who is waited for waits. The task of the kind `shutdown` waits as long for a value of its own, and is no problem.
//! It is told of after ten seconds, and as possible: an answer may take its time, and whoever has the sender (it lies in a list, where nobody looks) may work.
//!
//! `cargo run --release --example oneshot-sender-lost -- [SECONDS]` (60), then `hotpoll stuck`.

#[path = "shared/mod.rs"]
mod shared;

use hotpoll::tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use hotpoll::tokio::sync::oneshot::{Sender, channel};
use std::error::Error;

const EXAMPLE: &str = "oneshot-sender-lost";
/// Requests that are answered.
const HEALTHY: u64 = 200;

/// A number to be squared, and where the answer goes.
struct Request {
    number: u64,
    answer: Sender<u64>,
}

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    let (stop, stopped) = channel::<()>();
    let stop = stop.named("stop");
    hotpoll::spawn_named("shutdown", stopped);
    let (requests, queue) = unbounded_channel();
    hotpoll::spawn_named("server", serve(queue));
    hotpoll::spawn_named("asker", async move {
        for number in 0.. {
            ask(&requests, number).await;
        }
    });
    shared::ready(EXAMPLE, "hotpoll stuck {}");
    ::tokio::time::sleep(seconds).await;
    let _ = stop.send(());
    Ok(())
}

async fn ask(requests: &UnboundedSender<Request>, number: u64) {
    let (answer, answered) = channel();
    let _ = requests.send(Request { number, answer });
    let square = answered.await.expect("the server answers or keeps it");
    assert_eq!(square, number * number);
}

async fn serve(mut queue: UnboundedReceiver<Request>) {
    let mut retry_later = Vec::new();
    while let Some(request) = queue.recv().await {
        if request.number < HEALTHY {
            let _ = request.answer.send(request.number * request.number);
        } else {
            // The bug: nobody ever retries.
            retry_later.push(request);
        }
    }
}
