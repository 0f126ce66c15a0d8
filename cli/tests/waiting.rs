//! The examples of waiting, each asked by the command while it runs: what its header says must come out of the live process.

mod example;
mod terminal;

use example::{Example, names, ns, row, row_with, rows};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use terminal::Top;

/// For how long a healthy process is watched.
const QUIET: Duration = Duration::from_secs(10);

/// Whether a look at a long poll of this kind found it in this state under this function.
fn was_seen(answer: &Value, kind: &str, state: &str, function: &str) -> bool {
    rows(answer, "long_polls")
        .iter()
        .filter(|poll| poll["kind"].as_str() == Some(kind))
        .flat_map(|poll| rows(poll, "stacks"))
        .any(|seen| seen["state"].as_str() == Some(state) && names(&seen["stack"], function))
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
    // One that runs is as old wherever the answer tells of it; it was 20 ms older in the list of long polls.
    let open = |answer: &Value| {
        let polls = rows(answer, "long_polls").iter();
        polls.filter(|poll| poll["open"] == true).count()
    };
    let answer = example.until(&["tasks", "--long-polls"], |answer| {
        open(answer) == 1 && rows(answer, "problems").len() == 1
    });
    let poll = row_with(&answer, "long_polls", "open", &Value::Bool(true)).unwrap();
    let task = row_with(&answer, "tasks", "id", &poll["task"]).unwrap();
    assert_eq!(poll["poll_ns"], task["state_ns"], "{answer:#}");
    assert_eq!(poll["poll_ns"], answer["problems"][0]["longest_ns"]);
}

#[test]
fn a_hot_poll_is_seen_while_it_computes() {
    let example = Example::start("cpu-hot-poll");
    example.until(&["tasks", "--long-polls"], |answer| {
        was_seen(answer, "reindex", "running", "hash_all_rows")
    });
    // By the work's own clock, which a busy machine stretches as it does the rest.
    example.until(&["report", "--by", "task"], |answer| {
        let kind = |name| row(answer, "kinds", "title", name);
        let (Some(reindex), Some(ticker)) = (kind("reindex"), kind("ticker")) else {
            return false;
        };
        let cpu_ns = |kind: &Value| ns(&kind["on_cpu"]["cpu_ns"]);
        // What it says of itself: it computes, and nothing else, in all of its polls, and was off the processor for the rest of them.
        let in_polls = cpu_ns(reindex) + ns(&reindex["runnable_in_poll_ns"]);
        let whole = in_polls as f64 / ns(&reindex["busy_ns"]) as f64;
        ns(&reindex["on_cpu"]["samples"]) > 20
            && (0.9..1.1).contains(&whole)
            && ns(&reindex["blocked_in_poll_ns"]) < cpu_ns(reindex) / 20
            && cpu_ns(reindex) > 8 * cpu_ns(ticker)
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
    // The function, what it awaits by the library's name, and the word of its line in the source.
    const PLACES: [(&str, &str, &str); 10] = [
        ("on_mutex", "tokio::sync::mutex::Mutex", "mutex.lock()"),
        ("on_rwlock", "tokio::sync::rwlock::RwLock", "rwlock.read()"),
        (
            "on_semaphore",
            "tokio::sync::semaphore::Semaphore",
            "semaphore.acquire()",
        ),
        (
            "on_notify",
            "tokio::sync::notify::Notified",
            "notify.notified()",
        ),
        (
            "on_oneshot",
            "tokio::sync::oneshot::Receiver",
            "question.await",
        ),
        (
            "on_receive",
            "tokio::sync::mpsc::bounded::Receiver",
            "receiver.recv()",
        ),
        (
            "on_full_channel",
            "tokio::sync::mpsc::bounded::Sender",
            "full.send(1)",
        ),
        ("on_sleep", "tokio::time::sleep::Sleep", "sleep(DAY).await;"),
        (
            "on_accept",
            "tokio::net::tcp::listener::TcpListener",
            "listener.accept()",
        ),
        (
            "on_join",
            "tokio::runtime::task::join::JoinHandle",
            "spawn_named(\"day\"",
        ),
    ];
    let source = include_str!("../../examples/slow-leaf.rs");
    // The line within the function of that name.
    let line_of = |function: &str, word: &str| {
        let lines = (1..).zip(source.lines());
        let mut lines = lines.skip_while(|(_, line)| !line.contains(&format!("fn {function}(")));
        let line = lines.find(|(_, line)| line.contains(word));
        line.unwrap().0
    };
    let example = Example::start("slow-leaf");
    let named = |answer: &Value, (function, awaits, word): (&str, &str, &str)| {
        let line = line_of(function, word);
        let mut places = rows(answer, "suspended").iter();
        places.any(|row| {
            // The innermost is what is awaited, the next one who awaits it.
            let levels = rows(row, "folded");
            let [leaf, user, ..] = levels else {
                return false;
            };
            let name = |frame: &Value, name: &str| {
                let is = frame["name"].as_str();
                is.is_some_and(|is| is.contains(name))
            };
            name(leaf, awaits) && name(user, function) && user["line"] == line && row["tasks"] == 1
        })
    };
    // Without --refresh: they have waited since before anybody looked.
    let answer = example.until(&["tasks", "--suspended"], |answer| {
        PLACES.iter().all(|&place| named(answer, place))
    });
    assert_eq!(rows(&answer, "problems").len(), 0, "{answer:#}");
    // And anew.
    let answer = example.ask(&["tasks", "--suspended", "--refresh"]);
    for place in PLACES {
        assert!(named(&answer, place), "{place:?}: {answer:#}");
    }
}

#[test]
fn a_healthy_service_has_no_problem() {
    let example = Example::start("benign-idle");
    let mut top = Top::start(
        &[&example.child.id().to_string(), "--interval", "200ms"],
        &[],
    );
    top.shows("pool-0");
    top.shows("nothing is stuck");
    // The client's connection was accepted.
    example.until(&["tasks"], |tasks| {
        row(tasks, "kinds", "title", "connection").is_some()
    });
    let began = Instant::now();
    while began.elapsed() < QUIET {
        let tasks = example.ask(&["tasks"]);
        assert_eq!(rows(&tasks, "problems").len(), 0, "{tasks:#}");
        assert!(row(&tasks, "kinds", "title", "connection").is_some());
        let threads = example.ask(&["threads"]);
        assert_eq!(rows(&threads, "stuck").len(), 0, "{threads:#}");
        let stuck = example.ask(&["stuck"]);
        assert_eq!(rows(&stuck, "problems").len(), 0, "{stuck:#}");
        let screen = top.text();
        assert!(screen.contains("nothing is stuck"), "{screen}");
        // A machine that is short of time has a notice.
        let mut marked = screen.lines().filter(|line| line.starts_with('!'));
        assert!(marked.all(|line| line.contains(" notice")), "{screen}");
        std::thread::sleep(Duration::from_millis(100));
    }
    top.types("4").shows("Stuck 0");
    top.types("q").ends_and_gives_back();
}

#[test]
fn the_one_odd_task_of_a_thousand_is_first() {
    let example = Example::start("thousand-tasks-noise");
    let is_odd = |task: &Value| {
        let mut waits = rows(task, "waits").iter();
        waits.any(|wait| names(&wait["folded"], "for_an_answer"))
    };
    let answer = example.until(&["tasks"], |answer| is_odd(&answer["tasks"][0]));
    assert_eq!(answer["tasks"][0]["kind"], "session");
    // What main blocks on is none of the runtime's tasks.
    assert_eq!(
        (ns(&answer["alive"]), ns(&answer["tracked"])),
        (1_001, 1_001)
    );
    assert_eq!(ns(&answer["tracked_beside"]), 1);
    // And that not for want of others that stand out.
    // (Not by its longest poll: it has one, and may have lost its processor in that.)
    for by in ["polls", "busy"] {
        example.until(&["tasks", "--sort", by], |answer| {
            // Before it there may be what has made them all, in one poll: on a busy machine that takes its time.
            let mut sessions = rows(answer, "tasks").iter();
            let first = sessions.find(|task| task["kind"] == "session");
            first.is_some_and(|task| !is_odd(task))
        });
    }
    let answer = example.ask(&["tasks"]);
    let shutdown = row(&answer, "tasks", "kind", "shutdown").unwrap();
    // It began to wait first or, with two workers, a moment later: by the length of their waits it stands out no less.
    assert!(2 * ns(&shutdown["state_ns"]) >= ns(&answer["tasks"][0]["state_ns"]));
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
    // Sixteen connections that axum spawns by itself; what is tracked are requests in them, and main.
    let answer = example.until(&["tasks"], |answer| ns(&answer["alive"]) >= 16);
    assert_eq!(ns(&answer["tracked"]), 0, "{answer:#}");
    assert!(ns(&answer["tracked_beside"]) >= 1);
    example.until(&["report", "--by", "task"], |answer| {
        assert_eq!(ns(&answer["task_counts"]["tracked"]), 0);
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
