//! This machine: what a process that starts hotpoll here will find.

use super::{Finding, kernel, perf};
use crate::live::{discover, unheard};
use crate::text::number::{count, counted};
use hotpoll_symbolizer::symbolize::default_cache_dir;
use nix::sys::resource::{Resource, getrlimit};
use nix::time::{ClockId, clock_getres};
use std::fs;
use std::path::{Path, PathBuf};

/// What there is to know about this machine.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// As `uname -r` says it.
    kernel_release: String,
    /// The kernel's tick rate, in Hz.
    tick_hz: Option<u32>,
    /// `/proc/sys/kernel/perf_event_paranoid`.
    perf_event_paranoid: Option<i32>,
    /// Why a perf event could not be opened, in the kernel's words.
    perf_denied: Option<String>,
    /// Whether we run under a seccomp filter.
    seccomp_filter: bool,
    /// `RLIMIT_SIGPENDING`, soft.
    pending_signal_limit: u64,
    /// `RLIMIT_NOFILE`, soft.
    descriptor_limit: u64,
    /// The kernel's clock source.
    clock_source: String,
    /// Whether the processor's TSC runs at one rate always.
    invariant_tsc: bool,
    /// Where sockets are made, and why they cannot be.
    socket_folder: (PathBuf, Option<String>),
    /// Where names are kept, and why they cannot be.
    cache_folder: (Option<PathBuf>, Option<String>),
    /// Live processes with hotpoll.
    live: u64,
}

/// Reads the facts.
pub fn read() -> Machine {
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let limit = |resource| getrlimit(resource).map_or(0, |(soft, _)| soft);
    let socket_folder = socket_folder();
    let cache_folder = default_cache_dir();
    let processors = file("/proc/cpuinfo");
    let flags = processors
        .lines()
        .find(|line| line.starts_with("flags"))
        .unwrap_or_default();
    let has = |flag: &str| flags.split_whitespace().any(|one| one == flag);
    Machine {
        kernel_release: file("/proc/sys/kernel/osrelease").trim().to_owned(),
        tick_hz: tick_hz(),
        perf_event_paranoid: file("/proc/sys/kernel/perf_event_paranoid")
            .trim()
            .parse()
            .ok(),
        perf_denied: perf::probe().err().map(|error| error.to_string()),
        seccomp_filter: file("/proc/self/status")
            .lines()
            .any(|line| line.split_whitespace().eq(["Seccomp:", "2"])),
        pending_signal_limit: limit(Resource::RLIMIT_SIGPENDING),
        descriptor_limit: limit(Resource::RLIMIT_NOFILE),
        clock_source: file("/sys/devices/system/clocksource/clocksource0/current_clocksource")
            .trim()
            .to_owned(),
        invariant_tsc: has("constant_tsc") && has("nonstop_tsc"),
        socket_folder,
        cache_folder: (
            cache_folder.clone(),
            cache_folder.as_deref().and_then(unusable),
        ),
        live: discover::all().len() as u64,
    }
}

/// The coarse clocks move once a tick.
fn tick_hz() -> Option<u32> {
    let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).ok()?;
    let ns = u64::try_from(tick.tv_nsec()).ok().filter(|&ns| ns > 0)?;
    u32::try_from((1_000_000_000 + ns / 2) / ns).ok()
}

/// The folder for sockets that will do, of those that an agent tries; the first one where none will.
fn socket_folder() -> (PathBuf, Option<String>) {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let runtime = runtime.filter(|folder| folder.is_absolute() && folder.is_dir());
    let name = format!("hotpoll-{}", nix::unistd::geteuid());
    let folders = (runtime.map(|folder| folder.join("hotpoll")).into_iter())
        .chain(unheard::FOLDERS.map(|folder| Path::new(folder).join(&name)));
    let folders: Vec<_> = folders
        .map(|folder| {
            let why = unusable(&folder);
            (folder, why)
        })
        .collect();
    let good = folders.iter().find(|(_, why)| why.is_none());
    good.unwrap_or(&folders[0]).clone()
}

/// Why nothing can be made in a folder, or the folder itself not be made.
fn unusable(folder: &Path) -> Option<String> {
    use nix::unistd::{AccessFlags, access};
    let mut there = folder;
    while !there.exists() {
        there = there.parent()?;
    }
    access(there, AccessFlags::W_OK | AccessFlags::X_OK)
        .err()
        .map(|error| format!("{}: {}", there.display(), error.desc()))
}

/// What the facts mean.
pub fn findings(machine: &Machine) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        findings.push(Finding::change(
            "platform",
            "hotpoll samples on Linux on x86-64; here hotpoll::start() says Unsupported",
            "profile on such a machine; this command reads its files everywhere",
        ));
    }
    findings.extend(kernel::findings(&machine.kernel_release));
    let tick = match machine.tick_hz {
        Some(hz) => format!("up to {} Hz (the kernel's tick)", count(hz.into())),
        None => "up to the kernel's tick".to_owned(),
    };
    findings.push(Finding::good(
        "ctimer",
        format!("needs no rights, {tick}; threads with shorter bursts than a tick are marked"),
    ));
    findings.push(perf_finding(machine));
    findings.extend(limits(machine));
    findings.push(clock(machine));
    findings.extend(folders(machine));
    let live = match machine.live {
        0 => "no live process has hotpoll now".to_owned(),
        1 => "1 live process has hotpoll: see `hotpoll report`".to_owned(),
        n => format!("{n} live processes have hotpoll: see `hotpoll list`"),
    };
    findings.push(Finding::note("processes", live, ""));
    findings
}

/// What to do where perf events are denied.
pub fn permit_perf(perf_event_paranoid: Option<i32>, seccomp_filter: bool) -> &'static str {
    /// Above this, unprivileged processes may not even watch themselves.
    const SELF_MONITORING: i32 = 2;
    match perf_event_paranoid {
        Some(level) if level > SELF_MONITORING => "as root: sysctl kernel.perf_event_paranoid=2",
        _ if seccomp_filter => {
            "in a container: a seccomp profile that permits perf_event_open, or --cap-add PERFMON"
        }
        _ => "ctimer is used instead",
    }
}

fn perf_finding(machine: &Machine) -> Finding {
    let paranoid = match machine.perf_event_paranoid {
        Some(level) => format!("perf_event_paranoid is {level}"),
        None => "perf_event_paranoid cannot be read".to_owned(),
    };
    match &machine.perf_denied {
        None => Finding::good(
            "perf",
            format!("is permitted ({paranoid}): up to 10,000 Hz, and no bias to the tick"),
        ),
        Some(why) => Finding::note(
            "perf",
            format!(
                "is not permitted ({why}; {paranoid}): totals are right all the same, rates end at the tick"
            ),
            permit_perf(machine.perf_event_paranoid, machine.seccomp_filter),
        ),
    }
}

fn limits(machine: &Machine) -> Vec<Finding> {
    /// Below this many, a service with a few hundred threads runs out.
    const FEW: u64 = 1_024;
    /// A guest takes a quarter of what its host may have.
    const PART: u64 = 4;
    let what = |limit: u64, engine: &str, name: &str| {
        let threads = counted(limit / PART, "thread");
        format!("{threads} by {engine} at most (a quarter of {name})")
    };
    let timers = what(machine.pending_signal_limit, "ctimer", "ulimit -i");
    let descriptors = what(machine.descriptor_limit, "perf", "ulimit -n");
    vec![
        if machine.pending_signal_limit < FEW {
            let advice = "raise RLIMIT_SIGPENDING (ulimit -i) for the service";
            Finding::change("limits", timers, advice)
        } else {
            Finding::good("limits", timers)
        },
        if machine.descriptor_limit < FEW {
            let advice = "raise RLIMIT_NOFILE (ulimit -n) for the service";
            Finding::note("limits", descriptors, advice)
        } else {
            Finding::good("limits", descriptors)
        },
    ]
}

fn clock(machine: &Machine) -> Finding {
    if machine.clock_source == "tsc" && machine.invariant_tsc {
        return Finding::good(
            "clock",
            "tsc, invariant: the handler's own time is measured",
        );
    }
    let source = match machine.clock_source.as_str() {
        "" => "an unknown one",
        source => source,
    };
    Finding::note(
        "clock",
        format!(
            "{source}: the handler's own time cannot be measured, the overhead shown is delivery's alone"
        ),
        "",
    )
}

fn folders(machine: &Machine) -> Vec<Finding> {
    let socket = match &machine.socket_folder {
        (folder, None) => Finding::good("socket", format!("in {}", folder.display())),
        (folder, Some(why)) => Finding::change(
            "socket",
            format!("cannot be made in {} ({why})", folder.display()),
            "give XDG_RUNTIME_DIR a folder that is yours, or make /tmp writable",
        ),
    };
    let names = match &machine.cache_folder {
        (Some(folder), None) => Finding::good("names", format!("are kept in {}", folder.display())),
        (folder, why) => {
            let place = match (folder, why) {
                (Some(folder), Some(why)) => format!(" in {} ({why})", folder.display()),
                _ => String::new(),
            };
            Finding::note(
                "names",
                format!("cannot be kept{place}: every report reads the symbols again"),
                "set XDG_CACHE_HOME or HOME to a folder that is yours",
            )
        }
    };
    vec![socket, names]
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn machine() -> Machine {
        Machine {
            kernel_release: "6.18.4".to_owned(),
            tick_hz: Some(250),
            perf_event_paranoid: Some(2),
            pending_signal_limit: 96_365,
            descriptor_limit: 1_024,
            clock_source: "tsc".to_owned(),
            invariant_tsc: true,
            socket_folder: ("/run/user/1000/hotpoll".into(), None),
            cache_folder: (Some("/home/a/.cache/hotpoll".into()), None),
            ..Machine::default()
        }
    }

    #[track_caller]
    fn check(machine: &Machine, topic: &str, verdict: Verdict, part: &str) {
        let findings = findings(machine);
        let found = findings.iter().find(|finding| {
            finding.topic == topic && format!("{} {}", finding.what, finding.advice).contains(part)
        });
        let found = found.unwrap_or_else(|| panic!("{part:?} is not in {findings:#?}"));
        assert_eq!(found.verdict, verdict, "{found:?}");
    }

    #[test]
    fn a_good_machine_has_nothing_to_change() {
        let findings = findings(&machine());
        let changes = findings.iter().filter(|f| f.verdict == Verdict::Change);
        assert_eq!(changes.count(), 0, "{findings:#?}");
        check(&machine(), "ctimer", Verdict::Good, "up to 250 Hz");
        check(&machine(), "perf", Verdict::Good, "is permitted");
    }

    #[test]
    fn perf_denied_by_the_setting() {
        let machine = Machine {
            perf_event_paranoid: Some(4),
            perf_denied: Some("Permission denied".to_owned()),
            ..machine()
        };
        check(
            &machine,
            "perf",
            Verdict::Note,
            "kernel.perf_event_paranoid=2",
        );
    }

    #[test]
    fn perf_denied_by_a_filter() {
        let machine = Machine {
            seccomp_filter: true,
            perf_denied: Some("Operation not permitted".to_owned()),
            ..machine()
        };
        check(&machine, "perf", Verdict::Note, "seccomp profile");
    }

    #[test]
    fn small_limits() {
        let machine = Machine {
            pending_signal_limit: 100,
            ..machine()
        };
        check(&machine, "limits", Verdict::Change, "25 threads by ctimer");
    }

    #[test]
    fn no_clock_for_the_handler() {
        let machine = Machine {
            clock_source: "kvm-clock".to_owned(),
            ..machine()
        };
        check(&machine, "clock", Verdict::Note, "kvm-clock");
    }

    #[test]
    fn no_place_for_a_socket() {
        let machine = Machine {
            socket_folder: ("/run/x".into(), Some("/run: Permission denied".to_owned())),
            ..machine()
        };
        check(&machine, "socket", Verdict::Change, "XDG_RUNTIME_DIR");
    }

    #[test]
    fn this_machine_can_be_read() {
        let machine = read();
        assert!(!machine.kernel_release.is_empty());
        assert!(
            machine
                .tick_hz
                .is_some_and(|hz| (24..=10_000).contains(&hz))
        );
        assert!(machine.descriptor_limit > 0);
    }
}
