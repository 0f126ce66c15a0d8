//! Reports, exports, lists and watches of a process that lives, and of one that ends meanwhile.

use crate::process::{Folder, Live, ROLE, copy, holds_program, hotpoll, run, text};
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

#[test]
fn a_report_names_what_burns() {
    let live = Live::start();
    let json = live.json(&["report"]);
    let data = &json["data"];
    assert_eq!(data["process"]["pid"], live.0.id());
    let hottest = &data["threads"][0]["own_code"][0];
    let name = hottest["name"].as_str().unwrap();
    assert!(name.ends_with("burn_the_processor"), "{data:#}");
    let text_report = run(&["report", &live.pid()]);
    assert!(text(&text_report.stdout).contains("burn_the_processor"));
    // A window from now on, and one of the past. In a second or two of a crowded machine it may not have had a processor.
    for window in [["--for", "1s"], ["--last", "2s"]] {
        live.until("samples in a window", || {
            let data = live.json(&["report", window[0], window[1]]);
            data["data"]["samples"]["count"].as_u64() > Some(0)
        });
    }
}

/// As any other command: by its PID, without a file between.
#[test]
fn an_export_of_what_lives() {
    let live = Live::start();
    let folded = run(&["export", &live.pid(), "--format", "folded"]);
    assert!(folded.status.success(), "{}", text(&folded.stderr));
    assert!(text(&folded.stdout).contains("burn_the_processor"));
    let folder = Folder::new("export");
    let page = folder.0.join("p.html");
    let page_name = page.to_str().unwrap();
    let output = run(&["export", &live.pid(), "--format", "html", "-o", page_name]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("burn_the_processor"));
    let output = run(&["export", "4294967295", "--format", "html"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("no process has PID 4294967295"), "{told}");
}

#[test]
fn list_and_doctor_know_it() {
    let live = Live::start();
    // Whoever gives no answer within a second is listed with that.
    live.until("in the list with its figures", || {
        let output = run(&["list", "--format", "json"]);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = json["data"]["processes"].as_array().unwrap();
        let row = rows.iter().find(|row| row["pid"] == live.0.id()).unwrap();
        row["error"].is_null() && row["fired"].as_u64() > Some(0)
    });
    let output = run(&["doctor", &live.pid(), "--format", "json"]);
    // What it finds depends on the machine, and this is a dev build most of the time.
    assert!(matches!(output.status.code(), Some(0 | 1)));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = json["data"]["findings"].as_array().unwrap();
    for topic in [
        "engine",
        "rate",
        "unwinding",
        "stacks",
        "kernel",
        "build",
        "symbols",
    ] {
        let is_there = findings.iter().any(|finding| finding["topic"] == topic);
        assert!(is_there, "{topic}: {json:#}");
    }
}

/// A report that is told anew again and again, and its lines.
fn watch(live: &Live) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut watch = hotpoll(&["report", &live.pid(), "--watch", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    (watch, lines)
}

#[test]
fn a_watch_ends_with_its_process() {
    let mut live = Live::start();
    let (watch, mut lines) = watch(&live);
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("\"kind\":\"report\""));
    live.0.kill().unwrap();
    live.0.wait().unwrap();
    lines.for_each(|line| assert!(line.unwrap().contains("\"kind\":\"report\"")));
    let output = watch.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stderr).contains("has ended"),
        "{}",
        text(&output.stderr)
    );
    // And nobody finds it any more.
    let output = run(&["report", &live.pid()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("no process has PID"),
        "{}",
        text(&output.stderr)
    );
}

/// The process closes a connection that was silent for ten seconds: a watch that was stopped for longer (with Ctrl-Z, say) asks on a new one. It said that the
/// process had ended.
#[test]
fn a_watch_that_was_stopped_goes_on() {
    let mut live = Live::start();
    let (mut watch, mut lines) = watch(&live);
    lines.next().unwrap().unwrap();
    let id = watch.id().to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.unwrap().success());
    };
    signal("-STOP");
    let long = std::env::var_os("HOTPOLL_TEST_LONG").is_some();
    std::thread::sleep(Duration::from_secs(if long { 12 } else { 1 }));
    signal("-CONT");
    // Some may have been written before it was stopped.
    for _ in 0..4 {
        let line = lines.next().expect("it goes on").unwrap();
        assert!(line.contains("\"kind\":\"report\""));
    }
    live.0.kill().unwrap();
    live.0.wait().unwrap();
    lines.for_each(drop);
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}

/// `hotpoll report --watch | head -1`
#[test]
fn a_watch_ends_with_its_reader() {
    let live = Live::start();
    let (mut watch, mut lines) = watch(&live);
    lines.next().unwrap().unwrap();
    drop(lines);
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}

#[test]
fn a_process_without_hotpoll() {
    let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
    let output = run(&["report", &sleeper.id().to_string()]);
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("does not run hotpoll"),
        "{}",
        text(&output.stderr)
    );
}

fn samples(live: &Live) -> u64 {
    let data = live.json(&["report"])["data"].take();
    data["samples"]["count"].as_u64().unwrap_or(0)
}

/// Its program was deleted, as an update does, and it ends while the report is collected: names come from what was opened at the start.
#[test]
fn a_deleted_program_that_ends_meanwhile() {
    let folder = Folder::new("deleted");
    let program = folder.0.join("service");
    copy(&std::env::current_exe().unwrap(), &program);
    let mut child = Command::new(&program)
        .args(["be_the_process", "--exact", "--nocapture"])
        .envs([(ROLE, "burn"), ("HOTPOLL", "on")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !lines.next().unwrap().unwrap().ends_with("started") {}
    let mut live = Live(child);
    live.until("has samples", || samples(&live) > 10);
    std::fs::remove_file(&program).unwrap();
    let report = |arguments: &[&str]| {
        let mut command = hotpoll(&[&["report", &live.pid()], arguments].concat());
        // Names that earlier reports have kept would do as well.
        command.env("XDG_CACHE_HOME", folder.0.join("cache"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let waiting = report(&["--for", "300s"]);
    live.until("it has begun", || holds_program(&waiting, &live));
    // It fetches every half a second; three seconds hold something new.
    std::thread::sleep(Duration::from_secs(3));
    let seen = samples(&live);
    live.until("more samples", || samples(&live) > seen + 100);
    live.0.kill().unwrap();
    live.0.wait().unwrap();
    let output = waiting.wait_with_output().unwrap();
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(said.contains("the process has ended"), "{said}");
    assert!(said.contains("burn_the_processor"), "{said}{told}");
}
