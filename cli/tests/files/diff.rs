//! `hotpoll diff` on files, from outside: verdicts and exit codes, what cannot be compared, and baselines.

use super::{Folder, check_fails, hotpoll, name, text};
use hotpoll_profile::{
    Engine, Function, Line, Location, Process, Profile, Sample, Slice, SliceRow, Thread, Work,
    WorkSource, pprof, thread::Accounts,
};
use std::process::Output;

/// Nanoseconds that a sample stands for.
const INTERVAL: u64 = 1_000_000;
const SECONDS: u64 = 20;

/// `main` calls `handle`, which calls these: name, parts of a hundred of the base's CPU time.
const PARTS: [(&str, f64); 5] = [
    ("shop::json::parse", 20.0),
    ("shop::html::render", 30.0),
    ("shop::db::query", 30.0),
    ("shop::log::write", 10.0),
    ("shop::net::send", 10.0),
];

/// The same numbers in every run of this test: noise that is none of the machine's.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Mean 0, deviation 1, near enough to normal.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    fn around(&mut self, mean: f64) -> u64 {
        (mean + self.normal() * mean.sqrt()).max(0.0).round() as u64
    }
}

/// One run of a build whose `parse` costs so many times the base's.
pub(super) fn run(seed: u64, parse: f64) -> Profile {
    let mut noise = Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
    let function = |name: &str, line| Function {
        name: name.into(),
        file: "src/main.rs".into(),
        start_line: line,
        ..Function::default()
    };
    let mut functions = vec![function("shop::main", 1), function("shop::handle", 10)];
    functions.extend((PARTS.iter().zip(2..)).map(|((name, _), at)| function(name, at * 10)));
    let locations = (0..functions.len() as u32).map(|at| Location {
        address: 0x1000 * u64::from(at + 1),
        lines: vec![Line {
            function: at,
            line: 1,
        }],
        ..Location::default()
    });
    let mut profile = Profile {
        process: Process {
            pid: 42,
            name: "shop".into(),
            ..Process::default()
        },
        start_unix_ns: 1_750_000_000_000_000_000 + seed * 60_000_000_000,
        duration_ns: SECONDS * 1_000_000_000,
        interval_ns: INTERVAL,
        locations: locations.collect(),
        functions,
        threads: vec![Thread {
            tid: 42,
            name: "main".into(),
            engine: Engine::Ctimer,
            ..Thread::default()
        }],
        work: vec![Work {
            name: "requests".into(),
            source: WorkSource::Program,
            units: 10_000,
        }],
        ..Profile::default()
    };
    let run_noise = 1.0 + 0.005 * noise.normal();
    for at in 0..PARTS.len() as u32 {
        profile.samples.push(Sample {
            stack: vec![at + 2, 1, 0],
            ..Sample::default()
        });
    }
    for second in 0..SECONDS {
        let mut slice = Slice {
            sequence: second + 1,
            start_unix_ns: profile.start_unix_ns + second * 1_000_000_000,
            duration_ns: 1_000_000_000,
            ..Slice::default()
        };
        for (at, (name, part)) in PARTS.iter().enumerate() {
            let dearer = if name.ends_with("parse") { parse } else { 1.0 };
            let count = noise.around(part * 15.0 * dearer * run_noise);
            slice.rows.push(SliceRow {
                sample: at as u32,
                count,
                cpu_ns: count * INTERVAL,
                wall_ns: 0,
            });
            profile.samples[at].count += count;
            profile.samples[at].cpu_ns += count * INTERVAL;
            slice.process_cpu_ns += count * INTERVAL;
        }
        profile.process_cpu_ns += slice.process_cpu_ns;
        profile.slices.push(slice);
    }
    let samples = profile.process_cpu_ns / INTERVAL;
    profile.threads[0].totals = Accounts {
        cpu_ns: profile.process_cpu_ns,
        sampled_ns: profile.process_cpu_ns,
        fired: samples,
        recorded: samples,
        ..Accounts::default()
    };
    profile
}

/// Files of so many runs in a folder of their own.
pub(super) fn runs(folder: &Folder, side: &str, seeds: std::ops::Range<u64>, parse: f64) -> String {
    std::fs::create_dir_all(folder.0.join(side)).unwrap();
    for seed in seeds {
        let bytes = pprof::encode_gzip(&run(seed, parse));
        folder.file(&format!("{side}/run-{seed}.pb.gz"), &bytes);
    }
    name(&folder.0.join(side)).to_owned()
}

pub(super) fn diff(arguments: &[&str]) -> Output {
    let output = hotpoll(&[&["diff"], arguments].concat()).output().unwrap();
    assert_eq!(text(&output.stderr), "");
    output
}

#[track_caller]
pub(super) fn check(arguments: &[&str], code: i32, begins: &str) -> String {
    let output = diff(arguments);
    let said = text(&output.stdout).to_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.starts_with(begins), "{said}");
    said
}

#[test]
fn verdicts_and_exit_codes() {
    let folder = Folder::new("diff-verdicts");
    let base = runs(&folder, "base", 0..5, 1.0);
    let same = runs(&folder, "same", 10..15, 1.0);
    let dearer = runs(&folder, "dearer", 20..25, 1.5);

    let said = check(&[&base, "--", &dearer], 1, "REGRESSED: ");
    assert!(
        said.contains("FAILS    shop::json::parse") && said.contains("dearer per request"),
        "{said}"
    );
    let said = check(&[&dearer, "--", &base], 0, "IMPROVED: ");
    assert!(said.contains("cheaper  shop::json::parse"), "{said}");
    check(&[&base, &same], 0, "EQUIVALENT: ");

    // What may fail is chosen; the verdict stays.
    let said = check(
        &[&base, "--", &dearer, "--fail-on", "none"],
        0,
        "REGRESSED: ",
    );
    assert!(said.contains("This does not fail"), "{said}");
    check(
        &[
            &base,
            "--",
            &dearer,
            "--margin",
            "200%",
            "--fail-on",
            "function",
        ],
        0,
        "",
    );
    check(
        &[&base, "--", &same, "--budget", "json::parse=1ns/request"],
        1,
        "REGRESSED: ",
    );

    // A waiver holds until its last day, and its end is said.
    let waivers = folder.file(
        "waivers",
        b"shop::json::parse until 2999-12-31 #1: on purpose\ntotal until 2999-12-31 #1\n",
    );
    let said = check(
        &[
            &base,
            "--",
            &dearer,
            "--waivers",
            name(&waivers),
            "--fail-on",
            "function,total",
        ],
        0,
        "REGRESSED: ",
    );
    assert!(said.contains("waived: #1: on purpose"), "{said}");
    let over = folder.file(
        "over",
        b"shop::json::parse until 2020-01-01 #1: on purpose\n",
    );
    let said = check(
        &[&base, "--", &dearer, "--waivers", name(&over)],
        1,
        "REGRESSED: ",
    );
    assert!(
        said.contains("the waiver for shop::json::parse ended on 2020-01-01"),
        "{said}"
    );
}

#[test]
fn few_runs_are_inconclusive() {
    let folder = Folder::new("diff-few");
    let base = runs(&folder, "base", 0..1, 1.0);
    let new = runs(&folder, "new", 20..21, 1.5);
    let said = check(&[&base, "--", &new], 0, "INCONCLUSIVE: ");
    assert!(said.contains("passes all the same"), "{said}");
    let said = check(
        &[&base, "--", &new, "--on-inconclusive", "fail"],
        3,
        "INCONCLUSIVE: ",
    );
    assert!(said.contains("This fails"), "{said}");
}

#[test]
fn several_formats_in_one_run() {
    let folder = Folder::new("diff-formats");
    let base = runs(&folder, "base", 0..5, 1.0);
    let new = runs(&folder, "new", 20..25, 1.5);
    let path = |file: &str| folder.0.join(file).display().to_string();
    let outputs: Vec<String> = [
        "markdown", "json", "junit", "sarif", "github", "html", "folded", "svg",
    ]
    .iter()
    .map(|format| format!("{format}={}", path(format)))
    .collect();
    let mut arguments = vec![&*base, "--", &*new];
    arguments.extend(outputs.iter().flat_map(|output| ["--output", output]));
    check(&arguments, 1, "REGRESSED: ");
    let read = |format: &str| std::fs::read_to_string(path(format)).unwrap();
    assert!(read("markdown").contains("shop::json::parse"));
    let json: serde_json::Value = serde_json::from_str(&read("json")).unwrap();
    assert_eq!(json["data"]["outcome"], "regression");
    assert!(read("junit").contains("<failure") && read("github").starts_with("::error "));
    assert!(
        read("sarif").contains("hotpoll/function") && read("html").starts_with("<!DOCTYPE html>")
    );
    assert!(
        read("folded").contains("shop::main;shop::handle;shop::json::parse ")
            && read("svg").contains("NEW BUILD")
    );

    // To a file alone the verdict is told all the same.
    let only = path("only.html");
    check(
        &[&base, "--", &new, "--format", "html", "-o", &only],
        1,
        "REGRESSED: ",
    );
    check_fails(
        &["diff", &base, "--", &new, "-o", "a", "-o", "b"],
        &["which format goes to b"],
    );
    check_fails(
        &["diff", &base, "--", &new, "-o", "html=/nonexistent/x"],
        &["create the folder first"],
    );
}

/// What a command that cannot do what it was asked says.
fn failing(arguments: &[&str]) -> String {
    let output = hotpoll(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    text(&output.stderr).to_owned()
}

#[test]
fn a_budget_is_of_something() {
    let folder = Folder::new("diff-budgets");
    let base = runs(&folder, "base", 0..3, 1.0);
    let new = runs(&folder, "new", 10..13, 1.0);
    let budget = |budget| failing(&["diff", &base, &new, "--budget", budget]);
    let typo = budget("prase=1ns/request");
    assert!(typo.contains("(near: shop::json::parse)"), "{typo}");
    let unit = budget("parse=1us/foo");
    assert!(unit.contains("nobody counted any foo"), "{unit}");
    let thousand = ["--budget", "parse=1000s/1000 requests"];
    check(&[&[&*base, &new], &thousand[..]].concat(), 0, "");
    let both = failing(&["diff", &base, &new, "--fail-on", "none,total"]);
    assert!(both.contains("contradict each other"), "{both}");
    // What is of nothing and cannot hide anything is told.
    let said = check(&[&base, &new, "--rename", "nosuch=other"], 0, "");
    assert!(
        said.contains("--rename nosuch=other does nothing"),
        "{said}"
    );
}

#[test]
fn noise_is_of_the_program_it_was_learned_from() {
    let folder = Folder::new("diff-noise");
    let shop = runs(&folder, "shop", 0..8, 1.0);
    let noise = folder.0.join("noise.json");
    let learned = hotpoll(&["aa", &shop, "--noise", name(&noise)])
        .output()
        .unwrap();
    let said = text(&learned.stdout);
    assert!(
        said.contains("holds for runs of shop on this machine"),
        "{said}"
    );
    // One run a side of that program may fail with it, of another it may not.
    let one = |program: &str, seed, parse| {
        let mut profile = run(seed, parse);
        profile.process.name = program.into();
        let bytes = pprof::encode_gzip(&profile);
        folder.file(&format!("{program}-{seed}.pb.gz"), &bytes)
    };
    let compared = |program, code, begins: &str| {
        let (base, new) = (one(program, 20, 1.0), one(program, 21, 2.0));
        check(
            &[name(&base), name(&new), "--noise", name(&noise)],
            code,
            begins,
        )
    };
    let said = compared("shop", 1, "REGRESSED: ");
    assert!(said.contains("learned of shop was taken into"), "{said}");
    let said = compared("bakery", 0, "INCONCLUSIVE: ");
    assert!(said.contains("the noise model was left out"), "{said}");
    // Runs of both are no runs of one build.
    let both = failing(&["aa", &shop, name(&one("bakery", 30, 1.0)), "--no-noise"]);
    assert!(both.contains("runs of 2 programs: bakery, shop"), "{both}");
    // A folder that is a file is found before anybody waits for runs.
    let inside = noise.join("noise.json");
    let refused = failing(&["aa", "--noise", name(&inside), "--", "sleep", "1000"]);
    assert!(refused.contains("--no-noise"), "{refused}");
}
