//! The one grammar of TARGET, for every command.
//!
//! | TARGET | means |
//! |---|---|
//! | nothing | the only live process with hotpoll; several are listed |
//! | digits | the process with this PID (a thread's ID gives its process) |
//! | anything with a `/`, or the name of a file that is a profile | that file |
//! | anything else | the live process of this name (executable or process name) |
//!
//! A name that is both a live process and a file means the process: next to `./my-service`, the program, `my-service` is what runs.

use crate::exit::Failure;
use crate::live::{Endpoint, ProcessFacts, discover, process, unheard};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The help text of the argument.
pub const HELP: &str = "PID, process NAME or profile FILE; nothing: the only live process";

/// What a TARGET stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A live process.
    Live(Endpoint),
    /// A file that begins as a profile does.
    File(PathBuf),
}

/// What there is to choose from. The tests have a host of their own.
pub trait Host {
    /// Every live process with hotpoll.
    fn endpoints(&self) -> Vec<Endpoint>;
    /// One process, whether it has hotpoll or not.
    fn process(&self, pid: u32) -> Option<ProcessFacts>;
    /// The socket of one process.
    fn endpoint(&self, process: &ProcessFacts) -> Option<Endpoint>;
    /// Every process with this name, whether it has hotpoll or not.
    fn named(&self, name: &str) -> Vec<ProcessFacts>;
    /// Why a process that runs hotpoll has no socket; nothing where it does not run hotpoll.
    fn unheard(&self, process: &ProcessFacts) -> Option<String>;
    /// The first process that runs hotpoll without a socket and may be asked.
    fn first_unheard(&self) -> Option<ProcessFacts>;
    /// The process that this one was forked from, where that one runs hotpoll.
    fn forked_from(&self, process: &ProcessFacts) -> Option<u32>;
    /// What kind of file this is.
    fn file(&self, path: &Path) -> FileKind;
    /// Whether we may ask processes of this user.
    fn may_ask(&self, uid: u32) -> bool;
    /// The name of a user.
    fn user(&self, uid: u32) -> String;
    /// The command that was run, up to its TARGET: what to run again.
    fn command(&self) -> &str;
}

/// What a file begins like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// There is none.
    Missing,
    /// It cannot be read, and why.
    Unreadable(String),
    /// gzip, or an uncompressed pprof profile.
    Profile,
    /// A program or library.
    Elf,
    /// No file at all.
    Folder,
    /// Something else.
    Other,
}

/// Finds what a TARGET stands for.
pub fn resolve(target: Option<&str>, host: &impl Host) -> Result<Target, Failure> {
    let Some(target) = target else {
        return only_one(host).map(Target::Live);
    };
    if target.is_empty() {
        // A shell's variable that is not set, most of the time: guessing would hide it.
        return Err(Failure::new("the TARGET is empty").next(
            "give a PID, a process name or a profile file, or leave it out for the only live process",
        ));
    }
    if target.bytes().all(|byte| byte.is_ascii_digit()) {
        return by_pid(target, host).map(Target::Live);
    }
    let path = Path::new(target);
    if target.contains('/') {
        return by_file(path, host).map(Target::File);
    }
    let live: Vec<Endpoint> = (host.endpoints().into_iter())
        .filter(|endpoint| endpoint.process.is_named(target))
        .collect();
    if !live.is_empty() {
        return choose(
            live,
            host,
            &format!("several live processes are named {target}"),
        )
        .map(Target::Live);
    }
    match host.file(path) {
        FileKind::Missing | FileKind::Elf | FileKind::Folder => {}
        _ => return by_file(path, host).map(Target::File),
    }
    if let Some(process) = host.named(target).first() {
        return Err(without_hotpoll(process, host));
    }
    match host.file(path) {
        FileKind::Elf | FileKind::Folder => by_file(path, host).map(Target::File),
        _ => Err(Failure::new(format!(
            "no live process is named {target}, and there is no such file"
        ))
        .next("`hotpoll list` shows the processes that can be asked")),
    }
}

/// Finds a live process: for commands that need one.
pub fn resolve_live(target: Option<&str>, host: &impl Host) -> Result<Endpoint, Failure> {
    match resolve(target, host)? {
        Target::Live(endpoint) => Ok(endpoint),
        Target::File(path) => Err(Failure::new(format!(
            "{} is a file, and this needs a live process",
            path.display()
        ))
        .next("give a PID or a process name; `hotpoll list` shows them")),
    }
}

fn only_one(host: &impl Host) -> Result<Endpoint, Failure> {
    choose(
        host.endpoints(),
        host,
        "several live processes have hotpoll",
    )
}

/// The one process that we may ask.
fn choose(endpoints: Vec<Endpoint>, host: &impl Host, several: &str) -> Result<Endpoint, Failure> {
    let (mut ours, theirs): (Vec<_>, Vec<_>) = endpoints
        .into_iter()
        .partition(|endpoint| host.may_ask(endpoint.process.uid));
    match ours.len() {
        1 => Ok(ours.remove(0)),
        0 => match theirs.first() {
            Some(endpoint) => Err(of_another_user(&endpoint.process, host)),
            None => Err(match host.first_unheard() {
                Some(process) => without_hotpoll(&process, host),
                None => Failure::new("no live process with hotpoll was found").next(
                    "start a program that calls hotpoll::start(), name a profile FILE, or try `hotpoll demo`",
                ),
            }),
        },
        _ => {
            let mut what = format!("{several}:");
            for endpoint in &ours {
                let process = &endpoint.process;
                what += &format!("\n  {:>8}  {}", process.pid, process.display_name());
            }
            let first = ours[0].process.pid;
            // The sentence's full stop would stand after the last name.
            what += "\n  say which one";
            Err(Failure::new(what).next(format!("for example: {} {first}", host.command())))
        }
    }
}

fn by_pid(digits: &str, host: &impl Host) -> Result<Endpoint, Failure> {
    let process = digits.parse().ok().and_then(|pid| host.process(pid));
    let Some(process) = process else {
        let mut failure = Failure::new(format!("no process has PID {digits}"))
            .next("`hotpoll list` shows the processes that can be asked");
        if host.file(Path::new(digits)) != FileKind::Missing {
            failure = failure.next(format!("for the file of this name say ./{digits}"));
        }
        return Err(failure);
    };
    if process.zombie {
        return Err(Failure::new(format!(
            "process {} ({}) has ended and only waits for its parent",
            process.pid,
            process.display_name()
        ))
        .next("HOTPOLL_OUT=name-%p.pb.gz in its environment keeps a file of its last minutes next time"));
    }
    match host.endpoint(&process) {
        Some(endpoint) if host.may_ask(process.uid) => Ok(endpoint),
        _ => Err(without_hotpoll(&process, host)),
    }
}

fn without_hotpoll(process: &ProcessFacts, host: &impl Host) -> Failure {
    if !host.may_ask(process.uid) {
        return of_another_user(process, host);
    }
    let who = format!("process {} ({})", process.pid, process.display_name());
    if let Some(why) = host.unheard(process) {
        return Failure::new(format!(
            "{who} runs hotpoll, but has no socket to be asked through: {why}"
        ))
        .next(unheard::NEXT);
    }
    if let Some(parent) = host.forked_from(process) {
        return Failure::new(format!(
            "{who} is a child of process {parent}, which runs hotpoll, and does not run it itself: threads do not outlast a fork"
        ))
        .next("call hotpoll::start() in the child, too");
    }
    Failure::new(format!("{who} does not run hotpoll"))
    .next(
        "link the crate `hotpoll` and call hotpoll::start(); if it calls hotpoll::start_if_asked(), \
         start it with HOTPOLL=on (HOTPOLL=off in its environment keeps it off)",
    )
}

fn of_another_user(process: &ProcessFacts, host: &impl Host) -> Failure {
    let user = host.user(process.uid);
    Failure::new(format!(
        "process {} ({}) belongs to {user}, and only the same user may ask it",
        process.pid,
        process.display_name()
    ))
    .next(format!(
        "run this as {user}: sudo -u {user} {} {}",
        host.command(),
        process.pid
    ))
}

fn by_file(path: &Path, host: &impl Host) -> Result<PathBuf, Failure> {
    let shown = path.display();
    match host.file(path) {
        FileKind::Profile => Ok(path.to_owned()),
        FileKind::Missing => Err(Failure::new(format!("there is no file {shown}"))
            .next("`hotpoll record -o FILE` writes one; `hotpoll list` shows live processes")),
        FileKind::Folder => Err(Failure::folder(path)),
        FileKind::Unreadable(why) => Err(Failure::new(format!("cannot read {shown}: {why}"))),
        FileKind::Elf => Err(Failure::new(format!(
            "{shown} is a program, not a profile, and no live process has that name"
        ))
        .next(format!(
            "run and record it: hotpoll record -o profile.pb.gz -- {}{shown}",
            if shown.to_string().contains('/') {
                ""
            } else {
                "./"
            }
        ))),
        FileKind::Other => Err(Failure::new(format!(
            "{shown} is not a profile: those are pprof files, gzipped or not"
        ))),
    }
}

/// The host that we run on.
pub struct ThisHost {
    /// The command that was run, up to its TARGET.
    command: String,
}

impl ThisHost {
    /// For this command, as it was given up to its TARGET.
    pub fn asked_by(command: &str) -> Self {
        Self {
            command: format!("hotpoll {command}"),
        }
    }
}

impl Host for ThisHost {
    fn endpoints(&self) -> Vec<Endpoint> {
        discover::all()
    }

    fn process(&self, pid: u32) -> Option<ProcessFacts> {
        ProcessFacts::read(pid).ok()
    }

    fn endpoint(&self, process: &ProcessFacts) -> Option<Endpoint> {
        discover::of(process)
    }

    fn named(&self, name: &str) -> Vec<ProcessFacts> {
        process::all()
            .into_iter()
            .filter(|process| process.is_named(name))
            .collect()
    }

    fn unheard(&self, process: &ProcessFacts) -> Option<String> {
        process::has_agent(process.pid).then(|| unheard::why(process))
    }

    fn first_unheard(&self) -> Option<ProcessFacts> {
        let ours = process::all().into_iter();
        let ours = ours.filter(|process| self.may_ask(process.uid)).collect();
        unheard::among(ours).into_iter().next()
    }

    fn forked_from(&self, process: &ProcessFacts) -> Option<u32> {
        // After an exec it is most often another program.
        let parent = ProcessFacts::read(process.parent).ok()?;
        let is_same = !process.executable.is_empty() && parent.executable == process.executable;
        (is_same && process::has_agent(parent.pid)).then_some(parent.pid)
    }

    fn file(&self, path: &Path) -> FileKind {
        file_kind(path)
    }

    fn may_ask(&self, uid: u32) -> bool {
        let own = nix::unistd::geteuid();
        own.is_root() || own.as_raw() == uid
    }

    fn user(&self, uid: u32) -> String {
        nix::unistd::User::from_uid(uid.into())
            .ok()
            .flatten()
            .map_or_else(|| format!("#{uid}"), |user| user.name)
    }

    fn command(&self) -> &str {
        &self.command
    }
}

fn file_kind(path: &Path) -> FileKind {
    use std::io::ErrorKind::{IsADirectory, NotFound};
    let mut start = [0u8; 4];
    match File::open(path).and_then(|mut file| {
        if file.metadata()?.is_dir() {
            return Err(IsADirectory.into());
        }
        file.read(&mut start)
    }) {
        Err(error) if error.kind() == NotFound => FileKind::Missing,
        Err(error) if error.kind() == IsADirectory => FileKind::Folder,
        Err(error) => FileKind::Unreadable(error.to_string()),
        Ok(read) => match &start[..read] {
            [0x7f, b'E', b'L', b'F'] => FileKind::Elf,
            [0x1f, 0x8b, ..] => FileKind::Profile,
            // An uncompressed pprof profile begins with its first field, `sample_type`: field 1, length-delimited.
            [0x0a, ..] => FileKind::Profile,
            _ => FileKind::Other,
        },
    }
}

#[cfg(test)]
mod tests;
