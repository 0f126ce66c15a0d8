//! A planted regression, recorded by `bench` and judged by `diff`: found, named and gated; its mirror image is an improvement; with too few runs it is neither.

mod example;
mod folder;

use folder::Folder;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What `parse` takes longer in the new build: enough for a few short runs on a busy machine without perf events.
const DEARER: &str = "100";

fn hotpoll(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotpoll"));
    command.args(arguments).stdin(Stdio::null());
    command.env_remove("HOTPOLL").env_remove("HOTPOLL_HZ");
    // What somebody has learned of this machine's noise would have one run a side judged.
    let nowhere = std::env::temp_dir().join("hotpoll-no-state");
    command.env("XDG_STATE_HOME", nowhere);
    command.output().unwrap()
}

/// The exit code and the data of a comparison.
fn diff(arguments: &[&str]) -> (i32, Value) {
    let output = hotpoll(&[&["diff", "--format", "json"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    let mut answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"));
    (output.status.code().unwrap(), answer["data"].take())
}

fn verdict(answer: &Value) -> &str {
    answer["verdict"].as_str().unwrap_or_default()
}

/// The functions of causes that fail.
fn failing(answer: &Value) -> Vec<String> {
    let causes = example::rows(answer, "causes").iter();
    let failing = causes.filter(|cause| cause["fails"] == true);
    failing
        .filter_map(|cause| {
            let row = usize::try_from(cause["row"].as_u64()?).ok()?;
            Some(answer["rows"][row]["name"].as_str()?.to_owned())
        })
        .collect()
}

#[test]
fn found_named_and_gated() {
    let folder = Folder::new("regression-pair");
    let program = example::program("regression-pair");
    let line = |more: &str| format!("'{}' 8000 {more}", program.display());
    let bench = hotpoll(&[
        "bench",
        "--runs",
        "4",
        "--workload",
        "pair",
        "--base",
        &line(""),
        "--new",
        &line(&format!("--dearer {DEARER}")),
        "-o",
        &folder.path(""),
    ]);
    let said = String::from_utf8_lossy(&bench.stderr);
    assert!(bench.status.success(), "{said}");
    let (base, new) = (folder.path("base"), folder.path("new"));
    assert!(said.contains("8,000 requests"), "{said}");
    assert!(said.contains("hotpoll diff"), "{said}");

    let (code, found) = diff(&[&base, "--", &new]);
    assert_eq!((code, verdict(&found)), (1, "REGRESSED"), "{found:#}");
    let causes = failing(&found);
    assert!(
        causes.iter().any(|name| name.ends_with("::parse")),
        "{causes:?}"
    );
    let innocent = ["decode", "look_up", "respond"];
    let is_innocent = |name: &String| innocent.iter().any(|one| name.ends_with(one));
    assert!(!causes.iter().any(is_innocent), "{causes:?}");
    let parse = example::rows(&found, "rows").iter();
    let parse = parse
        .filter(|row| {
            row["name"]
                .as_str()
                .is_some_and(|name| name.ends_with("::parse"))
        })
        .max_by_key(|row| row["base_count"].as_u64())
        .unwrap();
    // It takes twice as long. Nineteen intervals of twenty have the truth in them; all but a few in a million come so close.
    let (low, high) = (&parse["total"]["low"], &parse["total"]["high"]);
    assert!(
        low.as_f64() < Some(2.3) && high.as_f64() > Some(1.7),
        "{parse:#}"
    );

    let (code, mirrored) = diff(&[&new, "--", &base]);
    assert_eq!(code, 0, "{mirrored:#}");
    let cheaper = example::rows(&mirrored, "rows").iter().any(|row| {
        let name = row["name"].as_str();
        name.is_some_and(|name| name.ends_with("::parse")) && row["total"]["verdict"] == "improved"
    });
    assert!(cheaper, "{mirrored:#}");
    // Of the whole, four runs a side on a busy machine may be too few to tell, and another function may be too wide to be told beside it: that is said first.
    let total = mirrored["total"]["verdict"].as_str();
    let expected = match (mirrored["blind"].as_bool(), total) {
        (Some(false), Some("improved")) => &["IMPROVED"][..],
        (Some(false), Some("inconclusive")) => &["IMPROVED", "INCONCLUSIVE"],
        _ => &["INCONCLUSIVE"],
    };
    assert!(expected.contains(&verdict(&mirrored)), "{mirrored:#}");

    let one = |side: &str| Path::new(side).join("01.pb.gz").display().to_string();
    let (code, few) = diff(&[&one(&base), "--", &one(&new)]);
    assert_eq!((code, verdict(&few)), (0, "INCONCLUSIVE"), "{few:#}");
    let one_a_side = [&*one(&base), "--", &*one(&new)];
    let failing = [&["diff", "--on-inconclusive", "rerun"], &one_a_side[..]].concat();
    let failed = hotpoll(&failing);
    assert_eq!(failed.status.code(), Some(3));
    // It says what to do about it.
    let said = String::from_utf8_lossy(&failed.stdout);
    let said: Vec<&str> = said.split_whitespace().collect();
    let said = said.join(" ");
    assert!(said.contains("needs about 4 more runs a side"), "{said}");
    assert!(said.contains("hotpoll bench --add --runs 4"), "{said}");

    // The folder has runs of these builds: another bench must not mix its own in unasked.
    let again = hotpoll(&[
        "bench",
        "--base",
        "true",
        "--new",
        "true",
        "-o",
        &folder.path(""),
    ]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--add"));
}

/// With one run a side nothing can be told: `bench` makes more by itself, as many as it may.
#[test]
fn made_again_where_it_cannot_be_told() {
    let folder = Folder::new("bench-rerun");
    let line = format!("'{}' 100", example::program("regression-pair").display());
    let runs = folder.path("");
    let bench = hotpoll(&[
        "bench",
        "--runs",
        "1",
        "--max-runs",
        "2",
        "--base",
        &line,
        "--new",
        &line,
        "-o",
        &runs,
        "--diff",
        "--",
        "--on-inconclusive",
        "rerun",
    ]);
    let said = String::from_utf8_lossy(&bench.stderr);
    assert!(
        said.contains("It cannot be told yet: 1 run more of each."),
        "{said}"
    );
    assert!(said.contains("2 runs of base and 2 of new"), "{said}");
    assert_eq!(bench.status.code(), Some(3), "{said}");
    let told = String::from_utf8_lossy(&bench.stdout);
    assert_eq!(told.matches("INCONCLUSIVE:").count(), 1, "{told}");
}

/// A build against itself: recorded, compared, and what was learned is kept for `hotpoll diff`.
#[test]
fn one_build_against_itself() {
    let folder = Folder::new("aa");
    let program = example::program("regression-pair").display().to_string();
    let (runs, noise) = (folder.path("runs"), folder.path("noise.json"));
    let line = [&*program, "300"];
    let options = ["aa", "--runs", "4", "-o", &runs, "--noise", &noise, "--"];
    let first = hotpoll(&[&options[..], &line].concat());
    let told = String::from_utf8_lossy(&first.stdout);
    let said = String::from_utf8_lossy(&first.stderr);
    assert!(
        told.contains("1 comparison without a run in common: 0 would have failed"),
        "{told}{said}"
    );
    assert_eq!(first.status.code(), Some(0), "{told}{said}");
    assert!(said.contains("4 runs"), "{said}");
    // The same runs say the same.
    let again = hotpoll(&["aa", &runs, "--no-noise"]);
    let again = String::from_utf8_lossy(&again.stdout);
    assert!(told.starts_with(&*again), "{again}{told}");
    let files = ["01", "02"].map(|run| {
        Path::new(&runs)
            .join(format!("0{run}.pb.gz"))
            .display()
            .to_string()
    });
    let (_, found) = diff(&["--noise", &noise, &files[0], "--", &files[1]]);
    let notices = found["notices"].to_string();
    assert!(
        notices.contains("was taken into account: its runs differ"),
        "{notices}"
    );
    let twice = hotpoll(&[&options[..], &line].concat());
    assert_eq!(twice.status.code(), Some(2));
}

#[test]
fn runs_that_cannot_be_compared_are_explained() {
    let folder = Folder::new("bench-failures");
    let check = |base: &str, sentences: &[&str]| {
        let output = hotpoll(&[
            "bench",
            "--runs",
            "1",
            "--base",
            base,
            "--new",
            base,
            "-o",
            &folder.path("runs"),
        ]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for sentence in sentences {
            assert!(said.contains(sentence), "{sentence}: {said}");
        }
        // Nothing is left behind.
        assert!(!folder.0.join("runs").exists());
    };
    check("true", &["never started hotpoll", "hotpoll::start()"]);
    check(
        "echo no such table; exit 7",
        &["with code 7", "no such table", "end with 0"],
    );
    let program = example::program("regression-pair");
    // On a busy machine its start alone takes a millisecond of CPU time, and no second.
    check(
        &format!("HOTPOLL_HZ=1 '{}' 0", program.display()),
        &["no sample was taken"],
    );
}
