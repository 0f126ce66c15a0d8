//! `check DIFF.json`: a comparison (`hotpoll diff --format json`) of one program in two builds. How much of the cost lies in functions that have one
//! name in both? Fails below 99 % on either side.
//!
//! Cost is CPU time, by the innermost function, inlined ones too (*own*), and the sum over functions of what each costs with what it calls (*with calls*).
//! A function that one side has and the other has not counts as having another name, even where it was optimised away; but not where it has so few samples
//! that the other side may have missed it by chance (fewer than five expected there): those are told, and left out of the division.

use serde_json::Value;
use std::process::ExitCode;

const ENOUGH: f64 = 0.99;
/// A comparison of so few samples says nothing.
const SAMPLES: u64 = 5_000;
/// What is listed of one side only: from this part of the cost on.
const LISTED: f64 = 0.001;

/// Functions that serde and serde_json have, and the standard library has not.
const SERDE: [&str; 5] = [
    "deserialize_any",
    "format_escaped_str",
    "serialize",
    "visit_map",
    "visit_str",
];
const STANDARD: [&str; 3] = ["core::", "alloc::", "std::"];

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: check DIFF.json");
        return ExitCode::from(2);
    };
    let bytes = std::fs::read(path).expect("a comparison");
    let comparison: Value = serde_json::from_slice(&bytes).expect("JSON");
    let data = &comparison["data"];
    let names = &data["same_names"];
    for one in names["one_sided"]
        .as_array()
        .expect("functions of one side")
    {
        let part = |key: &str| one[key].as_f64().expect("a part");
        if part("total") >= LISTED {
            let (own, total) = (100.0 * part("own"), 100.0 * part("total"));
            println!(
                "  {}, {own:.2} %, with calls {total:.2} %: {}",
                one["presence"], one["name"]
            );
        }
    }
    let mut enough = true;
    for (what, rare) in [("own", "rare_own"), ("total", "rare_total")] {
        let sides = ["base", "new"].iter().enumerate().map(|(side, name)| {
            let same = names[what][side].as_f64().expect("a part");
            let rare = names[rare][side].as_f64().expect("a part");
            let judged = same / (1.0 - rare);
            enough &= judged >= ENOUGH;
            format!(
                "{:.2} % of the {name}'s ({:.2} % too rare to tell)",
                100.0 * judged,
                100.0 * rare
            )
        });
        let sides: Vec<String> = sides.collect();
        let what = if what == "own" {
            "own time:  "
        } else {
            "with calls:"
        };
        println!("{what} {} has one name in both", sides.join(", "));
    }
    // Instructions without a line stand beside any file: serde_json's functions went by modules of core, alloc and itoa.
    let rows = data["rows"].as_array().expect("rows");
    for name in rows.iter().filter_map(|row| row["name"].as_str()) {
        let own = name.rsplit("::").next().unwrap_or_default();
        let is_serde = SERDE.contains(&own);
        if is_serde && STANDARD.iter().any(|path| name.starts_with(path)) {
            println!("  {name} is no function of the standard library");
            enough = false;
        }
    }
    let samples = ["base", "new"].map(|side| data[side]["samples"].as_u64().expect("samples"));
    println!("{} and {} samples", samples[0], samples[1]);
    match enough && samples.iter().all(|&samples| samples >= SAMPLES) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
