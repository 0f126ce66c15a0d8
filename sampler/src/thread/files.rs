//! What the kernel says about a thread in `/proc/self/task/TID`.

use std::os::unix::fs::{DirEntryExt, MetadataExt};

/// A thread in the task folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub tid: u32,
    /// The folder's inode: another one under the same ID is (almost always) another thread.
    pub inode: u64,
}

/// All threads of this process now.
pub(crate) fn list() -> std::io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        if let Some(tid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        {
            entries.push(Entry {
                tid,
                inode: entry.ino(),
            });
        }
    }
    Ok(entries)
}

/// Whether `/proc` shows the calling thread by the number that it has for itself. That of another PID namespace has another number for it: every thread
/// was taken for one that nobody may sample.
pub(crate) fn show_this_thread() -> bool {
    let Ok(link) = std::fs::read_link("/proc/thread-self") else {
        return false;
    };
    let number = link.file_name().and_then(|name| name.to_str());
    number.and_then(|number| number.parse().ok()) == Some(crate::sys::current_tid())
}

/// The thread with this ID, as the task folder lists it; `None` when it is not one of this process, or has ended.
pub(crate) fn entry(tid: u32) -> Option<Entry> {
    let inode = std::fs::metadata(format!("/proc/self/task/{tid}"))
        .ok()?
        .ino();
    Some(Entry { tid, inode })
}

/// How many threads there are, without listing them: the task folder has a link for each, and its own two.
pub(crate) fn count() -> Option<usize> {
    let links = std::fs::metadata("/proc/self/task").ok()?.nlink();
    usize::try_from(links).ok()?.checked_sub(2)
}

/// From `/proc/self/task/TID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    pub name: String,
    pub start_ticks: u64,
    /// Time in the kernel, in units of 10 ms (USER_HZ).
    pub kernel_ticks: u64,
}

/// Reads the thread's name, start time and kernel time; `None` when it has ended.
pub(crate) fn stat(tid: u32) -> Option<Stat> {
    let text = std::fs::read(format!("/proc/self/task/{tid}/stat")).ok()?;
    parse_stat(&String::from_utf8_lossy(&text))
}

/// Whether the thread that began then still lives.
pub(crate) fn is_alive(tid: u32, start_ticks: u64) -> bool {
    stat(tid).is_some_and(|stat| stat.start_ticks == start_ticks)
}

/// Whether the thread sleeps where no signal reaches it: state D.
pub(crate) fn is_uninterruptible(tid: u32) -> bool {
    state(tid) == Some(b'D')
}

/// Whether the thread is on a processor or waits for one: state R.
pub fn is_runnable(tid: u32) -> bool {
    state(tid) == Some(b'R')
}

/// The letter that stands for the thread's state in `stat`.
fn state(tid: u32) -> Option<u8> {
    let text = std::fs::read(format!("/proc/self/task/{tid}/stat")).ok()?;
    let name_end = text.iter().rposition(|&byte| byte == b')')?;
    text.get(name_end + 2).copied()
}

/// How long the thread has waited for a processor since it began, in nanoseconds: the second number of `schedstat`.
pub(crate) fn parse_run_delay(schedstat: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(schedstat).ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The name stands in parentheses and may itself contain any character: it ends at the last one.
    let (open, close) = (text.find('(')?, text.rfind(')')?);
    let fields: Vec<&str> = text.get(close + 1..)?.split_ascii_whitespace().collect();
    // The first field here is the third of the file, the state.
    let field = |number: usize| fields.get(number - 3)?.parse().ok();
    Some(Stat {
        name: text.get(open + 1..close)?.to_owned(),
        start_ticks: field(22)?,
        kernel_ticks: field(15)?,
    })
}

/// From `/proc/self/task/TID/status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Status {
    /// Blocked signals, bit `n - 1` for signal `n`.
    pub blocked: u64,
    /// Signals that wait for this thread.
    pub pending: u64,
    /// Times that the thread gave up the processor by itself.
    pub voluntary_switches: u64,
    /// Times that it was preempted.
    pub involuntary_switches: u64,
}

impl Status {
    /// Whether the thread blocks this signal.
    pub fn blocks(&self, signal: i32) -> bool {
        signal > 0 && self.blocked >> (signal - 1) & 1 == 1
    }

    /// Whether this signal waits for the thread.
    pub fn awaits(&self, signal: i32) -> bool {
        signal > 0 && self.pending >> (signal - 1) & 1 == 1
    }
}

/// Reads the thread's signal mask and switches; `None` when it has ended.
pub(crate) fn status(tid: u32) -> Option<Status> {
    let text = std::fs::read(format!("/proc/self/task/{tid}/status")).ok()?;
    Some(parse_status(&String::from_utf8_lossy(&text)))
}

fn parse_status(text: &str) -> Status {
    let mut status = Status::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match key {
            "SigPnd" => status.pending = u64::from_str_radix(value, 16).unwrap_or(0),
            "SigBlk" => status.blocked = u64::from_str_radix(value, 16).unwrap_or(0),
            "voluntary_ctxt_switches" => status.voluntary_switches = value.parse().unwrap_or(0),
            "nonvoluntary_ctxt_switches" => {
                status.involuntary_switches = value.parse().unwrap_or(0)
            }
            _ => {}
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_look_like_fields() {
        let stat =
            parse_stat("12 (a) R 3 (b)) S 1 2 3 4 5 6 7 8 9 10 11 15 13 14 15 16 17 18 22 23")
                .unwrap();
        assert_eq!(
            stat,
            Stat {
                name: "a) R 3 (b)".into(),
                start_ticks: 22,
                kernel_ticks: 15
            }
        );
        assert_eq!(parse_stat("12 (a R"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn run_delay_is_the_second_number() {
        assert_eq!(parse_run_delay(b"123 456 7\n"), Some(456));
        assert_eq!(parse_run_delay(b"123"), None);
        assert_eq!(parse_run_delay(b""), None);
    }

    #[test]
    fn own_thread_is_listed_with_its_name() {
        std::thread::Builder::new()
            .name("(odd) name".into())
            .spawn(|| {
                let tid = crate::sys::current_tid();
                let listed = list().unwrap();
                let listed = listed.iter().find(|entry| entry.tid == tid);
                assert_eq!(listed.copied(), entry(tid));
                // The other tests' threads come and go.
                assert!((2..10_000).contains(&count().unwrap()));
                assert_eq!(entry(std::os::unix::process::parent_id()), None);
                assert_eq!(stat(tid).unwrap().name, "(odd) name");
                assert!(!status(tid).unwrap().blocks(libc::SIGPROF));
                let _blocked = crate::signal::install::BlockSignals::new();
                assert!(status(tid).unwrap().blocks(libc::SIGPROF));
            })
            .unwrap()
            .join()
            .unwrap();
    }
}
