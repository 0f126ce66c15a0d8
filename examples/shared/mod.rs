//! What the examples of waiting share: how long they run, and the line that says whom to ask.

use std::time::Duration;

const LONGEST: u64 = 3_600;
const DEFAULT: u64 = 60;

/// For how long the example runs: its only argument, in seconds.
///
/// # Errors
/// The usage, for an argument that is no such number.
pub fn seconds(example: &str) -> Result<Duration, String> {
    let Some(argument) = std::env::args().nth(1) else {
        return Ok(Duration::from_secs(DEFAULT));
    };
    match argument.parse() {
        Ok(seconds @ 1..=LONGEST) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!(
            "usage: {example} [SECONDS (1 to {LONGEST}, {DEFAULT} when not given)]"
        )),
    }
}

/// Says that all is set up, and what to ask: `{}` in the question is the PID.
pub fn ready(example: &str, question: &str) {
    let pid = std::process::id();
    println!(
        "{example}: pid {pid}; ask: {}",
        question.replace("{}", &pid.to_string())
    );
}
