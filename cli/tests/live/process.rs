//! The process that is asked, the command, and what it left.

pub use crate::folder::Folder;
use hotpoll_profile::{Profile, pprof};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Tells this test, run once more, that it is to be the process, and what to do: `burn` until killed; `2.5 7` burns so many seconds of
/// processor time and exits with this code, `idle 2.5 7` sleeps before it does.
pub const ROLE: &str = "HOTPOLL_TEST_ROLE";

/// The longest wait for something that comes in a second or two. Not a measure: a test that needs it has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The command line of the process.
pub fn process(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["be_the_process", "--exact", "--nocapture"])
        .env(ROLE, role)
        .env("HOTPOLL", "on")
        .stdin(Stdio::null());
    command
}

/// A live process, killed with the test.
pub struct Live(pub Child);

impl Live {
    pub fn start() -> Self {
        let mut child = process("burn").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // With one processor the harness has written the test's name before it.
        while !lines.next().unwrap().unwrap().ends_with("started") {}
        let live = Self(child);
        // The socket is there; samples come with CPU time.
        live.until("has samples", || {
            let json = live.json(&["report"]);
            json["data"]["samples"]["count"].as_u64() > Some(10)
        });
        live
    }

    pub fn pid(&self) -> String {
        self.0.id().to_string()
    }

    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let pid = self.pid();
        let output = run(&[arguments, &[&pid, "--format", "json"]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(
                began.elapsed() < PATIENCE,
                "{what}: not within {PATIENCE:?}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Copies a program that is to be run. By another process: what this one has open for writing a child that another test's thread forks meanwhile has open, too, until
/// it execs, and the kernel runs nothing that somebody writes to.
pub fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

pub fn hotpoll(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotpoll"));
    command.args(arguments).stdin(Stdio::null());
    command
}

pub fn run(arguments: &[&str]) -> Output {
    hotpoll(arguments).output().unwrap()
}

pub fn read(file: &Path) -> Profile {
    pprof::decode(&std::fs::read(file).unwrap()).unwrap()
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Whether a command has the process's program open, as those do that have its answers from then on.
pub fn holds_program(command: &Child, live: &Live) -> bool {
    use std::os::unix::fs::MetadataExt;
    let file = |path: &Path| Some((path.metadata().ok()?.dev(), path.metadata().ok()?.ino()));
    let program = file(Path::new(&format!("/proc/{}/exe", live.pid())));
    let opened = std::fs::read_dir(format!("/proc/{}/fd", command.id()));
    let mut opened = opened.into_iter().flatten().flatten();
    opened.any(|one| file(&one.path()) == program) && program.is_some()
}

pub fn burns(profile: &Profile) -> bool {
    let names = profile.functions.iter().map(|function| &function.name);
    names
        .into_iter()
        .any(|name| name.ends_with("burn_the_processor"))
}

pub fn signal(child: &Child, name: &str) {
    let killed: ExitStatus = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
}
