//! The output file.

use crate::Test;
use crate::host::{Folder, profile_at, wait_until};
use std::fs;
use std::path::PathBuf;

pub const TESTS: &[Test] = &[
    (
        "output::written_when_the_guard_is_dropped",
        written_when_the_guard_is_dropped,
    ),
    (
        "output::written_at_exit_with_a_leaked_guard",
        written_at_exit_with_a_leaked_guard,
    ),
    (
        "output::written_at_exit_with_the_loader_locked",
        written_at_exit_with_the_loader_locked,
    ),
    ("output::task_kinds_have_names", task_kinds_have_names),
    ("output::survives_a_kill", survives_a_kill),
    ("output::not_in_forked_children", not_in_forked_children),
    (
        "output::a_forked_child_that_starts_writes_its_own",
        a_forked_child_that_starts_writes_its_own,
    ),
    ("output::unwritable_paths", unwritable_paths),
    ("output::a_disk_that_fails_later", a_disk_that_fails_later),
    ("output::a_full_disk", a_full_disk),
];

/// A path in the folder as the variable has it, and as it will be for a process.
fn pattern(folder: &Folder) -> (String, impl Fn(u32) -> PathBuf) {
    let text = folder
        .path("out-%p.pb.gz")
        .to_str()
        .expect("UTF-8")
        .to_owned();
    let at = text.clone();
    (text, move |pid: u32| {
        PathBuf::from(at.replace("%p", &pid.to_string()))
    })
}

fn samples(path: &std::path::Path) -> u64 {
    let profile = profile_at(path);
    profile.samples.iter().map(|sample| sample.count).sum()
}

fn written_when_the_guard_is_dropped() {
    let folder = Folder::new();
    let (variable, path) = pattern(&folder);
    let host = folder.start_ready("busy", &[("HOTPOLL_OUT", &variable)]);
    wait_until("the output thread", || {
        host.thread_names().contains(&"hotpoll-output".to_owned())
    });
    let pid = host.pid();
    wait_until("samples", || host.status().fired > 10);
    assert!(host.finish().success());
    assert!(samples(&path(pid)) > 10);
    let profile = profile_at(&path(pid));
    assert_eq!(profile.process.pid, pid);
    assert!(profile.threads.iter().any(|thread| thread.name == "burner"));
    assert!(
        profile
            .modules
            .iter()
            .any(|module| module.path.ends_with(&profile.process.name))
    );
    assert!(!profile.slices.is_empty());
    assert_eq!(
        folder.names(),
        [format!("out-{pid}.pb.gz")],
        "no temporary file is left"
    );
}

fn written_at_exit_with_a_leaked_guard() {
    let folder = Folder::new();
    let (variable, path) = pattern(&folder);
    let mut host = folder.start("leak", &[("HOTPOLL_OUT", &variable)]);
    let pid = host.pid();
    let socket = host.socket();
    assert_eq!(host.wait().code(), Some(7));
    assert!(samples(&path(pid)) > 0);
    assert!(!socket.exists());
}

fn written_at_exit_with_the_loader_locked() {
    let folder = Folder::new();
    let (variable, path) = pattern(&folder);
    let variables = [("HOTPOLL_OUT", &*variable)];
    let mut host = folder.start("exits-with-the-loader-locked", &variables);
    let pid = host.pid();
    // It comes to an end at all: the exit waits for the module thread, but not for ever.
    assert_eq!(host.wait().code(), Some(7));
    assert!(samples(&path(pid)) > 0);
}

/// Once no file but a dump said what task kinds are called: reports of it by task were of "kind 3".
fn task_kinds_have_names() {
    let folder = Folder::new();
    let (variable, path) = pattern(&folder);
    let (asked, stopped) = (folder.path("asked.pb.gz"), folder.path("stopped.pb.gz"));
    let name = |path: &PathBuf| path.to_str().expect("UTF-8").to_owned();
    let role = format!("kinds {} {}", name(&asked), name(&stopped));
    let mut host = folder.start(&role, &[("HOTPOLL_OUT", &variable)]);
    let pid = host.pid();
    assert!(host.wait().success());
    for (path, is_of_a_moment) in [(asked, true), (stopped, false), (path(pid), true)] {
        let profile = profile_at(&path);
        let snapshot = profile.snapshot.expect("what threads and tasks are doing");
        let spins = (snapshot.tasks.kinds.iter())
            .find(|kind| kind.name == "spins")
            .expect("the kind");
        let of_the_kind = |sample: &&hotpoll_profile::Sample| sample.kind == spins.id;
        assert!(profile.samples.iter().filter(of_the_kind).count() > 0);
        assert_eq!(!snapshot.threads.is_empty(), is_of_a_moment, "{path:?}");
        let waits = snapshot.tasks.tasks.len();
        assert_eq!(waits, usize::from(is_of_a_moment), "{path:?}");
    }
}

fn survives_a_kill() {
    let folder = Folder::new();
    let (variable, path) = pattern(&folder);
    let mut host = folder.start_ready("busy", &[("HOTPOLL_OUT", &variable)]);
    let path = path(host.pid());
    // The first write may be of a time in which it had no processor.
    wait_until("a write with samples", || {
        path.exists() && samples(&path) > 0
    });
    host.kill();
    assert!(samples(&path) > 0);
}

fn not_in_forked_children() {
    for how in ["dropping", "leaking"] {
        let folder = Folder::new();
        let (variable, path) = pattern(&folder);
        let mut host = folder.start(&format!("forks {how}"), &[("HOTPOLL_OUT", &variable)]);
        let line = host.line();
        let child: u32 = line
            .split(' ')
            .nth(1)
            .expect("its PID")
            .parse()
            .expect("a number");
        assert_eq!(line, format!("child {child} 0 running true"));
        assert_eq!(host.line(), "ready");
        assert!(
            host.socket().exists(),
            "the child has not removed the parent's socket"
        );
        host.ask(&hotpoll_profile::protocol::Request::Status);
        let pid = host.pid();
        assert!(host.finish().success());
        assert!(!path(child).exists());
        assert_eq!(folder.names(), [format!("out-{pid}.pb.gz")]);
        assert!(samples(&path(pid)) > 0);
    }
}

fn a_forked_child_that_starts_writes_its_own() {
    let folder = Folder::new();
    let (variable, path) = pattern(&folder);
    let mut host = folder.start("forks-and-starts", &[("HOTPOLL_OUT", &variable)]);
    let line = host.line();
    let child: u32 = line
        .split(' ')
        .nth(1)
        .expect("its PID")
        .parse()
        .expect("a number");
    assert_eq!(line, format!("child {child} 0 running true"));
    let pid = host.pid();
    assert!(host.finish().success());
    assert_eq!(profile_at(&path(child)).process.pid, child);
    assert_eq!(profile_at(&path(pid)).process.pid, pid);
}

fn unwritable_paths() {
    let folder = Folder::new();
    let check = |path: &str, reason: &str| {
        let printed = folder.run("start", &[("HOTPOLL_OUT", path)]);
        let expected = format!("error the profile cannot be written to {path}: {reason}");
        assert!(printed.starts_with(&expected), "{printed}");
        assert!(
            printed.ends_with("name a file in a folder that exists and is writable\n"),
            "{printed}"
        );
    };
    let inside = |name: &str| folder.path(name).to_str().expect("UTF-8").to_owned();
    check(&inside("none/x.pb.gz"), "No such file");
    fs::create_dir(folder.path("taken")).expect("a folder");
    check(&inside("taken"), "is a directory");
    check("/proc/x.pb.gz", "No such file");
    let no_file = "a device, a pipe or a socket is there, which a file would replace";
    check("/dev/null", no_file);
    let made = std::process::Command::new("mkfifo")
        .arg(folder.path("fifo"))
        .status();
    assert!(made.expect("mkfifo").success());
    check(&inside("fifo"), no_file);
    let dumped = folder.run("start", &[("HOTPOLL_DUMP", &inside("fifo"))]);
    assert!(dumped.contains(no_file), "{dumped}");
    // Nothing is left running: the same process could start without it.
    assert_eq!(
        folder.run("out /none/x", &[]).split(':').next(),
        Some("error the profile cannot be written to /none/x")
    );
}

fn a_disk_that_fails_later() {
    let folder = Folder::new();
    let directory = folder.path("disk");
    fs::create_dir(&directory).expect("a folder");
    let out = directory.join("x.pb.gz");
    let host = folder.start_ready("busy", &[("HOTPOLL_OUT", out.to_str().expect("UTF-8"))]);
    // It may be writing into it just now.
    wait_until("it goes away", || {
        fs::remove_dir_all(&directory).is_ok() || !directory.exists()
    });
    wait_until("a notice", || {
        use hotpoll_profile::protocol::{Request, Response};
        let Response::Status(status) = host.ask(&Request::Status) else {
            panic!("not a status");
        };
        status
            .notices
            .iter()
            .any(|notice| notice.contains("could not be written"))
    });
    assert!(host.finish().success());
}

/// A file may have no more than 512 bytes: the disk is full, and beyond that the kernel sends a signal that ends a process. The service
/// does not end; reports say so, and its standard error at the end; and no half of a file is left.
fn a_full_disk() {
    use std::os::unix::process::CommandExt;
    let folder = Folder::new();
    let (variable, _) = pattern(&folder);
    let limit = libc::rlimit {
        rlim_cur: 512,
        rlim_max: 512,
    };
    let mut command = folder.command("busy", &[("HOTPOLL_OUT", &variable)]);
    // SAFETY: setrlimit may be called between fork and exec, and the limit is initialised.
    unsafe {
        command.pre_exec(move || {
            libc::setrlimit(libc::RLIMIT_FSIZE, &limit);
            Ok(())
        })
    };
    let said = Folder::new();
    command.stderr(fs::File::create(said.path("stderr")).expect("a file"));
    let mut host = folder.spawn(command);
    assert_eq!(host.line(), "ready");
    wait_until("a notice", || {
        let notices = host.status().notices;
        let said = |notice: &String| {
            notice.contains("could not be written") && notice.contains("File too large")
        };
        notices.iter().any(said)
    });
    // It may be trying again just now.
    wait_until("no half of a file", || folder.names().is_empty());
    assert!(host.finish().success());
    assert_eq!(folder.names(), [""; 0]);
    // At the end nobody can ask for the notice any more: one line, once.
    let said = fs::read_to_string(said.path("stderr")).expect("a file");
    assert!(
        said.starts_with("hotpoll: the profile could not be written to ")
            && said.lines().count() == 1,
        "{said}"
    );
}
