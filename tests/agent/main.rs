//! The agent in real processes: what it starts, writes, answers, and leaves behind.
//!
//! hotpoll is one to a process, so each case runs in a process of its own: this binary again, in one of the roles of `roles.rs`. The
//! runner below takes the arguments that people use: a part of a test's name, `--list`.

#![allow(unsafe_code)] // Forks and signals are what is tested.

mod clients;
mod crowded;
mod endings;
mod host;
mod names;
mod now;
mod output;
mod roles;
mod sleepers;
mod socket;
mod start;
mod waits;

use std::panic::catch_unwind;
use std::process::ExitCode;

type Test = (&'static str, fn());

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, role, rest @ ..] = &arguments[..]
        && first == host::ROLE
    {
        roles::play(role, rest);
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let tests: Vec<&Test> = [
        start::TESTS,
        output::TESTS,
        socket::TESTS,
        clients::TESTS,
        now::TESTS,
        names::TESTS,
        sleepers::TESTS,
    ]
    .into_iter()
    .flatten()
    .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| name.contains(&**wanted)))
    .collect();
    if arguments.iter().any(|argument| argument == "--list") {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    println!("running {} tests", tests.len());
    let failed: Vec<&str> = tests
        .iter()
        .filter(|(name, test)| !passes(name, *test))
        .map(|(name, _)| *name)
        .collect();
    println!(
        "test result: {}. {} passed; {} failed",
        if failed.is_empty() { "ok" } else { "FAILED" },
        tests.len() - failed.len(),
        failed.len()
    );
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn passes(name: &str, test: fn()) -> bool {
    let passed = catch_unwind(test).is_ok();
    println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
    passed
}
