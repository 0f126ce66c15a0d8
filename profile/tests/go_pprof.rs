//! The file in an independent reader: `go tool pprof` opens it and counts the same.
//!
//! Runs where `go` is installed (Debian: `apt-get install golang-go`). Elsewhere it says that it was skipped, and fails if
//! `HOTPOLL_REQUIRE_TOOLS=1` is set.

use hotpoll_profile::pprof::{decode, encode_contention_gzip, encode_gzip};
use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{
    Counts, Function, Line, Location, Module, Process, Profile, Resource, Resources, Sample,
    Snapshot, State, TaskKind, Tasks, Thread, Truncation, row,
};
use std::path::{Path, PathBuf};
use std::process::Command;

fn go_is_here() -> bool {
    let here = Command::new("go")
        .args(["tool", "-n", "pprof"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !here {
        assert_ne!(
            std::env::var("HOTPOLL_REQUIRE_TOOLS").as_deref(),
            Ok("1"),
            "HOTPOLL_REQUIRE_TOOLS=1 and `go tool pprof` cannot be run"
        );
        println!("skipped: `go tool pprof` is not installed");
    }
    here
}

/// `go tool pprof FLAGS FILE`, its standard output.
fn pprof(flags: &[&str], file: &Path) -> String {
    let output = Command::new("go")
        .args(["tool", "pprof"])
        .args(flags)
        .arg(file)
        // Without these it may look for binaries, browsers and settings.
        .env("PPROF_BINARY_PATH", "/nowhere")
        .env("HOME", file.parent().unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn write(profile: &Profile, name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("{name}.pb.gz"));
    std::fs::write(&file, encode_gzip(profile)).unwrap();
    file
}

fn function(name: &str, system_name: &str, file: &str) -> Function {
    Function {
        name: name.to_owned(),
        system_name: system_name.to_owned(),
        file: file.to_owned(),
        start_line: 10,
    }
}

/// Two threads and a third that was not sampled at all; inlined frames, an evicted stack, a stripped library.
fn profile() -> Profile {
    let mut truncated = Counts::ZERO;
    truncated.add(Truncation::Complete, 30);
    truncated.add(Truncation::NoUnwindInfo, 5);
    let line = |function, line| Line { function, line };
    let location = |address, module, lines: &[Line]| Location {
        address,
        module: Some(module),
        lines: lines.to_vec(),
    };
    let sample = |thread, stack: &[u32], count| Sample {
        thread,
        stack: stack.to_vec(),
        count,
        cpu_ns: count * 10_000_000,
        ..Sample::default()
    };
    let thread = |tid, name: &str, totals| Thread {
        tid,
        name: name.to_owned(),
        totals,
        ..Thread::default()
    };
    Profile {
        process: Process {
            pid: 7,
            name: "service".to_owned(),
            hotpoll_version: "0.1.0".to_owned(),
            asked_hz: 99.000_000_99,
            notices: vec!["the handler was replaced".to_owned()],
            ..Process::default()
        },
        start_unix_ns: 1_700_000_000_000_000_000,
        duration_ns: 2_000_000_000,
        interval_ns: 10_000_000,
        modules: vec![
            Module {
                path: "/srv/service".to_owned(),
                build_id: vec![0xab, 0xcd, 0x01],
                start: 0x5000_0000,
                end: 0x5001_0000,
                load_bias: 0x4fff_f000,
                file_offset: 0x1000,
                ..Module::default()
            },
            Module {
                path: "/lib/libc.so.6".to_owned(),
                start: 0x7000_0000,
                end: 0x7001_0000,
                ..Module::default()
            },
        ],
        threads: vec![
            thread(
                11,
                "tokio-runtime-worker",
                Accounts {
                    cpu_ns: 300_000_000,
                    sampled_ns: 250_000_000,
                    kernel_ns: 30_000_000,
                    recorded: 25,
                    truncated,
                    ..Accounts::default()
                },
            ),
            thread(
                12,
                "blocking",
                Accounts {
                    cpu_ns: 100_000_000,
                    sampled_ns: 100_000_000,
                    ..Accounts::default()
                },
            ),
            thread(
                13,
                "blocks SIGPROF",
                Accounts {
                    cpu_ns: 40_000_000,
                    ..Accounts::default()
                },
            ),
        ],
        functions: vec![
            function("service::parse", "_ZN7service5parse17h0E", "src/parse.rs"),
            function("service::handle", "_ZN7service6handle17h0E", "src/main.rs"),
            function("std::thread::spawn", "_RNv", "library/std/src/thread.rs"),
        ],
        locations: vec![
            // `parse`, inlined into `handle`.
            location(0x5000_0100, 0, &[line(0, 21), line(1, 57)]),
            location(0x5000_0200, 0, &[line(2, 99)]),
            location(0x7000_0300, 1, &[]),
        ],
        samples: vec![
            sample(0, &[0, 1], 20),
            Sample {
                state: State::Kernel,
                kind: 3,
                truncation: Truncation::NoUnwindInfo as u8,
                ..sample(0, &[2], 5)
            },
            sample(1, &[0, 1], 7),
            sample(1, &[], 3),
            Sample {
                thread: 1,
                state: State::Lock,
                kind: 4,
                task: 9,
                stack: vec![1],
                count: 40,
                wall_ns: 2_000_000_000,
                ..Sample::default()
            },
        ],
        snapshot: Some(Snapshot {
            tasks: Tasks {
                kinds: vec![TaskKind {
                    id: 4,
                    name: "checkout".to_owned(),
                    ..TaskKind::default()
                }],
                ..Tasks::default()
            },
            ..Snapshot::default()
        }),
        process_cpu_ns: 445_000_000,
        unseen_cpu_ns: 5_000_000,
        ..Profile::default()
    }
}

/// `(flat, cumulative)` in milliseconds for each function, and the total, from `-top`.
fn top(text: &str) -> (Vec<(String, u64, u64)>, u64) {
    let milliseconds = |text: &str| text.trim_end_matches("ms").parse::<u64>().unwrap();
    let total = text
        .lines()
        .find_map(|line| line.split(" of ").nth(1)?.strip_suffix(" total"))
        .map(milliseconds)
        .expect(text);
    let rows = text
        .lines()
        .skip_while(|line| !line.contains("flat%"))
        .skip(1)
        .map(|line| {
            let mut words = line.split_whitespace();
            let flat = milliseconds(words.next().unwrap());
            let cumulative = milliseconds(words.nth(2).unwrap());
            let name: Vec<&str> = words.skip(1).collect();
            (name.join(" "), flat, cumulative)
        });
    (rows.collect(), total)
}

fn flat(rows: &[(String, u64, u64)], name: &str) -> u64 {
    let row = rows.iter().find(|(known, _, _)| known == name);
    row.unwrap_or_else(|| panic!("no row {name} in {rows:?}")).1
}

#[test]
fn totals_are_the_threads_clocks() {
    if !go_is_here() {
        return;
    }
    let profile = profile();
    let file = write(&profile, "totals");
    let text = pprof(&["-top", "-unit=ms", "-nodefraction=0"], &file);
    assert!(text.contains("Type: cpu"), "{text}");
    assert!(text.contains("File: service"), "{text}");
    let (rows, total) = top(&text);
    let clocks = profile.totals().cpu_ns + profile.unseen_cpu_ns;
    assert_eq!(total, clocks / 1_000_000);
    assert_eq!(flat(&rows, "service::parse (inline)"), 270);
    assert_eq!(flat(&rows, row::KERNEL), 30);
    assert_eq!(flat(&rows, row::UNSAMPLED), 60);
    assert_eq!(flat(&rows, row::OTHER), 30);
    assert_eq!(flat(&rows, row::UNSEEN_THREADS), 5);
    let flats: u64 = rows.iter().map(|(_, flat, _)| flat).sum();
    assert_eq!(flats, total);
    let spawn = rows.iter().find(|(name, ..)| name == "std::thread::spawn");
    assert_eq!(
        spawn.map(|(_, flat, cumulative)| (*flat, *cumulative)),
        Some((0, 270))
    );
}

#[test]
fn one_thread_can_be_picked() {
    if !go_is_here() {
        return;
    }
    let file = write(&profile(), "thread");
    let focus = "-tagfocus=thread=tokio-runtime-worker";
    let text = pprof(&["-top", "-unit=ms", "-nodefraction=0", focus], &file);
    let (rows, _) = top(&text);
    let flats: u64 = rows.iter().map(|(_, flat, _)| flat).sum();
    assert_eq!(flats, 300, "the thread's clock: {text}");
}

#[test]
fn sample_counts_are_there() {
    if !go_is_here() {
        return;
    }
    let file = write(&profile(), "counts");
    let text = pprof(&["-top", "-sample_index=samples", "-nodefraction=0"], &file);
    assert!(text.contains(" of 35 total"), "{text}");
}

/// By the wall clock there is what ran, as long as it ran, and what waited; by the CPU clock nothing changes.
#[test]
fn waiting_is_there_by_the_wall_clock() {
    if !go_is_here() {
        return;
    }
    let file = write(&profile(), "wall");
    let flags = |more| ["-top", "-unit=ms", "-nodefraction=0", more];
    let (_, total) = top(&pprof(&flags("-sample_index=wall"), &file));
    assert_eq!(total, 445 + 2_000);
    let (_, total) = top(&pprof(&flags("-sample_index=cpu"), &file));
    assert_eq!(total, 445);
    let focused = [
        "-top",
        "-unit=ms",
        "-sample_index=wall",
        "-tagfocus=task_kind=checkout",
    ];
    let (rows, _) = top(&pprof(&focused, &file));
    assert_eq!(flat(&rows, "std::thread::spawn"), 2_000);
}

#[test]
fn labels_and_comments_are_there() {
    if !go_is_here() {
        return;
    }
    let file = write(&profile(), "labels");
    let tags = pprof(&["-tags", "-sample_index=wall"], &file);
    for tag in [
        "thread:",
        "thread_id:",
        "state:",
        "kernel",
        "truncation:",
        "no unwind information",
        "task:",
        "task_kind:",
        "kind 3",
        "checkout",
    ] {
        assert!(tags.contains(tag), "no {tag} in {tags}");
    }
    let comments = pprof(&["-comments"], &file);
    for comment in [
        "hotpoll 0.1.0: process service (7), 99 Hz asked",
        "truncated: 5 stacks (no unwind information)",
        "the handler was replaced",
    ] {
        assert!(comments.contains(comment), "no {comment} in {comments}");
    }
}

#[test]
fn mappings_and_lines_are_there() {
    if !go_is_here() {
        return;
    }
    let file = write(&profile(), "raw");
    let raw = pprof(&["-raw"], &file);
    assert!(
        raw.contains("0x50000000/0x50010000/0x1000 /srv/service abcd01"),
        "{raw}"
    );
    assert!(raw.contains("service::parse src/parse.rs:21"), "{raw}");
    assert!(raw.contains("PeriodType: cpu nanoseconds"), "{raw}");
    assert!(raw.contains("Period: 10000000"), "{raw}");
    assert!(raw.contains("Duration: 2s"), "{raw}");
}

/// What go wrote has lost the private field: it is another tool's file, and has the same samples.
#[test]
fn what_go_writes_is_read() {
    if !go_is_here() {
        return;
    }
    let profile = profile();
    let file = write(&profile, "own");
    let copy = file.with_file_name("copy.pb.gz");
    let output = format!("-output={}", copy.display());
    pprof(&["-proto", "-symbolize=none", &output], &file);
    let read = decode(&std::fs::read(&copy).unwrap()).unwrap();
    assert!(read.slices.is_empty());
    assert_eq!(read.interval_ns, profile.interval_ns);
    assert_eq!(read.duration_ns, profile.duration_ns);
    let sum = |profile: &Profile, value: fn(&Sample) -> u64| {
        profile.samples.iter().map(value).sum::<u64>()
    };
    assert_eq!(sum(&read, |sample| sample.count), 35);
    assert_eq!(sum(&read, |sample| sample.cpu_ns), 445_000_000);
    let mut threads: Vec<(&str, u32, u64)> = read
        .threads
        .iter()
        .map(|thread| (thread.name.as_str(), thread.tid, thread.totals.sampled_ns))
        .collect();
    threads.sort_unstable();
    assert_eq!(
        threads,
        [
            ("", 0, 5_000_000),
            ("blocking", 12, 100_000_000),
            ("blocks SIGPROF", 13, 40_000_000),
            ("tokio-runtime-worker", 11, 300_000_000),
        ]
    );
    let parse = read
        .functions
        .iter()
        .find(|function| function.name == "service::parse");
    assert_eq!(
        parse.map(|function| function.system_name.as_str()),
        Some("_ZN7service5parse17h0E")
    );
    assert_eq!(read.modules[0].build_id, [0xab, 0xcd, 0x01]);
}

/// Go's mutex profiles have these two types of values, and its tool shows ours as one of them.
#[test]
fn contention_is_a_mutex_profile() {
    if !go_is_here() {
        return;
    }
    let mut profile = profile();
    let held = |location: u32, count, delay_ns| Sample {
        stack: vec![location],
        lock: 7,
        count,
        cpu_ns: delay_ns,
        ..Sample::default()
    };
    profile.samples = vec![held(0, 30, 2_000_000_000), held(2, 10, 500_000_000)];
    profile.snapshot = Some(Snapshot {
        resources: Resources {
            resources: vec![Resource {
                id: 7,
                name: "sessions".to_owned(),
                ..Resource::default()
            }],
            ..Resources::default()
        },
        ..Snapshot::default()
    });
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("contention.pb.gz");
    std::fs::write(&file, encode_contention_gzip(&profile)).unwrap();
    let top = pprof(&["-top"], &file);
    assert!(top.contains("Type: delay"), "{top}");
    assert!(
        top.contains("2500ms total") || top.contains("2.50s total"),
        "{top}"
    );
    let counts = pprof(&["-top", "-sample_index=contentions"], &file);
    assert!(counts.contains("Type: contentions"), "{counts}");
    assert!(counts.contains("40 total"), "{counts}");
    let tags = pprof(&["-tags"], &file);
    assert!(tags.contains("sessions"), "{tags}");
}
