//! The published server `mini-redis` with hotpoll linked: what a user adds to a program is the two lines marked below.
//!
//! Listens on the loopback address and port given as the only argument; ends with SIGINT or SIGTERM.

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> Result<(), mini_redis::Error> {
    let _profiler = hotpoll::start_if_asked()?; // hotpoll, 1 of 2
    let address = std::env::args().nth(1).ok_or("usage: stranger ADDRESS:PORT")?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder).enable_all().build()?; // hotpoll, 2 of 2
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        let mut terminate = signal(SignalKind::terminate())?;
        mini_redis::server::run(listener, async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        })
        .await
    })?;
    Ok(())
}
