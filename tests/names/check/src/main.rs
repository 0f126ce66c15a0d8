//! `check DIFF.json`: a comparison (`hotpoll diff --format json`) of one program in two builds. How much of the cost lies in functions that have one name in
//! both? Fails below 99 %. What is compared are functions with half a per cent of the cost and more, with what they call.

use std::process::ExitCode;

const ENOUGH: f64 = 0.99;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: check DIFF.json");
        return ExitCode::from(2);
    };
    let bytes = std::fs::read(path).expect("a comparison");
    let comparison: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    let rows = comparison["data"]["rows"].as_array().expect("rows");
    let (mut all, mut same, mut functions) = (0.0, 0.0, 0);
    for row in rows.iter().filter(|row| row["family"] == "cpu") {
        let share = row["share"].as_f64().unwrap_or(0.0);
        functions += 1;
        all += share;
        if row["presence"] == "both" {
            same += share;
        } else {
            println!("  {}, {:.2} %: {}", row["presence"], share * 100.0, row["name"]);
        }
    }
    println!("{:.2} % of the cost of {functions} functions has one name in both", 100.0 * same / all);
    match functions > 20 && same >= all * ENOUGH {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
