//! Starting and stopping.

use crate::Test;
use crate::host::{Folder, wait_until};
use std::process::Stdio;

pub const TESTS: &[Test] = &[
    (
        "start::four_threads_and_a_socket",
        four_threads_and_a_socket,
    ),
    ("start::second_start_is_an_error", second_start_is_an_error),
    (
        "start::stop_leaves_nothing_and_starts_again",
        stop_leaves_nothing_and_starts_again,
    ),
    (
        "start::what_was_recorded_stays_after_stop",
        what_was_recorded_stays_after_stop,
    ),
    ("start::rates_out_of_range", rates_out_of_range),
    ("start::a_recorder_without_room", a_recorder_without_room),
    ("start::a_recorder_without_end", a_recorder_without_end),
    ("start::too_many_looks", too_many_looks),
    (
        "start::variables_that_mean_nothing",
        variables_that_mean_nothing,
    ),
    ("start::only_if_asked", only_if_asked),
    ("start::off_has_no_effect", off_has_no_effect),
    ("start::quiet", quiet),
    ("start::beside_many_threads", beside_many_threads),
    ("start::beside_many_sleepers", beside_many_sleepers),
    ("start::no_folder_for_the_socket", no_folder_for_the_socket),
    ("start::on_a_real_time_thread", on_a_real_time_thread),
];

/// Ours inherited the policy once: four threads that came before all of the program's that are ordinary.
fn on_a_real_time_thread() {
    let printed = Folder::new().run("real-time", &[]);
    if printed.starts_with("not allowed") {
        return eprintln!("not run: real-time threads are {printed}");
    }
    assert_eq!(printed, "4 threads\n");
}

fn four_threads_and_a_socket() {
    let folder = Folder::new();
    let host = folder.start_ready("busy", &[]);
    wait_until("four threads", || {
        let names = host.thread_names();
        [
            "hotpoll-drain",
            "hotpoll-modules",
            "hotpoll-socket",
            "hotpoll-wall",
        ]
        .iter()
        .all(|name| names.contains(&(*name).to_owned()))
    });
    assert!(!host.thread_names().contains(&"hotpoll-output".to_owned()));
    let socket = host.socket();
    assert!(socket.exists());
    assert!(host.finish().success());
    assert!(!socket.exists());
}

fn second_start_is_an_error() {
    let printed = Folder::new().run("twice", &[]);
    assert_eq!(
        printed,
        "error hotpoll is already running in this process; keep and use the guard of the first start\ntrue\n"
    );
}

fn stop_leaves_nothing_and_starts_again() {
    let printed = Folder::new().run("again", &[]);
    assert_eq!(printed, "1 threads, 0 sockets, samples true\n".repeat(5));
}

fn what_was_recorded_stays_after_stop() {
    let printed = Folder::new().run("stopped", &[]);
    assert!(printed.starts_with("true\n"), "{printed}");
    assert!(printed.contains("asked 99 Hz"), "{printed}");
    assert!(printed.contains("samples  function"), "{printed}");
    let named = printed.contains("agent::roles::burn_for");
    assert_eq!(named, cfg!(feature = "symbolize"), "{printed}");
}

fn rates_out_of_range() {
    let folder = Folder::new();
    let printed = folder.run("hz 0", &[]);
    assert_eq!(
        printed,
        "error the sampling rate must be above 0 Hz; 99 Hz is the default\n"
    );
    let printed = folder.run("hz 1000000000", &[]);
    assert!(
        printed.starts_with("error a sampling interval of 1 ns is too short"),
        "{printed}"
    );
    assert_eq!(folder.run("hz 997", &[]), "ok true\n");
}

fn a_recorder_without_end() {
    let most = 1_usize << 30;
    for bytes in [usize::MAX, most + 1] {
        assert_eq!(
            Folder::new().run(&format!("recorder {bytes}"), &[]),
            format!(
                "error a recorder of {bytes} bytes is more than hotpoll takes: give it at most {most}; 8 MB is the default\n"
            )
        );
    }
    assert_eq!(
        Folder::new().run(&format!("recorder {most}"), &[]),
        "ok true\n"
    );
}

fn too_many_looks() {
    for hz in [1_001, u32::MAX] {
        assert_eq!(
            Folder::new().run(&format!("wall-hz {hz}"), &[]),
            format!(
                "error {hz} looks a second by the wall clock are too many: ask for 1000 at most, or 0 for none; 20 is the default\n"
            )
        );
    }
    assert_eq!(Folder::new().run("wall-hz 1000", &[]), "ok true\n");
}

fn a_recorder_without_room() {
    let printed = Folder::new().run("recorder 1", &[]);
    assert!(printed.contains("give it at least 65536"), "{printed}");
}

fn variables_that_mean_nothing() {
    let folder = Folder::new();
    let check = |name: &str, value: &str, valid: &str| {
        let printed = folder.run("start", &[(name, value)]);
        assert_eq!(
            printed,
            format!("error {name}={value} means nothing: set it to {valid}, or leave it out\n")
        );
    };
    check("HOTPOLL", "maybe", "on or off");
    check(
        "HOTPOLL_HZ",
        "0",
        "a whole number from 1 to 10000 (99 is the default)",
    );
    check("HOTPOLL_ENGINE", "turbo", "auto, ctimer or perf");
    let printed = folder.run("start", &[("HOTPOLL_OUT", "x-%d.pb.gz")]);
    assert_eq!(
        printed,
        "error the output pattern x-%d.pb.gz has a % that means nothing: %p is the PID, %n (of dumps) their number, %% is a %\n"
    );
    // The environment has the last word.
    assert_eq!(folder.run("hz 0", &[("HOTPOLL_HZ", "500")]), "ok true\n");
}

fn only_if_asked() {
    let folder = Folder::new();
    let out = folder.path("x.pb.gz");
    assert_eq!(folder.run("if-asked", &[]), "ok false\n");
    assert_eq!(
        folder.run("if-asked", &[("HOTPOLL_HZ", "99")]),
        "ok false\n"
    );
    assert_eq!(folder.run("if-asked", &[("HOTPOLL", "on")]), "ok true\n");
    assert_eq!(
        folder.run("if-asked", &[("HOTPOLL_OUT", out.to_str().unwrap())]),
        "ok true\n"
    );
    assert_eq!(folder.run("start", &[("HOTPOLL", "off")]), "ok false\n");
}

fn off_has_no_effect() {
    let folder = Folder::new();
    let out = folder.path("x.pb.gz");
    let printed = folder.run(
        "off",
        &[("HOTPOLL", "off"), ("HOTPOLL_OUT", out.to_str().unwrap())],
    );
    assert!(printed.contains("hotpoll is not running"), "{printed}");
    assert!(folder.names().is_empty() && !folder.path("hotpoll").exists());
}

fn quiet() {
    let folder = Folder::new();
    let out = folder.path("x.pb.gz");
    let mut command = folder.command("quiet", &[("HOTPOLL_OUT", out.to_str().unwrap())]);
    let ended = command.stderr(Stdio::piped()).output().expect("it runs");
    assert!(ended.status.success(), "{}", ended.status);
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

fn beside_many_threads() {
    let printed = Folder::new().run("threads 500", &[]);
    let lines: Vec<&str> = printed.lines().collect();
    println!("start beside 500 threads took {}", lines[0]);
    assert_eq!(lines[1], "501");
    let names = [
        "hotpoll-drain",
        "hotpoll-modules",
        "hotpoll-socket",
        "hotpoll-wall",
    ];
    // All signals but SIGKILL, SIGSTOP, and the two that glibc keeps for itself.
    let expected = names.map(|name| format!("{name} fffffffe7ffbfeff"));
    assert_eq!(&lines[2..], expected);
}

/// The agent keeps to its share of a core by looking less often, and says so.
fn beside_many_sleepers() {
    let (role, many) = if std::env::var_os("HOTPOLL_TEST_LONG").is_some() {
        ("sleepers 5000", true)
    } else {
        ("sleepers 1000", false)
    };
    let printed = Folder::new().run(role, &[]);
    println!("{role}: {printed}");
    let mut lines = printed.lines().rev();
    let mut last = || lines.next().expect("a line");
    let blocked: f64 = last().parse().expect("a share");
    let figures: Vec<f64> = last()
        .split(' ')
        .map(|figure| figure.parse().expect("a number"))
        .collect();
    let [wall, agent, stretch, kept] = figures[..] else {
        panic!("{printed}");
    };
    // Without optimisation the drain alone may take more than the agent's share: the looks then keep to the least.
    let most = if cfg!(debug_assertions) { wall } else { agent };
    assert!(most < 0.01, "{printed}");
    if !cfg!(debug_assertions) {
        assert!(kept > 0.5 && blocked > 0.5, "{printed}");
    }
    assert!(blocked > 0.0, "{printed}");
    assert_eq!(
        stretch > 1.0,
        printed.contains("times less often than the 20 Hz"),
        "{printed}"
    );
    assert!(stretch > 1.0 || !many, "{printed}");
}

fn no_folder_for_the_socket() {
    // A runtime folder in which somebody has made a link: the other place is taken.
    let folder = Folder::new();
    std::os::unix::fs::symlink("/", folder.path("hotpoll")).expect("a link");
    let host = folder.start_ready("busy", &[]);
    assert!(!host.socket().exists());
    assert!(host.finish().success());
}
