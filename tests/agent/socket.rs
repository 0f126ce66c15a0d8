//! The socket: answers, its place, and what the host does to it.

use crate::Test;
use crate::host::{Folder, Host, profile_in, wait_until};
use crate::now::with_tables;
use hotpoll_profile::protocol::{Fetch, Request, Response};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

pub const TESTS: &[Test] = &[
    (
        "socket::status_profile_and_doctor",
        status_profile_and_doctor,
    ),
    ("socket::slices_as_they_come", slices_as_they_come),
    (
        "socket::many_requests_on_one_connection",
        many_requests_on_one_connection,
    ),
    (
        "socket::answers_beside_a_dead_runtime",
        answers_beside_a_dead_runtime,
    ),
    (
        "socket::long_polls_are_seen_while_they_run",
        long_polls_are_seen_while_they_run,
    ),
    ("socket::no_descriptors_left", no_descriptors_left),
    (
        "socket::stale_sockets_are_removed",
        stale_sockets_are_removed,
    ),
    ("socket::closed_to_others", closed_to_others),
    ("socket::other_users_are_refused", other_users_are_refused),
    (
        "socket::host_that_closes_all_descriptors",
        host_that_closes_all_descriptors,
    ),
];

pub const ALL: Request = Request::Fetch(Fetch {
    since_sequence: 0,
    last_ns: 0,
    wait_ns: 0,
    snapshot: false,
    refresh: false,
});

/// The host lives, and serves the next client.
pub fn is_well(host: &mut Host) {
    assert!(host.is_alive());
    assert_eq!(host.status().pid, host.pid());
}

fn status_profile_and_doctor() {
    let folder = Folder::new();
    let host = folder.start_ready("busy", &[("HOTPOLL_HZ", "199")]);
    wait_until("samples", || host.status().fired > 20);
    let status = host.status();
    assert!(status.name.starts_with("agent"), "{}", status.name);
    assert_eq!(status.asked_hz.round(), 199.0);
    assert_eq!(status.engine_setting, "auto");
    // Main, burner.
    assert_eq!(status.threads, 2);
    assert!(status.cpu_ns > 0 && status.agent_cpu_ns > 0);
    assert!(status.recorder_bytes > 0 && status.recorder_bytes < status.recorder_limit_bytes);
    assert!(!status.stopped);
    // That it takes more of a slow machine than it is held to is so of a dev build.
    let own = |notice: &String| notice.contains("% of a core");
    assert!(status.notices.iter().all(own), "{:?}", status.notices);

    let profile = profile_in(host.ask(&ALL));
    assert_eq!(profile.process.pid, host.pid());
    let burner = profile
        .threads
        .iter()
        .position(|thread| thread.name == "burner");
    let burner = burner.expect("the thread is there") as u32;
    let samples: u64 = profile
        .samples
        .iter()
        .filter(|sample| sample.thread == burner)
        .map(|sample| sample.count)
        .sum();
    assert!(samples > 10, "{samples}");
    for slice in &profile.slices {
        let rows: u64 = slice.rows.iter().map(|row| row.cpu_ns).sum();
        let accounts = slice
            .threads
            .iter()
            .map(|thread| thread.accounts.sampled_ns);
        assert_eq!(
            rows,
            accounts.sum::<u64>(),
            "every sample drained is in a row"
        );
    }
    assert!(
        profile
            .locations
            .iter()
            .any(|location| location.module.is_some())
    );
    assert_eq!(
        profile.threads.iter().filter(|thread| thread.own).count(),
        4
    );

    let doctor = || match host.ask(&Request::Doctor) {
        Response::Doctor(report) => report,
        other => panic!("not a doctor's report: {other:?}"),
    };
    wait_until("unwind tables", || {
        let modules = doctor().modules;
        modules
            .iter()
            .any(|module| module.ready && module.rows > 1_000)
    });
    let report = doctor();
    assert_eq!(report.agent_threads.len(), 4);
    assert!(report.agent_threads.iter().all(|thread| thread.tid > 0));
    assert!(report.timers >= 1 && report.timers <= report.pending_signal_budget);
    assert!(report.descriptor_limit > 0 && report.cpus > 0 && report.tick_hz > 0);
    assert!(
        report
            .engines
            .iter()
            .map(|count| count.threads)
            .sum::<u32>()
            >= 5
    );
    assert!(!report.kernel_release.is_empty());
}

fn slices_as_they_come() {
    let folder = Folder::new();
    let host = folder.start_ready("busy", &[]);
    let mut connection = host.connect();
    let mut since_sequence = 0;
    let mut next_start = 0;
    for _ in 0..3 {
        let fetch = Fetch {
            since_sequence,
            last_ns: 0,
            wait_ns: 30_000_000_000,
            ..Fetch::default()
        };
        connection.send(&Request::Fetch(fetch).encode());
        let profile = profile_in(connection.response().expect("an answer"));
        assert!(!profile.slices.is_empty());
        assert_eq!(
            profile.slices[0].sequence,
            since_sequence + 1,
            "no slice is missed"
        );
        assert!(profile.slices[0].start_unix_ns >= next_start);
        assert_eq!(profile.evicted_slices, 0);
        since_sequence = profile.last_sequence();
        next_start = profile.start_unix_ns;
    }
}

fn many_requests_on_one_connection() {
    let folder = Folder::new();
    let host = folder.start_ready("sleeps", &[]);
    let mut connection = host.connect();
    // All at once, and one in pieces.
    let mut bytes = Vec::new();
    for request in [Request::Status, ALL, Request::Doctor, Request::Status] {
        bytes.extend(request.encode());
    }
    let (first, rest) = bytes.split_at(21);
    connection.send(first);
    connection.send(rest);
    assert!(matches!(connection.response(), Some(Response::Status(_))));
    assert!(matches!(connection.response(), Some(Response::Profile(_))));
    assert!(matches!(connection.response(), Some(Response::Doctor(_))));
    assert!(matches!(connection.response(), Some(Response::Status(_))));
    // A client that has said all it will say still gets its answer.
    connection.send(&Request::Status.encode());
    connection
        .stream
        .shutdown(std::net::Shutdown::Write)
        .expect("half closed");
    assert!(matches!(connection.response(), Some(Response::Status(_))));
    assert!(connection.response().is_none());
}

fn answers_beside_a_dead_runtime() {
    let folder = Folder::new();
    let mut host = folder.start_ready("dead-runtime", &[]);
    is_well(&mut host);
    // Main, two workers, four of ours.
    wait_until("all threads", || {
        profile_in(host.ask(&ALL)).threads.len() == 7
    });
}

/// What was seen of one kind's long polls, each by when it began.
#[derive(Default)]
struct LongPollsSeen {
    all: BTreeSet<u64>,
    /// With three stacks.
    stacks: BTreeSet<u64>,
    /// With three stacks before they were twice as old as the threshold.
    in_time: BTreeSet<u64>,
}

/// Three stacks of a poll, and on a machine that is not crowded before it is twice as old as the threshold; and the poll that still runs is
/// listed.
fn long_polls_are_seen_while_they_run() {
    let folder = Folder::new();
    let mut host = with_tables(&folder, "slow-polls", &[]);
    let ask = Request::Fetch(Fetch {
        since_sequence: 0,
        last_ns: 1,
        wait_ns: 0,
        snapshot: true,
        refresh: false,
    });
    let mut seen: BTreeMap<String, LongPollsSeen> = BTreeMap::new();
    let mut stuck = false;
    wait_until("stacks of long polls", || {
        let profile = profile_in(host.ask(&ask));
        let tasks = profile.snapshot.expect("a snapshot").tasks;
        assert_eq!(tasks.long_poll_ns, 10_000_000);
        for kind in tasks.kinds {
            for poll in &kind.long_polls {
                let times: Vec<u64> = poll.stacks.iter().map(|stack| stack.at_ns).collect();
                assert!(times.is_sorted());
                let whole = poll.stacks.iter().filter(|stack| stack.stack.len() > 10);
                let whole = whole.count();
                if poll.open {
                    stuck |= kind.name == "stuck" && poll.poll_ns > 100_000_000 && whole >= 3;
                    continue;
                }
                let of = seen.entry(kind.name.clone()).or_default();
                // The same poll's start is told anew each time, a little off.
                let start = (poll.start_unix_ns + 10_000_000) / 20_000_000;
                of.all.insert(start);
                if whole >= 3 {
                    of.stacks.insert(start);
                }
                if times.iter().filter(|at| **at <= 20_000_000).count() >= 3 {
                    of.in_time.insert(start);
                }
            }
        }
        // A crowded machine lets neither the watch nor a thread that computes run in time: of the latter nothing is asked.
        let enough = |name: &str, in_time: usize| {
            seen.get(name).is_some_and(|of| {
                of.all.len() >= 20
                    && of.stacks.len() * 2 > of.all.len()
                    && of.in_time.len() * 5 >= in_time * of.all.len()
            })
        };
        stuck && enough("computes", 0) && enough("sleeps", 1)
    });
    for (name, of) in &seen {
        let [all, stacks, in_time] = [&of.all, &of.stacks, &of.in_time].map(BTreeSet::len);
        println!("{name}: of {all} long polls {stacks} with three stacks, {in_time} in time");
    }
    is_well(&mut host);
}

fn no_descriptors_left() {
    let folder = Folder::new();
    let mut host = folder.start_ready("busy", &[]);
    let set = |soft: u64| {
        let limit = libc::rlimit {
            rlim_cur: soft,
            rlim_max: 1024,
        };
        // SAFETY: the limit is a valid value; no old one is asked for.
        let result = unsafe {
            libc::prlimit(
                host.pid() as libc::pid_t,
                libc::RLIMIT_NOFILE,
                &limit,
                std::ptr::null_mut(),
            )
        };
        assert_eq!(result, 0);
    };
    set(3);
    let mut waiting = host.connect();
    waiting.send(&Request::Status.encode());
    let (cpu_before, began) = (cpu_ns(&host, "hotpoll-socket"), Instant::now());
    std::thread::sleep(Duration::from_millis(500));
    let cpu_ns = cpu_ns(&host, "hotpoll-socket") - cpu_before;
    let elapsed = began.elapsed();
    assert!(
        Duration::from_nanos(cpu_ns) < elapsed / 2,
        "the socket thread spins: {cpu_ns} ns of {elapsed:?}"
    );
    set(1024);
    assert!(matches!(waiting.response(), Some(Response::Status(_))));
    is_well(&mut host);
}

fn cpu_ns(host: &Host, thread: &str) -> u64 {
    let mut cpu_ns = None;
    // A thread takes its name when it runs for the first time.
    wait_until("the thread runs", || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", host.pid())).expect("its threads");
        let mut paths = tasks.flatten().map(|task| task.path());
        let path = paths.find(|path| {
            std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim_end() == thread)
        });
        let schedstat = path.and_then(|path| std::fs::read_to_string(path.join("schedstat")).ok());
        cpu_ns = schedstat.and_then(|times| times.split(' ').next()?.parse().ok());
        cpu_ns.is_some()
    });
    cpu_ns.expect("it was read")
}

fn stale_sockets_are_removed() {
    let folder = Folder::new();
    let mut host = folder.start_ready("sleeps", &[]);
    let stale = host.socket();
    host.kill();
    assert!(stale.exists(), "a killed process leaves its socket");
    let host = folder.start_ready("sleeps", &[]);
    wait_until("it is removed", || !stale.exists());
    assert!(host.socket().exists());
}

fn closed_to_others() {
    let folder = Folder::new();
    let host = folder.start_ready("sleeps", &[]);
    let mode = |path: &std::path::Path| {
        let found = std::fs::metadata(path).expect("it is there");
        found.permissions().mode() & 0o777
    };
    assert_eq!(mode(&host.socket()), 0o600);
    assert_eq!(mode(&folder.path("hotpoll")), 0o700);
    // Neither environment nor arguments are in what it says.
    let said = format!(
        "{:?} {:?}",
        host.status(),
        profile_in(host.ask(&ALL)).process
    );
    assert!(!said.contains("--role") && !said.contains("XDG"), "{said}");
    drop(UnixStream::connect(host.socket()));
}

fn other_users_are_refused() {
    // SAFETY: geteuid takes nothing.
    if unsafe { libc::geteuid() } != 0 {
        println!("skipped: becoming another user takes root");
        return;
    }
    let folder = Folder::new();
    let mut host = folder.start_ready("sleeps", &[]);
    // Even where the folder does not keep them out.
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    open(&folder.0, 0o755);
    open(&folder.path("hotpoll"), 0o755);
    open(&host.socket(), 0o666);
    let role = format!("stranger {}", host.socket().display());
    let said = folder.run(&role, &[]);
    assert!(said.contains("this process belongs to user 0"), "{said}");
    is_well(&mut host);
}

/// Nothing of the host's that has our numbers now is read, written to or closed; sampling goes on, and the command finds the process again.
fn host_that_closes_all_descriptors() {
    for engine in ["perf", "ctimer"] {
        let folder = Folder::new();
        let role = format!("closes-all {}", folder.0.display());
        let mut host = folder.start_ready(&role, &[("HOTPOLL_ENGINE", engine)]);
        wait_until("samples", || host.status().fired > 20);
        // A client that is connected when it happens.
        let idle = host.connect();
        host.tell();
        assert_eq!(host.line(), "ready");
        drop(idle);
        wait_until("it listens again", || {
            UnixStream::connect(host.socket()).is_ok()
        });
        let before = host.status().fired;
        wait_until("more samples", || host.status().fired > before + 20);
        let said = host.last_words();
        assert!(said.contains("intact true"), "{engine}: {said}");
        assert!(host.wait().success());
        let number = |of: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(of));
            let digits = line.expect("said").split(' ').next();
            digits.expect("a number").parse::<u64>().expect("a number")
        };
        // Three seconds of two threads at 99 Hz, and at least half of it.
        assert!(number("fired ") > 300, "{engine}: {said}");
        // A poll that always returns at once would use seconds.
        assert!(number("agent ") < 1_000, "{engine}: {said}");
    }
}
