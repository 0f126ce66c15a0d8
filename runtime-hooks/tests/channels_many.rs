//! Channels without number take no memory that stays. Alone in its process, whose memory is looked at.

#[path = "lock_support/mod.rs"]
mod support;

use hotpoll_hooks::sync::tokio::{mpsc, oneshot};
use support::{one, sampling, snapshot};

/// The program's memory, in KB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

#[test]
fn channels_without_number_take_no_memory() {
    const MOST_KB: u64 = 32 * 1024;
    sampling();
    let channels = match std::env::var_os("HOTPOLL_TEST_LONG") {
        Some(_) => 1_000_000,
        None => 20_000,
    };
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll_hooks::runtime(&mut builder)
        .worker_threads(1)
        .build()
        .unwrap();
    let before = resident();
    runtime.block_on(async {
        for number in 0..channels {
            let (sender, receiver) = oneshot::channel();
            let send = async { sender.named("many").send(number).unwrap() };
            // Waited for: it has had a row of its own.
            let (received, ()) = tokio::join!(receiver, send);
            assert_eq!(received, Ok(number));
            let (sender, mut receiver) = mpsc::channel(1);
            sender.named("many more").send(number).await.unwrap();
            assert_eq!(receiver.recv().await, Some(number));
        }
    });
    let grown = resident().saturating_sub(before);
    assert!(grown < MOST_KB, "{grown} KB for {channels} channels");
    for name in ["many", "many more"] {
        let channel = one(&snapshot(), name).channel.clone().unwrap();
        assert_eq!((channel.sent, channel.received), (channels, channels));
    }
}
