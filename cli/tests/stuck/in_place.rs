//! Workers whose place another thread has taken (`block_in_place`), which hold up nobody, and workers that nobody can replace: each asked while it is so.

use crate::process::{Live, READY, runtime};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(60);
/// Answers that must all say the same.
const ANSWERS: u32 = 5;

/// Becomes the process of a scene.
pub fn be(scene: &str) {
    let runtime = runtime(2);
    let _entered = runtime.enter();
    match scene {
        "handed-on" => {
            hotpoll::spawn_named("reads", async {
                tokio::task::block_in_place(|| std::thread::sleep(FOR_EVER));
            });
            hotpoll::spawn_named("resizes", async {
                tokio::task::block_in_place(compute);
            });
            let handle = runtime.handle().clone();
            hotpoll::spawn_blocking_named("closure", move || {
                hotpoll::block_on_named(&handle, "in the closure", async { compute() });
            });
            hotpoll::spawn_named("ticks", async {
                loop {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
        "dead" => {
            // Nobody tracks it, and it may be a thread that has taken a worker's place, by all that the runtime counts.
            tokio::task::spawn_blocking(compute);
            std::thread::sleep(Duration::from_millis(100));
            for _ in 0..2 {
                hotpoll::spawn_named("stands", async { std::thread::sleep(FOR_EVER) });
            }
        }
        _ => panic!("no scene {scene}"),
    }
    println!("{READY}");
    std::thread::sleep(FOR_EVER);
}

#[inline(never)]
fn compute() {
    let begun = Instant::now();
    let mut sum = 0_u64;
    while begun.elapsed() < FOR_EVER {
        for i in 0..1_000 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(i));
        }
    }
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// Asks until the answer is as known.
fn until(ask: impl Fn() -> Value, known: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let answer = ask();
        if known(&answer) {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "the last answer: {answer:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Those of a kind that poll.
fn polling<'v>(threads: &'v Value, kind: &'v str) -> Option<&'v Value> {
    list(threads, "threads")
        .iter()
        .find(|one| one["polls"]["kind"] == kind)
}

#[test]
fn whose_place_another_thread_has_taken_holds_up_nobody() {
    let live = Live::start("in-place handed-on");
    let pid = live.pid();
    let is_old = |thread: Option<&Value>| {
        thread.is_some_and(|one| one["polls"]["poll_ns"].as_u64() > Some(1_500_000_000))
    };
    until(
        || live.ask(&["threads", &pid]),
        |threads| {
            let kinds = ["reads", "resizes"];
            kinds.iter().all(|kind| is_old(polling(threads, kind)))
        },
    );
    for _ in 0..ANSWERS {
        let threads = live.ask(&["threads", &pid]);
        for kind in ["reads", "resizes"] {
            let one = polling(&threads, kind).unwrap();
            assert_eq!(one["role"], "in block_in_place", "{one:#}");
            assert!(one["stuck"].is_null(), "{one:#}");
        }
        assert_eq!(list(&threads, "stuck").len(), 0, "{threads:#}");
        let tasks = live.ask(&["tasks", &pid]);
        assert_eq!(list(&tasks, "problems").len(), 0, "{tasks:#}");
        // Two numbers of one task would be two tasks of one number: what a closure blocks on is no task of the runtime's.
        let mut ids: Vec<u64> = (list(&tasks, "tasks").iter())
            .filter_map(|task| task["id"].as_u64())
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{tasks:#}");
        let stuck = live.stuck("100ms");
        assert_eq!(stuck, [Value::Null; 0], "{stuck:#?}");
    }
    let text = live.text(&["tasks", &pid]);
    let said = text.matches("in block_in_place: holds up nobody").count();
    assert_eq!(said, 2, "{text}");
    let text = live.text(&["threads", &pid]);
    assert!(!text.contains("worth a look"), "{text}");
}

#[test]
fn a_dead_runtime_is_told_beside_a_closure_that_computes() {
    let live = Live::start("in-place dead");
    let problems = until(
        || Value::from(live.stuck("500ms")),
        |problems| {
            let mut problems = problems.as_array().unwrap().iter();
            problems.any(|one| one["kind"] == "blocked runtime")
        },
    );
    let tasks = live.ask(&["tasks", &live.pid()]);
    assert_eq!(tasks["runtimes"][0]["blocked"], true, "{problems:#}");
}
