//! The command on profile files, from outside: exit codes, pipes, formats, names for addresses.

mod baselines;
mod commands;
mod diff;
mod diff_refused;
mod failures;
#[path = "../folder/mod.rs"]
mod folder;
mod recordings;
mod reports;

use folder::Folder;
use hotpoll_profile::{
    Function, Line, Location, Module, Process, Profile, Sample, Slice, SliceRow, Thread,
};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn hotpoll(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotpoll"));
    command.args(arguments).stdin(Stdio::null());
    for variable in ["COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Two seconds of two threads; the functions `f0` … have a line each.
fn profile(functions: u32) -> Profile {
    let mut profile = Profile {
        process: Process {
            pid: 42,
            name: "shop".into(),
            start_ticks: 7,
            asked_hz: 100.0,
            ..Process::default()
        },
        start_unix_ns: 1_750_000_000_000_000_000,
        duration_ns: 2_000_000_000,
        interval_ns: 10_000_000,
        modules: vec![Module {
            path: "/srv/shop".into(),
            end: 1 << 20,
            ..Module::default()
        }],
        threads: vec![Thread {
            tid: 42,
            name: "main".into(),
            ..Thread::default()
        }],
        ..Profile::default()
    };
    for index in 0..functions {
        profile.functions.push(Function {
            name: format!("shop::f{index}"),
            file: "src/main.rs".into(),
            ..Function::default()
        });
        profile.locations.push(Location {
            address: index.into(),
            module: Some(0),
            lines: vec![Line {
                function: index,
                line: index + 1,
            }],
        });
        profile.samples.push(Sample {
            stack: vec![index],
            count: 2,
            cpu_ns: 20_000_000,
            ..Sample::default()
        });
    }
    for sequence in 1..=2 {
        let rows = (0..functions).map(|sample| SliceRow {
            sample,
            count: 1,
            cpu_ns: 10_000_000,
            ..SliceRow::default()
        });
        profile.slices.push(Slice {
            sequence,
            start_unix_ns: profile.start_unix_ns + (sequence - 1) * 1_000_000_000,
            duration_ns: 1_000_000_000,
            process_cpu_ns: u64::from(functions) * 10_000_000,
            rows: rows.collect(),
            ..Slice::default()
        });
    }
    profile.process_cpu_ns = u64::from(functions) * 20_000_000;
    profile
}

fn run(arguments: &[&str]) -> Output {
    hotpoll(arguments).output().unwrap()
}

#[track_caller]
fn check_fails(arguments: &[&str], parts: &[&str]) {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    for part in parts {
        let told = text(&output.stderr);
        assert!(told.contains(part), "{part:?} is not in {told:?}");
    }
}

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}
