//! The command on live processes: a real agent in a real process, which is this test run once more.

use hotpoll_profile::{Profile, pprof};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Tells this test, run once more, that it is to be the process, and what to do: `burn` until killed; `2.5 7` burns for so many seconds
/// and exits with this code, `idle 2.5 7` sleeps before it does.
const ROLE: &str = "HOTPOLL_TEST_ROLE";
/// The longest wait for something that comes in a second or two. Not a measure: a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Not a test, unless it is asked to be the process.
#[test]
fn be_the_process() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    // Orphans of a failed test end, too.
    let (role, is_idle) = match role.strip_prefix("idle ") {
        Some(rest) => (rest, true),
        None => (&role[..], false),
    };
    let (length, code) = match role.split_once(' ') {
        Some((seconds, code)) => (seconds.parse().unwrap(), code.parse().unwrap()),
        None => (300.0, 0),
    };
    let _guard = hotpoll::start_if_asked().unwrap();
    println!("started");
    let end = Instant::now() + Duration::from_secs_f64(length);
    let mut sum = 0;
    if is_idle {
        std::thread::sleep(Duration::from_secs_f64(length));
    }
    while Instant::now() < end {
        sum = burn_the_processor(sum);
    }
    drop(_guard);
    std::hint::black_box(sum);
    std::process::exit(code);
}

/// What every report must find.
#[inline(never)]
fn burn_the_processor(mut sum: u64) -> u64 {
    for i in 0..1_000_000u64 {
        sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(i));
    }
    sum
}

/// The command line of the process.
fn process(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["be_the_process", "--exact", "--nocapture"])
        .env(ROLE, role)
        .env("HOTPOLL", "on")
        .stdin(Stdio::null());
    command
}

/// A live process, killed with the test.
struct Live(Child);

impl Live {
    fn start() -> Self {
        let mut child = process("burn").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while lines.next().unwrap().unwrap() != "started" {}
        let live = Self(child);
        // The socket is there; samples come with CPU time.
        live.until("has samples", || {
            let json = live.json(&["report"]);
            json["data"]["samples"]["count"].as_u64() > Some(10)
        });
        live
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let pid = self.pid();
        let output = run(&[arguments, &[&pid, "--format", "json"]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
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

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hotpoll-live-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn hotpoll(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotpoll"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    hotpoll(arguments).output().unwrap()
}

/// `hotpoll record -o FILE -- ` the process in this role.
fn record(file: &Path, role: &str) -> Command {
    let mut command = hotpoll(&["record", "-o", file.to_str().unwrap(), "--"]);
    let process = process(role);
    command.arg(process.get_program()).args(process.get_args());
    command
        .env(ROLE, role)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn read(file: &Path) -> Profile {
    pprof::decode(&std::fs::read(file).unwrap()).unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn burns(profile: &Profile) -> bool {
    let names = profile.functions.iter().map(|function| &function.name);
    names
        .into_iter()
        .any(|name| name.ends_with("burn_the_processor"))
}

#[test]
fn a_report_names_what_burns() {
    let live = Live::start();
    let json = live.json(&["report"]);
    let data = &json["data"];
    assert_eq!(data["process"]["pid"], live.0.id());
    let hottest = &data["threads"][0]["own_code"][0];
    let name = hottest["name"].as_str().unwrap();
    assert!(name.ends_with("burn_the_processor"), "{data:#}");
    let text_report = run(&["report", &live.pid()]);
    assert!(text(&text_report.stdout).contains("burn_the_processor"));
    // A window from now on, and one of the past.
    for window in [["--for", "1s"], ["--last", "2s"]] {
        let data = live.json(&["report", window[0], window[1]]);
        assert!(
            data["data"]["samples"]["count"].as_u64() > Some(0),
            "{data:#}"
        );
    }
}

/// As any other command: by its PID, without a file between.
#[test]
fn an_export_of_what_lives() {
    let live = Live::start();
    let folded = run(&["export", &live.pid(), "--format", "folded"]);
    assert!(folded.status.success(), "{}", text(&folded.stderr));
    assert!(text(&folded.stdout).contains("burn_the_processor"));
    let folder = Folder::new("export");
    let page = folder.0.join("p.html");
    let page_name = page.to_str().unwrap();
    let output = run(&["export", &live.pid(), "--format", "html", "-o", page_name]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("burn_the_processor"));
    let output = run(&["export", "4294967295", "--format", "html"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("no process has PID 4294967295"), "{told}");
}

#[test]
fn list_and_doctor_know_it() {
    let live = Live::start();
    let output = run(&["list", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = json["data"]["processes"].as_array().unwrap();
    let row = rows.iter().find(|row| row["pid"] == live.0.id()).unwrap();
    assert_eq!(row["error"], serde_json::Value::Null);
    assert!(row["fired"].as_u64() > Some(0), "{row:#}");
    let output = run(&["doctor", &live.pid(), "--format", "json"]);
    // What it finds depends on the machine, and this is a dev build most of the time.
    assert!(matches!(output.status.code(), Some(0 | 1)));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = json["data"]["findings"].as_array().unwrap();
    for topic in [
        "engine",
        "rate",
        "unwinding",
        "stacks",
        "kernel",
        "build",
        "symbols",
    ] {
        let is_there = findings.iter().any(|finding| finding["topic"] == topic);
        assert!(is_there, "{topic}: {json:#}");
    }
}

#[test]
fn a_watch_ends_with_its_process() {
    let mut live = Live::start();
    let mut watch = hotpoll(&["report", &live.pid(), "--watch", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("\"kind\":\"report\""));
    live.0.kill().unwrap();
    live.0.wait().unwrap();
    lines.for_each(|line| assert!(line.unwrap().contains("\"kind\":\"report\"")));
    let output = watch.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stderr).contains("has ended"),
        "{}",
        text(&output.stderr)
    );
    // And nobody finds it any more.
    let output = run(&["report", &live.pid()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("no process has PID"),
        "{}",
        text(&output.stderr)
    );
}

/// `hotpoll report --watch | head -1`
#[test]
fn a_watch_ends_with_its_reader() {
    let live = Live::start();
    let mut watch = hotpoll(&["report", &live.pid(), "--watch", "--format", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    drop(lines);
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}

#[test]
fn a_process_without_hotpoll() {
    let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
    let output = run(&["report", &sleeper.id().to_string()]);
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("does not run hotpoll"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn recording_a_command_to_its_end() {
    let folder = Folder::new("command");
    let file = folder.0.join("p.pb.gz");
    let output = record(&file, "1.5 7").output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("Look at it: hotpoll report"),
        "{}",
        text(&output.stderr)
    );
    let profile = read(&file);
    assert!(burns(&profile), "{:?}", profile.functions);
    assert_eq!(
        std::fs::read_dir(&folder.0).unwrap().count(),
        1,
        "something is left behind"
    );
}

/// Over before anybody could connect: what it writes itself at its end is all there is.
#[test]
fn recording_a_short_command() {
    let folder = Folder::new("short");
    let file = folder.0.join("p.pb.gz");
    let output = record(&file, "0.3 0").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(burns(&read(&file)));
}

/// The process behind a shell: the child is not the one with hotpoll.
#[test]
fn recording_a_family() {
    let folder = Folder::new("family");
    let file = folder.0.join("p.pb.gz");
    let this = std::env::current_exe().unwrap();
    let script = format!(
        "'{}' be_the_process --exact --nocapture; exit 5",
        this.display()
    );
    let output = hotpoll(&[
        "record",
        "-o",
        file.to_str().unwrap(),
        "--",
        "sh",
        "-c",
        &script,
    ])
    .env(ROLE, "1.5 0")
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    assert!(burns(&read(&file)));
}

/// What was recorded of a process that is killed is in the file.
#[test]
fn recording_a_process_that_is_killed() {
    let folder = Folder::new("killed");
    let file = folder.0.join("p.pb.gz");
    let live = Live::start();
    let recording = hotpoll(&["record", "-o", file.to_str().unwrap(), &live.pid()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The file is there while the recording goes on.
    live.until("a file with samples", || {
        let bytes = std::fs::read(&file).unwrap_or_default();
        pprof::decode(&bytes).is_ok_and(|profile| !profile.samples.is_empty())
    });
    drop(live);
    let output = recording.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("has ended"),
        "{}",
        text(&output.stderr)
    );
    assert!(burns(&read(&file)));
}

/// Ctrl-C, which a terminal gives to both: the file is finished, the code is the command's.
#[test]
fn recording_a_command_that_is_interrupted() {
    let folder = Folder::new("interrupted");
    let file = folder.0.join("p.pb.gz");
    let recording = record(&file, "burn").spawn().unwrap();
    let began = Instant::now();
    // The first file may hold the start of the command only; names come at the end.
    let samples = |profile: &Profile| profile.samples.iter().map(|row| row.count).sum::<u64>();
    while !(file.exists() && samples(&read(&file)) > 30) {
        assert!(began.elapsed() < PATIENCE, "no file with the work in it");
        std::thread::sleep(Duration::from_millis(100));
    }
    // Without a terminal the command passes it on.
    signal(&recording, "INT");
    let output = recording.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("was ended by SIGINT"),
        "{}",
        text(&output.stderr)
    );
    assert!(burns(&read(&file)));
}

fn signal(child: &Child, name: &str) {
    let killed: ExitStatus = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
}

/// Its threads were looked at while they waited: that is a useful file. A sample a second of CPU is one that does not come.
#[test]
fn a_command_that_used_no_cpu() {
    let folder = Folder::new("idle");
    let file = folder.0.join("p.pb.gz");
    let output = record(&file, "idle 1.5 7")
        .env("HOTPOLL_HZ", "1")
        .output()
        .unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{told}");
    assert!(told.contains("no sample of CPU"), "{told}");
    assert!(told.contains("looks at waiting threads"), "{told}");
    let profile = read(&file);
    assert_eq!(profile.cpu_samples(), 0);
    assert!(!profile.samples.is_empty());
    let report = run(&["report", "--wall", file.to_str().unwrap()]);
    assert_eq!(report.status.code(), Some(0), "{}", text(&report.stderr));
}

#[test]
fn a_command_that_nobody_looked_at() {
    let folder = Folder::new("unseen");
    let file = folder.0.join("p.pb.gz");
    let output = record(&file, "idle 0.5 0")
        .envs([("HOTPOLL_HZ", "1"), ("HOTPOLL_WALL_HZ", "0")])
        .output()
        .unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("no sample was taken"), "{told}");
    assert!(!file.exists());
}

/// The process is stopped for a while: that is said, and the recording goes on with it. Everybody else is told at once.
#[test]
fn a_process_that_is_stopped_meanwhile() {
    let folder = Folder::new("stopped");
    let file = folder.0.join("p.pb.gz");
    let mut live = Live::start();
    let mut recording = hotpoll(&["record", "-o", file.to_str().unwrap(), &live.pid()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut watch = hotpoll(&["report", &live.pid(), "--watch", "--format", "json"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut report = hotpoll(&["report", &live.pid(), "--for", "300s", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told_by = [&mut recording, &mut watch, &mut report]
        .map(|child| BufReader::new(child.stderr.take().unwrap()).lines());
    let mut is_told = |what: &str| {
        for lines in &mut told_by {
            let line = lines.next().unwrap().unwrap();
            assert!(line.contains(what), "{what}: {line}");
        }
    };
    let samples = || {
        let bytes = std::fs::read(&file).unwrap_or_default();
        pprof::decode(&bytes).map_or(0, |profile| profile.cpu_samples())
    };
    // By then all three have had their first answers.
    live.until("a file with samples", || samples() > 100);
    signal(&live.0, "STOP");
    is_told("it is stopped");
    let output = run(&["list", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = json["data"]["processes"].as_array().unwrap();
    let row = rows.iter().find(|row| row["pid"] == live.0.id()).unwrap();
    assert_eq!(row["error"], "stopped: no answer until it runs on");
    for unknown in ["stopped", "uptime_ns", "fired", "lost", "asked_hz"] {
        assert!(row[unknown].is_null(), "{unknown}: {row:#}");
    }
    let output = run(&["list"]);
    let said = text(&output.stdout);
    let line = said.lines().find(|line| line.contains(&live.pid()));
    assert!(line.unwrap().contains("stopped: no answer"), "{said}");
    for command in ["report", "tasks", "threads", "doctor"] {
        let output = run(&[command, &live.pid()]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {told}");
        assert!(told.contains("is stopped: no answer until it runs on"));
    }
    let other = folder.0.join("other.pb.gz");
    let output = run(&["record", "-o", other.to_str().unwrap(), &live.pid()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("is stopped"));
    let before = samples();
    signal(&live.0, "CONT");
    is_told("answers again");
    live.until("more of it", || samples() > before + 100);
    // It ends while nobody can ask it.
    signal(&live.0, "STOP");
    is_told("it is stopped");
    // What was collected by then is a report.
    signal(&report, "INT");
    let output = report.wait_with_output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let data = &json["data"];
    assert!(data["samples"]["count"].as_u64() > Some(50), "{data:#}");
    let notices = data["notices"].to_string();
    assert!(notices.contains("gives no answer any more"), "{notices}");
    live.0.kill().unwrap();
    live.0.wait().unwrap();
    for lines in told_by.iter_mut().take(2) {
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains("has ended"), "{line}");
    }
    for child in [recording, watch] {
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    }
    assert!(burns(&read(&file)));
}

/// The disk is full after 512 bytes, as far as the command can tell: it says so, and leaves the file that was there.
#[test]
fn recording_onto_a_full_disk() {
    let folder = Folder::new("full");
    let file = folder.0.join("p.pb.gz");
    std::fs::write(&file, "older").unwrap();
    let live = Live::start();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_hotpoll"))
        .args(["record", "-o", file.to_str().unwrap(), "--for", "2s"])
        .arg(live.pid())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("File too large"), "{told}");
    assert!(told.contains(file.to_str().unwrap()), "{told}");
    assert_eq!(std::fs::read(&file).unwrap(), b"older");
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
}

/// Its program was deleted, as an update does, and it ends while the report is collected: names come from what was opened at the start.
#[test]
fn a_deleted_program_that_ends_meanwhile() {
    let folder = Folder::new("deleted");
    let program = folder.0.join("service");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut child = Command::new(&program)
        .args(["be_the_process", "--exact", "--nocapture"])
        .envs([(ROLE, "burn"), ("HOTPOLL", "on")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while lines.next().unwrap().unwrap() != "started" {}
    let mut live = Live(child);
    live.until("has samples", || {
        live.json(&["report"])["data"]["samples"]["count"].as_u64() > Some(10)
    });
    std::fs::remove_file(&program).unwrap();
    let report = |arguments: &[&str]| {
        let mut command = hotpoll(&[&["report", &live.pid()], arguments].concat());
        // Names that earlier reports have kept would do as well.
        command.env("XDG_CACHE_HOME", folder.0.join("cache"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let waiting = report(&["--for", "30s"]);
    // It fetches every half a second; three seconds hold something new.
    std::thread::sleep(Duration::from_secs(3));
    live.0.kill().unwrap();
    live.0.wait().unwrap();
    let output = waiting.wait_with_output().unwrap();
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(said.contains("the process has ended"), "{said}");
    assert!(said.contains("burn_the_processor"), "{said}{told}");
}

const NOBODY: u32 = 65_534;

/// Somebody else's process: another user is told whose it is, root may ask.
#[test]
fn another_users_process() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        println!("skipped: only root can become another user");
        return;
    }
    let folder = Folder::new("users");
    let all_may = |path: &Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    all_may(&folder.0);
    // Where the binaries lie others may not look.
    let copy = |from: &Path, name: &str| {
        let to = folder.0.join(name);
        std::fs::copy(from, &to).unwrap();
        all_may(&to);
        to
    };
    let command = copy(Path::new(env!("CARGO_BIN_EXE_hotpoll")), "hotpoll");
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new(&command);
        command.args(arguments).current_dir("/").env("HOME", "/");
        command.uid(NOBODY).gid(NOBODY).stdin(Stdio::null());
        command.output().unwrap()
    };
    let live = Live::start();
    for arguments in [
        ["report"].as_slice(),
        &["report", "--for", "1s"],
        &["doctor"],
    ] {
        let output = as_nobody(&[arguments, &[&live.pid()]].concat());
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains("belongs to root"), "{arguments:?}: {told}");
        assert!(told.contains("sudo"), "{arguments:?}: {told}");
    }
    // It goes on, and nobody sees it in the list.
    assert!(live.json(&["report"])["data"]["samples"]["count"].as_u64() > Some(10));

    let program = copy(&std::env::current_exe().unwrap(), "service");
    let mut theirs = Command::new(program);
    theirs
        .args(["be_the_process", "--exact", "--nocapture"])
        .envs([(ROLE, "burn"), ("HOTPOLL", "on")])
        .env_remove("XDG_RUNTIME_DIR")
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = theirs.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while lines.next().unwrap().unwrap() != "started" {}
    let theirs = Live(child);
    theirs.until("has samples", || {
        let output = run(&["report", &theirs.pid()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).contains("burn_the_processor")
    });
}
