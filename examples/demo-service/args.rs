//! The arguments of the example service.

use std::time::Duration;

/// What `--help` and a wrong argument show.
pub const USAGE: &str = "\
usage: demo-service [--seconds N] [--rate REQUESTS_PER_SECOND] [--requests N] [--port P] [--no-load]
       demo-service --load PORT [--seconds N] [--rate REQUESTS_PER_SECOND] [--requests N]

It serves on 127.0.0.1 for N seconds (30), under a load that it makes itself (2,000 requests a second).
With --requests it ends when its load has made so many, and indexes by them, not by the clock: each run is the same work.";

/// It always ends by itself, so that a forgotten one does no harm.
const MAX_SECONDS: u64 = 3_600;
const MAX_REQUESTS_PER_SECOND: u32 = 20_000;
const MAX_REQUESTS: u64 = 10_000_000;

/// What this process is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The service; port 0 is any free one.
    Serve { port: u16, with_load: bool },
    /// The load generator of the service at this port of 127.0.0.1.
    Load { port: u16 },
}

/// The arguments, checked.
#[derive(Debug)]
pub struct Args {
    /// Service or load.
    pub mode: Mode,
    /// How long to run.
    pub duration: Duration,
    /// How fast the load asks.
    pub requests_per_second: u32,
    /// After how many requests it ends before that.
    pub requests: Option<u64>,
}

impl Args {
    /// Reads the arguments; the error is a sentence.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut seconds = 30;
        let mut requests_per_second = 2_000;
        let mut requests = None;
        let mut port = 0;
        let mut with_load = true;
        let mut load_port = None;
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--seconds" => seconds = number(&arg, args.next(), MAX_SECONDS)?,
                "--rate" => {
                    requests_per_second =
                        number(&arg, args.next(), MAX_REQUESTS_PER_SECOND.into())? as u32;
                }
                "--requests" => requests = Some(number(&arg, args.next(), MAX_REQUESTS)?),
                "--port" => port = number(&arg, args.next(), u16::MAX.into())? as u16,
                "--load" => load_port = Some(number(&arg, args.next(), u16::MAX.into())? as u16),
                "--no-load" => with_load = false,
                "--help" | "-h" => {
                    println!("{USAGE}");
                    std::process::exit(0);
                }
                other => return Err(format!("there is no argument {other:?}")),
            }
        }
        let mode = match load_port {
            Some(port) => Mode::Load { port },
            None => Mode::Serve { port, with_load },
        };
        Ok(Self {
            mode,
            duration: Duration::from_secs(seconds),
            requests_per_second,
            requests,
        })
    }
}

fn number(name: &str, value: Option<String>, max: u64) -> Result<u64, String> {
    value
        .and_then(|value| value.parse().ok())
        .filter(|number| (1..=max).contains(number))
        .ok_or_else(|| format!("{name} wants a number from 1 to {max}"))
}
