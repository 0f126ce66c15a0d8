//! A real HTTP service with one slow route.
//!
//! # The known answer
//! `GET /invoice` computes for about 15 ms without an await: its long polls run in `render_invoice`, and it takes nearly all of the CPU time. `GET /stock`
//! waits 20 ms for a timer and takes next to none: its time is suspended time. `GET /price` is fine. Connections that axum spawns by itself are counted
//! as alive and not tracked.
//!
//! `cargo run --release --example axum-service -- [SECONDS]` (60), then a load (`wrk -t1 -c8 -d30s http://127.0.0.1:PORT/invoice`) and
//! `hotpoll tasks --long-polls`, `hotpoll report --by task`.

mod service;
#[path = "../shared/mod.rs"]
mod shared;

use std::error::Error;
use tokio::net::TcpListener;

const EXAMPLE: &str = "axum-service";

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{EXAMPLE}: http://{}", listener.local_addr()?);
    shared::ready(EXAMPLE, "hotpoll tasks {} --long-polls");
    axum::serve(listener, service::tracked())
        .with_graceful_shutdown(tokio::time::sleep(seconds))
        .await?;
    Ok(())
}
