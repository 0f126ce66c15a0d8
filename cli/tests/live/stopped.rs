//! A process that is stopped for a while.

use crate::process::{Folder, Live, burns, holds_program, hotpoll, read, run, signal, text};
use hotpoll_profile::pprof;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// The process is stopped for a while: that is said, and the recording goes on with it. Everybody else is told at once.
#[test]
fn a_process_that_is_stopped_meanwhile() {
    let folder = Folder::new("stopped");
    let file = folder.0.join("p.pb.gz");
    let mut live = Live::start();
    let mut recording = hotpoll(&["record", "-o", file.to_str().unwrap(), &live.pid()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut watch = hotpoll(&["report", &live.pid(), "--watch", "--format", "json"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut report = hotpoll(&["report", &live.pid(), "--for", "300s", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told_by = [&mut recording, &mut watch, &mut report]
        .map(|child| BufReader::new(child.stderr.take().unwrap()).lines());
    let mut is_told = |what: &str| {
        for lines in &mut told_by {
            let line = lines.next().unwrap().unwrap();
            assert!(line.contains(what), "{what}: {line}");
        }
    };
    let samples = || {
        let bytes = std::fs::read(&file).unwrap_or_default();
        pprof::decode(&bytes).map_or(0, |profile| profile.cpu_samples())
    };
    for command in [&recording, &watch, &report] {
        live.until("all three have begun", || holds_program(command, &live));
    }
    // Half a second of the process's later they have had their first answers.
    let begun = samples();
    live.until("a file with samples", || samples() > begun + 50);
    signal(&live.0, "STOP");
    is_told("it is stopped");
    let output = run(&["list", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = json["data"]["processes"].as_array().unwrap();
    let row = rows.iter().find(|row| row["pid"] == live.0.id()).unwrap();
    assert_eq!(row["error"], "stopped: no answer until it runs on");
    for unknown in ["stopped", "uptime_ns", "fired", "lost", "asked_hz"] {
        assert!(row[unknown].is_null(), "{unknown}: {row:#}");
    }
    let output = run(&["list"]);
    let said = text(&output.stdout);
    let line = said.lines().find(|line| line.contains(&live.pid()));
    assert!(line.unwrap().contains("stopped: no answer"), "{said}");
    for command in ["report", "tasks", "threads", "doctor"] {
        let output = run(&[command, &live.pid()]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {told}");
        assert!(told.contains("is stopped: no answer until it runs on"));
    }
    let other = folder.0.join("other.pb.gz");
    let output = run(&["record", "-o", other.to_str().unwrap(), &live.pid()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("is stopped"));
    let before = samples();
    signal(&live.0, "CONT");
    is_told("answers again");
    live.until("more of it", || samples() > before + 20);
    // It ends while nobody can ask it.
    signal(&live.0, "STOP");
    is_told("it is stopped");
    // What was collected by then is a report.
    signal(&report, "INT");
    let output = report.wait_with_output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let data = &json["data"];
    assert!(data["samples"]["count"].as_u64() > Some(30), "{data:#}");
    let notices = data["notices"].to_string();
    assert!(notices.contains("gives no answer any more"), "{notices}");
    live.0.kill().unwrap();
    live.0.wait().unwrap();
    for lines in told_by.iter_mut().take(2) {
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains("has ended"), "{line}");
    }
    for child in [recording, watch] {
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    }
    assert!(burns(&read(&file)));
}
