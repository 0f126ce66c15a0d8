//! Processes of other users.

use crate::process::{Folder, Live, ROLE, copy, run, text};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

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
    let copied = |from: &Path, name: &str| {
        let to = folder.0.join(name);
        copy(from, &to);
        all_may(&to);
        to
    };
    let command = copied(Path::new(env!("CARGO_BIN_EXE_hotpoll")), "hotpoll");
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

    let program = copied(&std::env::current_exe().unwrap(), "service");
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
    while !lines.next().unwrap().unwrap().ends_with("started") {}
    let theirs = Live(child);
    theirs.until("has samples", || {
        let output = run(&["report", &theirs.pid()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).contains("burn_the_processor")
    });
}
