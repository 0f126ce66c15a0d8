//! What `hotpoll stuck` writes.

use super::fixture::locked;
use super::text::{SCREEN, render};
use super::{collect, data};
use crate::text::style::plain;
use crate::text::width::width;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[track_caller]
fn text(data: &data::Data, columns: usize) -> String {
    let text = plain(&render(data, SCREEN, columns));
    for line in text.lines() {
        assert!(width(line) <= columns, "{} columns: {line}", width(line));
    }
    text
}

#[test]
fn the_deadlock_stands_first() {
    let text = text(&collect(&locked(), SECOND, false), 80);
    assert_eq!(
        text,
        "shop (pid 4242) · at 2025-11-22 00:06:50 UTC
    stuck: 2 problems (for 1.00 s or longer); 1000 wait for something to do, 0
    for I/O

  1. deadlock (certain) for 2.50 s
     thread 4242 (shop) and thread 4252 (tokio-rt-worker) wait for each other
     - thread 4242 (shop) waits for mutex cache.rs:13 at cache.rs:32, for 2.50
       s; thread 4252 (tokio-rt-worker) took it at cache.rs:51 (held for at
       least 2.50 s, since the first waiter came)
     - thread 4252 (tokio-rt-worker) waits for mutex sessions at cache.rs:52,
       for 3.00 s; thread 4242 (shop) took it at cache.rs:31 (held for at least
       3.00 s, since the first waiter came)
     - two looks found every edge, the second begun after the first had ended:
       all were there at one time
     thread 4252 (tokio-rt-worker) in tokio::runtime::task::harness::Harness
       1.19s  task #9 (request) for mutex sessions

  2. lost waker (certain) for 3 min 12 s
     task #77 (flusher.rs:120) waits to be woken, and nobody holds its waker any
     more
     - 3 polls and 0 wakes so far, 0 of them its own
     waits in audit::flush audit.rs:45 → notify::Notified
"
    );
}

#[test]
fn narrow_and_wide() {
    let data = collect(&locked(), SECOND, false);
    for columns in [60, 100, 160] {
        text(&data, columns);
    }
}

#[test]
fn nothing_is_stuck() {
    let mut profile = super::fixture::locked_profile();
    profile.snapshot = Some(hotpoll_profile::Snapshot::default());
    let data = collect(&crate::now::Now::new(profile), SECOND, false);
    assert!(data.problems.is_empty());
    assert!(text(&data, 80).contains("nothing is stuck (for 1.00 s or longer)"));
}

#[test]
fn json_has_owners_and_members() {
    let json = crate::envelope::line("stuck", data::SCHEMA, &collect(&locked(), SECOND, false));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let deadlock = &json["data"]["problems"][0];
    assert_eq!(deadlock["kind"], "deadlock");
    assert_eq!(deadlock["confidence"], "certain");
    assert_eq!(deadlock["cycle"][0]["tid"], 4242);
    assert_eq!(deadlock["cycle"][0]["resource"], 2);
    assert_eq!(deadlock["cycle"][0]["held_site"], "src/cache.rs:51:9");
    assert_eq!(deadlock["victims"][0]["task"], 9);
}

/// Those who wait with nothing wrong with that, where they are asked for.
#[test]
fn who_waits_besides() {
    let quiet = collect(&locked(), SECOND, true);
    assert_eq!(quiet.waits.len() as u64, quiet.idle + quiet.external);
    assert_eq!(quiet.problems, collect(&locked(), SECOND, false).problems);
    for columns in [60, 80, 160] {
        let text = text(&quiet, columns);
        assert!(
            text.contains("waiting, and nothing is wrong with that"),
            "{text}"
        );
        assert!(text.contains("benign idling (likely)"), "{text}");
        assert!(text.contains("and 990 more (--top 1000)"), "{text}");
    }
    assert!(collect(&locked(), SECOND, false).waits.is_empty());
}
