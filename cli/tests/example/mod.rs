//! Examples of the workspace's root that run while they are asked.
//!
//! They are built with its tests. Where a test is run alone it builds them if their sources are newer.

#![allow(dead_code, reason = "each test file uses a part")]

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

/// The longest wait for an answer to become the known one. Not a measure: a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// An example that runs, killed with the test.
pub struct Example {
    pub child: Child,
    pub lines: Vec<String>,
}

impl Example {
    pub fn start(name: &str) -> Self {
        let child = Command::new(program(name))
            .arg("300")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .env_remove("HOTPOLL")
            .spawn()
            .unwrap();
        let mut example = Self {
            child,
            lines: Vec::new(),
        };
        for line in BufReader::new(example.child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let is_last = line.contains("ask: ");
            example.lines.push(line);
            if is_last {
                return example;
            }
        }
        panic!("{name} has ended: {:?}", example.lines);
    }

    /// The data that the command prints.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_hotpoll"))
            .args(arguments)
            .arg(self.child.id().to_string())
            .args(["--format", "json"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // 1 is what `stuck` found.
        let code = output.status.code();
        assert!(code < Some(2), "{arguments:?}: {said}");
        let mut answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["data"].take()
    }

    /// Asks until the answer is as known.
    pub fn until(&self, arguments: &[&str], known: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.ask(arguments);
            if known(&answer) {
                return answer;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{arguments:?}: not within {PATIENCE:?}; last: {answer:#}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example's file beside the command's.
pub fn program(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let folder = Path::new(env!("CARGO_BIN_EXE_hotpoll")).parent().unwrap();
    let program = folder.join("examples").join(name);
    BUILT.call_once(|| {
        if !is_new(&program) {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "-p", "hotpoll", "--examples"]);
            if folder.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.status().unwrap().success());
        }
    });
    program
}

/// Whether a program is newer than all that it is made of.
fn is_new(program: &Path) -> bool {
    const FOLDERS: [&str; 6] = [
        "examples",
        "src",
        "profile/src",
        "runtime-hooks",
        "sampler/src",
        "symbolizer/src",
    ];
    let Ok(built) = program.metadata().and_then(|file| file.modified()) else {
        return false;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            let file = entry.metadata().unwrap();
            if file.is_dir() {
                folders.push(entry.path());
            } else if file.modified().unwrap() > built {
                return false;
            }
        }
    }
    true
}

/// A list's rows; none where there is no list.
pub fn rows<'v>(value: &'v Value, list: &str) -> &'v [Value] {
    value[list].as_array().map_or(&[], Vec::as_slice)
}

/// What the command says is stuck, but for threads that the kernel says are ready to run and get no processor: that is the machine's, where others keep it
/// busy.
pub fn problems(answer: &Value) -> Vec<&Value> {
    let problems = rows(answer, "problems").iter();
    problems
        .filter(|problem| problem["kind"] != "no processor")
        .collect()
}

/// The first row of a list that has this text in this field.
pub fn row<'v>(value: &'v Value, list: &str, field: &str, text: &str) -> Option<&'v Value> {
    let mut rows = rows(value, list).iter();
    rows.find(|row| row[field].as_str() == Some(text))
}

/// The first row of a list that has this value in this field.
pub fn row_with<'v>(
    value: &'v Value,
    list: &str,
    field: &str,
    wanted: &Value,
) -> Option<&'v Value> {
    rows(value, list).iter().find(|row| row[field] == *wanted)
}

/// Whether one of the frames is of this function.
pub fn names(frames: &Value, function: &str) -> bool {
    let frames = frames.as_array().map_or(&[][..], Vec::as_slice);
    frames.iter().any(|frame| {
        frame["name"]
            .as_str()
            .is_some_and(|name| name.contains(function))
    })
}

/// A number; 0 for anything else.
pub fn ns(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}
