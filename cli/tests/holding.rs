//! The examples of locks and channels, each asked by the command while it runs: what its header says must come out of the live process. And the healthy
//! ones: nothing is stuck.

mod example;

use example::{Example, names, ns, problems, row, rows};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// For how long a healthy process is watched.
const QUIET: Duration = Duration::from_secs(2);

/// The only problem, once there is one of this kind.
fn only_problem(example: &Example, kind: &str) -> Value {
    only_problem_with(example, kind, 0)
}

/// The same, once so many wait because of it who are no part of it.
fn only_problem_with(example: &Example, kind: &str, victims: usize) -> Value {
    let answer = example.until(&["stuck"], |answer| {
        let problem = row(answer, "problems", "kind", kind);
        problem.is_some_and(|problem| rows(problem, "victims").len() >= victims)
    });
    let [problem] = problems(&answer)[..] else {
        panic!("one problem: {answer:#}");
    };
    problem.clone()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

/// The words that a list's rows have in a field, sorted.
fn texts<'v>(value: &'v Value, list: &str, field: &str) -> Vec<&'v str> {
    let mut texts: Vec<&str> = rows(value, list)
        .iter()
        .map(|row| text(row, field))
        .collect();
    texts.sort_unstable();
    texts
}

fn has_evidence(problem: &Value, words: &str) -> bool {
    let evidence = problem["evidence"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    evidence
        .iter()
        .any(|one| one.as_str().unwrap_or_default().contains(words))
}

#[test]
fn threads_that_take_locks_in_two_orders() {
    let example = Example::start("mutex-lock-order-inversion");
    let problem = only_problem_with(&example, "deadlock", 1);
    assert_eq!(problem["confidence"], "certain");
    assert_eq!(
        texts(&problem, "cycle", "what"),
        ["mutex checking", "mutex savings"]
    );
    let members = rows(&problem, "cycle");
    assert!(
        members
            .iter()
            .any(|one| text(one, "who").contains("transfer-out")
                && names(&one["folded"], "out_of_checking")),
        "{problem:#}"
    );
    assert!(
        members
            .iter()
            .any(|one| text(one, "who").contains("transfer-in")
                && names(&one["folded"], "into_checking")),
        "{problem:#}"
    );
    assert!(
        texts(&problem, "victims", "who")
            .iter()
            .all(|who| who.contains("auditor"))
    );
    assert_eq!(rows(&problem, "victims").len(), 1);
    let graph = example.ask(&["graph"]);
    let stuck = rows(&graph, "nodes")
        .iter()
        .filter(|node| node["stuck"] == true);
    assert_eq!(stuck.count(), 3, "{graph:#}");
    let held = rows(&graph, "edges")
        .iter()
        .filter(|edge| edge["kind"] == "held by");
    assert_eq!(held.count(), 2, "{graph:#}");
}

#[test]
fn a_convoy_and_its_length() {
    let example = Example::start("lock-convoy");
    let problem = only_problem(&example, "lock convoy");
    assert!(
        text(&problem, "headline").contains("mutex counter"),
        "{problem:#}"
    );
    let locks = example.until(&["locks"], |locks| {
        row(locks, "resources", "name", "counter")
            .is_some_and(|lock| rows(lock, "waiters").len() >= 5)
    });
    let counter = row(&locks, "resources", "name", "counter").unwrap();
    let uses = &counter["exclusive"];
    assert!(
        ns(&uses["contended"]) * 2 > ns(&uses["acquired"]),
        "{counter:#}"
    );
}

#[test]
fn a_writer_that_is_passed_by_readers() {
    let example = Example::start("rwlock-writer-starvation");
    let problem = only_problem(&example, "writer starvation");
    let writer = &problem["victims"][0];
    assert!(
        text(writer, "who").contains("publisher") && names(&writer["folded"], "publish"),
        "{problem:#}"
    );
    assert!(
        text(&problem, "headline").contains("rwlock routes"),
        "{problem:#}"
    );
}

#[test]
fn what_a_holder_does_meanwhile() {
    let example = Example::start("holder-does-io");
    let under = |lock: &Value, function: &str| -> f64 {
        let holds = rows(lock, "holds").iter();
        let under = holds
            .filter(|hold| names(&hold["folded"], function) && text(hold, "who").contains("saver"));
        under.filter_map(|hold| hold["share"].as_f64()).sum()
    };
    let answer = example.until(&["report", "--by", "lock"], |answer| {
        rows(answer, "locks").iter().any(|lock| {
            lock["title"] == "cache"
                && ns(&lock["held_ns"]) > 1_000_000_000
                && under(lock, "to_text") > 0.5
                && under(lock, "write_file") > 0.05
        })
    });
    let cache = row(&answer, "locks", "title", "cache").unwrap();
    assert!(
        under(cache, "to_text") + under(cache, "write_file") > 0.8,
        "{cache:#}"
    );
    assert!(
        text(&cache["waits"][0], "who").contains("reader"),
        "{cache:#}"
    );
    // One row a function, whatever lines of it and callees there were.
    for function in ["to_text", "write_file"] {
        let of = |hold: &&Value| names(&hold["folded"], function);
        let of: Vec<&Value> = rows(cache, "holds").iter().filter(of).collect();
        assert_eq!(of.len(), 1, "{function}: {cache:#}");
        let parts = rows(of[0], "parts").iter();
        let sum: u64 = parts.map(|part| ns(&part["ns"])).sum();
        assert_eq!(sum, ns(&of[0]["ns"]), "{cache:#}");
    }
    // Go's tool reads the profile of it, where there is one.
    let file =
        std::env::temp_dir().join(format!("hotpoll-contention-{}.pb.gz", std::process::id()));
    let exported = Command::new(env!("CARGO_BIN_EXE_hotpoll"))
        .args([
            "export",
            &example.child.id().to_string(),
            "--contention",
            "--format",
            "pprof",
            "-o",
        ])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        exported.status.success(),
        "{}",
        String::from_utf8_lossy(&exported.stderr)
    );
    let top = Command::new("go")
        .args(["tool", "pprof", "-top", "-cum"])
        .arg(&file)
        .output();
    let _ = std::fs::remove_file(&file);
    let Ok(top) = top else {
        assert!(
            std::env::var_os("HOTPOLL_REQUIRE_TOOLS").is_none(),
            "HOTPOLL_REQUIRE_TOOLS=1 and go cannot be run"
        );
        return;
    };
    let top = String::from_utf8_lossy(&top.stdout);
    assert!(
        top.contains("Type: delay") && top.contains("to_text"),
        "{top}"
    );
}

#[test]
fn a_lock_that_nobody_wrapped() {
    let example = Example::start("inferred-lock");
    let problem = only_problem(&example, "waits for a lock");
    assert!(has_evidence(&problem, "nobody wrapped it"), "{problem:#}");
}

/// What waits for requests, messages and times is idle.
#[test]
fn nothing_is_stuck_in_a_healthy_service() {
    for name in ["benign-idle", "thousand-tasks-noise", "slow-leaf"] {
        let example = Example::start(name);
        let began = Instant::now();
        while began.elapsed() < QUIET {
            let answer = example.ask(&["stuck", "--older-than", "500ms"]);
            assert!(problems(&answer).is_empty(), "{name}: {answer:#}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Under load, too.
#[test]
fn nothing_is_stuck_in_a_service_under_load() {
    let example = Example::start("axum-service");
    let address = example.lines[0].split_once("http://").unwrap().1.to_owned();
    let load = Command::new("wrk")
        .args(["-t1", "-c8", "-d60s"])
        .arg(format!("http://{address}/stock"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut load) = load else {
        assert!(
            std::env::var_os("HOTPOLL_REQUIRE_TOOLS").is_none(),
            "HOTPOLL_REQUIRE_TOOLS=1 and `wrk` cannot be run"
        );
        return;
    };
    let began = Instant::now();
    let mut answers = Vec::new();
    while began.elapsed() < QUIET {
        answers.push(example.ask(&["stuck"]));
    }
    let _ = load.kill();
    let _ = load.wait();
    for answer in answers {
        assert!(problems(&answer).is_empty(), "{answer:#}");
    }
}
