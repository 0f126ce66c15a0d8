//! More runs where the comparison could not tell: `--diff -- --on-inconclusive rerun`.
//!
//! Who looks again and again until something is found finds something. So it is known before how often will be looked, and each look has its part of
//! the chance of a false alarm.

use super::compare_quietly;
use serde::Deserialize;
use std::ffi::{OsStr, OsString};

/// How often is looked at most: at the runs that were asked for, and twice at more of them.
pub const LOOKS: u32 = 3;

/// Whether the options for `hotpoll diff` ask for it.
pub fn is_asked_for(options: &[OsString]) -> bool {
    const OPTION: &str = "--on-inconclusive";
    const VALUE: &str = "rerun";
    let joined = format!("{OPTION}={VALUE}");
    let apart = options.windows(2);
    options.iter().any(|option| *option == *OsStr::new(&joined))
        || apart
            .into_iter()
            .any(|both| both[0] == *OsStr::new(OPTION) && both[1] == *OsStr::new(VALUE))
}

/// What a look has to say.
#[derive(Debug, Deserialize)]
struct Envelope {
    data: Look,
}

#[derive(Debug, Deserialize)]
struct Look {
    outcome: String,
    more_runs: Option<u32>,
}

/// How many more runs a side would tell; `None` where it can be told already, or no number would.
pub fn more_runs(comparison: &[OsString]) -> Option<u32> {
    let json = std::env::temp_dir().join(format!("hotpoll-look-{}.json", std::process::id()));
    let mut arguments = comparison.to_vec();
    let mut output = OsString::from("json=");
    output.push(&json);
    // Options stand before the runs.
    arguments.splice(1..1, ["--output".into(), output]);
    compare_quietly(&arguments);
    let text = std::fs::read_to_string(&json);
    let _ = std::fs::remove_file(&json);
    more_of(&text.ok()?)
}

fn more_of(text: &str) -> Option<u32> {
    let look: Envelope = serde_json::from_str(text).ok()?;
    let is_blind = look.data.outcome == "under-powered";
    look.data.more_runs.filter(|_| is_blind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asked_for_either_way() {
        let asked = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            is_asked_for(&words)
        };
        assert!(asked(&["--margin", "3%", "--on-inconclusive", "rerun"]));
        assert!(asked(&["--on-inconclusive=rerun"]));
        assert!(!asked(&["--on-inconclusive", "fail"]));
        assert!(!asked(&["--workload", "rerun"]));
    }

    #[test]
    fn what_a_look_says() {
        let look = |outcome: &str, more: &str| {
            more_of(&format!(
                r#"{{"kind": "diff", "data": {{"outcome": "{outcome}", "more_runs": {more}, "rows": []}}}}"#
            ))
        };
        assert_eq!(look("under-powered", "4"), Some(4));
        assert_eq!(look("under-powered", "null"), None);
        assert_eq!(look("regression", "4"), None);
        assert_eq!(more_of("no"), None);
        // A comparison that was refused has reasons only.
        assert_eq!(
            more_of(r#"{"data": {"outcome": "not comparable", "reasons": []}}"#),
            None
        );
    }
}
