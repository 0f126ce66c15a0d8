//! `hotpoll demo`: the example service under load, looked at as a stranger's process would be.
//!
//! [`service`] finds and runs it; everything else is what `report` and `export` do, through the same socket and the same code.

mod service;

use crate::exit::{self, FINE, Failure, Outcome};
use crate::export::{self, Format};
use crate::live::{Client, Endpoint, ProcessFacts, discover};
use crate::report::{self, command::written};
use crate::source::{self, Window};
use crate::text::style::{DIM, HEADING, paint};
use crate::text::{number, terminal};
use crate::{interrupt, profile_file, progress};
use clap::Args;
use hotpoll_profile::Profile;
use hotpoll_symbolizer::view::{Frames, Summary, functions};
use service::{Service, Truth};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long the service may take until hotpoll in it answers.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// How much longer the service runs than it is looked at.
const MARGIN: Duration = Duration::from_secs(2);
/// How often a wait looks whether it should go on.
const LOOK_EVERY: Duration = Duration::from_millis(50);

const EXAMPLES: &str = "\
Examples:
  hotpoll demo
  hotpoll demo --seconds 30 -o /tmp/demo";

/// Run the example service under load, and report on it live
///
/// Starts a small web service with a load generator, waits, asks it through its socket as any other process would be asked,
/// shows the report, and writes the profile and an interactive flame graph. The service then prints the CPU time of its
/// functions by its threads' own clocks, to compare.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct DemoArgs {
    /// How long to let it work
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_000))]
    seconds: u32,
    /// Where to write the profile and the flame graph
    #[arg(long, short, value_name = "DIR", default_value = "hotpoll-demo")]
    output: PathBuf,
}

/// Carries the command out.
pub fn run(args: &DemoArgs) -> Outcome {
    std::fs::create_dir_all(&args.output)
        .map_err(|error| Failure::writing(&args.output, &error))?;
    let program = service::find()?;
    interrupt::listen();
    let length = Duration::from_secs(args.seconds.into());
    let mut service = Service::start(&program, length + MARGIN)?;
    let Some(endpoint) = wait_for_socket(&mut service)? else {
        return Ok(interrupted());
    };
    terminal::say(&format!(
        "Started {} under its own load; meanwhile, elsewhere: hotpoll report {}",
        program.file_name().unwrap_or_default().display(),
        service.pid()
    ));
    if !let_it_work(&mut service, length)? {
        return Ok(interrupted());
    }

    let asked = Instant::now();
    let mut client = Client::connect(&endpoint).map_err(|error| error.failure(&endpoint))?;
    let mut profile = source::fetch(&mut client, Window::Recorder)?;
    let symbols = source::name(&mut profile, Some(&endpoint), &[]);
    let options = report::Options::default();
    let report = written(&profile, &symbols, &options, report::Format::Text);
    let answered = asked.elapsed();
    terminal::print(&report)?;

    let file = args.output.join("demo.pb.gz");
    profile_file::write(&file, &profile)?;
    let graph = args.output.join("flamegraph.html");
    let encoded = export::encode(&profile, Format::Html, &export::Options::default())?;
    profile_file::replace(&graph, &encoded).map_err(|error| Failure::writing(&graph, &error))?;

    let truth = service.finish();
    let mut told = comparison(&truth, &profile);
    let graph_path = graph.canonicalize().unwrap_or(graph);
    told += &format!(
        "\n{}\n  answered in    {}\n  profile        {} {}\n  flame graph    file://{}\n",
        paint(HEADING, "Done"),
        number::duration(source::nanoseconds(answered)),
        file.display(),
        paint(DIM, "(hotpoll report it, or go tool pprof)"),
        graph_path.display(),
    );
    terminal::print(&told)?;
    Ok(FINE)
}

/// What the service's own clocks say of its functions, beside what the profile says.
fn comparison(truth: &[Truth], profile: &Profile) -> String {
    if truth.is_empty() {
        return String::new();
    }
    let whole = Summary::new(profile).cpu_ns;
    let frames = Frames::new(profile);
    let rows = functions::functions(&frames, profile.samples.iter());
    let mut text = format!(
        "\n{} {}\n{}\n",
        paint(HEADING, "The same by the threads' own clocks"),
        paint(DIM, "(share of the process's CPU)"),
        paint(
            DIM,
            format!("  {:<20}{:>10}{:>12}", "function", "clocks", "hotpoll")
        ),
    );
    for account in truth {
        let ending = format!("::{}", account.function);
        let row = rows
            .iter()
            .find(|row| frames.get(row.frame).name.ends_with(&ending));
        let measured = row.map_or(0.0, |row| row.total.share_of(whole));
        text += &format!(
            "  {:<20}{:>10}{:>12}\n",
            account.function,
            number::percent(account.share),
            number::percent(measured)
        );
    }
    text
}

/// The code of a program that was ended by Ctrl-C.
fn interrupted() -> u8 {
    const SIGNALLED: i32 = 128;
    let signal = interrupt::signal().unwrap_or(libc::SIGINT);
    (SIGNALLED + signal) as u8
}

/// Waits until hotpoll in the service listens; nothing when somebody asked to stop.
fn wait_for_socket(service: &mut Service) -> Result<Option<Endpoint>, Failure> {
    let bar = progress::talking("waiting for hotpoll in the service");
    let began = Instant::now();
    while !interrupt::is_asked_to_stop() {
        let endpoint = ProcessFacts::read(service.pid())
            .ok()
            .and_then(|process| discover::of(&process));
        if let Some(endpoint) = endpoint {
            bar.finish();
            return Ok(Some(endpoint));
        }
        service.check()?;
        if began.elapsed() > START_PATIENCE {
            return Err(Failure::new(format!(
                "the example service (pid {}) runs and hotpoll in it does not listen",
                service.pid()
            ))
            .next("`hotpoll doctor` says what this machine lacks"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(None)
}

/// Whether it has worked for so long; not, when somebody asked to stop.
fn let_it_work(service: &mut Service, length: Duration) -> Result<bool, Failure> {
    let bar = progress::timed("letting it work", length);
    let began = Instant::now();
    while began.elapsed() < length {
        if interrupt::is_asked_to_stop() {
            return Ok(false);
        }
        service.check()?;
        std::thread::sleep(LOOK_EVERY);
        bar.advance(began.elapsed());
    }
    bar.finish();
    Ok(true)
}
