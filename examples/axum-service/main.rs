//! A real HTTP service with one slow route.
//!
//! # The known answer
//! `GET /invoice` computes for about 15 ms without an await: its long polls run in `render_invoice`, and it takes nearly all of the CPU time. `GET /stock`
//! waits 20 ms for a timer and takes next to none: its time is suspended time. Connections that axum spawns by itself are counted as alive and not tracked.
//!
//! `cargo run --release --example axum-service -- [SECONDS]` (60), then a load (`wrk -t1 -c8 -d30s http://127.0.0.1:PORT/invoice`) and
//! `hotpoll tasks --long-polls`, `hotpoll report --by task`.

#[path = "../shared/mod.rs"]
mod shared;

use axum::Router;
use axum::routing::get;
use hotpoll::Track;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const EXAMPLE: &str = "axum-service";
const RENDERING: Duration = Duration::from_millis(15);
const STOCK_ANSWERS_AFTER: Duration = Duration::from_millis(20);

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    let app = Router::new()
        .route("/invoice", get(|| invoice().tracked("GET /invoice")))
        .route("/stock", get(|| stock().tracked("GET /stock")));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{EXAMPLE}: http://{}", listener.local_addr()?);
    shared::ready(EXAMPLE, "hotpoll tasks {} --long-polls");
    axum::serve(listener, app)
        .with_graceful_shutdown(tokio::time::sleep(seconds))
        .await?;
    Ok(())
}

async fn invoice() -> String {
    format!("total {}\n", render_invoice())
}

/// The bug: it belongs on a thread of its own.
#[inline(never)]
fn render_invoice() -> u64 {
    let until = Instant::now() + RENDERING;
    let mut total = 0;
    while Instant::now() < until {
        for line in 0..20_000_u64 {
            total = black_box(total ^ line).wrapping_mul(0x0100_0000_01b3);
        }
    }
    total
}

async fn stock() -> &'static str {
    tokio::time::sleep(STOCK_ANSWERS_AFTER).await;
    "17 in stock\n"
}
