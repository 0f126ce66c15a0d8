//! What `hotpoll threads` writes, of the shop that the tests of `hotpoll tasks` have.

use super::collect::collect;
use super::text::render;
use crate::tasks::fixture::shop;
use crate::text::style::plain;
use crate::text::width::width;
use regex::Regex;

#[track_caller]
fn text(top: Option<usize>, stacks: bool, columns: usize) -> String {
    let text = plain(&render(&collect(&shop(), None, top), top, stacks, columns));
    for line in text.lines() {
        assert!(width(line) <= columns, "{} columns: {line}", width(line));
    }
    text
}

#[test]
fn stuck_threads_stand_first() {
    assert_eq!(
        text(None, false, 80),
        "shop (pid 4242) · threads at 2025-11-22 00:06:50 UTC
    4 threads: 2 lock, 1 running, 1 I/O; 3 runtime workers: 1 blocked in a poll,
    1 polling, 1 parked
  ! worth a look: 1 blocked in a long poll

Threads (CPU: of one core, in the last seconds; how long in which poll)
  state            for    CPU  thread, and where it is
  lock           1.19s   4.0%  tokio-rt-worker 4250  1.20s in #9 request
      ! blocked in a long poll
      db::query db.rs:47 → Mutex::lock_contended
  running       30.0ms  20.0%  tokio-rt-worker 4251  2.00ms in #4 request
  lock          30.0ms   0.0%  shop 4242
  I/O           30.0ms   0.0%  tokio-rt-worker 4252  parked
      tokio::runtime::task::harness::Harness
  and 1 of hotpoll's own
"
    );
}

/// The head said "futex wait" of threads whose rows say "park".
#[test]
fn the_head_has_the_words_of_the_rows() {
    let mut profile = crate::tasks::fixture::profile();
    let now = &mut profile.snapshot.as_mut().unwrap().threads[3];
    now.state = hotpoll_profile::State::Futex;
    let leaf = &profile.locations[now.stack[0] as usize].lines[0];
    profile.functions[leaf.function as usize].name = "std::thread::park".to_owned();
    let data = collect(&crate::now::Now::new(profile), None, None);
    let text = plain(&render(&data, None, false, 80));
    assert!(text.contains("2 lock, 1 running, 1 park;"), "{text}");
    assert!(text.contains("\n  park          30.0ms"), "{text}");
}

#[test]
fn stacks_of_each() {
    let text = text(Some(1), true, 80);
    let (_, stack) = text.split_once("long poll\n").unwrap();
    let (_, stack) = stack.split_once("long poll\n").unwrap();
    assert_eq!(
        stack,
        "      std::sys::sync::mutex::futex::Mutex::lock_contended
      shop::db::query  db.rs:47
      shop::request  main.rs:42
"
    );
}

#[test]
fn filters() {
    let count = |pattern: &str| {
        let filter = Regex::new(pattern).unwrap();
        collect(&shop(), Some(&filter), None).threads.len()
    };
    assert_eq!(
        (count("db::query"), count("^tokio"), count("nobody")),
        (1, 3, 0)
    );
}

#[test]
fn idle_threads_that_are_alike_share_a_line() {
    let mut profile = crate::tasks::fixture::profile();
    let parked = profile.snapshot.as_ref().unwrap().threads[3].clone();
    for tid in 4300..4400 {
        profile.threads.push(hotpoll_profile::Thread {
            tid,
            name: "tokio-rt-worker".to_owned(),
            ..Default::default()
        });
        let thread = profile.threads.len() as u32 - 1;
        let now = hotpoll_profile::ThreadNow {
            thread,
            ..parked.clone()
        };
        profile.snapshot.as_mut().unwrap().threads.push(now);
    }
    let data = collect(&crate::now::Now::new(profile), None, None);
    let text = plain(&render(&data, None, false, 80));
    assert!(text.contains("tokio-rt-worker x101  parked"), "{text}");
    assert!(text.lines().count() < 20, "{text}");
}

#[test]
fn json_says_what_each_thread_does() {
    let json = crate::envelope::line("threads", 1, &collect(&shop(), None, None));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let first = &json["data"]["threads"][0];
    assert_eq!(first["tid"], 4250);
    assert_eq!(first["role"], "blocked in a poll");
    assert_eq!(first["stuck"], "blocked in a long poll");
    assert_eq!(first["polls"]["kind"], "request");
    assert_eq!(first["stack"].as_array().unwrap().len(), 5);
    assert_eq!(json["data"]["workers"][0]["threads"], 1);
}
