//! What a process says of the moment: threads and tasks in an answer, and in a dump.

use crate::Test;
use crate::host::{Folder, Host, profile_at, profile_in, wait_until};
use crate::waits::ORDERS;
use hotpoll_profile::protocol::{Fetch, Request, Response};
use hotpoll_profile::{Profile, Snapshot, State, Task, TaskKind, TaskState};
use std::collections::BTreeMap;
use std::path::Path;

pub const TESTS: &[Test] = &[
    (
        "now::a_blocked_runtime_says_where_its_tasks_wait",
        a_blocked_runtime_says_where_its_tasks_wait,
    ),
    ("now::stacks_are_taken_anew", stacks_are_taken_anew),
    (
        "now::ten_thousand_tasks_of_a_dead_runtime",
        ten_thousand_tasks_of_a_dead_runtime,
    ),
    (
        "now::a_long_poll_of_many_short_ones_inside",
        a_long_poll_of_many_short_ones_inside,
    ),
    (
        "now::waits_for_a_processor_are_their_kinds",
        waits_for_a_processor_are_their_kinds,
    ),
    ("now::a_dump_on_the_signal", a_dump_on_the_signal),
    (
        "now::a_dump_when_a_poll_is_stuck",
        a_dump_when_a_poll_is_stuck,
    ),
    (
        "now::no_dump_when_a_worker_was_handed_on",
        no_dump_when_a_worker_was_handed_on,
    ),
    (
        "now::a_dump_when_a_waker_is_lost",
        a_dump_when_a_waker_is_lost,
    ),
    (
        "now::a_dump_when_a_runtime_is_blocked",
        a_dump_when_a_runtime_is_blocked,
    ),
    ("now::a_signal_of_the_hosts_own", a_signal_of_the_hosts_own),
    ("now::no_signal_unless_asked", no_signal_unless_asked),
];

/// A process in the role, whose tasks' stacks can be unwound.
fn waiting(folder: &Folder, how: &str, variables: &[(&str, &str)]) -> Host {
    with_tables(folder, &format!("waits {how}"), variables)
}

/// A process in a role that is told to go on once there are unwind tables: until then stacks have their leaf only.
pub fn with_tables(folder: &Folder, role: &str, variables: &[(&str, &str)]) -> Host {
    let mut host = folder.start_ready(role, variables);
    wait_until("unwind tables", || match host.ask(&Request::Doctor) {
        Response::Doctor(report) => report.modules.iter().all(|module| module.ready),
        other => panic!("not a doctor's report: {other:?}"),
    });
    host.tell();
    assert_eq!(host.line(), "ready");
    host
}

fn now(host: &Host, refresh: bool) -> Profile {
    let fetch = Fetch {
        snapshot: true,
        refresh,
        ..Fetch::default()
    };
    profile_in(host.ask(&Request::Fetch(fetch)))
}

fn snapshot(profile: &Profile) -> &Snapshot {
    profile.snapshot.as_ref().expect("a snapshot was asked for")
}

fn kind<'s>(snapshot: &'s Snapshot, name: &str) -> &'s TaskKind {
    let kinds = &snapshot.tasks.kinds;
    let kind = kinds.iter().find(|kind| kind.name == name);
    kind.unwrap_or_else(|| panic!("no kind {name} in {kinds:?}"))
}

fn tasks<'s>(snapshot: &'s Snapshot, name: &str) -> Vec<&'s Task> {
    let kind = kind(snapshot, name).id;
    let tasks = snapshot.tasks.tasks.iter();
    tasks.filter(|task| task.kind == kind).collect()
}

fn a_blocked_runtime_says_where_its_tasks_wait() {
    let folder = Folder::new();
    let host = waiting(&folder, "blocked", &[]);
    wait_until("long polls", || {
        let profile = now(&host, false);
        let snapshot = snapshot(&profile);
        let threads = snapshot.threads.iter();
        // And that their threads have come to rest in them.
        let at_rest = threads.filter(|one| one.poll_ns > 0 && one.state == State::Futex);
        let runtimes = &snapshot.tasks.runtimes;
        runtimes.iter().any(|runtime| runtime.blocked) && at_rest.count() == 2
    });
    let profile = now(&host, false);
    assert_eq!(profile.check(), Ok(()));
    let snapshot = snapshot(&profile);
    assert_eq!(snapshot.tasks.tracked as usize, ORDERS + 3);
    assert_eq!(snapshot.tasks.alive, Some(ORDERS as u64 + 3));
    let orders = tasks(snapshot, "order");
    assert_eq!(orders.len(), ORDERS);
    for order in &orders {
        assert_eq!(order.state, TaskState::Waiting);
        assert!(order.waits.iter().any(|wait| wait.representative));
    }
    // They wait in one place.
    assert!(orders.iter().all(|order| order.waits == orders[0].waits));
    assert_eq!(tasks(snapshot, "lost")[0].state, TaskState::LostWaker);
    for blocker in tasks(snapshot, "blocker") {
        assert_eq!(blocker.state, TaskState::Polling);
        let mut threads = snapshot.threads.iter();
        let polls = threads
            .find(|now| now.task == blocker.id)
            .expect("its thread");
        assert_eq!(polls.state, State::Futex, "parked is waiting on a futex");
        assert!(
            polls.poll_ns > 0 && polls.runtime_worker && !polls.parked,
            "{polls:?} {:?}",
            snapshot.tasks.runtimes
        );
        assert_eq!(polls.kind, blocker.kind);
    }
    // Nobody asked for it, so it is not there.
    let without = profile_in(host.ask(&Request::Fetch(Fetch::default())));
    assert_eq!(without.snapshot, None);
}

fn ten_thousand_tasks_of_a_dead_runtime() {
    const TASKS: usize = 10_000;
    let folder = Folder::new();
    let host = folder.start_ready(&format!("many-tasks {TASKS} dead"), &[]);
    wait_until("a blocked runtime", || {
        let profile = now(&host, false);
        let runtimes = &snapshot(&profile).tasks.runtimes;
        runtimes.iter().any(|runtime| runtime.blocked)
    });
    let profile = now(&host, false);
    let waiting = tasks(snapshot(&profile), "waits");
    assert_eq!(waiting.len(), TASKS);
    assert!(waiting.iter().all(|task| task.state == TaskState::Waiting));
    assert_eq!(
        tasks(snapshot(&profile), "blocker")[0].state,
        TaskState::Polling
    );
}

fn stacks_are_taken_anew() {
    let folder = Folder::new();
    let host = waiting(&folder, "free", &[]);
    let before = now(&host, false);
    let lost_ns = tasks(snapshot(&before), "lost")[0].state_ns;
    let before = kind(snapshot(&before), "order").clone();
    assert_eq!(before.polls as usize, ORDERS);
    wait_until("a poll of each task", || {
        let after = now(&host, true);
        let after = kind(snapshot(&after), "order");
        after.captures >= before.captures + ORDERS as u64
    });
    let after = now(&host, false);
    // Nothing that they wait for has happened: they are as they were.
    let orders_now = kind(snapshot(&after), "order");
    assert_eq!(
        (orders_now.polls, orders_now.wakes),
        (before.polls, before.wakes)
    );
    let lost = &tasks(snapshot(&after), "lost")[0];
    assert!(
        lost.state == TaskState::LostWaker && lost.state_ns + 1_000_000 >= lost_ns,
        "{lost:?}"
    );
    let orders = tasks(snapshot(&after), "order");
    assert!(orders.iter().all(|order| order.state == TaskState::Waiting));
}

/// The dump once it is there.
fn dumped(path: &Path, after_unix_ns: u64) -> Profile {
    let taken = |profile: &Profile| snapshot(profile).taken_unix_ns;
    wait_until("a dump", || {
        path.metadata().is_ok_and(|file| file.len() > 0) && taken(&profile_at(path)) > after_unix_ns
    });
    profile_at(path)
}

fn signal(host: &Host) {
    // SAFETY: a signal to a child that lives.
    let sent = unsafe { libc::kill(host.pid() as libc::pid_t, libc::SIGUSR2) };
    assert_eq!(sent, 0);
}

fn a_dump_on_the_signal() {
    let folder = Folder::new();
    let pattern = folder.path("dump-%p.pb.gz");
    let mut host = waiting(
        &folder,
        "blocked",
        &[("HOTPOLL_DUMP", pattern.to_str().unwrap())],
    );
    let path = folder.path(&format!("dump-{}.pb.gz", host.pid()));
    signal(&host);
    let first = dumped(&path, 0);
    assert_eq!(first.process.pid, host.pid());
    assert_eq!(tasks(snapshot(&first), "order").len(), ORDERS);
    assert!(!first.slices.is_empty());
    signal(&host);
    dumped(&path, snapshot(&first).taken_unix_ns);
    assert!(host.is_alive());
    let notices = host.status().notices;
    assert!(
        !notices.iter().any(|said| said.contains("dump")),
        "{notices:?}"
    );
}

/// Two tasks, each in a poll that never ends, with another inside that never ends either and is made of polls of a millisecond: of them only the innermost
/// were seen, and nothing was long; later not the middle one.
fn a_long_poll_of_many_short_ones_inside() {
    const LONG_NS: u64 = 100_000_000;
    let folder = Folder::new();
    let host = with_tables(&folder, "nested-polls", &[]);
    wait_until("stacks of the outer polls", || {
        let profile = now(&host, false);
        let snapshot = snapshot(&profile);
        let is_long = |poll: &hotpoll_profile::LongPoll| {
            poll.open && poll.poll_ns > LONG_NS && poll.stacks.len() >= 3
        };
        let middle_is_seen = |name: &str| kind(snapshot, name).long_polls.iter().any(is_long);
        let is_seen = |name: &str| {
            let kind = kind(snapshot, name);
            let by_thread = snapshot
                .threads
                .iter()
                .find(|thread| thread.kind == kind.id);
            kind.long_polls.iter().any(is_long)
                && by_thread.is_some_and(|thread| thread.poll_ns > LONG_NS)
        };
        is_seen("computes in parts")
            && is_seen("sleeps in parts")
            && middle_is_seen("computes in the middle")
            && middle_is_seen("sleeps in the middle")
            && snapshot.tasks.runtimes.iter().all(|one| one.blocked)
    });
}

/// Four busy threads on fewer processors, several kinds on one thread: what the scheduler counts in each kind's polls is that kind's. (It was given
/// to whichever kind a look found.)
fn waits_for_a_processor_are_their_kinds() {
    let told: Vec<String> = ["2", "4", "8"]
        .iter()
        .map_while(|seconds| runnable_off_by(seconds).err())
        .collect();
    assert!(told.len() < 3, "{told:#?}");
}

/// Says which kind's time is more than 5 % off, or half a percent of all of it where that is more.
fn runnable_off_by(seconds: &str) -> Result<(), String> {
    let folder = Folder::new();
    let mut host = folder.start(&format!("crowded {seconds}"), &[]);
    let mut truth: BTreeMap<String, f64> = BTreeMap::new();
    loop {
        let line = host.line();
        let words: Vec<&str> = line.split(' ').collect();
        let ["truth", kind, ns] = words[..] else {
            assert_eq!(line, "ready");
            break;
        };
        truth.insert(kind.to_owned(), ns.parse().unwrap());
    }
    let whole: f64 = truth.values().sum();
    let off = || {
        let profile = now(&host, false);
        let seen = |name: &str| -> f64 {
            let id = kind(snapshot(&profile), name).id;
            let runnable = (profile.samples.iter())
                .filter(|sample| sample.state == State::Runnable && sample.kind == id);
            runnable.map(|sample| sample.wall_ns).sum::<u64>() as f64
        };
        let off: Vec<String> = truth
            .iter()
            .map(|(name, truth)| (name, *truth, seen(name)))
            .filter(|(_, truth, seen)| (seen - truth).abs() > (0.05 * truth).max(0.005 * whole))
            .map(|(name, truth, seen)| format!("{name}: {seen} ns of {truth}"))
            .collect();
        if off.is_empty() {
            Ok(())
        } else {
            Err(off.join(", "))
        }
    };
    // The last round of looks is yet to come.
    let began = std::time::Instant::now();
    loop {
        let off = off();
        if off.is_ok() || began.elapsed().as_secs() >= 3 {
            return off;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// A process in the role that dumps what is stuck into files of their own, and the one whose reports say this.
fn dumped_because(how: &str, after_ms: &str, why: &str) -> (Folder, Host, Profile) {
    let folder = Folder::new();
    let pattern = folder.path("dump-%n.pb.gz");
    let variables = [
        ("HOTPOLL_DUMP", pattern.to_str().unwrap()),
        ("HOTPOLL_DUMP_STUCK_MS", after_ms),
    ];
    let host = waiting(&folder, how, &variables);
    let mut found = None;
    wait_until(why, || {
        let names = folder.names().into_iter();
        let mut dumps = names
            .filter(|name| name.starts_with("dump-"))
            .map(|name| profile_at(&folder.path(&name)));
        let says = |dump: &Profile| dump.process.notices.iter().any(|said| said.contains(why));
        found = dumps.find(says);
        found.is_some()
    });
    let dump = found.expect("it was found");
    assert_eq!(dump.process.pid, host.pid());
    // What one dump says is nothing that reports of the process say. On a crowded machine they may say something else.
    let notices = host.status().notices;
    assert!(
        !notices.iter().any(|said| said.contains(why)),
        "{notices:?}"
    );
    (folder, host, dump)
}

fn a_dump_when_a_poll_is_stuck() {
    let (_, _, dump) = dumped_because("blocked", "100", "did not end");
    let blockers = tasks(snapshot(&dump), "blocker");
    assert!(
        blockers.iter().any(|task| task.state_ns >= 100_000_000),
        "{blockers:?}"
    );
}

/// Tasks in `block_in_place` hold up nobody, however long that takes: the dump is of the poll that began last.
fn no_dump_when_a_worker_was_handed_on() {
    let (_, _, dump) = dumped_because("handed-on", "500", "did not end");
    let snapshot = snapshot(&dump);
    let blockers = tasks(snapshot, "blocker");
    let said = format!("a poll of task #{} did not end", blockers[0].id);
    let notices = &dump.process.notices;
    assert!(notices.iter().any(|one| one.contains(&said)), "{notices:?}");
    assert_eq!(tasks(snapshot, "in place").len(), 2);
}

fn a_dump_when_a_waker_is_lost() {
    const LOST: &str = "has lost its waker";
    let (folder, mut host, dump) = dumped_because("free", "100", LOST);
    let lost = tasks(snapshot(&dump), "lost");
    assert_eq!(lost[0].state, TaskState::LostWaker);
    let said = format!("task #{} has lost", lost[0].id);
    assert!(dump.process.notices.iter().any(|one| one.contains(&said)));
    // Once: it is lost for good, and many looks have seen that since.
    std::thread::sleep(std::time::Duration::from_millis(500));
    // On a machine that stands still for so long other things may have been stuck, too.
    let dumps = folder.names().into_iter();
    let dumps = dumps.map(|name| profile_at(&folder.path(&name)));
    let of_it = dumps.filter(|dump| dump.process.notices.iter().any(|one| one.contains(LOST)));
    assert_eq!(of_it.count(), 1, "{:?}", folder.names());
    assert!(host.is_alive());
}

/// No single poll takes as long as what is stuck, but there is no worker between them that anybody could count on.
fn a_dump_when_a_runtime_is_blocked() {
    let (_, _, dump) = dumped_because("hogged", "400", "all workers of runtime");
    let tasks = &snapshot(&dump).tasks;
    assert_eq!(tasks.runtimes.len(), 1);
    assert!(kind(snapshot(&dump), "hog").polls > 2);
}

fn a_signal_of_the_hosts_own() {
    let folder = Folder::new();
    let path = folder.path("dump.pb.gz");
    let printed = folder.run("handles-usr2", &[("HOTPOLL_DUMP", path.to_str().unwrap())]);
    assert!(
        printed.starts_with("error signal 12 cannot ask for dumps: the program has a handler"),
        "{printed}"
    );
    assert_eq!(folder.run("handles-usr2", &[]), "ok true\n");
}

/// The signals that a process has handlers for.
fn caught(host: &Host) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    u64::from_str_radix(line.expect("a line").trim(), 16).expect("a number")
}

fn no_signal_unless_asked() {
    const USR2: u64 = 1 << (libc::SIGUSR2 - 1);
    let folder = Folder::new();
    let host = folder.start_ready("busy", &[]);
    assert_eq!(caught(&host) & USR2, 0);
    assert!(!host.thread_names().contains(&"hotpoll-dump".to_owned()));
    let path = folder.path("dump.pb.gz");
    let host = folder.start_ready("busy", &[("HOTPOLL_DUMP", path.to_str().unwrap())]);
    assert_eq!(caught(&host) & USR2, USR2);
}
