//! The process that is asked, and the command.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Tells this test, run once more, that it is to be the process, and which.
pub const ROLE: &str = "HOTPOLL_TEST_STUCK";
/// What the process says when it has begun.
pub const READY: &str = "the process is ready";

/// A runtime whose threads hotpoll knows.
pub fn runtime(workers: usize) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    hotpoll::runtime(&mut builder)
        .worker_threads(workers)
        .enable_time()
        .build()
        .unwrap()
}

/// A live process, killed with the test.
pub struct Live(
    pub Child,
    /// Kept open: after a minute the test's harness writes a line, and a process that cannot is at its end.
    pub ChildStdout,
);

impl Live {
    pub fn start(role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["be_the_process", "--exact", "--nocapture"])
            .env(ROLE, role)
            .env("HOTPOLL", "on")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Its panics are meant.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains(READY) {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "{role} has ended");
        }
        Self(child, output.into_inner())
    }

    pub fn pid(&self) -> String {
        self.0.id().to_string()
    }

    /// What the command prints.
    pub fn text(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_hotpoll"))
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() < Some(2), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The data that the command prints.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["--format", "json"]].concat());
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        answer["data"].take()
    }

    /// What the command says is stuck.
    pub fn stuck(&self, older_than: &str) -> Vec<Value> {
        let mut answer = self.answer(older_than);
        match answer["problems"].take() {
            Value::Array(problems) => problems,
            other => panic!("no problems: {other}"),
        }
    }

    /// All that the command says, those who wait with nothing wrong with that, too; its exit code says whether anything is stuck.
    pub fn answer(&self, older_than: &str) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_hotpoll"))
            .args(["stuck", &self.0.id().to_string(), "--format", "json"])
            .args(["--all", "--older-than", older_than])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code().unwrap();
        assert!(code < 2, "{said}");
        let mut answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let data = answer["data"].take();
        let problems = data["problems"].as_array().expect("a list of problems");
        assert_eq!(code, i32::from(!problems.is_empty()));
        data
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Small numbers, the same for the same seed.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}
