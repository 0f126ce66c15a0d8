//! SARIF 2.1.0, for code scanning: what got worse, at the definition's file and line.
//!
//! The fingerprint is of the canonical name, so an alert stays the same while the code around it moves.

use super::headline::{headline, sentence};
use super::place::{MANIFEST, Place, Places};
use super::report::Report;
use super::text::{chain, facts};
use hotpoll_compare::{Cause, Family, Outcome, Verdict};
use serde_json::{Value, json};

/// GitHub keeps the first 5,000 of at most 25,000 results.
const AT_MOST: usize = 5_000;

/// Rules: the ID, its short description, and what it means.
const RULES: [(&str, &str, &str); 6] = [
    (
        "total",
        "The whole program got dearer",
        "The CPU time of all of it for each unit of work is above the base's by more than the margin.",
    ),
    (
        "function",
        "A function got dearer",
        "The CPU time of a function, with what it calls, for each unit of work is above the base's by more than the margin.",
    ),
    (
        "poll",
        "Polls of a task kind got longer",
        "The time that tasks of one kind spend in polls for each unit of work is above the base's by more than the margin.",
    ),
    (
        "wake",
        "Wakes of a task kind got slower",
        "The time from wake to poll of tasks of one kind is above the base's by more than the margin.",
    ),
    (
        "lock",
        "A lock is waited for longer",
        "The time waited at a lock for each unit of work is above the base's by more than the margin.",
    ),
    (
        "budget",
        "A budget is broken",
        "A cost for each unit of work is above what --budget allows.",
    ),
];

/// The comparison as SARIF.
pub fn render(report: &Report, places: &Places) -> String {
    let causes = report.comparison.causes.iter();
    let worse = causes.filter(|cause| cause.fails || report.verdict(cause) == Verdict::Regressed);
    let results: Vec<Value> = (worse.take(AT_MOST))
        .map(|cause| result(report, cause, places.of_cause(report, cause)))
        .collect();
    let top = headline(report);
    let said = format!("{}: {}. {}", top.word, top.sentence, top.more.join(" "));
    let exit_code = match report.comparison.outcome {
        Outcome::Pass => 0,
        Outcome::Regression => 1,
        _ => 3,
    };
    log(&results, true, exit_code, &said)
}

/// A comparison that was refused: no results, and an invocation that says why.
pub fn refused(reason: &str) -> String {
    log(&[], false, 3, reason)
}

fn log(results: &[Value], successful: bool, exit_code: u8, said: &str) -> String {
    let rules: Vec<Value> = RULES.iter().map(rule).collect();
    let level = if successful { "note" } else { "error" };
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "hotpoll diff",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "automationDetails": { "id": "hotpoll/diff/" },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": successful,
                "exitCode": exit_code,
                "toolExecutionNotifications": [{ "level": level, "message": { "text": said } }],
            }],
            "results": results,
        }],
    });
    format!(
        "{}\n",
        serde_json::to_string_pretty(&log).expect("keys are strings")
    )
}

fn rule((id, short, full): &(&str, &str, &str)) -> Value {
    json!({
        "id": format!("hotpoll/{id}"),
        "name": id,
        "shortDescription": { "text": short },
        "fullDescription": { "text": full },
        "help": { "text": "`hotpoll diff` has the interval, both sides' samples and the chain of callers; --output html=FILE draws both builds." },
        "defaultConfiguration": { "level": "error" },
        "properties": { "tags": ["performance"] },
    })
}

fn result(report: &Report, cause: &Cause, place: Option<Place>) -> Value {
    let row = report.row(cause);
    let rule = match row.map(|row| row.family) {
        _ if cause.breaks_budget() => "budget",
        None => "total",
        Some(Family::Cpu) => "function",
        Some(Family::Poll) => "poll",
        Some(Family::WakeDelay) => "wake",
        Some(Family::LockWait) => "lock",
    };
    let name = row.map_or("", |row| row.name.as_str());
    let mut text = format!("{}.\n{}.", sentence(report, cause), facts(report, cause));
    if let Some(chain) = chain(cause) {
        text += &format!("\n{chain}.");
    }
    let level = match cause {
        Cause { fails: true, .. } => "error",
        Cause {
            waived: Some(_), ..
        } => "note",
        _ => "warning",
    };
    let index = RULES.iter().position(|(id, ..)| *id == rule);
    let fingerprint = fingerprint(&format!("{rule}\n{name}"));
    // Code scanning refuses a whole file for one result without a place.
    let place = place.unwrap_or(Place {
        path: MANIFEST.into(),
        line: 1,
    });
    let mut result = json!({
        "ruleId": format!("hotpoll/{rule}"),
        "ruleIndex": index,
        "level": level,
        "message": { "text": text },
        "partialFingerprints": {
            "hotpollKey/v1": fingerprint,
            // The one that GitHub goes by.
            "primaryLocationLineHash": format!("{fingerprint}:1"),
        },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&place.path), "uriBaseId": "%SRCROOT%" },
                "region": { "startLine": place.line },
            },
            "logicalLocations": [{ "fullyQualifiedName": name, "kind": "function" }],
        }],
    });
    if let Some(waived) = &cause.waived {
        result["suppressions"] = json!([{ "kind": "external", "justification": waived }]);
    }
    result
}

/// A relative path as a URI.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into())
            }
            _ => uri += &format!("%{byte:02X}"),
        }
    }
    uri
}

/// FNV-1a, 64 bits: the same for a name in every version of this program.
fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
