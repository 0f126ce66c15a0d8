//! `hotpoll record`: of a command, of a process, and what becomes of the file.

use crate::process::{
    Folder, Live, PATIENCE, ROLE, burns, hotpoll, process, read, run, signal, text,
};
use hotpoll_profile::pprof;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

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
        // Looks at waiting threads are samples, too.
        pprof::decode(&bytes).is_ok_and(|profile| profile.cpu_samples() > 30)
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
    while !(file.exists() && read(&file).cpu_samples() > 30) {
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

/// Records an idle process, of which no sample of CPU comes: at one a second it uses far too little. But the first one comes at a random moment of the
/// first second, so in one try of a hundred or so it does come.
fn without_a_sample(file: &Path, role: &str, variables: &[(&str, &str)]) -> Output {
    for _ in 0..5 {
        let _ = std::fs::remove_file(file);
        let mut command = record(file, role);
        command.env("HOTPOLL_HZ", "1");
        command.envs(variables.iter().copied());
        let output = command.output().unwrap();
        if !file.exists() || read(file).cpu_samples() == 0 {
            return output;
        }
    }
    panic!("a sample of CPU each time");
}

/// Its threads were looked at while they waited: that is a useful file.
#[test]
fn a_command_that_used_no_cpu() {
    let folder = Folder::new("idle");
    let file = folder.0.join("p.pb.gz");
    let output = without_a_sample(&file, "idle 1.5 7", &[]);
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
    let output = without_a_sample(&file, "idle 0.5 0", &[("HOTPOLL_WALL_HZ", "0")]);
    let told = text(&output.stderr);
    // The command's own code, as everywhere; standard error says that there is no file.
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("no sample was taken"), "{told}");
    assert!(!file.exists());
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
