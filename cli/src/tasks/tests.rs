//! What `hotpoll tasks` writes.

use super::collect::{Options, collect};
use super::filter::Filter;
use super::fixture::{profile, shop};
use super::text::render;
use crate::now::Now;
use crate::text::style::plain;
use crate::text::width::width;
use hotpoll_profile::{Task, TaskState};
use hotpoll_symbolizer::view::live_tasks::Sort;
use regex::Regex;

#[track_caller]
fn text(options: &Options, top: Option<usize>, columns: usize) -> String {
    let text = plain(&render(&collect(&shop(), options), top, columns));
    for line in text.lines() {
        assert!(width(line) <= columns, "{} columns: {line}", width(line));
    }
    text
}

#[test]
fn what_is_wrong_stands_first() {
    let text = text(&Options::default(), Some(4), 80);
    assert_eq!(
        text,
        "shop (pid 4242) · tasks at 2025-11-22 00:06:50 UTC
    tasks: 1,203 alive, 1,001 of them tracked (83%); 2 tracked futures and
    closures beside; 1 runtime with 3 workers
  ! lost waker: 1 task waiting to be woken by a waker that nobody holds any
    more, for up to 3 min 12 s
  ! long poll: 1 task in a poll that has taken up to 1.20 s

Kinds (p99: ninety-nine of a hundred polls, wakes to poll)
   alive  ended  polls    busy poll p99 wake p99  kind
   1,002  51.0k   123k   4.20s   32.8µs   10.2µs  request  main.rs:33 1 panicked
       1      0      3  80.0µs        -        -  …t/background/flusher.rs:120:5

Tasks (4 of 1,003)
  state          for     age  polls    busy  task, and where it is
  lost waker   3m12s   1h01m      3  80.0µs  #77 …it/background/flusher.rs:120:5
      audit::flush audit.rs:45 → notify::Notified
  long poll    1.20s   5.00s      2   1.20s  #9 request
      on tokio-rt-worker 4250 (lock): db::query db.rs:47 → Mutex::lock_contended
  waiting      2.00s   60.0s      3  40.0µs  #100 request
      queue::next_order queue.rs:43 → Receiver::recv  (2 polls ago)
  waiting      2.00s   60.0s      3  40.0µs  #101 request
      queue::next_order queue.rs:43 → Receiver::recv
"
    );
}

/// A tracked future is polled in the poll of the task that awaits it: that is one task in a poll, whatever its number of names.
#[test]
fn polls_inside_of_a_poll_are_no_tasks_in_a_poll() {
    let mut profile = profile();
    let tasks = &mut profile.snapshot.as_mut().unwrap().tasks.tasks;
    let around = tasks.iter().find(|task| task.id == 9).unwrap().clone();
    let inside = |id, runtime_id, parent, state_ns| Task {
        id,
        runtime_id,
        parent,
        state_ns,
        ..around.clone()
    };
    let own = 1 << 48;
    let ns = around.state_ns;
    tasks.extend([
        inside(own + 1, around.runtime_id, 9, ns - 1),
        inside(own + 2, around.runtime_id, own + 1, ns - 2),
        // Of a task that is not tracked, whose poll is one poll all the same.
        inside(own + 3, 5_000, 0, ns - 3),
        inside(own + 4, 5_000, own + 3, ns - 4),
        // Outside of every task: in `block_on`.
        inside(own + 5, 0, 0, ns - 5),
        inside(own + 6, 0, own + 5, ns - 6),
    ]);
    let data = collect(&Now::new(profile), &Options::default());
    let long = data.problems.iter().find(|one| one.problem == "long poll");
    assert_eq!(long.unwrap().tasks, 3);
}

#[test]
fn places_where_tasks_wait() {
    let options = Options {
        suspended: true,
        ..Options::default()
    };
    let text = text(&options, Some(2), 80);
    let (_, places) = text.split_once("Where").unwrap();
    assert_eq!(
        places,
        " tasks wait (innermost first; libraries in one line)
  1 …uild/shop/src/audit/background/flusher.rs:120:5  lost waker  for 3m12s  #77
      tokio::sync::notify::Notified
      shop::audit::flush  audit.rs:45
  1,000 request  for 2.00s to 3.00s  #1099 #1098 #1097 #1096 #1095 …
      tokio::sync::mpsc::bounded::Receiver::recv
      shop::queue::next_order  queue.rs:43
      shop::request  main.rs:42
  and 1 other place
"
    );
}

/// A `select!` waits in several places at once: only the one that stands for the task was shown.
#[test]
fn what_else_a_task_waits_for() {
    let mut profile = crate::tasks::fixture::profile();
    let snapshot = profile.snapshot.as_mut().unwrap();
    let of = |id: u64| move |task: &&mut hotpoll_profile::Task| task.id == id;
    let order = snapshot.tasks.tasks.iter_mut().find(of(1_099)).unwrap();
    let order_waits = order.waits[0].clone();
    let flusher = snapshot.tasks.tasks.iter_mut().find(of(77)).unwrap();
    flusher.waits.push(hotpoll_profile::Suspension {
        representative: false,
        ..order_waits
    });
    let options = Options {
        suspended: true,
        ..Options::default()
    };
    let data = collect(&crate::now::Now::new(profile), &options);
    let text = plain(&render(&data, Some(1), 80));
    assert!(
        text.contains("audit.rs:45\n      or on tokio::sync::mpsc::bounded::Receiver::recv\n"),
        "{text}"
    );
}

/// Each was said to have been suspended before there were unwind tables, though nobody had polled the first and the second had given nobody its waker.
#[test]
fn why_nothing_is_shown_of_where_a_task_waits() {
    let mut profile = profile();
    let tasks = &mut profile.snapshot.as_mut().unwrap().tasks.tasks;
    tasks.retain(|task| [100, 101, 102, 103].contains(&task.id));
    for task in tasks.iter_mut() {
        task.waits.clear();
    }
    (tasks[0].polls, tasks[0].state) = (0, TaskState::Scheduled);
    tasks[1].state = TaskState::NoWaker;
    // A part of such a task.
    tasks[2].wakers = 0;
    let options = Options {
        suspended: true,
        ..Options::default()
    };
    let data = collect(&Now::new(profile), &options);
    let why: Vec<_> = data.tasks.iter().map(|task| task.no_stack).collect();
    assert_eq!(
        why,
        [
            Some("not polled yet"),
            Some("gave its waker to nobody"),
            Some("gave its waker to nobody"),
            Some("not captured")
        ]
    );
    let text = plain(&render(&data, None, 80));
    let (_, places) = text.split_once("Where tasks wait").unwrap();
    assert_eq!(
        places,
        " (innermost first; libraries in one line)
  2 request  for 2.00s to 2.00s  #102 #101
      it gave its waker to nobody: pending(), or forgotten
  1 request  for 2.00s  #103
      no stack: suspended before unwind tables were ready? --refresh takes one
  1 request  for 2.00s  #100
      not polled yet
"
    );
}

#[test]
fn long_polls_with_their_stacks() {
    let options = Options {
        long_polls: true,
        ..Options::default()
    };
    let text = text(&options, None, 80);
    let (_, polls) = text.split_once("Long polls").unwrap();
    assert_eq!(
        polls,
        " (over 10.0 ms)
  running for 1.20s  since 00:06:48 UTC  #9 request
    3 looks, at 11.0ms to 18.0ms: lock
      std::sys::sync::mutex::futex::Mutex::lock_contended
      shop::db::query  db.rs:47
      shop::request  main.rs:42
"
    );
}

#[track_caller]
fn check_filter(kind: Option<&str>, pattern: Option<&str>, expected: (usize, usize)) {
    let options = Options {
        filter: Filter {
            kind: kind.map(str::to_owned),
            pattern: pattern.map(|pattern| Regex::new(pattern).unwrap()),
        },
        ..Options::default()
    };
    let data = collect(&shop(), &options);
    assert_eq!((data.selected, data.kinds.len()), expected);
}

#[test]
fn filters() {
    check_filter(None, None, (1_003, 2));
    check_filter(Some("request"), None, (1_002, 1));
    check_filter(Some("flusher.rs:120"), None, (1, 1));
    check_filter(None, Some("notify::Notified"), (1, 1));
    // The function in which a task is being polled counts too.
    check_filter(None, Some("db::query"), (1, 1));
    check_filter(None, Some("nowhere"), (0, 0));
}

#[test]
fn sorted_and_cut_as_asked() {
    let options = Options {
        sort: Sort::Busy,
        top: Some(1),
        ..Options::default()
    };
    let data = collect(&shop(), &options);
    let ids: Vec<u64> = data.tasks.iter().map(|task| task.id).collect();
    assert_eq!((ids.as_slice(), data.selected), (&[9][..], 1_003));
}

#[test]
fn those_that_are_alike_are_counted() {
    let options = Options {
        alike: Some(2),
        ..Options::default()
    };
    let text = text(&options, None, 80);
    assert!(text.contains("like it"), "{text}");
    assert!(text.contains("      and 998 others like it\n"), "{text}");
    assert!(text.contains("#4 request"), "{text}");
    assert_eq!(text.matches("queue::next_order").count(), 2, "{text}");
}

#[test]
fn json_has_all_tasks_with_whole_stacks() {
    let json = crate::envelope::line("tasks", 1, &collect(&shop(), &Options::default()));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let data = &json["data"];
    assert_eq!(data["tasks"].as_array().unwrap().len(), 1_003);
    let lost = &data["tasks"][0];
    assert_eq!(lost["problem"], "lost waker");
    assert_eq!(lost["waits"][0]["stack"].as_array().unwrap().len(), 4);
    assert_eq!(
        lost["waits"][0]["folded"][1]["name"],
        "shop::audit::flush::{closure}"
    );
    assert_eq!(data["tasks"][1]["thread"]["tid"], 4250);
    assert_eq!(data["problems"][0]["tasks"], 1);
    assert_eq!(data["kinds"][0]["long_polls"][0]["open"], true);
}

#[test]
fn a_process_without_tracked_tasks_is_told_how_to_track() {
    let mut profile = super::fixture::profile();
    profile.snapshot.as_mut().unwrap().tasks = Default::default();
    let data = collect(&crate::now::Now::new(profile), &Options::default());
    let text = plain(&render(&data, None, 80));
    assert!(
        text.contains("the place of tokio::spawn tracks a task"),
        "{text}"
    );
}

#[test]
fn numbers_of_tasks() {
    let id = super::text::id;
    assert_eq!(
        (id(7), id(1 << 48), id((1 << 48) + 5)),
        ("#7".into(), "#h0".into(), "#h5".into())
    );
}
