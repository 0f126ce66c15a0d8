//! Builds kept in folders and in notes, and found again.

use super::*;
use std::process::Command;

fn scratch(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("hotpoll-baseline-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn run_bytes(seed: u8) -> Vec<u8> {
    vec![0x1f, 0x8b, seed]
}

#[test]
fn a_folder_keeps_the_last() {
    let folder = scratch("folder");
    // Made by somebody else, and so never deleted.
    std::fs::create_dir(folder.join("precious")).unwrap();
    // Within one second, and not in the alphabet's order.
    for build in 8..12u8 {
        let files = [
            ("run-1.pb.gz".to_owned(), run_bytes(build)),
            ("run-2.pb.gz".to_owned(), run_bytes(100 + build)),
        ];
        let kept = folder::add(&folder, &format!("c{build}"), &files, 3).unwrap();
        assert!(kept.to_string_lossy().ends_with(&format!("-c{build}")));
    }
    let labels: Vec<String> = folder::builds(&folder)
        .unwrap()
        .into_iter()
        .map(|build| build.label)
        .collect();
    assert_eq!(labels.len(), 3);
    let newest = newest_in(&folder).unwrap().unwrap();
    assert!(newest.label.ends_with("-c11"), "{labels:?}");
    assert_eq!(newest.sources.len(), 2);
    assert!(folder.join("precious").exists());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn names_of_places() {
    assert_eq!(
        place("git-notes:hotpoll").unwrap(),
        Where::Notes("hotpoll".into())
    );
    assert_eq!(place("runs/").unwrap(), Where::Path("runs/".into()));
    for wrong in [
        "git-notes:",
        "git-notes:-x",
        "git-notes:a b",
        "git-notes:../x",
        "",
    ] {
        assert!(place(wrong).is_err(), "{wrong}");
    }
}

/// In a repository of its own, through git itself. The current folder is the process's, so this asks the command.
#[test]
fn git_keeps_a_note_as_it_is() {
    let folder = scratch("notes");
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(&folder)
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    };
    git(&["init", "-q"]);
    git(&[
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@example.com",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "one",
    ]);
    let archive = tar::write(&[("a.pb.gz".to_owned(), b"  \n\n trailing \n\n".to_vec())]);
    std::fs::write(folder.join("archive"), &archive).unwrap();
    let blob = String::from_utf8(git(&["hash-object", "-w", "archive"])).unwrap();
    git(&[
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@example.com",
        "notes",
        "--ref",
        "hotpoll",
        "add",
        "-f",
        "-C",
        blob.trim(),
        "HEAD",
    ]);
    let list = String::from_utf8(git(&["notes", "--ref", "hotpoll", "list"])).unwrap();
    let kept = git(&["cat-file", "blob", list.split(' ').next().unwrap()]);
    assert_eq!(kept, archive);
    std::fs::remove_dir_all(folder).unwrap();
}
