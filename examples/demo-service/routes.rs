//! The HTTP side: which route does which work.
//!
//! `POST /orders` parses and sorts · `GET /invoice` renders and compresses · `POST /upload` takes a checksum · `GET /health`.

use crate::work::{self, Order};
use crate::{indexer, profiler, truth};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections served at once; more wait.
const MAX_CONNECTIONS: usize = 256;
const MAX_BODY_BYTES: usize = 1 << 20;
/// Lines of an invoice.
const INVOICE_ORDERS: usize = 350;

static INVOICE: LazyLock<Vec<Order>> = LazyLock::new(|| work::some_orders(INVOICE_ORDERS, 7));

/// Takes a bound listener over into the runtime.
pub fn adopt(listener: std::net::TcpListener) -> std::io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, or a client that gave up: the next may do better.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(async move {
            // A client that breaks off is its own affair.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
            drop(permit);
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
        return Ok(reply(
            StatusCode::BAD_REQUEST,
            "the body is broken or over 1 MiB\n",
        ));
    };
    let body = body.to_bytes();
    profiler::answered();
    indexer::answered();
    Ok(match (&parts.method, parts.uri.path()) {
        (&Method::POST, "/orders") => orders(&body),
        (&Method::GET, "/invoice") => invoice(),
        (&Method::POST, "/upload") => upload(&body),
        (&Method::GET, "/health") => reply(StatusCode::OK, "fine\n"),
        _ => reply(StatusCode::NOT_FOUND, "no such route\n"),
    })
}

fn orders(body: &[u8]) -> Response<Full<Bytes>> {
    let mut orders = truth::PARSE_ORDERS.of(|| work::parse_orders(body));
    truth::SORT_BY_PRICE.of(|| work::sort_by_price(&mut orders));
    let dearest = orders
        .first()
        .map_or("nothing", |order| order.item.as_str());
    reply(
        StatusCode::OK,
        format!("{} orders, dearest: {dearest}\n", orders.len()),
    )
}

fn invoice() -> Response<Full<Bytes>> {
    let page = truth::RENDER_INVOICE.of(|| work::render_invoice(&INVOICE));
    let compressed = truth::COMPRESS.of(|| work::compress(page.as_bytes()));
    let mut response = reply(StatusCode::OK, compressed);
    response.headers_mut().insert(
        "content-encoding",
        hyper::header::HeaderValue::from_static("gzip"),
    );
    response
}

fn upload(body: &[u8]) -> Response<Full<Bytes>> {
    let sum = truth::CHECKSUM.of(|| work::checksum(body));
    reply(StatusCode::OK, format!("{sum:08x}\n"))
}

fn reply(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}
