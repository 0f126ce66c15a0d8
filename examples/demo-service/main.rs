//! A small HTTP service to look at with hotpoll: `hotpoll demo` runs it, and the README points here.
//!
//! A web shop on tokio and hyper, on the loopback interface only, with a pool of plain threads in the background and a load
//! generator of its own, a child process (`load.rs`). It ends by itself after `--seconds N`, and then prints the truth: the CPU
//! time of each piece of work by the thread's own clock, which no profiler had a hand in.
//!
//! # The known answer
//! With the default load, in a release build (the shares differ a little between machines; the order should not):
//!
//! | thread | functions, hottest first, with their share of those threads' CPU |
//! |---|---|
//! | `web` (2, tokio) | `compress` 47 %, `checksum` 22 %, `parse_orders` 12 %, `render_invoice` 10 %, `sort_by_price` 2 %; hyper, tokio and the kernel 7 % |
//! | `indexer-0`, `indexer-1` | `count_words` 80 %, `rank_words` 20 %; both threads alike |
//! | `demo-service` (main), `feeder` | nothing: they sleep |
//!
//! The indexers use a fifth to a quarter of the process's CPU time, the process about 75 % of a processor. The work is in `work.rs`, one function
//! for each name above, none of them inlined.
//!
//! `cargo run --release --example demo-service -- --seconds 30`, then `hotpoll report` from another terminal.

mod args;
mod indexer;
mod load;
mod profiler;
mod routes;
mod truth;
mod work;

use args::{Args, Mode};
use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ExitCode};
use std::time::Duration;

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(sentence) => {
            eprintln!("demo-service: {sentence}\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    let outcome = match args.mode {
        Mode::Load { port } => {
            load::run(port, &args);
            Ok(())
        }
        Mode::Serve { port, with_load } => serve(port, with_load, &args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo-service: {error}");
            ExitCode::from(2)
        }
    }
}

fn serve(port: u16, with_load: bool, args: &Args) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let address = listener.local_addr()?;
    let mut child = with_load
        .then(|| load::spawn(address.port(), args))
        .transpose()?;

    let _guard = profiler::start()?;
    println!(
        "demo-service: pid {}, http://{address}, for {} s{}",
        std::process::id(),
        args.duration.as_secs(),
        if with_load { " under its own load" } else { "" },
    );

    let indexers = indexer::start(args.requests.is_some());
    let runtime = runtime()?;
    runtime.block_on(async {
        let listener = routes::adopt(listener)?;
        // The load ends first, so that no request is cut in two.
        let served = tokio::time::timeout(
            args.duration + Duration::from_millis(300),
            routes::serve(listener),
        );
        match (args.requests, &mut child) {
            (Some(_), Some(load)) => tokio::select! {
                _ = served => {}
                () = ended(load) => {}
            },
            _ => drop(served.await),
        }
        Ok::<(), std::io::Error>(())
    })?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    indexers.stop();
    if let Some(mut child) = child {
        // It has ended by now unless it is stuck.
        let _ = child.kill();
        let _ = child.wait();
    }
    truth::print();
    Ok(())
}

/// Waits until the load has made all its requests.
async fn ended(load: &mut Child) {
    while load.try_wait().is_ok_and(|status| status.is_none()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).thread_name("web").enable_all();
    profiler::hook(&mut builder);
    builder.build()
}
