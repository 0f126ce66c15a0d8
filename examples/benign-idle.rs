//! A healthy service with nothing to do.
//!
//! # The known answer
//! Tasks wait for connections, messages and timers, a connection waits for its next request, threads wait for work, a blocking thread blocks: no problem may be reported.
//!
//! `cargo run --release --example benign-idle -- [SECONDS]` (60), then `hotpoll tasks`, `hotpoll threads`.

#[path = "shared/mod.rs"]
mod shared;

use std::error::Error;
use std::sync::mpsc as std_mpsc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

const EXAMPLE: &str = "benign-idle";
const SWEEP: Duration = Duration::from_secs(1);

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    hotpoll::spawn_named("listener", async move {
        while let Ok((stream, _)) = listener.accept().await {
            hotpoll::spawn_named("connection", answer(stream));
        }
    });
    let _idle_client = TcpStream::connect(address).await?;

    let (_jobs, mut queue) = mpsc::channel::<u64>(16);
    hotpoll::spawn_named(
        "worker",
        async move { while queue.recv().await.is_some() {} },
    );
    let (_shutdown, mut told) = watch::channel(false);
    hotpoll::spawn_named("shutdown", async move {
        let _ = told.changed().await;
    });
    hotpoll::spawn_named("sweeper", async {
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            sweep.tick().await;
        }
    });
    // A pool of plain threads, waiting for work.
    let (_work, queue) = std_mpsc::channel::<u64>();
    std::thread::Builder::new()
        .name("pool-0".to_owned())
        .spawn(move || while queue.recv().is_ok() {})?;

    // And one on a blocking thread, which is there to be blocked.
    let (words, told) = std_mpsc::channel::<u64>();
    hotpoll::spawn_blocking_named("reader", move || told.recv().ok());

    shared::ready(EXAMPLE, "hotpoll tasks {}");
    tokio::time::sleep(seconds).await;
    drop(words);
    Ok(())
}

async fn answer(mut stream: TcpStream) {
    let mut request = [0; 512];
    while matches!(stream.read(&mut request).await, Ok(1..)) {}
}
