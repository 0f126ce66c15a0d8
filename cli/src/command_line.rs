//! The command line: the one definition that help, completions and man pages are made from.

use crate::exit::{self, Outcome};
use crate::{
    aa, bench, completions, demo, diff, doctor, dump, export, graph, list, locks, record, report,
    stuck, symbolize, tasks, threads, top,
};
use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  hotpoll demo                  see it work on an example service
  hotpoll report                what the only live process burns its CPU on
  hotpoll report shop --last 30s
  hotpoll tasks                 what its tasks wait for
  hotpoll threads               what its threads are doing
  hotpoll locks                 who holds what, who waits for it
  hotpoll stuck                 what does not go on, and because of whom
  hotpoll top                   look around in it, live
  hotpoll record -o shop.pb.gz -- ./shop --port 8080
  hotpoll export shop.pb.gz --format html -o shop.html
  hotpoll diff base/ -- new/    did it get worse

TARGET, wherever a command takes one: a PID, the NAME of a process, or a profile FILE;
nothing means the only live process with hotpoll (several are listed).";

const EXPORT_EXAMPLES: &str = "\
Examples:
  hotpoll export shop.pb.gz --format html -o shop.html     for any browser
  hotpoll export shop --format html -o shop.html           a live process
  hotpoll export shop.pb.gz --format folded | grep serde
  hotpoll export shop.pb.gz --wall --by task --format html -o wait.html
  hotpoll export shop --contention --format pprof -o wait.pb.gz  as Go's mutex
  hotpoll export shop.pb.gz --format firefox -o shop.json  for its profiler";

/// Ask live Rust processes what they burn CPU on, and what they wait for
///
/// A program that links the crate `hotpoll` and calls `hotpoll::start()` keeps the last minutes of its stacks in a flight
/// recorder. This command reads it, from outside and without stopping anything, names the addresses and reports.
#[derive(Debug, Parser)]
#[command(
    name = "hotpoll",
    version,
    max_term_width = 100,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE),
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct CommandLine {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    List(list::ListArgs),
    Report(report::ReportArgs),
    Tasks(tasks::TasksArgs),
    Threads(threads::ThreadsArgs),
    Locks(locks::LocksArgs),
    Stuck(stuck::StuckArgs),
    Graph(graph::GraphArgs),
    Top(top::TopArgs),
    Dump(dump::DumpArgs),
    Record(record::RecordArgs),
    Bench(bench::BenchArgs),
    #[command(
        after_help = EXPORT_EXAMPLES,
        after_long_help = format!("{EXPORT_EXAMPLES}\n\n{}", exit::TABLE)
    )]
    Export(export::ExportArgs),
    Diff(Box<diff::DiffArgs>),
    Baseline(diff::baseline::BaselineArgs),
    Aa(aa::AaArgs),
    Symbolize(symbolize::SymbolizeArgs),
    Doctor(doctor::DoctorArgs),
    Demo(demo::DemoArgs),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
}

impl Command {
    /// Carries the command out.
    pub fn run(&self) -> Outcome {
        match self {
            Self::List(args) => list::run(args),
            Self::Report(args) => report::run(args),
            Self::Tasks(args) => tasks::run(args),
            Self::Threads(args) => threads::run(args),
            Self::Locks(args) => locks::run(args),
            Self::Stuck(args) => stuck::run(args),
            Self::Graph(args) => graph::run(args),
            Self::Top(args) => top::run(args),
            Self::Dump(args) => dump::run(args),
            Self::Record(args) => record::run(args),
            Self::Bench(args) => bench::run(args),
            Self::Export(args) => export::run(args),
            Self::Diff(args) => diff::run(args),
            Self::Baseline(args) => diff::baseline::run(args),
            Self::Aa(args) => aa::run(args),
            Self::Symbolize(args) => symbolize::run(args),
            Self::Doctor(args) => doctor::run(args),
            Self::Demo(args) => demo::run(args),
            Self::Completions(args) => completions::run_completions(args),
            Self::Man(args) => completions::run_man(args),
        }
    }
}
