//! What `/proc` says about a process.

use std::fs;
use std::io;

/// Facts about a process on this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Its ID here.
    pub pid: u32,
    /// Its ID in its own PID namespace: the one in its socket's name.
    pub own_pid: u32,
    /// The process that made it, or that took it on.
    pub parent: u32,
    /// The name of its main thread.
    pub name: String,
    /// The file name of its executable; empty when that is not ours to know.
    pub executable: String,
    /// When it started, in kernel clock ticks since boot.
    pub start_ticks: u64,
    /// Its effective user.
    pub uid: u32,
    /// How many threads it has.
    pub threads: u32,
    /// Whether it has ended and only waits for its parent.
    pub zombie: bool,
    /// Whether it is a thread of the kernel's.
    pub kernel: bool,
}

/// The kernel's mark for its own threads (`PF_KTHREAD` in its `sched.h`), in field 9 of proc(5).
const KERNEL_THREAD: u32 = 0x0020_0000;

impl ProcessFacts {
    /// Reads a process's facts. The ID of a thread gives its process, as `top -H` shows threads.
    pub fn read(id: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let pid = field(&status, "Tgid:")
            .and_then(|value| value.parse().ok())
            .unwrap_or(id);
        if pid != id {
            return Self::read(pid);
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let mut facts = parse(pid, &stat, &status)
            .ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat is not understood")))?;
        if let Ok(path) = fs::read_link(format!("/proc/{pid}/exe")) {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            // The kernel says so when the file was removed or replaced.
            let file = file.strip_suffix(" (deleted)").unwrap_or(&file);
            facts.executable = file.to_owned();
        }
        Ok(facts)
    }

    /// What to call it: the executable's file name, which is longer than the 15 bytes of a thread's name.
    pub fn display_name(&self) -> &str {
        if self.executable.is_empty() {
            &self.name
        } else {
            &self.executable
        }
    }

    /// Whether a person means this process by the name. An empty name is nobody's, though an executable's may be empty.
    pub fn is_named(&self, name: &str) -> bool {
        let is_named = self.name == name || self.executable == name;
        is_named && !name.is_empty() && !self.kernel
    }
}

/// The processes of this host, as far as they are ours to see.
pub fn all() -> Vec<ProcessFacts> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut processes: Vec<ProcessFacts> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        // A process may end between the listing and the reading.
        .filter_map(|pid| ProcessFacts::read(pid).ok())
        .collect();
    processes.sort_by_key(|process| process.pid);
    processes
}

/// Whether hotpoll runs in a process, by its thread. For processes whose socket is not there to tell.
pub fn has_agent(pid: u32) -> bool {
    /// The name of the thread that no running agent is without.
    const THREAD: &str = "hotpoll-drain";
    /// Threads looked at: the agent is started early, and the kernel lists threads in their order.
    const MOST_THREADS: usize = 1024;
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    (threads.flatten().take(MOST_THREADS)).any(|thread| {
        let name = fs::read_to_string(thread.path().join("comm"));
        name.is_ok_and(|name| name.trim_end() == THREAD)
    })
}

/// Whether a process runs no further until somebody lets it: every thread of it is stopped by a signal or a debugger, or its
/// control group is frozen, as `docker pause` does.
pub fn is_stopped(pid: u32) -> bool {
    is_each_thread_stopped(pid) || is_frozen(pid)
}

fn is_each_thread_stopped(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    let mut is_any = false;
    for thread in threads.flatten() {
        // A thread may end between the listing and the reading.
        let Ok(stat) = fs::read_to_string(thread.path().join("stat")) else {
            continue;
        };
        match state(&stat) {
            Some('T' | 't') => is_any = true,
            // Over: a main thread that has ended before the others.
            Some('Z' | 'X') | None => {}
            Some(_) => return false,
        }
    }
    is_any
}

/// Field 3 of proc(5). A thread's name may hold spaces and brackets.
fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// By the unified hierarchy or the freezer's own, where they are mounted at their usual places; elsewhere nobody knows.
fn is_frozen(pid: u32) -> bool {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    groups.lines().any(|line| {
        // Number, controllers, path.
        let mut parts = line.splitn(3, ':').skip(1);
        let (file, frozen) = match parts.next() {
            Some("") => ("/sys/fs/cgroup/{}/cgroup.events", "frozen 1"),
            Some("freezer") => ("/sys/fs/cgroup/freezer/{}/freezer.state", "FROZEN"),
            _ => return false,
        };
        let group = parts.next().unwrap_or_default().trim_start_matches('/');
        let state = fs::read_to_string(file.replace("{}", group)).unwrap_or_default();
        state.lines().any(|line| line == frozen)
    })
}

fn parse(pid: u32, stat: &str, status: &str) -> Option<ProcessFacts> {
    // The name may hold spaces and brackets: the fields begin after the last one.
    let (head, fields) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    // From field 3 of proc(5) on.
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let own_pid = field(status, "NSpid:")
        .and_then(|pids| pids.split_whitespace().last())
        .and_then(|pid| pid.parse().ok())
        .unwrap_or(pid);
    let uid = field(status, "Uid:")
        .and_then(|uids| uids.split_whitespace().nth(1))
        .and_then(|uid| uid.parse().ok())?;
    Some(ProcessFacts {
        pid,
        own_pid,
        parent: fields.get(4 - 3)?.parse().ok()?,
        name: name.to_owned(),
        executable: String::new(),
        start_ticks: fields.get(22 - 3)?.parse().ok()?,
        uid,
        threads: fields.get(20 - 3)?.parse().ok()?,
        zombie: fields.first() == Some(&"Z"),
        kernel: fields.get(9 - 3)?.parse::<u32>().ok()? & KERNEL_THREAD != 0,
    })
}

fn field<'s>(status: &'s str, key: &str) -> Option<&'s str> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tx\nTgid:\t42\nUid:\t1000\t1001\t1000\t1000\nNSpid:\t42\t7\n";

    fn stat(name: &str, state: &str) -> String {
        format!(
            "42 ({name}) {state} 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 123456 1000 200 18446744073709551615"
        )
    }

    #[test]
    fn a_name_with_brackets_and_spaces() {
        let facts = parse(42, &stat("a) (b) R 1", "S"), STATUS).unwrap();
        assert_eq!(facts.name, "a) (b) R 1");
        assert_eq!((facts.start_ticks, facts.threads), (123_456, 9));
    }

    #[test]
    fn its_own_pid_and_effective_user() {
        let facts = parse(42, &stat("x", "S"), STATUS).unwrap();
        assert_eq!((facts.own_pid, facts.uid, facts.zombie), (7, 1001, false));
    }

    #[test]
    fn zombie() {
        assert!(parse(42, &stat("x", "Z"), STATUS).unwrap().zombie);
    }

    #[test]
    fn stopped_and_running_on() {
        use nix::sys::signal::{Signal, kill};
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = nix::unistd::Pid::from_raw(child.id() as i32);
        let until = |stopped: bool| {
            let began = std::time::Instant::now();
            while is_stopped(child.id()) != stopped {
                assert!(began.elapsed().as_secs() < 60, "{stopped}: never");
                std::thread::yield_now();
            }
        };
        until(false);
        kill(pid, Signal::SIGSTOP).unwrap();
        until(true);
        kill(pid, Signal::SIGCONT).unwrap();
        until(false);
        kill(pid, Signal::SIGSTOP).unwrap();
        until(true);
        // What has ended is not stopped, before its parent has seen it and after.
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_stopped(child.id()));
    }

    /// As `docker pause` does it.
    #[test]
    fn frozen_and_thawed() {
        let name = format!("hotpoll-test-{}", std::process::id());
        let unified = std::path::Path::new("/sys/fs/cgroup").join(&name);
        let own = std::path::Path::new("/sys/fs/cgroup/freezer").join(&name);
        // Where the freezer has no hierarchy of its own the unified one has it, and says so in each group.
        let (group, file, values) = if fs::create_dir(&own).is_ok() {
            (own, "freezer.state", ["FROZEN", "THAWED"])
        } else if fs::create_dir(&unified).is_ok() && unified.join("cgroup.freeze").exists() {
            (unified, "cgroup.freeze", ["1", "0"])
        } else {
            let _ = fs::remove_dir(&unified);
            println!("skipped: no control group may be made here");
            return;
        };
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        fs::write(group.join("cgroup.procs"), child.id().to_string()).unwrap();
        assert!(!is_stopped(child.id()));
        for (value, frozen) in values.into_iter().zip([true, false]) {
            fs::write(group.join(file), value).unwrap();
            let began = std::time::Instant::now();
            while is_stopped(child.id()) != frozen {
                assert!(began.elapsed().as_secs() < 60, "{value}: never");
                std::thread::yield_now();
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The kernel may still be busy with it.
        let _ = fs::remove_dir(group);
    }

    #[test]
    fn an_agent_is_known_by_its_thread() {
        let own = std::process::id();
        assert!(!has_agent(own));
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("hotpoll-drain".to_owned())
            .spawn(move || ended.recv())
            .unwrap();
        // The thread names itself when it runs.
        let began = std::time::Instant::now();
        while !has_agent(own) {
            assert!(began.elapsed().as_secs() < 60, "never");
            std::thread::yield_now();
        }
        drop(end);
        assert!(thread.join().unwrap().is_err());
    }

    #[test]
    fn nobody_is_named_nothing() {
        let mut facts = parse(42, &stat("x", "S"), STATUS).unwrap();
        assert!(facts.executable.is_empty() && facts.is_named("x"));
        assert!(!facts.is_named(""));
        facts.name.clear();
        assert!(!facts.is_named(""));
    }

    #[test]
    fn a_thread_of_the_kernel_is_not_named() {
        let stat = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 10 0 0 0";
        let facts = parse(2, stat, STATUS).unwrap();
        assert!(facts.kernel && !facts.is_named("kthreadd"));
        assert!(!parse(42, &self::stat("x", "S"), STATUS).unwrap().kernel);
    }

    #[test]
    fn half_a_line_is_no_process() {
        assert_eq!(parse(42, "42 (x", STATUS), None);
        assert_eq!(parse(42, "42 (x) S 1 2", STATUS), None);
    }

    #[test]
    fn this_process_and_one_of_its_threads() {
        let own = ProcessFacts::read(std::process::id()).unwrap();
        assert_eq!(own.pid, std::process::id());
        assert!(!own.executable.is_empty());
        let tid = std::thread::spawn(nix::unistd::gettid).join().unwrap();
        // The thread has ended by now: its ID names nothing, or (while it is reaped) its process.
        if let Ok(process) = ProcessFacts::read(tid.as_raw() as u32) {
            assert_eq!(process.pid, own.pid);
        }
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            tell.send(nix::unistd::gettid().as_raw() as u32).unwrap();
            let _ = ended.recv();
        });
        let process = ProcessFacts::read(told.recv().unwrap()).unwrap();
        assert_eq!(process.pid, own.pid);
        drop(end);
        thread.join().unwrap();
    }
}
