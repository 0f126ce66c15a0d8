//! Finds the sockets of live processes with hotpoll.
//!
//! A process's agent listens at `…/hotpoll*/PID-STARTTICKS.sock`. Which folder that is depends on the process's environment
//! and mount namespace, so nobody guesses: the kernel lists every listening socket with its path in `/proc/PID/net/unix`, and
//! the path is opened below `/proc/PID/root`. Where that is closed to us, or is another root since, it is opened below our own, and who answers is checked.

use super::process::{self, ProcessFacts};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A live process with a hotpoll socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The process.
    pub process: ProcessFacts,
    /// The socket's path, as the process itself sees it.
    pub socket: PathBuf,
}

impl Endpoint {
    /// Where the socket may lie, as we see it. The process's own root is the right one, mostly; it is closed to a process's own user where
    /// the process has changed its user or is not dumpable, and another one where the process has changed its root since.
    pub fn paths(&self) -> [PathBuf; 2] {
        [self.path(), self.socket.clone()]
    }

    /// Both PIDs, where the process has another one in its own PID namespace than here: its own answers know that one alone.
    pub fn other_pid(&self) -> Option<String> {
        let ProcessFacts { pid, own_pid, .. } = self.process;
        (pid != own_pid)
            .then(|| format!("its PID is {pid} here, and {own_pid} in its own PID namespace"))
    }

    /// The socket's path through the process's own root.
    fn path(&self) -> PathBuf {
        let below = self.socket.strip_prefix("/").unwrap_or(&self.socket);
        Path::new("/proc")
            .join(self.process.pid.to_string())
            .join("root")
            .join(below)
    }
}

/// The socket of one process.
pub fn of(process: &ProcessFacts) -> Option<Endpoint> {
    find(process, &listening(process.pid))
}

/// Every process with a socket, by PID.
pub fn all() -> Vec<Endpoint> {
    // Processes of one network namespace share one listing: a host has thousands of processes and a few namespaces.
    let mut listings: HashMap<Option<PathBuf>, Vec<PathBuf>> = HashMap::new();
    process::all()
        .into_iter()
        .filter(|process| !process.zombie)
        .filter_map(|process| {
            let namespace = fs::read_link(format!("/proc/{}/ns/net", process.pid)).ok();
            let listing = listings.entry(namespace).or_insert_with_key(|namespace| {
                if namespace.is_some() {
                    listening(process.pid)
                } else {
                    // Not ours to look into; it may still share our namespace.
                    listening(std::process::id())
                }
            });
            find(&process, listing)
        })
        .collect()
}

fn find(process: &ProcessFacts, listening: &[PathBuf]) -> Option<Endpoint> {
    let name = format!("{}-{}.sock", process.own_pid, process.start_ticks);
    let socket = listening
        .iter()
        .find(|path| path.file_name().is_some_and(|file| file == name.as_str()))?;
    Some(Endpoint {
        process: process.clone(),
        socket: socket.clone(),
    })
}

fn listening(pid: u32) -> Vec<PathBuf> {
    let listing = fs::read_to_string(format!("/proc/{pid}/net/unix"))
        .or_else(|_| fs::read_to_string("/proc/net/unix"));
    parse(&listing.unwrap_or_default())
}

/// The paths of listening sockets in folders called `hotpoll*`.
fn parse(listing: &str) -> Vec<PathBuf> {
    // The kernel's __SO_ACCEPTCON.
    const LISTENING: u32 = 0x10000;
    listing
        .lines()
        .filter_map(|line| {
            // Num RefCount Protocol Flags Type St Inode Path; a path may hold spaces.
            let mut rest = line;
            let mut fields = [""; 7];
            for field in &mut fields {
                rest = rest.trim_start();
                let end = rest.find(' ')?;
                (*field, rest) = rest.split_at(end);
            }
            let flags = u32::from_str_radix(fields[3], 16).ok()?;
            let path = PathBuf::from(rest.trim_start());
            let folder = path.parent()?.file_name()?.to_str()?;
            let ours =
                flags & LISTENING != 0 && path.is_absolute() && folder.starts_with("hotpoll");
            ours.then_some(path)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 1234 /run/user/1000/hotpoll/42-777.sock
0000000000000000: 00000003 00000000 00000000 0001 03 1235 /run/user/1000/hotpoll/43-778.sock
0000000000000000: 00000002 00000000 00010000 0001 01 1236 /tmp/hotpoll-0/7-779.sock
0000000000000000: 00000002 00000000 00010000 0001 01 1237 /tmp/other/44-780.sock
0000000000000000: 00000002 00000000 00010000 0001 01 1238 @hotpoll/45-781.sock
0000000000000000: 00000002 00000000 00010000 0001 01 1239
0000000000000000: 00000002 00000000 00010000 0001 01 1240 /tmp/a b/hotpoll/46-782.sock
";

    #[test]
    fn listening_sockets_in_our_folders() {
        let paths = parse(LISTING);
        let expected = [
            "/run/user/1000/hotpoll/42-777.sock",
            "/tmp/hotpoll-0/7-779.sock",
            "/tmp/a b/hotpoll/46-782.sock",
        ];
        assert_eq!(paths, expected.map(PathBuf::from));
    }

    #[track_caller]
    fn check(own_pid: u32, start_ticks: u64, expected: Option<&str>) {
        let process = ProcessFacts {
            pid: 1042,
            own_pid,
            start_ticks,
            ..ProcessFacts::default()
        };
        let path = find(&process, &parse(LISTING)).map(|endpoint| endpoint.path());
        assert_eq!(path, expected.map(PathBuf::from));
    }

    #[test]
    fn through_the_root_of_the_process() {
        check(
            42,
            777,
            Some("/proc/1042/root/run/user/1000/hotpoll/42-777.sock"),
        );
    }

    #[test]
    fn two_pids_of_one_process() {
        let endpoint = |pid, own_pid| Endpoint {
            process: ProcessFacts {
                pid,
                own_pid,
                ..ProcessFacts::default()
            },
            socket: PathBuf::new(),
        };
        let said = endpoint(1042, 1).other_pid().unwrap();
        assert_eq!(said, "its PID is 1042 here, and 1 in its own PID namespace");
        assert_eq!(endpoint(42, 42).other_pid(), None);
    }

    #[test]
    fn an_earlier_process_with_this_pid() {
        check(42, 778, None);
    }

    #[test]
    fn the_pid_inside_of_its_container() {
        check(7, 779, Some("/proc/1042/root/tmp/hotpoll-0/7-779.sock"));
    }
}
