//! Recording a command from its start to its end, with the processes it starts.

use super::attach::told;
use super::given::{CI_HZ, Given, delivered};
use super::recording::Recording;
use super::writer::Writer;
use super::{FETCH_EVERY, LOOK_EVERY, family, nothing_sampled};
use crate::exit::{FAILED, Failure, Outcome};
use crate::interrupt;
use crate::live::{Client, ProcessFacts, discover};
use crate::text::style::{ERROR, paint};
use crate::text::terminal;
use hotpoll_profile::merge::Merger;
use hotpoll_profile::{Profile, pprof};
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How soon after its start a command is looked at again and again: a short one is over before the next fetch.
const EAGER_FOR: Duration = Duration::from_secs(1);
/// How often the whole family is looked for; the command itself is looked for at every look.
const FAMILY_EVERY: Duration = Duration::from_millis(500);

/// Has a program start hotpoll, or not.
const SWITCH: &str = "HOTPOLL";
/// How often it samples.
const RATE: &str = "HOTPOLL_HZ";

/// Runs the command, records it, and gives its exit code, whether or not there was anything to record: who puts `hotpoll record` before a command of
/// a script has the script go on as before.
pub fn run(
    program: &OsStr,
    arguments: &[OsString],
    output: &Path,
    binaries: &[PathBuf],
    given: &Given,
) -> Outcome {
    interrupt::listen();
    let mut command = Command::new(program);
    command.args(arguments);
    let mut writer = Writer::new(output);
    let mut told_failure = false;
    let recorded = record(&mut command, binaries, given, |crowd| {
        if writer.is_due() && crowd.has_samples() {
            // The command goes on, whatever happens to our disk.
            if let Err(failure) = writer.write(&crowd.profile())
                && !std::mem::replace(&mut told_failure, true)
            {
                complain(&failure);
            }
        }
    })?;
    let status = recorded.status;
    let code = code(status);
    let name = Path::new(program).file_name().unwrap_or(program);
    let name = name.to_string_lossy();
    let profile = match recorded.profile(&name) {
        Ok(profile) => profile,
        Err(failure) => {
            complain(&failure);
            return Ok(code);
        }
    };
    if let Err(failure) = writer.write(&profile) {
        complain(&failure);
        // CMD's own failure is what its caller waits for; without one, that the file is missing is told.
        return Ok(if code == 0 { FAILED } else { code });
    }
    if let Some(signal) = status.signal() {
        terminal::say(&format!("{name} was ended by {}.", signal_name(signal)));
    }
    terminal::say(&told(output, &profile));
    if given.ci {
        terminal::say(&delivered(&profile));
    }
    Ok(code)
}

/// A command that has ended, and what was recorded of it.
pub struct Recorded {
    /// How it ended.
    pub status: ExitStatus,
    /// Nothing where nobody started hotpoll.
    profile: Option<Profile>,
}

impl Recorded {
    /// The profile; or why there is none, about the program of this name.
    pub fn profile(self, name: &str) -> Result<Profile, Failure> {
        match self.profile {
            None => Err(never_started(name, self.status)),
            Some(profile) if profile.samples.is_empty() => {
                Err(nothing_sampled(name, profile.process_cpu_ns))
            }
            Some(profile) => Ok(profile),
        }
    }
}

/// Runs a command from its start to its end, and records it and what it starts. `look` is called after each round of fetches.
pub fn record(
    command: &mut Command,
    binaries: &[PathBuf],
    given: &Given,
    mut look: impl FnMut(&Crowd),
) -> Result<Recorded, Failure> {
    if std::env::var_os(SWITCH).is_some_and(|value| value == "off") {
        return Err(switched_off(command.get_program()));
    }
    let last_words = LastWords::new();
    command.env(SWITCH, "on");
    if given.ci && std::env::var_os(RATE).is_none_or(|rate| rate.is_empty()) {
        command.env(RATE, CI_HZ);
    }
    if let Some(words) = &last_words {
        command.env(LastWords::VARIABLE, words.pattern());
    }
    let mut child = command.spawn().map_err(|error| {
        Failure::new(format!(
            "cannot start {}: {error}",
            Path::new(command.get_program()).display()
        ))
    })?;
    let mut crowd = Crowd::new(child.id());
    let began = Instant::now();
    let mut passed_on = None;
    let status = loop {
        crowd.fetch();
        look(&crowd);
        let until = Instant::now() + FETCH_EVERY;
        let ended = loop {
            if let Some(status) = wait(&mut child)? {
                break Some(status);
            }
            pass_on(&child, &mut passed_on);
            if Instant::now() >= until || (began.elapsed() < EAGER_FOR && !crowd.has_anybody()) {
                break None;
            }
            std::thread::sleep(LOOK_EVERY);
        };
        if let Some(status) = ended {
            break status;
        }
        std::thread::sleep(LOOK_EVERY);
    };
    // Those that outlive the command; what they do from now on is theirs.
    crowd.fetch_last();
    let words = last_words.map_or_else(Vec::new, LastWords::read);
    let mut profile = crowd.finish(words, binaries);
    if let Some(profile) = &mut profile {
        given.put(profile, status.success() && interrupt::signal().is_none());
    }
    Ok(Recorded { status, profile })
}

fn wait(child: &mut Child) -> Result<Option<ExitStatus>, Failure> {
    child
        .try_wait()
        .map_err(|error| Failure::new(format!("cannot wait for the command: {error}")))
}

/// A SIGTERM, or a Ctrl-C that no terminal has given to the command already, goes to the command: it ends, and then we do.
fn pass_on(child: &Child, passed_on: &mut Option<i32>) {
    let Some(signal) = interrupt::signal() else {
        return;
    };
    let has_it_already = signal == libc::SIGINT && std::io::stdin().is_terminal();
    if passed_on.replace(signal) == Some(signal) || has_it_already {
        return;
    }
    let pid = nix::unistd::Pid::from_raw(child.id() as i32);
    if let Ok(signal) = nix::sys::signal::Signal::try_from(signal) {
        // It may have ended in between.
        let _ = nix::sys::signal::kill(pid, signal);
    }
}

/// The exit code as a shell would give it.
fn code(status: ExitStatus) -> u8 {
    const SIGNALLED: i32 = 128;
    let code = status
        .code()
        .or_else(|| Some(SIGNALLED + status.signal()?))
        .unwrap_or(1);
    (code & 0xff) as u8
}

fn signal_name(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal)
        .map_or_else(|_| format!("signal {signal}"), |signal| signal.to_string())
}

/// Who has set HOTPOLL=off wants it nowhere, and who records wants it here. Neither is guessed at: once the command was sampled all the same.
fn switched_off(program: &OsStr) -> Failure {
    let program = Path::new(program).display();
    Failure::new(format!(
        "HOTPOLL=off is in the environment, which keeps hotpoll off everywhere: {program} was not started, as there would be nothing to record"
    ))
    .next("to record all the same, HOTPOLL=on hotpoll record …; to run it without hotpoll, run it by itself")
}

fn never_started(name: &str, status: ExitStatus) -> Failure {
    let how = match (status.code(), status.signal()) {
        (Some(0), _) => "ended".to_owned(),
        (Some(code), _) => format!("ended with code {code}"),
        (_, signal) => format!("was ended by {}", signal_name(signal.unwrap_or_default())),
    };
    Failure::new(format!(
        "{name} {how} and never started hotpoll: there is nothing to write"
    ))
    .next(
        "link the crate `hotpoll` and call hotpoll::start() or hotpoll::start_if_asked() early in main; \
         HOTPOLL=on was in its environment",
    )
}

fn complain(failure: &Failure) {
    terminal::say(&format!("{} {failure}", paint(ERROR, "hotpoll:")));
}

/// The processes of a command that have hotpoll.
pub struct Crowd {
    ancestor: u32,
    recordings: Vec<Recording>,
    family_looked_for: Instant,
}

impl Crowd {
    fn new(ancestor: u32) -> Self {
        Self {
            ancestor,
            recordings: Vec::new(),
            family_looked_for: Instant::now(),
        }
    }

    fn has_anybody(&self) -> bool {
        self.recordings.iter().any(Recording::is_connected)
    }

    /// Samples of CPU time so far, of all of them.
    pub fn cpu_samples(&self) -> u64 {
        let recordings = self.recordings.iter();
        recordings
            .map(|recording| recording.profile().cpu_samples())
            .sum()
    }

    fn has_samples(&self) -> bool {
        self.recordings
            .iter()
            .any(|recording| !recording.profile().samples.is_empty())
    }

    /// Looks for processes that are new, and fetches from all of them. Who cannot be asked is asked again the next time.
    fn fetch(&mut self) {
        self.ask(Recording::fetch);
    }

    /// The same for the last time, with what was counted up to now.
    fn fetch_last(&mut self) {
        self.ask(Recording::fetch_last);
    }

    fn ask(&mut self, fetch: fn(&mut Recording)) {
        self.look();
        for recording in &mut self.recordings {
            fetch(recording);
            if let Some(news) = recording.news() {
                terminal::say(&news);
            }
            if let Some(failure) = recording.failure() {
                complain(&failure);
            }
        }
    }

    fn look(&mut self) {
        let mut endpoints = Vec::new();
        if let Ok(process) = ProcessFacts::read(self.ancestor) {
            endpoints.extend(discover::of(&process));
        }
        if self.family_looked_for.elapsed() >= FAMILY_EVERY {
            endpoints.extend(family::endpoints(self.ancestor));
            self.family_looked_for = Instant::now();
        }
        for endpoint in endpoints {
            let process = &endpoint.process;
            let known = self.recordings.iter_mut().find(|recording| {
                let known = &recording.endpoint().process;
                (known.pid, known.start_ticks) == (process.pid, process.start_ticks)
            });
            match known {
                Some(recording) if recording.is_connected() => {}
                known => {
                    // It may have ended, or be replacing itself by exec, just now.
                    let Ok(client) = Client::connect(&endpoint) else {
                        continue;
                    };
                    match known {
                        Some(recording) => recording.reconnect(client),
                        None => self.recordings.push(Recording::start(client, 0)),
                    }
                }
            }
        }
    }

    /// What everybody has told so far.
    fn profile(&self) -> Profile {
        let mut merger = Merger::new(Profile::default());
        for recording in &self.recordings {
            merger.add(recording.profile().clone());
        }
        merger.into_profile()
    }

    /// All of it with names; nothing when nobody ever had hotpoll. `last_words` are what the processes wrote themselves.
    fn finish(mut self, last_words: Vec<Profile>, binaries: &[PathBuf]) -> Option<Profile> {
        let mut merger = Merger::new(Profile::default());
        let mut is_anybody = false;
        for mut words in last_words {
            let process = &words.process;
            let known = self.recordings.iter_mut().find(|recording| {
                let known = &recording.endpoint().process;
                (known.own_pid, known.start_ticks) == (process.pid, process.start_ticks)
            });
            match known {
                Some(recording) => recording.add(words),
                // Over before anybody connected.
                None => {
                    crate::source::name_through(&mut words, None, None, binaries);
                    crate::source::know_build(&mut words, None, binaries);
                    merger.add(words);
                    is_anybody = true;
                }
            }
        }
        for recording in self.recordings {
            merger.add(recording.finish(binaries));
            is_anybody = true;
        }
        is_anybody.then(|| merger.into_profile())
    }
}

/// The files that the processes write themselves, at their end: what happened after the last fetch, and all of what is over in
/// a fraction of a second.
struct LastWords {
    folder: PathBuf,
}

impl LastWords {
    const VARIABLE: &str = "HOTPOLL_OUT";

    /// A folder for them; nothing when the user has them written somewhere already, or no folder can be made.
    fn new() -> Option<Self> {
        if std::env::var_os(Self::VARIABLE).is_some() {
            return None;
        }
        let folder =
            std::env::temp_dir().join(format!("hotpoll-record-{}-{}", std::process::id(), now()));
        // Nobody else's: what a service does is not for everybody to read.
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .ok()?;
        Some(Self { folder })
    }

    fn pattern(&self) -> PathBuf {
        self.folder.join("%p.pb.gz")
    }

    fn read(self) -> Vec<Profile> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "gz"))
            .filter_map(|entry| std::fs::read(entry.path()).ok())
            .filter_map(|bytes| pprof::decode(&bytes).ok())
            .collect()
    }
}

impl Drop for LastWords {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn now() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_as_a_shell_gives_them() {
        let code_of = |script: &str| {
            let status = Command::new("sh").args(["-c", script]).status().unwrap();
            code(status)
        };
        assert_eq!(code_of("exit 0"), 0);
        assert_eq!(code_of("exit 7"), 7);
        assert_eq!(code_of("kill -9 $$"), 137);
        assert_eq!(code_of("kill -TERM $$"), 143);
    }

    #[test]
    fn how_it_ended() {
        let status = Command::new("sh")
            .args(["-c", "kill -SEGV $$"])
            .status()
            .unwrap();
        let sentence = never_started("batch", status).to_string();
        assert!(
            sentence.contains("batch was ended by SIGSEGV and never started"),
            "{sentence}"
        );
    }
}
