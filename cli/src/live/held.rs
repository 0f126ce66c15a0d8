//! What a process's names need, kept open while it lives: it may be gone before they are read.
//!
//! A program that was deleted, or that lies in a container of its own, can be read through its process alone.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

/// A process's root folder and its program.
pub struct Held {
    pid: u32,
    root: Option<File>,
    /// The newest last: a process may replace itself by exec.
    programs: Vec<File>,
}

/// Programs of one process that are kept open.
const MOST_PROGRAMS: usize = 8;

impl Held {
    /// Opens what may be opened.
    pub fn open(pid: u32) -> Self {
        let root = File::options()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
            .open(format!("/proc/{pid}/root"))
            .ok();
        let mut held = Self {
            pid,
            root,
            programs: Vec::new(),
        };
        held.add_program();
        held
    }

    /// The process has another program now.
    pub fn add_program(&mut self) {
        if self.programs.len() < MOST_PROGRAMS {
            let program = File::open(format!("/proc/{}/exe", self.pid));
            self.programs.extend(program);
        }
    }

    /// The process, if it still runs the program that was seen last.
    pub fn pid(&self) -> Option<u32> {
        let now = std::fs::metadata(format!("/proc/{}/exe", self.pid)).ok()?;
        let last = self.programs.last()?.metadata().ok()?;
        let same = (now.dev(), now.ino()) == (last.dev(), last.ino());
        same.then_some(self.pid)
    }

    /// What the process sees as `/`, or saw.
    pub fn root(&self) -> Option<PathBuf> {
        self.root.as_ref().map(path)
    }

    /// The programs, where the process can no longer be asked for them.
    pub fn programs(&self) -> Vec<PathBuf> {
        if self.pid().is_some() && self.programs.len() == 1 {
            return Vec::new();
        }
        self.programs.iter().map(path).collect()
    }
}

fn path(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_outlives_its_process_and_its_file() {
        let folder = std::env::temp_dir().join(format!("hotpoll-held-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join("sleep");
        // By another process: what this one writes to, a child that another test forks meanwhile has open as well, and then nobody may run it.
        let copied = std::process::Command::new("cp")
            .args(["/bin/sleep".as_ref(), program.as_os_str()])
            .status();
        assert!(copied.unwrap().success());
        let mut child = std::process::Command::new(&program)
            .arg("60")
            .spawn()
            .unwrap();
        let held = Held::open(child.id());
        assert_eq!(held.pid(), Some(child.id()));
        assert!(held.programs().is_empty());
        std::fs::remove_dir_all(&folder).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(held.pid(), None);
        let [kept] = &held.programs()[..] else {
            panic!("one program")
        };
        let same = std::fs::read(kept).unwrap() == std::fs::read("/bin/sleep").unwrap();
        assert!(same, "another file");
        assert!(held.root().unwrap().join("proc").exists());
    }
}
