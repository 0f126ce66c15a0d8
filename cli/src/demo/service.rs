//! The example service as a child: found, started, and never left behind.

use crate::exit::Failure;
use crate::text::terminal;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NAME: &str = "demo-service";
/// Names the program, for whoever keeps it elsewhere.
const VARIABLE: &str = "HOTPOLL_DEMO_SERVICE";
/// How long the service may take to end by itself once its time is over.
const END_PATIENCE: Duration = Duration::from_secs(6);
/// How often a wait looks again.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Finds the program: where the variable says, built from the checkout that this command was built from, or beside this command.
pub fn find() -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        let path = PathBuf::from(named);
        return match path.is_file() {
            true => Ok(path),
            false => Err(Failure::new(format!(
                "{VARIABLE} names {}, and there is no such file",
                path.display()
            ))),
        };
    }
    let own = std::env::current_exe().unwrap_or_default();
    if let Some(built) = checkout().and_then(|root| build(&root, &own)) {
        return Ok(built);
    }
    let folder = own.parent().unwrap_or(Path::new("."));
    [folder.join(NAME), folder.join("examples").join(NAME)]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Failure::new(format!("the example service was not found beside {}", own.display())).next(
                format!(
                    "in a checkout of hotpoll: cargo build --release --example {NAME}, then {VARIABLE}=target/release/examples/{NAME} hotpoll demo"
                ),
            )
        })
}

/// The checkout that this command was built from, if it is still there.
fn checkout() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let is_there = root.join("examples").join(NAME).is_dir() && root.join("Cargo.toml").is_file();
    is_there.then(|| root.to_owned())
}

/// Builds the example with the profile that this command was built with, and into the same folder. Fresh already, it takes a moment.
fn build(root: &Path, own: &Path) -> Option<PathBuf> {
    let profile_folder = own.parent()?;
    let target = profile_folder.parent()?;
    let profile = match profile_folder.file_name()?.to_str()? {
        "debug" => "dev",
        profile => profile,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = profile_folder.join("examples").join(NAME);
    terminal::say("Building the example service (a moment if nothing changed).");
    let status = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            "hotpoll",
            "--example",
            NAME,
        ])
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .ok()?;
    (status.success() && built.is_file()).then_some(built)
}

/// What the service says of one of its functions, by its threads' own clocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The function's name.
    pub function: String,
    /// Its part of the process's CPU time.
    pub share: f64,
}

impl Truth {
    /// `truth compress 2.864 s 34.3 % 7155 runs`.
    fn read(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["truth", function, _, "s", percent, "%", ..] => Some(Self {
                function: (*function).to_owned(),
                share: percent.parse::<f64>().ok()? / 100.0,
            }),
            _ => None,
        }
    }
}

/// The service and its load generator. Gone when dropped.
pub struct Service {
    child: Child,
}

impl Service {
    /// Starts the service for so long: should we be killed, it ends by itself.
    pub fn start(program: &Path, length: Duration) -> Result<Self, Failure> {
        let child = Command::new(program)
            .args(["--seconds", &length.as_secs().to_string()])
            .env("HOTPOLL", "on")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C is for us, and the group goes as one, its load generator with it.
            .process_group(0)
            .spawn()
            .map_err(|error| {
                Failure::new(format!("cannot start {}: {error}", program.display()))
            })?;
        Ok(Self { child })
    }

    /// Its process ID.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes sure that it still runs.
    pub fn check(&mut self) -> Result<(), Failure> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let mut said = String::new();
                if let Some(stderr) = &mut self.child.stderr {
                    // What it said is a help, not a must.
                    let _ = stderr.read_to_string(&mut said);
                }
                Err(Failure::new(format!(
                    "the example service has ended early ({status}): {}",
                    said.trim()
                )))
            }
            Err(error) => Err(Failure::new(format!(
                "cannot wait for the service: {error}"
            ))),
        }
    }

    /// Lets it end, and gives what it says of its own CPU time.
    pub fn finish(mut self) -> Vec<Truth> {
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > END_PATIENCE || crate::interrupt::is_asked_to_stop() {
                return Vec::new();
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let mut said = String::new();
        if let Some(stdout) = &mut self.child.stdout {
            let _ = stdout.read_to_string(&mut said);
        }
        said.lines().filter_map(Truth::read).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let group = Pid::from_raw(self.child.id() as i32);
        let _ = killpg(group, Signal::SIGKILL);
        // Reaped, so that no zombie outlives us in a container without an init.
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_says() {
        let truth = Truth::read("truth compress            2.864 s  34.3 %     7155 runs").unwrap();
        assert_eq!(truth.function, "compress");
        assert!((truth.share - 0.343).abs() < 1e-9);
        assert_eq!(Truth::read("truth process             8.344 s"), None);
        assert_eq!(Truth::read("demo-service: pid 42"), None);
    }

    #[test]
    fn dropped_and_gone_with_its_children() {
        // `sh` as the service: it ignores the argument and starts a child, as the service starts its load.
        let folder = std::env::temp_dir().join(format!("hotpoll-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join("service");
        let script = format!(
            "#!/bin/sh\nsleep 1000 &\necho $! > {}/load\nwait\n",
            folder.display()
        );
        // By another process: what this one writes to, a child that another test forks meanwhile has open as well, and then nobody may run it.
        let written = Command::new("sh")
            .args(["-c", "printf %s \"$1\" >\"$0\" && chmod +x \"$0\""])
            .arg(&program)
            .arg(script)
            .status();
        assert!(written.unwrap().success());
        let mut service = Service::start(&program, Duration::from_secs(1)).unwrap();
        let began = Instant::now();
        let load = loop {
            let pid = std::fs::read_to_string(folder.join("load")).unwrap_or_default();
            if let Ok(pid) = pid.trim().parse::<u32>() {
                break pid;
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "the script did not start"
            );
            std::thread::sleep(LOOK_EVERY);
        };
        service.check().unwrap();
        drop(service);
        let is_gone =
            || crate::live::ProcessFacts::read(load).map_or(true, |process| process.zombie);
        while !is_gone() {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "the load is still there"
            );
            std::thread::sleep(LOOK_EVERY);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
