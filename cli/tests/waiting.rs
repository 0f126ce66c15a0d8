//! The examples of waiting, each asked by the command while it runs: what its header says must come out of the live process.
//!
//! The examples are programs of the workspace's root, and built with its tests. Where this file is run alone it builds them if their sources are newer.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

/// The longest wait for an answer to become the known one. Not a measure: a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// For how long a healthy process is watched.
const QUIET: Duration = Duration::from_secs(3);

/// An example that runs, killed with the test.
struct Example {
    child: Child,
    lines: Vec<String>,
}

impl Example {
    fn start(name: &str) -> Self {
        let child = Command::new(program(name))
            .arg("300")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .env_remove("HOTPOLL")
            .spawn()
            .unwrap();
        let mut example = Self {
            child,
            lines: Vec::new(),
        };
        for line in BufReader::new(example.child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let is_last = line.contains("ask: ");
            example.lines.push(line);
            if is_last {
                return example;
            }
        }
        panic!("{name} has ended: {:?}", example.lines);
    }

    /// The data that the command prints.
    fn ask(&self, arguments: &[&str]) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_hotpoll"))
            .args(arguments)
            .arg(self.child.id().to_string())
            .args(["--format", "json"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        let mut answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["data"].take()
    }

    /// Asks until the answer is as known.
    fn until(&self, arguments: &[&str], known: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.ask(arguments);
            if known(&answer) {
                return answer;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{arguments:?}: not within {PATIENCE:?}; last: {answer:#}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example's file beside the command's.
fn program(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let folder = Path::new(env!("CARGO_BIN_EXE_hotpoll")).parent().unwrap();
    let program = folder.join("examples").join(name);
    BUILT.call_once(|| {
        if !is_new(&program) {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "-p", "hotpoll", "--examples"]);
            if folder.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.status().unwrap().success());
        }
    });
    program
}

/// Whether a program is newer than all that it is made of.
fn is_new(program: &Path) -> bool {
    const FOLDERS: [&str; 6] = [
        "examples",
        "src",
        "profile/src",
        "runtime-hooks",
        "sampler/src",
        "symbolizer/src",
    ];
    let Ok(built) = program.metadata().and_then(|file| file.modified()) else {
        return false;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            let file = entry.metadata().unwrap();
            if file.is_dir() {
                folders.push(entry.path());
            } else if file.modified().unwrap() > built {
                return false;
            }
        }
    }
    true
}

fn rows<'v>(value: &'v Value, list: &str) -> &'v [Value] {
    value[list].as_array().map_or(&[], Vec::as_slice)
}

/// The first row of a list that has this text in this field.
fn row<'v>(value: &'v Value, list: &str, field: &str, text: &str) -> Option<&'v Value> {
    let mut rows = rows(value, list).iter();
    rows.find(|row| row[field].as_str() == Some(text))
}

/// Whether one of the frames is of this function.
fn names(frames: &Value, function: &str) -> bool {
    let frames = frames.as_array().map_or(&[][..], Vec::as_slice);
    frames.iter().any(|frame| {
        frame["name"]
            .as_str()
            .is_some_and(|name| name.contains(function))
    })
}

/// Whether a look at a long poll of this kind found it in this state under this function.
fn was_seen(answer: &Value, kind: &str, state: &str, function: &str) -> bool {
    rows(answer, "long_polls")
        .iter()
        .filter(|poll| poll["kind"].as_str() == Some(kind))
        .flat_map(|poll| rows(poll, "stacks"))
        .any(|seen| seen["state"].as_str() == Some(state) && names(&seen["stack"], function))
}

fn ns(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[test]
fn a_blocking_call_is_seen_while_it_blocks() {
    let example = Example::start("blocking-call-in-async");
    let answer = example.until(&["tasks", "--long-polls"], |answer| {
        was_seen(answer, "report", "sleep", "render_report")
            && row(answer, "kinds", "title", "ticker")
                .is_some_and(|kind| ns(&kind["wake_delay"]["max_ns"]) > 50_000_000)
    });
    for poll in rows(&answer, "long_polls") {
        assert_eq!(poll["kind"], "report");
        // What was rendered, and what a loaded machine adds.
        assert!(ns(&poll["poll_ns"]) < 5_000_000_000, "{poll:#}");
    }
}

#[test]
fn a_hot_poll_is_seen_while_it_computes() {
    let example = Example::start("cpu-hot-poll");
    example.until(&["tasks", "--long-polls"], |answer| {
        was_seen(answer, "reindex", "running", "hash_all_rows")
    });
    example.until(&["report", "--by", "task"], |answer| {
        let share = |kind| row(answer, "kinds", "title", kind).map(|kind| &kind["on_cpu"]);
        share("reindex").is_some_and(|weight| {
            weight["samples"].as_u64() > Some(20) && weight["share"].as_f64() > Some(0.8)
        }) && share("ticker").is_some_and(|weight| weight["share"].as_f64() < Some(0.1))
    });
}

#[test]
fn a_dead_runtime_is_reported_through_its_corpse() {
    let example = Example::start("all-workers-blocked");
    let answer = example.until(&["tasks"], |answer| {
        rows(answer, "runtimes")
            .iter()
            .any(|runtime| runtime["blocked"] == true && rows(runtime, "workers").len() == 2)
    });
    let stuck = row(&answer, "problems", "problem", "long poll").unwrap();
    assert_eq!(stuck["tasks"], 2);
    let answer = example.until(&["threads"], |answer| {
        let blocked = rows(answer, "threads").iter().filter(|thread| {
            thread["state"] == "lock"
                && thread["polls"]["kind"] == "handler"
                && thread["wait"] == "mutex"
                && names(&thread["stack"], "read_settings")
        });
        blocked.count() == 2
    });
    let writer = row(&answer, "threads", "name", "settings-writer").unwrap();
    assert_eq!(writer["state"], "sleep");
    assert!(names(&writer["stack"], "write_settings"));
}

#[test]
fn a_lost_waker_is_told_from_patience() {
    let example = Example::start("lost-waker");
    let answer = example.until(&["tasks"], |answer| {
        row(answer, "tasks", "state", "lost waker").is_some()
    });
    let problem = row(&answer, "tasks", "state", "lost waker").unwrap();
    assert_eq!(problem["kind"], "mailbox");
    assert_eq!(rows(&answer, "problems").len(), 1, "{answer:#}");
    assert_eq!(answer["problems"][0]["tasks"], 1);
    let patient = row(&answer, "tasks", "kind", "patient").unwrap();
    assert_eq!(patient["problem"], Value::Null);
    let hermit = row(&answer, "tasks", "kind", "hermit").unwrap();
    assert_eq!(hermit["problem"], Value::Null);
    assert_eq!(hermit["state"], "no waker");
    assert_eq!(answer["maybe"][0]["tasks"], 1);
    // Workers that have nothing to do, and the postman at his channel, wait for no lock.
    let answer = example.until(&["threads"], |answer| {
        let waits = |what: &str| {
            rows(answer, "threads")
                .iter()
                .any(|one| one["wait"] == what)
        };
        waits("park") && waits("channel recv")
    });
    let locks = rows(&answer, "threads").iter();
    assert_eq!(
        locks.filter(|one| one["state"] == "lock").count(),
        0,
        "{answer:#}"
    );
}

#[test]
fn ten_kinds_of_await_are_named() {
    const PLACES: [&str; 10] = [
        "on_mutex",
        "on_rwlock",
        "on_semaphore",
        "on_notify",
        "on_oneshot",
        "on_receive",
        "on_full_channel",
        "on_sleep",
        "on_accept",
        "on_join",
    ];
    let example = Example::start("slow-leaf");
    let named = |answer: &Value, place: &str| {
        rows(answer, "suspended")
            .iter()
            .any(|row| names(&row["folded"], place) && row["tasks"] == 1)
    };
    // Without --refresh: they have waited since before anybody looked.
    let answer = example.until(&["tasks", "--suspended"], |answer| {
        PLACES.iter().all(|place| named(answer, place))
    });
    assert_eq!(rows(&answer, "problems").len(), 0, "{answer:#}");
    // And anew.
    let answer = example.ask(&["tasks", "--suspended", "--refresh"]);
    for place in PLACES {
        assert!(named(&answer, place), "{place}: {answer:#}");
    }
}

#[test]
fn a_healthy_service_has_no_problem() {
    let example = Example::start("benign-idle");
    let began = Instant::now();
    while began.elapsed() < QUIET {
        let tasks = example.ask(&["tasks"]);
        assert_eq!(rows(&tasks, "problems").len(), 0, "{tasks:#}");
        assert!(row(&tasks, "kinds", "title", "connection").is_some());
        let threads = example.ask(&["threads"]);
        assert_eq!(rows(&threads, "stuck").len(), 0, "{threads:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_one_odd_task_of_a_thousand_is_first() {
    let example = Example::start("thousand-tasks-noise");
    let answer = example.until(&["tasks"], |answer| {
        let first = &answer["tasks"][0];
        rows(first, "waits")
            .iter()
            .any(|wait| names(&wait["folded"], "for_an_answer"))
    });
    assert_eq!(answer["tasks"][0]["kind"], "session");
    assert!(ns(&answer["tracked"]) >= 1_000);
}

#[test]
fn the_slow_route_of_a_service_under_load_is_found() {
    let example = Example::start("axum-service");
    let address = example.lines[0].split_once("http://").unwrap().1.to_owned();
    let load = |route: &str| {
        Command::new("wrk")
            .args(["-t1", "-c8", "-d120s"])
            .arg(format!("http://{address}{route}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    };
    let (Ok(invoices), Ok(stock)) = (load("/invoice"), load("/stock")) else {
        assert!(
            std::env::var_os("HOTPOLL_REQUIRE_TOOLS").is_none(),
            "HOTPOLL_REQUIRE_TOOLS=1 and `wrk` cannot be run"
        );
        println!("skipped: `wrk` is not installed");
        return;
    };
    let _load = [invoices, stock].map(|child| Example {
        child,
        lines: Vec::new(),
    });
    example.until(&["tasks", "--long-polls"], |answer| {
        was_seen(answer, "GET /invoice", "running", "render_invoice")
    });
    example.until(&["report", "--by", "task"], |answer| {
        let invoice = row(answer, "kinds", "title", "GET /invoice");
        let stock = row(answer, "kinds", "title", "GET /stock");
        let (Some(invoice), Some(stock)) = (invoice, stock) else {
            return false;
        };
        invoice["on_cpu"]["share"].as_f64() > Some(0.7)
            && stock["on_cpu"]["share"].as_f64() < Some(0.2)
            && ns(&stock["suspended_ns"]) > 10 * ns(&stock["busy_ns"])
    });
}
