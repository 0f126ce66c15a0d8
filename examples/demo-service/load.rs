//! The load: a few blocking connections to 127.0.0.1 that ask at a steady rate until their time is up or the service is gone.
//!
//! It is another process, so that its CPU time is not the service's.

use crate::args::Args;
use crate::work::{self, Numbers};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CONNECTIONS: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(5);
const ORDERS_PER_REQUEST: usize = 500;
const UPLOAD_BYTES: usize = 150_000;

/// The requests of one round. Together with the sizes above this decides the shares in main.rs's header.
const ROUND: [Ask; 8] = [
    Ask::Invoice,
    Ask::Upload,
    Ask::Orders,
    Ask::Invoice,
    Ask::Upload,
    Ask::Invoice,
    Ask::Orders,
    Ask::Health,
];

#[derive(Clone, Copy)]
enum Ask {
    Invoice,
    Upload,
    Orders,
    Health,
}

/// Starts this program again as the load on a port.
pub fn spawn(port: u16, args: &Args) -> std::io::Result<Child> {
    let mut load = Command::new(std::env::current_exe()?);
    load.args(["--load", &port.to_string()]);
    load.args(["--seconds", &args.duration.as_secs().to_string()]);
    load.args(["--rate", &args.requests_per_second.to_string()]);
    if let Some(requests) = args.requests {
        load.args(["--requests", &requests.to_string()]);
    }
    load.stdin(Stdio::null()).spawn()
}

/// Asks until the time is up, or each connection has made its part of the requests.
pub fn run(port: u16, args: &Args) {
    let until = Instant::now() + args.duration;
    let gap = Duration::from_secs(1) * CONNECTIONS / args.requests_per_second;
    let requests = args
        .requests
        .map_or(u64::MAX, |all| all / u64::from(CONNECTIONS));
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            std::thread::spawn(move || {
                // A broken connection ends it: most likely the service has ended.
                let _ = ask(port, number, until, gap, requests);
            })
        })
        .collect();
    for connection in connections {
        let _ = connection.join();
    }
}

fn ask(
    port: u16,
    number: u32,
    until: Instant,
    gap: Duration,
    requests: u64,
) -> std::io::Result<()> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut stream = stream;

    let mut numbers = Numbers::new(number.into());
    let orders = request("POST", "/orders", &orders_body(number.into()));
    let upload: Vec<u8> = (0..UPLOAD_BYTES)
        .map(|_| numbers.below(256) as u8)
        .collect();
    let upload = request("POST", "/upload", &upload);
    let invoice = request("GET", "/invoice", b"");
    let health = request("GET", "/health", b"");

    let mut next = Instant::now() + gap * number / CONNECTIONS;
    for (kind, _) in ROUND.iter().cycle().zip(0..requests) {
        let now = Instant::now();
        if now >= until {
            return Ok(());
        }
        // Late requests are not made up for in a burst.
        next = (next + gap).max(now);
        // Times between requests vary from none to two gaps: nothing here keeps step with the kernel's tick.
        let jitter = gap * numbers.below(1_000) as u32 / 1_000;
        std::thread::sleep(
            (next + jitter)
                .saturating_duration_since(now)
                .saturating_sub(gap / 2),
        );
        stream.write_all(match kind {
            Ask::Invoice => &invoice,
            Ask::Upload => &upload,
            Ask::Orders => &orders,
            Ask::Health => &health,
        })?;
        read_answer(&mut answers)?;
    }
    Ok(())
}

fn orders_body(seed: u64) -> Vec<u8> {
    let orders: Vec<serde_json::Value> = work::some_orders(ORDERS_PER_REQUEST, seed)
        .into_iter()
        .map(|order| {
            serde_json::json!({ "item": order.item, "quantity": order.quantity, "cents": order.cents })
        })
        .collect();
    serde_json::Value::from(orders).to_string().into_bytes()
}

fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// Reads one answer to its end, so that the connection can be used again.
fn read_answer(answers: &mut impl BufRead) -> std::io::Result<()> {
    let mut body_bytes = 0;
    loop {
        let mut line = String::new();
        if answers.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(length) = line.strip_prefix("content-length:") {
            body_bytes = length.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    std::io::copy(&mut answers.take(body_bytes), &mut std::io::sink())?;
    Ok(())
}
