//! Processes whose socket is not where it is looked for first, or nowhere.

use crate::process::{Folder, Live, ROLE, copy, process, run, text};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

const NOBODY: u32 = 65_534;

/// The process, with empty folders that nobody can write to in place of these; nothing where that is not permitted.
fn with_read_only(folders: &str) -> Option<Live> {
    let script = format!(
        "for one in {folders}; do mount -t tmpfs -o ro none $one || exit 9; done; exec \"$0\" \"$@\""
    );
    let inner = process("burn");
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(inner.get_program())
        .args(inner.get_args())
        .envs([(ROLE, "burn"), ("HOTPOLL", "on")])
        .env_remove("XDG_RUNTIME_DIR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let started = started(command);
    if started.is_none() {
        println!("skipped: no mount namespace may be made here");
    }
    started
}

fn started(mut command: Command) -> Option<Live> {
    let mut child = command.spawn().ok()?;
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let live = Live(child);
    let mut lines = lines.map_while(Result::ok);
    lines.any(|line| line.ends_with("started")).then_some(live)
}

#[test]
fn no_folder_for_a_socket() {
    let Some(live) = with_read_only("/tmp /var/tmp /dev/shm") else {
        return;
    };
    let output = run(&["report", &live.pid()]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for part in [
        "runs hotpoll, but has no socket to be asked through: /tmp is read-only",
        "/dev/shm is read-only",
        "XDG_RUNTIME_DIR",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let list = run(&["list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let rows = list["data"]["processes"].as_array().unwrap();
    let row = rows.iter().find(|row| row["pid"] == live.0.id()).unwrap();
    let error = row["error"].as_str().unwrap();
    assert!(
        error.starts_with("runs, without a socket: /tmp is read-only"),
        "{error}"
    );
}

#[test]
fn another_folder_for_a_socket() {
    let Some(live) = with_read_only("/tmp") else {
        return;
    };
    live.until("has samples", || {
        let output = run(&["report", &live.pid()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).contains("burn_the_processor")
    });
}

/// As after a change of its user: its part of `/proc` is closed to the user that it runs as.
#[test]
fn not_dumpable_and_asked_by_its_own_user() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let folder = Folder::new("hidden");
    let all_may = |path: &Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    all_may(&folder.0);
    let program = |from: &Path, name: &str| {
        let to = folder.0.join(name);
        copy(from, &to);
        all_may(&to);
        let mut command = Command::new(to);
        command
            .current_dir("/")
            .env("HOME", "/")
            .env_remove("XDG_RUNTIME_DIR")
            .stdin(Stdio::null());
        // Nothing is closed to root.
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    let mut service = program(&std::env::current_exe().unwrap(), "service");
    service
        .args(["be_the_process", "--exact", "--nocapture"])
        .envs([(ROLE, "hidden"), ("HOTPOLL", "on")])
        .stdout(Stdio::piped());
    let live = started(service).unwrap();
    live.until("has samples", || {
        let mut command = program(Path::new(env!("CARGO_BIN_EXE_hotpoll")), "hotpoll");
        let output = command.args(["report", &live.pid()]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).contains("burn")
    });
}

#[test]
fn another_root_since_the_start() {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        println!("skipped: only root can change its root");
        return;
    }
    let folder = Folder::new("root");
    let mut service = process("chroot");
    service
        .env("HOTPOLL_TEST_ROOT", &folder.0)
        .stdout(Stdio::piped());
    let live = started(service).unwrap();
    live.until("has samples", || {
        let output = run(&["report", &live.pid()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).contains("burn_the_processor")
    });
}
