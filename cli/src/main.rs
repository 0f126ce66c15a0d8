//! The command `hotpoll`: reports on live processes and profile files.
//!
//! Each command has a file or folder of its own, with its arguments at its top: `list`, `report`, `tasks`, `threads`, `top`, `dump`, `record`,
//! `export`, `diff`, `aa`, `symbolize`, `doctor`, `demo`. What they share: `target` finds what a TARGET stands for, `live` talks to processes, `source`
//! gets a named profile from either and `now` one with a snapshot, `text` makes numbers and names fit, `exit` and `envelope` are what scripts rely on.

mod aa;
mod bench;
mod command_line;
mod completions;
mod demo;
mod diff;
mod doctor;
mod dump;
mod duration;
mod envelope;
mod exit;
mod export;
#[cfg(test)]
mod golden;
mod graph;
mod interrupt;
mod list;
mod live;
mod locks;
mod noise;
mod now;
mod profile_file;
mod progress;
mod record;
mod report;
#[cfg(test)]
mod sentences;
mod source;
mod stack;
mod stuck;
mod symbolize;
mod target;
mod tasks;
mod text;
mod threads;
mod top;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = diff::separate(std::env::args_os().collect());
    let command_line = command_line::CommandLine::parse_from(arguments);
    match command_line.command.run() {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            let error = text::style::paint(text::style::ERROR, "hotpoll:");
            text::terminal::say(&format!("{error} {failure}"));
            ExitCode::from(exit::FAILED)
        }
    }
}
