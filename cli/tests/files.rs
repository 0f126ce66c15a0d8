//! The command on profile files, from outside: exit codes, pipes, formats, names for addresses.

use hotpoll_profile::{
    Function, Line, Location, Module, Process, Profile, Sample, Slice, SliceRow, Thread, pprof,
};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hotpoll-cli-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

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

#[test]
fn a_report_of_a_file() {
    let folder = Folder::new("report");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    let output = run(&["report", name(&path)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report = text(&output.stdout);
    for part in ["shop (pid 42)", "shop::f0", "main.rs:1", "33.3%"] {
        assert!(report.contains(part), "{part:?} is not in\n{report}");
    }
    assert!(!report.contains('\u{1b}'), "colours in a pipe");
}

#[test]
fn colours_where_they_are_forced() {
    let folder = Folder::new("colours");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    let output = hotpoll(&["report", name(&path)])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(text(&output.stdout).contains('\u{1b}'));
}

#[test]
fn columns_are_what_the_environment_says() {
    let folder = Folder::new("columns");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    for columns in ["80", "120"] {
        let output = hotpoll(&["report", name(&path)])
            .env("COLUMNS", columns)
            .output()
            .unwrap();
        let longest = text(&output.stdout)
            .lines()
            .map(|line| line.chars().count())
            .max();
        assert!(longest <= Some(columns.parse().unwrap()));
    }
}

#[test]
fn json_in_the_envelope() {
    let folder = Folder::new("json");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    let output = run(&["report", name(&path), "--format", "json", "--last", "1s"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["kind"], "report");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["hotpoll"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json["data"]["window"]["duration_ns"], 1_000_000_000);
    assert_eq!(json["data"]["samples"]["count"], 3);
    assert_eq!(json["data"]["functions"][0]["self"]["samples"], 1);
}

/// `hotpoll report | head`: the reader goes away in the middle, and nobody complains.
#[test]
fn a_reader_that_has_seen_enough() {
    let folder = Folder::new("pipe");
    // Far more than a pipe holds.
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(5_000)));
    let mut child = hotpoll(&["report", name(&path), "--by", "function", "--top", "5000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_full_disk_is_a_sentence() {
    let folder = Folder::new("full");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = hotpoll(&["report", name(&path)])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("cannot write"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn what_cannot_be_read() {
    let folder = Folder::new("unreadable");
    let good = pprof::encode_gzip(&profile(3));
    let half = folder.file("half.pb.gz", &good[..good.len() / 2]);
    check_fails(
        &["report", name(&half)],
        &["hotpoll: cannot read", "damaged or cut short"],
    );
    let notes = folder.file("notes.txt", b"hello");
    check_fails(&["report", name(&notes)], &["is not a profile"]);
    let program = folder.file("program", b"\x7fELF....");
    check_fails(
        &["report", name(&program)],
        &["is a program, not a profile", "hotpoll record"],
    );
    check_fails(
        &["report", "/no/such/file"],
        &["there is no file /no/such/file"],
    );
}

/// One sentence and one next step, whatever the folder stands in the place of.
#[test]
fn a_folder_is_no_file() {
    let folder = Folder::new("folder");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    let (folder, path) = (name(&folder.0), name(&path));
    for arguments in [
        &["report", folder] as &[&str],
        &["doctor", folder],
        &["export", folder, "--format", "html"],
        &["export", path, "--format", "html", "-o", folder],
        &["record", "-o", folder],
        &["record", "-o", folder, "--", "true"],
        &["symbolize", folder],
    ] {
        check_fails(
            arguments,
            &[folder, "is a folder, not a file", "name a file in it"],
        );
    }
}

#[test]
fn what_makes_no_sense() {
    let folder = Folder::new("usage");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    check_fails(
        &["report", name(&path), "--watch"],
        &["--watch needs a live process"],
    );
    check_fails(
        &["report", name(&path), "--for", "1s"],
        &["--for needs a live process"],
    );
    check_fails(&["report", "--last", "soon"], &["30s"]);
    check_fails(&["report", "--focus", "("], &["unclosed group"]);
    check_fails(&["report", "--top", "0"], &["--top"]);
    check_fails(&["frobnicate"], &["unrecognized subcommand"]);
    check_fails(&[], &["Usage: hotpoll <COMMAND>"]);
}

#[test]
fn names_from_the_binary_that_ran() {
    let folder = Folder::new("symbolize");
    // This test itself is the binary: its own function's address, in a profile without names.
    let binary = std::env::current_exe().unwrap();
    let address = names_from_the_binary_that_ran as *const () as u64;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let base = maps
        .lines()
        .find(|line| line.ends_with(name(&binary)))
        .unwrap();
    let load_bias = u64::from_str_radix(base.split('-').next().unwrap(), 16).unwrap();
    let mut profile = profile(0);
    profile.modules[0] = Module {
        path: "/srv/elsewhere".into(),
        start: load_bias,
        end: u64::MAX,
        load_bias,
        ..Module::default()
    };
    profile.locations = vec![Location {
        address: address + 1,
        module: Some(0),
        lines: Vec::new(),
    }];
    profile.samples = vec![Sample {
        stack: vec![0],
        count: 5,
        cpu_ns: 50_000_000,
        ..Sample::default()
    }];
    let renamed = folder.0.join("elsewhere");
    std::fs::copy(&binary, &renamed).unwrap();
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile));
    let output = folder.0.join("named.pb.gz");
    let done = hotpoll(&[
        "symbolize",
        name(&path),
        "--binary",
        name(&renamed),
        "-o",
        name(&output),
    ])
    .env("XDG_CACHE_HOME", &folder.0)
    .output()
    .unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(
        text(&done.stdout).contains("1 of 1 addresses named"),
        "{}",
        text(&done.stdout)
    );
    let named = pprof::decode(&std::fs::read(&output).unwrap()).unwrap();
    assert!(
        named
            .functions
            .iter()
            .any(|f| f.name.ends_with("names_from_the_binary_that_ran")),
        "{:?}",
        named.functions
    );
    check_fails(
        &["symbolize", name(&path), "--binary", "/no/such"],
        &["cannot read /no/such"],
    );
}

#[test]
fn list_of_nobody_or_somebody() {
    let output = run(&["list", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["kind"], "list");
    assert!(json["data"]["processes"].is_array());
}

#[test]
fn completions_and_man_pages_know_every_command() {
    let script = run(&["completions", "bash"]);
    let page = run(&["man"]);
    for command in [
        "list",
        "report",
        "record",
        "export",
        "symbolize",
        "doctor",
        "demo",
    ] {
        assert!(text(&script.stdout).contains(command), "{command}");
        assert!(text(&page.stdout).contains(command), "{command}");
    }
    let folder = Folder::new("man");
    let pages = folder.0.join("man1");
    assert_eq!(run(&["man", name(&pages)]).status.code(), Some(0));
    let report = std::fs::read_to_string(pages.join("hotpoll-report.1")).unwrap();
    assert!(report.contains("focus"));
}

#[test]
fn doctor_of_this_machine_and_of_a_file() {
    let folder = Folder::new("doctor");
    let output = run(&["doctor"]);
    assert!(matches!(output.status.code(), Some(0 | 1)));
    assert!(text(&output.stdout).contains("kernel"));
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    let output = run(&["doctor", name(&path), "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["kind"], "doctor");
    let findings = json["data"]["findings"].as_array().unwrap();
    let is_any = findings
        .iter()
        .any(|finding| finding["verdict"] == "change");
    assert_eq!(output.status.code(), Some(i32::from(is_any)));
}

/// What is wrong is said before anything is started.
#[test]
fn a_recording_that_cannot_be_written_starts_nothing() {
    let folder = Folder::new("record");
    let marker = folder.0.join("started");
    let missing = folder.0.join("no/such/folder.pb.gz");
    check_fails(
        &["record", "-o", name(&missing), "--", "touch", name(&marker)],
        &["create the folder first"],
    );
    assert!(!marker.exists());
    check_fails(&["record", "--", "true"], &["--output"]);
    let output = folder.0.join("p.pb.gz");
    check_fails(
        &["record", "-o", name(&output), "--", "/no/such/program"],
        &["cannot start /no/such/program"],
    );
    check_fails(
        &["record", "-o", name(&output), "--for", "1s", "--", "true"],
        &["cannot be used with"],
    );
}

/// The switch is the user's, and so is the command: which of them counts is asked, not guessed. Once HOTPOLL=off was overridden without a word.
#[test]
fn a_recording_where_hotpoll_is_switched_off_starts_nothing() {
    let folder = Folder::new("off");
    let (marker, output) = (folder.0.join("started"), folder.0.join("p.pb.gz"));
    let record = ["record", "-o", name(&output), "--", "touch", name(&marker)];
    let recorded = hotpoll(&record).env("HOTPOLL", "off").output().unwrap();
    assert_eq!(recorded.status.code(), Some(2));
    let said = text(&recorded.stderr);
    assert!(
        said.contains("HOTPOLL=off") && said.contains("touch was not started"),
        "{said}"
    );
    assert!(said.contains("HOTPOLL=on hotpoll record"), "{said}");
    assert!(!marker.exists() && !output.exists());
    // It is a switch like any other: on is what a command gets anyway.
    let recorded = hotpoll(&record).env("HOTPOLL", "on").output().unwrap();
    assert!(text(&recorded.stderr).contains("never started hotpoll"));
    assert!(marker.exists());
}

#[test]
fn a_command_without_hotpoll() {
    let folder = Folder::new("without");
    let output = folder.0.join("p.pb.gz");
    let told = &["never started hotpoll", "hotpoll::start()"];
    let recorded = run(&["record", "-o", name(&output), "--", "true"]);
    assert_eq!(recorded.status.code(), Some(0), "{recorded:?}");
    for part in told {
        assert!(text(&recorded.stderr).contains(part), "{recorded:?}");
    }
    assert!(!output.exists());
    let recorded = run(&[
        "record",
        "-o",
        name(&output),
        "--",
        "sh",
        "-c",
        "echo $HOTPOLL; exit 7",
    ]);
    assert_eq!(recorded.status.code(), Some(7));
    assert_eq!(text(&recorded.stdout), "on\n");
    assert!(text(&recorded.stderr).contains("ended with code 7 and never started"));
    let recorded = run(&[
        "record",
        "-o",
        name(&output),
        "--",
        "sh",
        "-c",
        "kill -9 $$",
    ]);
    assert_eq!(recorded.status.code(), Some(137));
}

#[test]
fn every_command_has_examples_and_the_exit_codes() {
    let help = run(&["--help"]);
    let commands: Vec<String> = text(&help.stdout)
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // Deeper lines go on with the one above.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|command| command != "help")
        .collect();
    assert!(commands.len() >= 9, "{commands:?}");
    for command in &commands {
        let help = run(&[command, "--help"]);
        let wide = hotpoll(&[command, "--help"])
            .env("COLUMNS", "200")
            .output()
            .unwrap();
        let examples = text(&wide.stdout)
            .lines()
            .skip_while(|line| *line != "Examples:");
        for line in examples {
            assert!(line.len() <= 80, "{command}: {line}");
        }
        // A comment is no string: what is escaped in one stands in the help as it is.
        assert!(!text(&help.stdout).contains("\\\""), "{command} --help");
        for part in ["Examples:", "Exit codes:"] {
            assert!(
                text(&help.stdout).contains(part),
                "{command} --help has no {part}"
            );
        }
    }
}

/// A disk that is full after four kilobytes, as far as the command can tell: a limit, and its signal ignored so that writing fails.
fn with_a_full_disk(arguments: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"]);
    command.arg(env!("CARGO_BIN_EXE_hotpoll")).args(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_full_disk_is_said_and_leaves_what_was_there() {
    let folder = Folder::new("full-file");
    let profile = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3_000)));
    for format in [
        "pprof",
        "folded",
        "svg",
        "html",
        "speedscope",
        "firefox",
        "json",
    ] {
        let old = folder.file(&format!("old.{format}"), b"older");
        let arguments = [
            "export",
            name(&profile),
            "--format",
            format,
            "-o",
            name(&old),
        ];
        let output = with_a_full_disk(&arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{format}: {told}");
        assert!(told.contains(name(&old)), "{format}: {told}");
        assert!(told.contains("File too large"), "{format}: {told}");
        assert_eq!(std::fs::read(&old).unwrap(), b"older", "{format}");
    }
    let mut left: Vec<_> = std::fs::read_dir(&folder.0)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.retain(|file| !file.to_str().unwrap().starts_with("old."));
    assert_eq!(left, ["p.pb.gz"], "no half-written file is left");
}
