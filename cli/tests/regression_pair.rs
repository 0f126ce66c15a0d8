//! A planted regression, recorded by `bench` and judged by `diff`: found, named and gated; its mirror image is an improvement; with too few runs it is neither.

mod example;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What `parse` takes longer in the new build: enough for a few short runs on a busy machine without perf events.
const DEARER: &str = "100";

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hotpoll-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn hotpoll(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotpoll"));
    command.args(arguments).stdin(Stdio::null());
    command.env_remove("HOTPOLL").env_remove("HOTPOLL_HZ");
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
    let line = |more: &str| format!("'{}' 2500 {more}", program.display());
    let bench = hotpoll(&[
        "bench",
        "--runs",
        "5",
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
    assert!(said.contains("2,500 requests"), "{said}");
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
    assert_eq!((code, verdict(&mirrored)), (0, "IMPROVED"), "{mirrored:#}");

    let one = |side: &str| Path::new(side).join("01.pb.gz").display().to_string();
    let (code, few) = diff(&[&one(&base), "--", &one(&new)]);
    assert_eq!((code, verdict(&few)), (0, "INCONCLUSIVE"), "{few:#}");
    let (code, _) = diff(&["--on-inconclusive", "fail", &one(&base), "--", &one(&new)]);
    assert_eq!(code, 3);

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
    check(
        &format!("'{}' 0", program.display()),
        &["no sample was taken"],
    );
}
