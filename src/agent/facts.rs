//! What does not change while the process lives: who it is, and how it is to be sampled.

use super::{build_facts, machine};
use hotpoll_profile::{Fact, Process};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Fields of `/proc` count hundredths of a second, whatever the kernel's own tick.
const USER_TICK_NS: u64 = 10_000_000;

/// Facts about this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub pid: u32,
    pub name: String,
    pub start_ticks: u64,
    pub start_unix_ns: u64,
    pub asked_hz: f64,
    pub wall_asked_hz: u32,
    pub engine_setting: &'static str,
    pub signal: i32,
    pub tick_hz: u32,
    pub cpus: u32,
    pub machine: Vec<Fact>,
    pub build: Vec<Fact>,
}

impl Facts {
    /// Reads them. What `/proc` does not say stays empty.
    pub fn read(settings: &hotpoll_sampler::Settings, wall_hz: u32) -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
        let start_ticks = start_ticks(&stat).unwrap_or(0);
        let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u32);
        Self {
            pid: std::process::id(),
            name: executable_name(&stat),
            start_ticks,
            start_unix_ns: start_unix_ns(start_ticks, &uptime).unwrap_or(0),
            asked_hz: 1e9 / settings.interval_ns as f64,
            wall_asked_hz: wall_hz,
            engine_setting: settings.engine.name(),
            signal: settings.signal,
            tick_hz: hotpoll_sampler::tick_hz(),
            cpus,
            machine: machine::facts(cpus),
            build: build_facts::facts(),
        }
    }

    /// The noun, with what does not change.
    pub fn process(&self) -> Process {
        Process {
            pid: self.pid,
            name: self.name.clone(),
            start_ticks: self.start_ticks,
            start_unix_ns: self.start_unix_ns,
            hotpoll_version: env!("CARGO_PKG_VERSION").to_owned(),
            asked_hz: self.asked_hz,
            wall_asked_hz: f64::from(self.wall_asked_hz),
            engine_setting: self.engine_setting.to_owned(),
            tick_hz: self.tick_hz,
            cpus: self.cpus,
            ..Process::default()
        }
    }

    /// How long the process has been running.
    pub fn uptime_ns(&self) -> u64 {
        unix_ns().saturating_sub(self.start_unix_ns)
    }
}

fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// The executable's file name, or else the main thread's name.
fn executable_name(stat: &str) -> String {
    if let Ok(path) = fs::read_link("/proc/self/exe")
        && let Some(name) = path.file_name()
    {
        let name = name.to_string_lossy();
        // What the kernel adds when the file was removed or replaced.
        return name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned();
    }
    let name = stat
        .split_once('(')
        .and_then(|(_, rest)| rest.rsplit_once(')'));
    name.map_or(String::new(), |(name, _)| name.to_owned())
}

/// Field 22 of `/proc/self/stat`. The name in field 2 may hold anything, so fields are counted from behind it.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(22 - 3)?.parse().ok()
}

/// When the process started, from the time since boot in `/proc/uptime`.
fn start_unix_ns(start_ticks: u64, uptime: &str) -> Option<u64> {
    let uptime_s: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    let boot_unix_ns = unix_ns().checked_sub((uptime_s * 1e9) as u64)?;
    Some(boot_unix_ns + start_ticks * USER_TICK_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces() {
        let stat = "42 (a) (b) R 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 123456 1000 200";
        assert_eq!(start_ticks(stat), Some(123_456));
    }

    #[test]
    fn nothing_to_read_is_no_time() {
        assert_eq!(start_ticks(""), None);
        assert_eq!(start_unix_ns(5, ""), None);
    }

    #[test]
    fn this_process_started_a_moment_ago() {
        let facts = Facts::read(&hotpoll_sampler::Settings::default(), 20);
        assert_eq!(facts.pid, std::process::id());
        assert!(facts.start_ticks > 0);
        // Under a debugger or a slow machine a test binary is still younger than a day.
        assert!(facts.uptime_ns() < 86_400 * 1_000_000_000);
        assert!(facts.name.starts_with("hotpoll"), "{}", facts.name);
    }
}
