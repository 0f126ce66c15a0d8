//! What do a service's users feel of hotpoll? Requests a second and the 99th percentile of a TCP echo server and of examples/axum-service, with all of it on
//! (profiler at its defaults, tracked tasks, hooks, looks by the wall clock, long polls watched) against a build without a word of it; and
//! what is left of it with `HOTPOLL=off`.
//!
//! ```text
//! cargo bench --bench end_to_end -- [--quick] [--json FILE]      under six minutes on an idle machine with two processors
//! ```
//! The servers are processes of their own on one processor, all of hotpoll's threads with them; the load is here, on another one. Requests a second: as
//! many as the server answers, each connection asking again at once (`load_waits` says how much of its time the load had nothing to
//! do: the server is what limits). The percentile: at a fixed rate, half of what the bare server could do, from the moment at which a request was due, so
//! that what waits behind a slow answer counts.
//! `p99` is the median of windows of 20 ms that the load did not sleep through (`disturbed`: the part that it did); `p99_of_all` is that of all requests: where
//! other processes or the host take a processor away for some milliseconds twice a second, it is theirs. An echo is the smallest request there can be: some microseconds, most of them the kernel's. The service's
//! takes some sixty. `cpu_added_a_request` is what larger ones pay, too.
//!
//! One round measures every server for a moment, in an order drawn anew; the others are stopped meanwhile. A round's answer is the difference of
//! logarithms against the bare server in the same round. The estimate and its one-sided 95 % bounds are those of the signed-rank test
//! (Hodges and Lehmann): no single disturbed round moves them far. Every few rounds the processes are started anew, so that no one layout in memory decides.
#![allow(unsafe_code)] // Affinity, epoll, signals to children.

mod load;
mod server;
mod statistics;
#[path = "../support/mod.rs"]
mod support;

use load::Load;
use server::{Mode, Server, Workload};
use statistics::{Loss, Random};
use std::io;
use std::time::Duration;
use support::{Arguments, Figures, median};

/// The server's processor, and the load's.
const SERVER_CPU: usize = 0;
const LOAD_CPU: usize = 1;
/// Rounds in all, and with the same processes.
const ROUNDS: usize = 56;
const ROUNDS_A_START: usize = 14;
/// After a server is let run again: what it has put off meanwhile is done.
const LEAD_IN: Duration = Duration::from_millis(100);
/// Each of the two measurements. Their order changes from round to round: what the agent does once a second falls into both alike.
const MEASURED: Duration = Duration::from_millis(500);
/// After a start: tables are compiled, delivery is calibrated, caches are warm.
const WARM_UP: Duration = Duration::from_millis(1_000);
/// The fixed rate, of what the bare server can do.
const FIXED_RATE: f64 = 0.5;

/// What is promised: the loss of requests and of the 99th percentile, in per cent.
const MOST_REQUESTS_LOST: f64 = 0.5;
const MOST_P99_LOST: f64 = 2.0;

/// What is measured in each round.
const SERVERS: [(Workload, Mode); 5] = [
    (Workload::Echo, Mode::Bare),
    (Workload::Echo, Mode::On),
    (Workload::Axum, Mode::Bare),
    (Workload::Axum, Mode::Off),
    (Workload::Axum, Mode::On),
];

/// One server in one round.
#[derive(Debug, Clone, Copy)]
struct Turn {
    requests_a_second: f64,
    /// Of a typical window, and of all requests whatever the machine did.
    p99_us: f64,
    p99_of_all_us: f64,
    disturbed: f64,
    /// While it answered as many as it could; hotpoll's own threads are in it.
    cpu_us_a_request: f64,
    load_waits: f64,
}

fn main() -> io::Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let [role, workload, mode] = &given[..]
        && role == server::ROLE
    {
        return server::serve(workload, mode);
    }
    let arguments = Arguments::parse();
    let (rounds, a_start) = match arguments.quick {
        true => (3, 2),
        false => (ROUNDS, ROUNDS_A_START),
    };
    if std::thread::available_parallelism()?.get() < 2 {
        eprintln!("end_to_end: wants two processors, one for the server and one for the load");
        std::process::exit(1);
    }
    support::pin(LOAD_CPU)?;
    let turns = measure(rounds, a_start)?;
    let mut figures = Figures::default();
    for ((workload, mode), turns_of) in SERVERS.iter().zip(&turns) {
        let name = format!("{}_{}", workload.name(), mode.name());
        let mut all = |what: &str, unit, value: fn(&Turn) -> f64| {
            let mut values: Vec<f64> = turns_of.iter().map(value).collect();
            figures.push(format!("{what}_{name}"), median(&mut values), unit);
        };
        all("requests", "1/s", |turn| turn.requests_a_second);
        all("p99", "us", |turn| turn.p99_us);
        all("p99_of_all", "us", |turn| turn.p99_of_all_us);
        all("disturbed", "%", |turn| turn.disturbed);
        all("cpu_a_request", "us", |turn| turn.cpu_us_a_request);
        all("load_waits", "%", |turn| turn.load_waits);
        if *mode == Mode::Bare {
            continue;
        }
        let is_bare = |other: &(Workload, Mode)| *other == (*workload, Mode::Bare);
        let bare = SERVERS.iter().position(is_bare).expect("each has one");
        let pairs = turns[bare].iter().zip(turns_of);
        let added = pairs.map(|(bare, turn)| turn.cpu_us_a_request - bare.cpu_us_a_request);
        figures.push(
            format!("cpu_added_a_request_{name}"),
            1e3 * median(&mut added.collect::<Vec<_>>()),
            "ns",
        );
        let mut loss = |what: &str, most: f64, value: fn(&Turn, &Turn) -> f64| {
            let pairs = turns[bare].iter().zip(turns_of);
            let differences = pairs.map(|(bare, turn)| value(bare, turn));
            // A round in which each window was disturbed says nothing.
            let loss = Loss::of(differences.filter(|one| one.is_finite()).collect());
            figures.push(format!("{what}_loss_{name}"), loss.estimate, "%");
            figures.push(format!("{what}_loss_low_{name}"), loss.low, "%");
            figures.push(format!("{what}_loss_high_{name}"), loss.high, "%");
            println!("# {name}: {what} {}", loss.verdict(most));
        };
        loss("requests", MOST_REQUESTS_LOST, |bare, turn| {
            (bare.requests_a_second / turn.requests_a_second).ln()
        });
        loss("p99", MOST_P99_LOST, |bare, turn| {
            (turn.p99_us / bare.p99_us).ln()
        });
        loss("p99_of_all", MOST_P99_LOST, |bare, turn| {
            (turn.p99_of_all_us / bare.p99_of_all_us).ln()
        });
    }
    figures.write(&arguments)
}

/// The rounds of each server.
fn measure(rounds: usize, a_start: usize) -> io::Result<[Vec<Turn>; SERVERS.len()]> {
    let mut turns = [const { Vec::new() }; SERVERS.len()];
    let mut random = Random::new();
    let mut rates = [None; SERVERS.len()];
    let mut running: Vec<(Server, Load)> = Vec::new();
    for round in 0..rounds {
        if round % a_start == 0 {
            running.clear();
            for (place, (workload, mode)) in SERVERS.into_iter().enumerate() {
                let server = Server::start(workload, mode)?;
                let mut load = Load::connect(&server, workload)?;
                let first = load.as_many_as_it_answers(WARM_UP)?;
                // The bare server of a workload comes first, and its rate is for all of that workload.
                let bare = SERVERS.iter().position(|(of, _)| *of == workload);
                let bare = bare.expect("it is in there");
                if place == bare && rates[place].is_none() {
                    rates[place] = Some(first.requests_a_second() * FIXED_RATE);
                }
                rates[place] = rates[bare];
                server.pause()?;
                running.push((server, load));
            }
        }
        let mut order: Vec<usize> = (0..SERVERS.len()).collect();
        random.shuffle(&mut order);
        for place in order {
            let (server, load) = &mut running[place];
            let rate = rates[place].expect("known since the first start");
            turns[place].push(turn(server, load, rate, round % 2 == 1)?);
        }
    }
    Ok(turns)
}

fn turn(server: &Server, load: &mut Load, rate: f64, fixed_first: bool) -> io::Result<Turn> {
    server.resume()?;
    load.as_many_as_it_answers(LEAD_IN)?;
    let mut fixed = None;
    if fixed_first {
        fixed = Some(load.at_a_rate(rate, MEASURED)?);
    }
    let cpu_before = server.cpu()?;
    let full = load.as_many_as_it_answers(MEASURED)?;
    let cpu = server.cpu()? - cpu_before;
    let mut fixed = match fixed {
        Some(fixed) => fixed,
        None => load.at_a_rate(rate, MEASURED)?,
    };
    server.pause()?;
    Ok(Turn {
        requests_a_second: full.requests_a_second(),
        p99_us: fixed.window_quantile_us(0.99),
        p99_of_all_us: fixed.quantile_us(0.99),
        disturbed: fixed.disturbed * 100.0,
        cpu_us_a_request: cpu.as_secs_f64() * 1e6 / full.requests.max(1) as f64,
        load_waits: full.waits * 100.0,
    })
}
