//! Reports of a file: as text, as JSON, with colours, in columns, with names for addresses.

use super::{Folder, check_fails, hotpoll, name, profile, run, text};
use hotpoll_profile::{Location, Module, Sample, pprof};

#[test]
fn a_report_of_a_file() {
    let folder = Folder::new("report");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    let output = run(&["report", name(&path)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report = text(&output.stdout);
    for part in ["shop (pid 42)", "shop::f0", "main.rs:1", "33.3%"] {
        assert!(report.contains(part), "{part:?} is not in\n{report}");
    }
    assert!(!report.contains('\u{1b}'), "colours in a pipe");
}

#[test]
fn colours_where_they_are_forced() {
    let folder = Folder::new("colours");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    let output = hotpoll(&["report", name(&path)])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(text(&output.stdout).contains('\u{1b}'));
}

#[test]
fn columns_are_what_the_environment_says() {
    let folder = Folder::new("columns");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    for columns in ["80", "120"] {
        let output = hotpoll(&["report", name(&path)])
            .env("COLUMNS", columns)
            .output()
            .unwrap();
        let longest = text(&output.stdout)
            .lines()
            .map(|line| line.chars().count())
            .max();
        assert!(longest <= Some(columns.parse().unwrap()));
    }
}

#[test]
fn json_in_the_envelope() {
    let folder = Folder::new("json");
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    let output = run(&["report", name(&path), "--format", "json", "--last", "1s"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["kind"], "report");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["hotpoll"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json["data"]["window"]["duration_ns"], 1_000_000_000);
    assert_eq!(json["data"]["samples"]["count"], 3);
    assert_eq!(json["data"]["functions"][0]["self"]["samples"], 1);
}

#[test]
fn names_from_the_binary_that_ran() {
    let folder = Folder::new("symbolize");
    // This test itself is the binary: its own function's address, in a profile without names.
    let binary = std::env::current_exe().unwrap();
    let address = names_from_the_binary_that_ran as *const () as u64;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let base = maps
        .lines()
        .find(|line| line.ends_with(name(&binary)))
        .unwrap();
    let load_bias = u64::from_str_radix(base.split('-').next().unwrap(), 16).unwrap();
    let mut profile = profile(0);
    profile.modules[0] = Module {
        path: "/srv/elsewhere".into(),
        start: load_bias,
        end: u64::MAX,
        load_bias,
        ..Module::default()
    };
    profile.locations = vec![Location {
        address: address + 1,
        module: Some(0),
        lines: Vec::new(),
    }];
    profile.samples = vec![Sample {
        stack: vec![0],
        count: 5,
        cpu_ns: 50_000_000,
        ..Sample::default()
    }];
    let renamed = folder.0.join("elsewhere");
    std::fs::copy(&binary, &renamed).unwrap();
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile));
    let output = folder.0.join("named.pb.gz");
    let done = hotpoll(&[
        "symbolize",
        name(&path),
        "--binary",
        name(&renamed),
        "-o",
        name(&output),
    ])
    .env("XDG_CACHE_HOME", &folder.0)
    .output()
    .unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(
        text(&done.stdout).contains("1 of 1 addresses named"),
        "{}",
        text(&done.stdout)
    );
    let named = pprof::decode(&std::fs::read(&output).unwrap()).unwrap();
    assert!(
        named
            .functions
            .iter()
            .any(|f| f.name.ends_with("names_from_the_binary_that_ran")),
        "{:?}",
        named.functions
    );
    check_fails(
        &["symbolize", name(&path), "--binary", "/no/such"],
        &["cannot read /no/such"],
    );
}
