//! The service itself: its routes, with each request tracked as a future of its own, or bare as `benches/end_to_end` compares it with.

use axum::Router;
use axum::routing::get;
use hotpoll::Track;
use std::hint::black_box;
use std::time::{Duration, Instant};

const RENDERING: Duration = Duration::from_millis(15);
const STOCK_ANSWERS_AFTER: Duration = Duration::from_millis(20);
const ITEMS: u64 = 1_000;
const ITEMS_SHOWN: u64 = 20;

/// The service as somebody writes it who uses hotpoll.
pub fn tracked() -> Router {
    Router::new()
        .route("/invoice", get(|| invoice().tracked("GET /invoice")))
        .route("/stock", get(|| stock().tracked("GET /stock")))
        .route("/price", get(|| price().tracked("GET /price")))
}

/// The same without a word of hotpoll.
#[allow(dead_code)] // the example serves the other one
pub fn bare() -> Router {
    Router::new()
        .route("/invoice", get(invoice))
        .route("/stock", get(stock))
        .route("/price", get(price))
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

/// A route without a fault: some fifty microseconds of work, as a small answer takes, and one time to let others go first.
async fn price() -> String {
    let mut list = String::new();
    let mut longest = 0;
    for item in 0..ITEMS {
        let line = format!("item {item}: {}.{:02}\n", black_box(item * 7), item % 100);
        longest = longest.max(line.len());
        if item < ITEMS_SHOWN {
            list += &line;
        }
    }
    tokio::task::yield_now().await;
    list + &format!("{ITEMS} items, the longest of {longest} letters\n")
}
