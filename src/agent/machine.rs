//! What machine this is, as far as it decides what code costs: so that runs of different machines are not compared unawares.

use hotpoll_profile::Fact;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// The first processor's part of `/proc/cpuinfo` is shorter; the kernel asks each processor of which more is read.
const CPUINFO_BYTES: u64 = 4096;

/// What is known; what is not is not there.
pub(super) fn facts(cpus: u32) -> Vec<Fact> {
    let mut cpuinfo = String::new();
    if let Ok(file) = File::open("/proc/cpuinfo") {
        // Cut in the middle of a character it is not: it is ASCII.
        let _ = file.take(CPUINFO_BYTES).read_to_string(&mut cpuinfo);
    }
    let known = [
        ("cpu", cpuinfo_field(&cpuinfo, "model name")),
        ("cpus", Some(cpus.to_string())),
        ("quota", quota()),
        ("kernel", line_of("/proc/sys/kernel/osrelease")),
        ("hypervisor", hypervisor(&cpuinfo)),
        (
            "governor",
            line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        ),
    ];
    let known = known.into_iter();
    known
        .filter_map(|(key, value)| Some(Fact::new(key, value?)))
        .collect()
}

fn line_of(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

fn cpuinfo_field(cpuinfo: &str, key: &str) -> Option<String> {
    let mut lines = cpuinfo.lines();
    let value = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim())
    })?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// Who made the machine that this one is simulated as, if it is.
fn hypervisor(cpuinfo: &str) -> Option<String> {
    let flags = cpuinfo_field(cpuinfo, "flags")?;
    flags
        .split_whitespace()
        .any(|flag| flag == "hypervisor")
        .then(|| line_of("/sys/class/dmi/id/sys_vendor").unwrap_or_else(|| "yes".to_owned()))
}

/// How many processors' time the control group may have; `None` for all of it.
fn quota() -> Option<String> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    let whole = Path::new("/sys/fs/cgroup");
    let newer = (own.map(|own| whole.join(own)).into_iter())
        // In a container its own group is the root that it sees.
        .chain([whole.to_owned()])
        .find_map(|group| line_of(group.join("cpu.max")));
    if let Some(newer) = newer {
        return share(&newer);
    }
    let older = |name: &str| line_of(whole.join("cpu").join(name));
    share(&format!(
        "{} {}",
        older("cpu.cfs_quota_us")?,
        older("cpu.cfs_period_us")?
    ))
}

/// Time and period, both in microseconds: `150000 100000` is one and a half processors.
fn share(quota_and_period: &str) -> Option<String> {
    let (quota, period) = quota_and_period.split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.trim().parse().ok()?);
    (quota > 0.0 && period > 0.0).then(|| format!("{:.2}", quota / period))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_as_the_kernel_writes_them() {
        assert_eq!(share("150000 100000").as_deref(), Some("1.50"));
        assert_eq!(share("max 100000"), None);
        assert_eq!(share("-1 100000"), None);
        assert_eq!(share("150000"), None);
    }

    #[test]
    fn fields_of_cpuinfo() {
        const CPUINFO: &str = "processor\t: 0\nmodel name\t: Some: CPU @ 2 GHz\nflags\t\t: fpu hypervisor\npower management:\n";
        let field = |key| cpuinfo_field(CPUINFO, key);
        assert_eq!(field("model name").as_deref(), Some("Some: CPU @ 2 GHz"));
        assert_eq!(field("power management"), None);
        assert_eq!(field("model"), None);
        assert!(hypervisor(CPUINFO).is_some());
        assert_eq!(hypervisor("flags\t\t: fpu\n"), None);
    }

    #[test]
    fn this_machine_has_a_kernel() {
        let facts = facts(3);
        let value = |key: &str| {
            facts
                .iter()
                .find(|fact| fact.key == key)
                .map(|fact| &fact.value)
        };
        assert_eq!(value("cpus").map(String::as_str), Some("3"));
        assert!(value("kernel").is_some_and(|kernel| kernel.contains('.')));
    }
}
