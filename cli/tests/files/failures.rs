//! What cannot be read or written, and what makes no sense, is one sentence.

use super::{Folder, check_fails, hotpoll, name, profile, text};
use hotpoll_profile::pprof;
use std::process::{Command, Output, Stdio};

/// `hotpoll report | head`: the reader goes away in the middle, and nobody complains.
#[test]
fn a_reader_that_has_seen_enough() {
    let folder = Folder::new("pipe");
    // Far more than a pipe holds.
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(5_000)));
    let mut child = hotpoll(&["report", name(&path), "--by", "function", "--top", "5000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_full_disk_is_a_sentence() {
    let folder = Folder::new("full");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = hotpoll(&["report", name(&path)])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("cannot write"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn what_cannot_be_read() {
    let folder = Folder::new("unreadable");
    let good = pprof::encode_gzip(&profile(3));
    let half = folder.file("half.pb.gz", &good[..good.len() / 2]);
    check_fails(
        &["report", name(&half)],
        &["hotpoll: cannot read", "damaged or cut short"],
    );
    let notes = folder.file("notes.txt", b"hello");
    check_fails(&["report", name(&notes)], &["is not a profile"]);
    let program = folder.file("program", b"\x7fELF....");
    check_fails(
        &["report", name(&program)],
        &["is a program, not a profile", "hotpoll record"],
    );
    check_fails(
        &["report", "/no/such/file"],
        &["there is no file /no/such/file"],
    );
}

/// One sentence and one next step, whatever the folder stands in the place of.
#[test]
fn a_folder_is_no_file() {
    let folder = Folder::new("folder");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    let (folder, path) = (name(&folder.0), name(&path));
    for arguments in [
        &["report", folder] as &[&str],
        &["doctor", folder],
        &["export", folder, "--format", "html"],
        &["export", path, "--format", "html", "-o", folder],
        &["record", "-o", folder],
        &["record", "-o", folder, "--", "true"],
        &["symbolize", folder],
    ] {
        check_fails(
            arguments,
            &[folder, "is a folder, not a file", "name a file in it"],
        );
    }
}

#[test]
fn what_makes_no_sense() {
    let folder = Folder::new("usage");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    check_fails(
        &["report", name(&path), "--watch"],
        &["--watch needs a live process"],
    );
    check_fails(
        &["report", name(&path), "--for", "1s"],
        &["--for needs a live process"],
    );
    check_fails(&["report", "--last", "soon"], &["30s"]);
    check_fails(&["report", "--focus", "("], &["unclosed group"]);
    check_fails(&["report", "--top", "0"], &["--top"]);
    check_fails(&["frobnicate"], &["unrecognized subcommand"]);
    check_fails(&[], &["Usage: hotpoll <COMMAND>"]);
}

/// A disk that is full after four kilobytes, as far as the command can tell: a limit, and its signal ignored so that writing fails.
fn with_a_full_disk(arguments: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"]);
    command.arg(env!("CARGO_BIN_EXE_hotpoll")).args(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_full_disk_is_said_and_leaves_what_was_there() {
    let folder = Folder::new("full-file");
    let profile = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3_000)));
    for format in [
        "pprof",
        "folded",
        "svg",
        "html",
        "speedscope",
        "firefox",
        "json",
    ] {
        let old = folder.file(&format!("old.{format}"), b"older");
        let arguments = [
            "export",
            name(&profile),
            "--format",
            format,
            "-o",
            name(&old),
        ];
        let output = with_a_full_disk(&arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{format}: {told}");
        assert!(told.contains(name(&old)), "{format}: {told}");
        assert!(told.contains("File too large"), "{format}: {told}");
        assert_eq!(std::fs::read(&old).unwrap(), b"older", "{format}");
    }
    let mut left: Vec<_> = std::fs::read_dir(&folder.0)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.retain(|file| !file.to_str().unwrap().starts_with("old."));
    assert_eq!(left, ["p.pb.gz"], "no half-written file is left");
}
