//! What a report says of waiting, of the shop that the tests of `hotpoll tasks` have.

use super::collect::collect;
use super::options::{By, Options};
use super::{markdown, text};
use crate::tasks::fixture;
use crate::text::style::plain;
use crate::text::width::width;
use hotpoll_profile::{
    CaptureFailure, KindWaits, Library, Profile, Resource, ResourceKind, Sample, State,
};

const MS: u64 = 1_000_000;

/// Ten seconds of the shop: one worker computes 400 ms and waits 1.2 s for a lock in a request, another is parked.
fn waiting() -> Profile {
    let mut profile = fixture::profile();
    profile.process.wall_asked_hz = 20.0;
    profile.process.wall_delivered_hz = 19.8;
    let sample = |thread, state: State, kind, stack: &[u32], ms: u64| Sample {
        thread,
        state,
        kind,
        stack: stack.to_vec(),
        count: ms / 10,
        cpu_ns: if state.is_on_cpu() { ms * MS } else { 0 },
        wall_ns: if state.is_on_cpu() { 0 } else { ms * MS },
        ..Sample::default()
    };
    profile.samples = vec![
        sample(1, State::Running, 1, &[7, 2, 1, 0], 400),
        sample(1, State::Lock, 1, &[8, 7, 2, 1, 0], 1_200),
        sample(1, State::Runnable, 1, &[], 30),
        sample(3, State::Io, 0, &[1, 0], 9_000),
        sample(4, State::Sleep, 0, &[0], 9_900),
    ];
    for (thread, runnable) in [(1, 40), (2, 0), (3, 10)] {
        let totals = &mut profile.threads[thread].totals;
        totals.wall_ns = 10_000 * MS;
        totals.runnable_ns = runnable * MS;
        totals.looks = 198;
        totals.captured = 20;
        totals.kept = 150;
        totals.capture_failed.add(CaptureFailure::Running, 20);
        totals.capture_failed.add(CaptureFailure::Unwind, 8);
    }
    profile
}

#[track_caller]
fn check(options: &Options, expected: &str) {
    let report = plain(&text::render(&collect(&waiting(), options), options, 80));
    for line in report.lines() {
        assert!(width(line) <= 80, "{} columns: {line}", width(line));
    }
    let after = report.split_once(&expected[..10]).unwrap().1;
    assert_eq!(format!("{}{after}", &expected[..10]), expected);
}

#[test]
fn the_wall_clock() {
    let options = Options {
        wall: true,
        ..Options::default()
    };
    check(
        &options,
        "Wall clock (20 Hz looks at each thread asked, 19.8 Hz delivered)
  30.0 s of threads' lives: on a processor 2.40 s (8.0%), waiting for one 50.0
  ms (0.2%), I/O 9.00 s (30%), lock 1.20 s (4.0%), [unlooked] 17.4 s (58%)
  594 looks: 60 took a stack, 450 kept the one before as the thread had not run;
  without a whole stack: 24 not unwound

Threads (% of their lives within the window)
   on CPU runnable   lock    I/O  sleep  other    life  thread
     8.0%     0.2%   4.0%  30.0%   0.0%   0.0%   30.0s  tokio-rt-worker x3
       57.8% [unlooked]: no look found what it did
       30.0% I/O in tokio::runtime::task::harness::Harness
        4.0% lock in db::query db.rs:47 → Mutex::lock_contended
",
    );
}

/// Each term has a meter of its own: where they are more than the lives, that is said.
#[test]
fn terms_that_overlap() {
    let mut profile = waiting();
    for thread in 1..4 {
        profile.threads[thread].totals.wall_ns = 4_000 * MS;
    }
    let options = Options {
        wall: true,
        ..Options::default()
    };
    let report = plain(&text::render(&collect(&profile, &options), &options, 80));
    let report = report.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "the terms overlap by 650 ms (5.4%)",
        "5.4% more than its life: terms overlap",
    ] {
        assert!(report.contains(part), "{report}");
    }
    assert!(!report.contains("unlooked"), "{report}");
}

#[test]
fn task_kinds() {
    let options = Options {
        by: By::Task,
        top: Some(2),
        ..Options::default()
    };
    check(
        &options,
        "Task kinds (each term measured on its own)
    on CPU  blocked runnable scheduled suspended  kind
     400ms    1.20s   30.0ms     900ms     80.0s  request  main.rs:33:9
      100.0% CPU in shop::db::query
       97.6% lock in db::query db.rs:47 → Mutex::lock_contended
         0        0        0         0         0  …t/background/flusher.rs:120:5
  In polls: on CPU by samples, blocked by looks, runnable by the scheduler's
  count, of the window; scheduled and suspended time, of all its tasks since the
  process started.

CPU by task (% of the process's CPU)
    share      time  samples  task
    16.6%    0.40 s       40  request
           100.0%       40  in shop::request › db::query
",
    );
}

#[test]
fn waiting_is_no_cpu_time() {
    let data = collect(&waiting(), &Options::default());
    assert_eq!((data.samples.count, data.samples.cpu_ns), (40, 400 * MS));
    assert!(data.wall.is_none() && data.kinds.is_none());
}

#[test]
fn json_and_markdown_have_it() {
    let options = Options {
        wall: true,
        ..Options::default()
    };
    let data = collect(&waiting(), &options);
    let json: serde_json::Value =
        serde_json::from_str(&crate::envelope::line("report", 1, &data)).unwrap();
    let wall = &json["data"]["wall"];
    assert_eq!(
        wall["threads"][0]["places"][1]["folded"][1]["name"],
        "shop::db::query::{closure}"
    );
    assert_eq!(wall["failed"].as_array().unwrap().len(), 2);
    assert!(markdown::render(&data, &options).contains("Wall clock"));
}

/// A request holds the sessions' lock over a query and some computing, while other requests and a worker wait for it.
#[test]
fn locks_and_what_their_holders_did() {
    let mut profile = waiting();
    let snapshot = profile.snapshot.as_mut().unwrap();
    snapshot.resources = crate::stuck::fixture::resources();
    profile.samples[0].holds = 1;
    profile.samples[1].lock = 1;
    profile.samples[4].holds = 1;
    profile.samples[4].thread = 0;
    profile.samples[4].wall_ns = 800 * MS;
    let options = Options {
        by: By::Lock,
        ..Options::default()
    };
    let data = collect(&profile, &options);
    let report = plain(&text::render(&data, &options, 80));
    for line in report.lines() {
        assert!(width(line) <= 80, "{} columns: {line}", width(line));
    }
    let after = report.split_once("\n\nLocks ").unwrap().1;
    assert_eq!(
        after,
        "(threads waiting; below each: what its holders did while others waited)
    waited    held  lock
     1.20s   1.20s  sessions mutex
       66.7% sleep in clone3 (shop)
       33.3% running in db::query db.rs:47 (task request)
      waited for by request 1.20s (74% of its time in polls)
  Waits are of threads, and of suspended tasks where it says so; a task has no
  samples while it is suspended. Shares are of the samples of holders (threads,
  and tasks in their polls) while others waited, on processors and off them.
"
    );
    let locks = data.locks.as_ref().unwrap();
    assert_eq!(locks[0].total_wait_ns, 12_000 * MS);
    assert_eq!((locks[0].suspended_ns, &locks[0].by_kind[..]), (0, &[][..]));
    assert!(markdown::render(&data, &options).contains("db::query"));
}

/// Tasks wait suspended for tokio's locks, where no sample tells of it: what the lock has counted does.
#[test]
fn locks_that_tasks_wait_for() {
    let mut profile = waiting();
    let snapshot = profile.snapshot.as_mut().unwrap();
    let kind = &mut snapshot.tasks.kinds[0];
    (kind.busy_ns, kind.scheduled_ns, kind.idle_ns) = (0, 0, 16_000 * MS);
    let (kind, title) = (kind.id, kind.title());
    let one = |id: u64, name: &str, resource, wait_ns| Resource {
        id,
        name: name.to_owned(),
        kind: resource,
        library: Library::Tokio,
        instances: 1,
        by_kind: vec![KindWaits {
            kind,
            waits: 4,
            wait_ns,
        }],
        ..Resource::default()
    };
    snapshot.resources.resources = vec![
        one(3, "journal", ResourceKind::Mutex, 4_000 * MS),
        // Nobody holds that up.
        one(4, "jobs", ResourceKind::Mpsc, 9_000 * MS),
    ];
    profile.samples[0].holds = 3;
    let options = Options {
        by: By::Lock,
        ..Options::default()
    };
    let data = collect(&profile, &options);
    let locks = data.locks.as_ref().unwrap();
    assert_eq!(locks.len(), 1, "{locks:#?}");
    assert_eq!(locks[0].suspended_ns, 4_000 * MS);
    let report = plain(&text::render(&data, &options, 80)).replace("\n        ", " ");
    let line =
        format!("tasks waited 4.00s for it since sampling began: {title} 4.00s (25% of its life)");
    assert!(report.contains(&line), "{report}");
    assert!(report.contains("running in db::query"), "{report}");
}
