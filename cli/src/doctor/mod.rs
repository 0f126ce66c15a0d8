//! `hotpoll doctor`: what stands in the way of good numbers, and what to change.
//!
//! Facts are read in one place each ([`machine`], [`binary`], [`perf`], the process's own report over the socket); what they mean is
//! decided by pure functions that give [`Finding`]s.

mod binary;
mod finding;
mod kernel;
mod machine;
mod perf;
mod process;
mod symbols;
mod waiting;

pub use finding::{Finding, Verdict};

use crate::envelope;
use crate::exit::{self, FINE, FOUND, Failure, Outcome};
use crate::live::{Client, Endpoint};
use crate::source::{self, Window};
use crate::target::{self, Target, ThisHost};
use crate::text::style::{HEADING, paint};
use crate::text::terminal;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The version of the kind `doctor`.
const SCHEMA: u32 = 1;

const EXAMPLES: &str = "\
Examples:
  hotpoll doctor                    this machine
  hotpoll doctor shop               a live process
  hotpoll doctor shop.pb.gz         a file: how well it is named and unwound
  hotpoll doctor shop || echo 'something to change'";

/// Check this machine, a live process or a profile for what stands in the way of good numbers
///
/// Of a process: its engine and why, rights and limits, rates, unwinding and the size of its tables, looks at waiting threads and tracked tasks, the symbols found for each
/// module, what its build settings are, and known faults of this kernel. Without a target: this machine. Ends with code 1 when there
/// is something to change.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct DoctorArgs {
    /// PID, process NAME or profile FILE; nothing: this machine
    target: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// A file with symbols for a module, matched by build ID; may be repeated
    #[arg(long, value_name = "PATH")]
    binary: Vec<PathBuf>,
}

/// How the findings are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// One line of JSON in hotpoll's envelope.
    Json,
}

#[derive(Serialize)]
struct Data<'d> {
    /// What was looked at.
    subject: &'d str,
    findings: &'d [Finding],
}

/// Carries the command out.
pub fn run(args: &DoctorArgs) -> Outcome {
    let (subject, findings) = match &args.target {
        None => (
            "this machine".to_owned(),
            machine::findings(&machine::read()),
        ),
        Some(target) => match target::resolve(Some(target), &ThisHost::asked_by("doctor"))? {
            Target::File(path) => of_file(&path, &args.binary)?,
            Target::Live(endpoint) => of_process(&endpoint, &args.binary)?,
        },
    };
    let text = match args.format {
        Format::Json => {
            let data = Data {
                subject: &subject,
                findings: &findings,
            };
            envelope::line("doctor", SCHEMA, &data)
        }
        Format::Text => {
            let title = paint(HEADING, crate::export::text::printable(&subject));
            format!("{title}\n{}", finding::text(&findings, terminal::columns()))
        }
    };
    terminal::print(&text)?;
    let is_any = findings.iter().any(|f| f.verdict == Verdict::Change);
    Ok(if is_any { FOUND } else { FINE })
}

/// What was looked at, and what was found.
type Examined = (String, Vec<Finding>);

fn of_process(endpoint: &Endpoint, binaries: &[PathBuf]) -> Result<Examined, Failure> {
    let mut client = Client::connect(endpoint).map_err(|error| error.failure(endpoint))?;
    let report = client.doctor().map_err(|error| error.failure(endpoint))?;
    let mut findings = process::findings(&report);
    findings.extend((endpoint.other_pid()).map(|said| Finding::good("pid", said)));
    findings.extend(kernel::findings(&report.kernel_release));
    let name = endpoint.process.display_name();
    let executable = PathBuf::from(format!("/proc/{}/exe", endpoint.process.pid));
    findings.extend(binary::findings(&executable, name));
    let mut profile = source::fetch(&mut client, Window::Recorder)?;
    let summary = source::name(&mut profile, Some(endpoint), binaries);
    findings.extend(waiting::findings(
        &profile,
        source::kinds(&mut client).as_ref(),
    ));
    findings.extend(symbols::findings(&profile, &summary));
    Ok((format!("{name} (pid {})", endpoint.process.pid), findings))
}

fn of_file(path: &Path, binaries: &[PathBuf]) -> Result<Examined, Failure> {
    let mut profile = source::read(path)?;
    let summary = source::name(&mut profile, None, binaries);
    let mut findings = process::of_profile(&profile);
    findings.extend(symbols::findings(&profile, &summary));
    Ok((path.display().to_string(), findings))
}
