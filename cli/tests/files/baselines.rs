//! `hotpoll baseline` and `diff --baseline`: kept runs, in folders and in git notes.

use super::diff::{check, runs};
use super::{Folder, check_fails, hotpoll, text};
use std::process::Command;

#[test]
fn baselines() {
    let folder = Folder::new("diff-baselines");
    let kept = folder.0.join("kept").display().to_string();
    let add = |place: &str, runs: &str, label: &str| {
        let output = hotpoll(&["baseline", "add", place, runs, "--label", label])
            .current_dir(&folder.0)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    check_fails(
        &["diff", "--baseline", &kept, "--", "x"],
        &["there is no baseline", "hotpoll baseline add"],
    );
    for (at, parse) in [(0, 1.0), (1, 1.02), (2, 1.04)] {
        let side = runs(
            &folder,
            &format!("main-{at}"),
            100 * at..100 * at + 4,
            parse,
        );
        assert!(add(&kept, &side, &format!("{at}-main")).starts_with("Kept 4 runs in "));
        // Builds are told apart by the second that they are kept in.
    }
    let list = hotpoll(&["baseline", "list", &kept]).output().unwrap();
    let list = text(&list.stdout);
    assert!(
        list.lines().count() == 4
            && list.contains("4 runs")
            && list.contains("per request")
            && list.contains("trend ▁"),
        "{list}"
    );
    let new = runs(&folder, "new", 900..905, 1.5);
    let said = check(&["--baseline", &kept, "--", &new], 1, "REGRESSED: ");
    assert!(
        said.contains("main of ") && said.contains("4 builds, the new one last"),
        "{said}"
    );
    // As a TARGET the folder is its newest build, too.
    check(&[&kept, "--", &new], 1, "REGRESSED: ");

    // In notes, on the commit before.
    let git = |arguments: &[&str]| {
        let author = ["-c", "user.name=x", "-c", "user.email=x@example.com"];
        let output = Command::new("git")
            .current_dir(&folder.0)
            .args(author)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    git(&["init", "-q"]);
    git(&["config", "user.name", "x"]);
    git(&["config", "user.email", "x@example.com"]);
    git(&["commit", "-q", "--allow-empty", "-m", "base"]);
    let main = folder.0.join("main-0").display().to_string();
    assert!(add("git-notes:hotpoll", &main, "").contains("refs/notes/hotpoll on "));
    let here = |arguments: &[&str]| {
        let output = hotpoll(arguments).current_dir(&folder.0).output().unwrap();
        (
            output.status.code(),
            text(&output.stdout).to_owned() + text(&output.stderr),
        )
    };
    let (code, said) = here(&["baseline", "list", "git-notes:hotpoll"]);
    assert!(code == Some(0) && said.contains("4 runs"), "{said}");
    let (code, said) = here(&["diff", "--baseline", "git-notes:hotpoll", "--", &new]);
    assert!(
        code == Some(2) && said.contains("has a note in hotpoll"),
        "{said}"
    );
    git(&["commit", "-q", "--allow-empty", "-m", "new"]);
    let (code, said) = here(&["diff", "--baseline", "git-notes:hotpoll", "--", &new]);
    assert!(code == Some(1) && said.starts_with("REGRESSED: "), "{said}");
    let (code, said) = here(&["baseline", "list", "git-notes:hotpoll"]);
    assert!(code == Some(0) && said.contains("4 runs"), "{said}");
}
