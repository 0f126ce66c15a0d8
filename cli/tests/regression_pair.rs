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

/// What a measurement says wrongly.
type Wrong = String;

/// `true`, or what is wrong.
fn holds(is_so: bool, what: &str, answer: &Value) -> Result<(), Wrong> {
    match is_so {
        true => Ok(()),
        false => Err(format!("{what}: {answer:#}")),
    }
}

/// One comparison of a hundred may alarm by chance, and on a busy machine a few runs may tell too little: neither is the product's fault. So a measurement of
/// live programs is held against it where another one, of other runs, is wrong as well. It is given how many there were before.
fn twice_wrong_is_wrong<T>(mut measure: impl FnMut(u32) -> Result<T, Wrong>) -> T {
    let first = match measure(0) {
        Ok(right) => return right,
        Err(wrong) => wrong,
    };
    eprintln!("once more, with other runs: {first}");
    match measure(1) {
        Ok(right) => right,
        Err(second) => panic!("two measurements are wrong: {first}\nand: {second}"),
    }
}

/// Records both builds into a folder.
fn record(runs: &str, folder: &str) -> String {
    let program = example::program("regression-pair");
    let line = |more: &str| format!("'{}' 8000 {more}", program.display());
    let (base, new) = (line(""), line(&format!("--dearer {DEARER}")));
    let bench = hotpoll(&[
        "bench",
        "--runs",
        runs,
        "--workload",
        "pair",
        "--base",
        &base,
        "--new",
        &new,
        "-o",
        folder,
    ]);
    let said = String::from_utf8_lossy(&bench.stderr);
    assert!(bench.status.success(), "{said}");
    said.into_owned()
}

/// The regression is found and named, and nothing else is.
fn is_found(base: &str, new: &str) -> Result<(), Wrong> {
    let (code, found) = diff(&[base, "--", new]);
    let is_red = (code, verdict(&found)) == (1, "REGRESSED");
    holds(is_red, "not found", &found)?;
    let causes = failing(&found);
    let is_named = causes.iter().any(|name| name.ends_with("::parse"));
    holds(is_named, "not named", &found)?;
    let innocent = ["decode", "look_up", "respond"];
    let is_innocent = |name: &String| innocent.iter().any(|one| name.ends_with(one));
    let is_accused = causes.iter().any(is_innocent);
    holds(!is_accused, "an innocent one is accused", &found)?;
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
    let is_twice = low.as_f64() < Some(2.3) && high.as_f64() > Some(1.7);
    holds(is_twice, "it is not twice as long", parse)
}

/// The other way round it is an improvement.
fn is_mirrored(base: &str, new: &str) -> Result<(), Wrong> {
    let (code, mirrored) = diff(&[new, "--", base]);
    holds(code == 0, "the mirror image is red", &mirrored)?;
    let cheaper = example::rows(&mirrored, "rows").iter().any(|row| {
        let name = row["name"].as_str();
        name.is_some_and(|name| name.ends_with("::parse")) && row["total"]["verdict"] == "improved"
    });
    holds(cheaper, "the mirror image is not cheaper", &mirrored)?;
    // Of the whole, four runs a side on a busy machine may be too few to tell, and another function may be too wide to be told beside it: that is said first.
    let total = mirrored["total"]["verdict"].as_str();
    let expected = match (mirrored["blind"].as_bool(), total) {
        (Some(false), Some("improved")) => &["IMPROVED"][..],
        (Some(false), Some("inconclusive")) => &["IMPROVED", "INCONCLUSIVE"],
        _ => &["INCONCLUSIVE"],
    };
    let is_expected = expected.contains(&verdict(&mirrored));
    holds(
        is_expected,
        "the mirror image is called otherwise",
        &mirrored,
    )
}

#[test]
fn found_named_and_gated() {
    let folder = Folder::new("regression-pair");
    let (base, new) = twice_wrong_is_wrong(|attempt| {
        let runs = folder.path(&format!("runs-{attempt}"));
        // The second time more of them.
        let said = record(["4", "8"][attempt as usize], &runs);
        assert!(said.contains("8,000 requests"), "{said}");
        assert!(said.contains("hotpoll diff"), "{said}");
        let [base, new] = ["base", "new"].map(|side| format!("{runs}/{side}"));
        is_found(&base, &new)?;
        is_mirrored(&base, &new)?;
        Ok((base, new))
    });

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
    let runs = Path::new(&base).parent().unwrap().display().to_string();
    let again = hotpoll(&["bench", "--base", "true", "--new", "true", "-o", &runs]);
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
    let told = String::from_utf8_lossy(&bench.stdout);
    assert!(
        said.contains("It cannot be told yet: 1 run more of each."),
        "{said}{told}"
    );
    assert!(said.contains("2 runs of base and 2 of new"), "{said}");
    assert_eq!(bench.status.code(), Some(3), "{said}{told}");
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
    let bench = |line: &str, runs: &str| {
        hotpoll(&[
            "bench", "--runs", "1", "--base", line, "--new", line, "-o", runs,
        ])
    };
    let check = |output: Output, runs: &str, sentences: &[&str]| {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for sentence in sentences {
            assert!(said.contains(sentence), "{sentence}: {said}");
        }
        // Nothing is left behind.
        assert!(!Path::new(runs).exists());
    };
    let runs = folder.path("runs");
    let silent = ["never started hotpoll", "hotpoll::start()"];
    check(bench("true", &runs), &runs, &silent);
    let fails = "echo no such table; exit 7";
    let sentences = ["with code 7", "no such table", "end with 0"];
    check(bench(fails, &runs), &runs, &sentences);
    let program = example::program("regression-pair");
    let line = format!("HOTPOLL_HZ=1 '{}' 0", program.display());
    // Its start alone takes some milliseconds of CPU time, and no second; on a busy machine it is tens of them, and one may have the sample of that second.
    let (output, runs) = (0..20)
        .map(|attempt| {
            let runs = folder.path(&format!("short-{attempt}"));
            (bench(&line, &runs), runs)
        })
        .find(|(_, runs)| !Path::new(runs).exists())
        .expect("a run without a sample");
    check(output, &runs, &["no sample was taken"]);
}
