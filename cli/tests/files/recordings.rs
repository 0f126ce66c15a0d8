//! Recordings of a command that starts nothing, or in which nothing can be recorded.

use super::{Folder, check_fails, hotpoll, name, run, text};

/// What is wrong is said before anything is started.
#[test]
fn a_recording_that_cannot_be_written_starts_nothing() {
    let folder = Folder::new("record");
    let marker = folder.0.join("started");
    let missing = folder.0.join("no/such/folder.pb.gz");
    check_fails(
        &["record", "-o", name(&missing), "--", "touch", name(&marker)],
        &["create the folder first"],
    );
    assert!(!marker.exists());
    check_fails(&["record", "--", "true"], &["--output"]);
    let output = folder.0.join("p.pb.gz");
    check_fails(
        &["record", "-o", name(&output), "--", "/no/such/program"],
        &["cannot start /no/such/program"],
    );
    check_fails(
        &["record", "-o", name(&output), "--for", "1s", "--", "true"],
        &["cannot be used with"],
    );
}

/// The switch is the user's, and so is the command: which of them counts is asked, not guessed. Once HOTPOLL=off was overridden without a word.
#[test]
fn a_recording_where_hotpoll_is_switched_off_starts_nothing() {
    let folder = Folder::new("off");
    let (marker, output) = (folder.0.join("started"), folder.0.join("p.pb.gz"));
    let record = ["record", "-o", name(&output), "--", "touch", name(&marker)];
    let recorded = hotpoll(&record).env("HOTPOLL", "off").output().unwrap();
    assert_eq!(recorded.status.code(), Some(2));
    let said = text(&recorded.stderr);
    assert!(
        said.contains("HOTPOLL=off") && said.contains("touch was not started"),
        "{said}"
    );
    assert!(said.contains("HOTPOLL=on hotpoll record"), "{said}");
    assert!(!marker.exists() && !output.exists());
    // It is a switch like any other: on is what a command gets anyway.
    let recorded = hotpoll(&record).env("HOTPOLL", "on").output().unwrap();
    assert!(text(&recorded.stderr).contains("never started hotpoll"));
    assert!(marker.exists());
}

#[test]
fn a_command_without_hotpoll() {
    let folder = Folder::new("without");
    let output = folder.0.join("p.pb.gz");
    let told = &["never started hotpoll", "hotpoll::start()"];
    let recorded = run(&["record", "-o", name(&output), "--", "true"]);
    assert_eq!(recorded.status.code(), Some(0), "{recorded:?}");
    for part in told {
        assert!(text(&recorded.stderr).contains(part), "{recorded:?}");
    }
    assert!(!output.exists());
    let recorded = run(&[
        "record",
        "-o",
        name(&output),
        "--",
        "sh",
        "-c",
        "echo $HOTPOLL; exit 7",
    ]);
    assert_eq!(recorded.status.code(), Some(7));
    assert_eq!(text(&recorded.stdout), "on\n");
    assert!(text(&recorded.stderr).contains("ended with code 7 and never started"));
    let recorded = run(&[
        "record",
        "-o",
        name(&output),
        "--",
        "sh",
        "-c",
        "kill -9 $$",
    ]);
    assert_eq!(recorded.status.code(), Some(137));
}
