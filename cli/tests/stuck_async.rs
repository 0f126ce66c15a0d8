//! The examples of tasks that are stuck, each asked by `hotpoll stuck` while it runs: what its header says must come out of the live process.

mod example;

use example::{Example, problems, row, rows};
use serde_json::Value;

/// The example's one problem, once the command finds it as known; nothing else is stuck then.
fn problem(name: &str, kind: &str, known: impl Fn(&Value) -> bool) -> Value {
    problem_older_than("1s", name, kind, known)
}

fn problem_older_than(
    older_than: &str,
    name: &str,
    kind: &str,
    known: impl Fn(&Value) -> bool,
) -> Value {
    let example = Example::start(name);
    let answer = example.until(&["stuck", "--older-than", older_than], |answer| {
        row(answer, "problems", "kind", kind).is_some_and(&known)
    });
    let [problem] = problems(&answer)[..] else {
        panic!("{name}: one problem: {answer:#}");
    };
    problem.clone()
}

fn is_of(who: &Value, kind: &str) -> bool {
    let who = who.as_str().unwrap_or_default();
    who.starts_with("task #") && who.ends_with(&format!("({kind})"))
}

fn says(problem: &Value, what: &str) -> bool {
    let mut evidence = rows(problem, "evidence").iter();
    evidence.any(|line| line.as_str().is_some_and(|line| line.contains(what)))
}

#[test]
fn a_full_channel_and_its_stalled_receiver() {
    let kind = "full channel, stalled receiver";
    let problem = problem("channel-full-stall", kind, |problem| {
        !problem["owner"].is_null() && !rows(problem, "victims").is_empty()
    });
    assert!(says(&problem, "16/16 are in it"), "{problem:#}");
    assert!(is_of(&problem["owner"]["who"], "worker"), "{problem:#}");
    let [sender] = rows(&problem, "victims") else {
        panic!("one waits to send: {problem:#}");
    };
    assert!(is_of(&sender["who"], "acceptor"), "{problem:#}");
    assert_eq!(sender["what"], "mpsc channel jobs");
    let site = sender["site"].as_str().unwrap();
    assert!(
        site.starts_with("examples/channel-full-stall.rs:"),
        "{site}"
    );
    assert!(rows(&problem, "cycle").is_empty());
}

#[test]
fn a_starved_semaphore_and_its_holders() {
    let problem = problem("semaphore-starvation", "starved semaphore", |problem| {
        rows(problem, "victims").len() == 3
    });
    assert!(says(&problem, "0 of 4 permits are free"), "{problem:#}");
    assert!(says(&problem, "4 holders have"), "{problem:#}");
    assert!(is_of(&problem["owner"]["who"], "report"), "{problem:#}");
    for victim in rows(&problem, "victims") {
        assert!(is_of(&victim["who"], "request"), "{problem:#}");
        assert_eq!(victim["what"], "semaphore connections");
    }
    assert!(rows(&problem, "cycle").is_empty());
}

#[test]
fn a_lost_sender_is_no_deadlock() {
    // Lost is what takes ten times as long.
    let problem = problem_older_than("500ms", "oneshot-sender-lost", "lost sender", |_| true);
    // Nobody knows who has it.
    assert_eq!(problem["confidence"], "possible");
    assert!(problem["owner"].is_null(), "{problem:#}");
    assert!(
        problem["age_ns"].as_u64() >= Some(5_000_000_000),
        "{problem:#}"
    );
    let [receiver] = rows(&problem, "victims") else {
        panic!("one waits: {problem:#}");
    };
    assert!(is_of(&receiver["who"], "asker"), "{problem:#}");
    assert!(says(&problem, "its sender is alive"), "{problem:#}");
    assert!(
        says(&problem, "200 other channels of this site were answered"),
        "{problem:#}"
    );
    assert!(rows(&problem, "cycle").is_empty());
}

#[test]
fn an_inversion_of_async_locks() {
    let problem = problem("async-lock-order-inversion", "deadlock", |problem| {
        rows(problem, "victims").len() == 1
    });
    assert_eq!(problem["confidence"], "likely");
    assert_eq!(rows(&problem, "cycle").len(), 2);
    for (who, what) in [("transfer", "mutex journal"), ("audit", "mutex accounts")] {
        let mut links = rows(&problem, "cycle").iter();
        let link = links.find(|link| is_of(&link["who"], who));
        let link = link.unwrap_or_else(|| panic!("{who} is in it: {problem:#}"));
        assert_eq!(link["what"], what);
        let site = link["site"].as_str().unwrap();
        assert!(site.starts_with("examples/async-lock-order-inversion.rs:"));
    }
    let outside = &problem["victims"][0];
    assert!(is_of(&outside["who"], "reader"), "{problem:#}");
    assert_eq!(outside["what"], "mutex accounts");
}
