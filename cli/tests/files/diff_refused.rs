//! `hotpoll diff` on files that cannot be compared, and on what a stranger types.

use super::diff::{check, diff, run, runs};
use super::{Folder, check_fails, name, text};
use hotpoll_profile::{Engine, Profile, pprof};

#[test]
fn what_cannot_be_compared() {
    let folder = Folder::new("diff-refused");
    let base = runs(&folder, "base", 0..2, 1.0);
    let with = |seed, change: &dyn Fn(&mut Profile)| {
        let mut profile = run(seed, 1.0);
        change(&mut profile);
        let file = folder.file(&format!("{seed}.pb.gz"), &pprof::encode_gzip(&profile));
        name(&file).to_owned()
    };
    let perf = with(30, &|profile| profile.threads[0].engine = Engine::Perf);
    let said = check(&[&base, "--", &perf], 3, "NOT COMPARABLE:\n");
    assert!(said.contains("clock") || said.contains("kernel"), "{said}");
    let said = check(&[&base, "--", &perf, "--format", "junit"], 3, "<?xml");
    assert!(said.contains("<error message="), "{said}");
    let said = check(
        &[&base, "--", &perf, "--format", "html"],
        3,
        "<!DOCTYPE html>",
    );
    assert!(said.contains("NOT COMPARABLE"), "{said}");
    check(&[&base, "--", &perf, "--format", "svg"], 3, "<svg ");
    check(&[&base, "--", &perf, "--format", "folded"], 3, "");
    let slow = with(31, &|profile| profile.interval_ns *= 10);
    check(
        &[&base, "--", &slow, "--format", "markdown"],
        3,
        "<!-- hotpoll diff -->\n### :grey_question: NOT COMPARABLE",
    );
    let other = with(32, &|profile| {
        profile.fingerprint.workload = "import".into()
    });
    let sale = with(33, &|profile| profile.fingerprint.workload = "sale".into());
    let said = check(&[&other, "--", &sale, "--format", "json"], 3, "{");
    assert!(
        said.contains("\"not comparable\"") && said.contains("workload"),
        "{said}"
    );
}

#[test]
fn what_a_stranger_tries() {
    let folder = Folder::new("diff-stranger");
    let base = runs(&folder, "base", 0..2, 1.0);
    let new = runs(&folder, "new", 20..22, 1.0);
    let at = |file: &str| folder.0.join(file).display().to_string();
    check_fails(&["diff"], &["nothing to compare", "BASE… -- NEW…"]);
    check_fails(&["diff", &base], &["which is the new build is not said"]);
    check_fails(&["diff", "--", &new], &["no base before `--`"]);
    check_fails(
        &["diff", &base, "--", &at("*.nothing")],
        &["no file is named like"],
    );
    check_fails(&["diff", &base, "--", &at("a[")], &["is no pattern"]);
    check_fails(
        &["diff", &base, "--", &at("missing.pb.gz")],
        &["there is no file"],
    );
    std::fs::create_dir(at("empty")).unwrap();
    check_fails(
        &["diff", &base, "--", &at("empty")],
        &["is an empty folder"],
    );
    std::fs::create_dir(at("texts")).unwrap();
    folder.file("texts/notes.txt", b"hello");
    check_fails(
        &["diff", &base, "--", &at("texts")],
        &["none of the 1 files", "is a profile"],
    );

    // The same recording twice would agree with itself wonderfully.
    let (one, other) = (at("base/run-0.pb.gz"), at("copy.pb.gz"));
    std::fs::copy(&one, &other).unwrap();
    check_fails(
        &["diff", &one, &one, "--", &new],
        &["is given twice, both for the base"],
    );
    check_fails(
        &["diff", &base, "--", &base],
        &[
            "given twice, for the base and for the new build",
            "hotpoll aa",
        ],
    );
    check_fails(&["diff", &base, "--", &other], &["are the same recording"]);

    // Others beside the profiles are left out, and said.
    folder.file("new/readme.txt", b"hello");
    folder.file("new/logs.tar.gz", &[0x1f, 0x8b, 8, 0]);
    folder.file("new/.hidden", b"x");
    let output = diff(&[&base, "--", &new]);
    assert!(
        text(&output.stdout).contains("2 other files in"),
        "{}",
        text(&output.stdout)
    );
    let output = diff(&[&at("base/*.pb.gz"), "--", &at("new/run-*")]);
    assert!(
        text(&output.stdout).contains("base 2 runs"),
        "{}",
        text(&output.stdout)
    );

    // A damaged file is never just one run less.
    let half = std::fs::read(&one).unwrap();
    let damaged = folder.file("new/half.pb.gz", &half[..half.len() / 2]);
    check_fails(
        &["diff", &base, "--", &new],
        &["cannot read", "damaged or cut short"],
    );
    std::fs::remove_file(damaged).unwrap();
    folder.file("new/empty.pb.gz", b"");
    check_fails(
        &["diff", &base, "--", &new],
        &["empty.pb.gz", "the file is empty"],
    );
    let mut silent = run(40, 1.0);
    silent.samples.clear();
    silent.slices.clear();
    let silent = folder.file("silent.pb.gz", &pprof::encode_gzip(&silent));
    check_fails(
        &["diff", &base, "--", name(&silent)],
        &["has no samples: it lasted 20.0 s", "hotpoll record --ci"],
    );
    check_fails(
        &["diff", &base, "--", name(&silent), "--margin", "0.05"],
        &["5% if 0.05 is a fraction"],
    );
}

/// Go's own profiler, four runs a side of a program whose `parse` does three times as much in the new build; `profile/tests/data` has files of others.
#[test]
fn files_of_other_tools() {
    let data = |file: &str| format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let (base, new) = (data("go-base-*.pb.gz"), data("go-new-*.pb.gz"));
    // Three functions and no count of work: one that is dearer, or two that are cheaper? The other way round two looked dearer, and failed.
    for (base, new) in [(&base, &new), (&new, &base)] {
        let said = check(&[base, "--", new, "--all"], 0, "INCONCLUSIVE: ");
        assert!(
            said.contains("main.parse") && said.contains("samples"),
            "{said}"
        );
        assert!(!said.contains("FAILS"), "{said}");
        assert!(said.contains("so nothing is judged"), "{said}");
        let failed = check(
            &[base, "--", new, "--on-inconclusive=fail"],
            3,
            "INCONCLUSIVE: ",
        );
        assert!(
            failed.contains("count its work") && !failed.contains("leave the whole out"),
            "{failed}"
        );
    }
    let said = check(&[&base, "--", &new], 0, "INCONCLUSIVE: ");
    assert!(said.contains("obody counted work"), "{said}");
    let whole: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("permutation"))
        .collect();
    assert_eq!(whole, [""; 0], "nothing is said of the whole");

    // With other things and other rates, and with ours.
    let other = |file: &str| {
        format!(
            "{}/../profile/tests/data/{file}",
            env!("CARGO_MANIFEST_DIR")
        )
    };
    let refused = "NOT COMPARABLE:";
    let said = check(
        &[&other("go-cpu.pb.gz"), "--", &other("go-heap.pb.gz")],
        3,
        refused,
    );
    assert!(said.contains("inuse_space"), "{said}");
    let said = check(
        &[&other("pprof-rs.pb.gz"), "--", &other("go-cpu.pb.gz")],
        3,
        refused,
    );
    assert!(
        said.contains("200 Hz in the base, 100 Hz in the new build"),
        "{said}"
    );
    let folder = Folder::new("diff-foreign");
    let ours = runs(&folder, "ours", 0..3, 1.0);
    // By sides, and on one.
    for arguments in [
        [&base, "--", &ours, "--top=1"],
        [&ours, "--", &new, "--top=1"],
        [&base, &ours, "--", &new],
    ] {
        let said = check(&arguments, 3, refused);
        assert!(said.contains("measure different things"), "{said}");
    }
    check_fails(
        &["diff", &base, "--", "https://ci.example/new.pb.gz"],
        &["is an address", "curl -o"],
    );
}
