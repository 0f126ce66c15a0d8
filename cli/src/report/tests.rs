//! Reports compared with files that were read and found right. `UPDATE_GOLDEN=1 cargo test -p hotpoll-cli` writes them anew; read
//! the diff. Whatever the files say, no line may be wider than the terminal.

use super::fixture::service;
use super::options::{By, Options};
use super::{collect::collect, data, markdown, text};
use crate::text::style::plain;
use crate::text::width::width;
use hotpoll_profile::{Profile, Work, WorkSource};
use std::path::PathBuf;

#[track_caller]
fn check_golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/report/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    assert!(
        expected == actual,
        "{name} differs; UPDATE_GOLDEN=1 and read the diff\n--- expected\n{expected}\n--- actual\n{actual}"
    );
}

#[track_caller]
fn check(name: &str, options: &Options) {
    let report = collect(&service(), options);
    for columns in [80, 120] {
        let text = plain(&text::render(&report, options, columns));
        check_width(&text, columns);
        check_golden(&format!("{name}-{columns}.txt"), &text);
    }
}

#[track_caller]
fn check_width(text: &str, columns: usize) {
    for line in text.lines() {
        assert!(width(line) <= columns, "{} columns: {line}", width(line));
    }
}

#[test]
fn by_thread() {
    check("threads", &Options::default());
    let report = collect(&service(), &Options::default());
    let lines = text::render(&report, &Options::default(), 80)
        .lines()
        .count();
    // With every notice that there is; without them it is 46.
    assert!(lines <= 53, "{lines} lines are no screen");
}

/// Nothing ran and nothing fired: what was lost and what it cost is said all the same. Another tool's file knows of neither.
#[test]
fn an_idle_process() {
    let mut profile = service();
    profile.samples.clear();
    for thread in &mut profile.threads {
        thread.totals = hotpoll_profile::thread::Accounts::default();
    }
    let written = |profile: &hotpoll_profile::Profile| {
        let options = Options::default();
        plain(&text::render(&collect(profile, &options), &options, 120))
    };
    let report = written(&profile);
    assert!(report.contains("lost      none of 0 signals"), "{report}");
    let overhead = "overhead  0% of CPU: handler 0 s, delivery 0 s · agent 0";
    assert!(report.contains(overhead), "{report}");
    profile.process.hotpoll_version.clear();
    let report = written(&profile);
    assert!(!report.contains("signals"), "{report}");
    assert!(!report.contains("overhead"), "{report}");
}

/// Another tool's file has samples, and nothing that hotpoll measures beside them.
#[test]
fn another_tools_file() {
    let bytes = include_bytes!("../../../profile/tests/data/go-cpu.pb.gz");
    let profile = hotpoll_profile::pprof::decode(bytes).unwrap();
    let options = Options::default();
    let report = plain(&text::render(&collect(&profile, &options), &options, 120));
    assert!(report.contains("\n  samples "), "{report}");
    for unmeasured in [
        "\n  engine ",
        "\n  lost ",
        "\n  overhead ",
        "kernel tick",
        "TSC",
    ] {
        assert!(!report.contains(unmeasured), "{unmeasured}: {report}");
    }
}

#[test]
fn work_and_what_a_unit_costs() {
    let work = |name: &str, source, units| Work {
        name: name.to_owned(),
        source,
        units,
    };
    let profile = Profile {
        duration_ns: 10_000_000_000,
        process_cpu_ns: 9_135_300_000,
        work: vec![
            work("tasks", WorkSource::Tasks, 3),
            work("requests", WorkSource::Program, 12_345),
            work("replies", WorkSource::Program, 0),
        ],
        threads: vec![hotpoll_profile::Thread {
            totals: hotpoll_profile::thread::Accounts {
                cpu_ns: 9_135_300_000,
                ..Default::default()
            },
            ..Default::default()
        }],
        ..Profile::default()
    };
    let data = collect(&profile, &Options::default());
    let fields = super::header::fields(&data);
    assert_eq!(
        fields[1],
        (
            "work",
            "12,345 requests (1,235/s), 740 µs CPU each · 0 replies · 3 tasks (0.30/s), 3.05 s CPU each"
                .to_owned()
        )
    );
}

#[test]
fn threads_apart() {
    let split_threads = true;
    check(
        "threads-apart",
        &Options {
            split_threads,
            ..Options::default()
        },
    );
}

#[test]
fn by_function_module_task() {
    for (name, by) in [
        ("functions", By::Function),
        ("modules", By::Module),
        ("tasks", By::Task),
    ] {
        check(
            name,
            &Options {
                by,
                ..Options::default()
            },
        );
    }
}

#[test]
fn tree() {
    check(
        "tree",
        &Options {
            tree: true,
            ..Options::default()
        },
    );
    let by = By::Function;
    check(
        "tree-of-all",
        &Options {
            tree: true,
            by,
            ..Options::default()
        },
    );
}

#[test]
fn focus() {
    let focus = Some(regex::Regex::new("json").unwrap());
    check(
        "focus",
        &Options {
            focus,
            ..Options::default()
        },
    );
}

#[test]
fn a_focus_on_nothing() {
    let focus = regex::Regex::new("no_such_function").unwrap();
    for (by, tree) in [
        (By::Thread, false),
        (By::Function, false),
        (By::Thread, true),
    ] {
        let options = Options {
            focus: Some(focus.clone()),
            by,
            tree,
            ..Options::default()
        };
        let report = collect(&service(), &options);
        let text = plain(&text::render(&report, &options, 80));
        for text in [text, markdown::render(&report, &options)] {
            assert!(text.contains("no stack matches"), "{text}");
            let lists = ["and 9 threads", "Functions", "Threads", "Call tree"];
            assert!(!lists.iter().any(|list| text.contains(list)), "{text}");
        }
    }
}

#[test]
fn top() {
    check(
        "top",
        &Options {
            top: Some(2),
            ..Options::default()
        },
    );
}

#[test]
fn markdown_for_an_issue() {
    let report = collect(&service(), &Options::default());
    check_golden(
        "threads.md",
        &markdown::render(&report, &Options::default()),
    );
}

/// The terms sum to all of the CPU time, also where a thread's samples stand for more than its clock counted.
#[test]
fn what_is_accounted_sums_to_everything() {
    let accounted = |beyond_ns: u64| {
        let mut profile = service();
        let compress = &mut profile.threads[2].totals;
        compress.cpu_ns -= beyond_ns;
        profile.process_cpu_ns -= beyond_ns;
        let options = Options::default();
        let report = collect(&profile, &options);
        let text = markdown::render(&report, &options);
        let line = text.lines().find(|line| line.contains("accounted"));
        line.unwrap().to_owned()
    };
    for beyond_ns in [0, 10_000_000, 800_000_000] {
        let line = accounted(beyond_ns);
        let sum: f64 = (line.split_whitespace())
            .filter_map(|word| word.strip_suffix('%')?.parse::<f64>().ok())
            .sum();
        // Each term is rounded, and half a per cent has no term.
        assert!((sum - 100.0).abs() < 0.8, "{sum}: {line}");
        assert_eq!(
            line.contains("samples beyond the clocks -"),
            beyond_ns > 100_000_000,
            "{line}"
        );
    }
}

#[test]
fn json_in_its_envelope() {
    let options = Options {
        by: By::Module,
        tree: true,
        ..Options::default()
    };
    let line = crate::envelope::line("report", data::SCHEMA, &collect(&service(), &options));
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    check_golden("report.json", &format!("{value:#}\n"));
}

#[test]
fn an_empty_profile_is_a_report_too() {
    let empty = hotpoll_profile::Profile::default();
    for by in [By::Thread, By::Function, By::Module, By::Task] {
        for tree in [false, true] {
            let options = Options {
                by,
                tree,
                ..Options::default()
            };
            let report = collect(&empty, &options);
            check_width(&plain(&text::render(&report, &options, 80)), 80);
            markdown::render(&report, &options);
        }
    }
    let text = plain(&text::render(
        &collect(&empty, &Options::default()),
        &Options::default(),
        80,
    ));
    assert!(text.contains("no samples"), "{text}");
}

#[test]
fn hostile_names_stay_text() {
    let report = collect(&service(), &Options::default());
    let text = plain(&text::render(&report, &Options::default(), 80));
    assert!(text.contains("vendor\\u{1b}[2J"), "{text}");
    assert!(!text.contains('\u{1b}'));
}

/// Every name, however long, at every width: nothing is wider than the terminal.
#[test]
fn long_names_never_wrap() {
    let mut profile = service();
    for (index, function) in profile.functions.iter_mut().enumerate() {
        function.name = format!(
            "{}::{}",
            "very_long_segment::".repeat(index + 1),
            function.name
        );
    }
    for thread in &mut profile.threads {
        thread.name = format!(
            "a thread of a foreign profile with a long name {}",
            thread.name
        );
    }
    profile.process.name = "p".repeat(300);
    profile
        .process
        .notices
        .push("word ".repeat(40) + &"x".repeat(200));
    for by in [By::Thread, By::Function, By::Module, By::Task] {
        for tree in [false, true] {
            let options = Options {
                by,
                tree,
                ..Options::default()
            };
            let report = collect(&profile, &options);
            for columns in [60, 80, 100, 200] {
                check_width(&plain(&text::render(&report, &options, columns)), columns);
            }
        }
    }
}
