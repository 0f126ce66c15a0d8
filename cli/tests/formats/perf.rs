//! Files of Linux perf, as `perf_to_profile` (google/perf_data_converter) writes them: counts of an event, addresses without names.
//!
//! Four runs a side of `examples/regression-pair`, `/tmp/pair/pair 3000` and the same with `--dearer 100`, by `perf record -e cpu-clock -F 2000`. The program is
//! not kept, so functions go by their addresses in it: where it is loaded differs from run to run, and they match all the same.

use super::{Folder, other};
use serde_json::Value;
use std::process::{Command, Stdio};

/// The exit code and the data of a comparison.
fn diff(folder: &Folder, arguments: &[&str]) -> (Option<i32>, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotpoll"));
    command.args(["diff", "--format", "json"]).args(arguments);
    // Names that somebody has looked up of that build would be known here.
    command
        .env("XDG_CACHE_HOME", &folder.0)
        .stdin(Stdio::null());
    command.env("XDG_STATE_HOME", &folder.0);
    let output = command.output().unwrap();
    let mut answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code(), answer["data"].take())
}

fn data(files: &str) -> String {
    format!(
        "{}/tests/data/perf-{files}.pb.gz",
        env!("CARGO_MANIFEST_DIR")
    )
}

#[test]
fn runs_of_one_executable_match_by_address() {
    let folder = Folder::new("perf");
    let (_, found) = diff(&folder, &[&data("base-*"), "--", &data("new-*")]);
    let rows = found["rows"].as_array().unwrap();
    // Twelve places in four loops, each in every run.
    assert_eq!(rows.len(), 12, "{found:#}");
    for row in rows {
        let name = row["name"].as_str().unwrap();
        assert!(name.starts_with("pair+0x7a"), "{name}");
        assert_eq!(row["presence"], "both", "{name}");
    }
    let dearest = rows.iter().max_by_key(|row| row["new_count"].as_u64());
    let total = &dearest.unwrap()["total"];
    assert!(total["ratio"].as_f64() > Some(1.5), "{dearest:#?}");
    let notices = found["notices"].to_string();
    assert!(notices.contains("cpu-clock_event in count"), "{notices}");

    let (code, same) = diff(&folder, &[&data("base-[12]"), "--", &data("base-[34]")]);
    assert_eq!(
        (code, same["verdict"].as_str()),
        (Some(0), Some("INCONCLUSIVE"))
    );
    let (code, refused) = diff(&folder, &[&data("base-*"), "--", &other("go-cpu.pb.gz")]);
    assert_eq!(code, Some(3), "{refused:#}");
    assert!(
        refused.to_string().contains("cpu-clock_event in count"),
        "{refused:#}"
    );
}
