//! Running one test again in a child process: under a seccomp filter, or with other variables.
#![allow(unsafe_code)] // installs a seccomp filter between fork and exec

use super::perf_denied::deny_perf_event_open;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Set in the child.
const IN_CHILD: &str = "HOTPOLL_TRUTH_CHILD";

/// Whether this process is such a child.
pub fn is_child() -> bool {
    std::env::var_os(IN_CHILD).is_some()
}

/// Whether the engine is broken on purpose (scripts/test.d/broken-engine): then a failure is what is wanted, and needs no second run.
pub fn broken_on_purpose() -> bool {
    cfg!(feature = "broken-engine") && std::env::var_os("HOTPOLL_BROKEN").is_some()
}

/// What the child said, and whether its test passed.
pub struct Outcome {
    pub passed: bool,
    pub output: String,
}

/// Runs the named test of this binary in a child process.
pub fn run(test: &str, variables: &[(&str, &str)], deny_perf: bool) -> Outcome {
    let binary = std::env::current_exe().expect("this binary's path");
    let mut command = Command::new(binary);
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(IN_CHILD, "1")
        .envs(variables.iter().copied());
    if deny_perf {
        // SAFETY: the closure makes system calls only, on memory of its own.
        unsafe { command.pre_exec(deny_perf_event_open) };
    }
    let done = command.output().expect("running this binary again");
    let output =
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    // A wrong name would pass without running anything.
    assert!(
        output.contains("running 1 test"),
        "no test {test}: {output}"
    );
    Outcome {
        passed: done.status.success(),
        output,
    }
}
