//! Faults of kernel versions that concern a sampler.

use super::Finding;

/// A kernel's version, as far as its release says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

/// What is known about this kernel.
pub fn findings(release: &str) -> Vec<Finding> {
    const TOPIC: &str = "kernel";
    let Some(version) = parse(release) else {
        let what = format!("{release}: its version is not understood");
        return vec![Finding::note(TOPIC, what, "")];
    };
    let mut findings = Vec::new();
    // golang/go#49065: the flag that the timers' work is under way was inherited by clone.
    if (Version(5, 9, 0)..Version(5, 17, 0)).contains(&version) {
        findings.push(Finding::note(
            TOPIC,
            format!(
                "{release}: in 5.9 to 5.16, unless the distribution has mended it, a thread that is started in the moment a CPU timer \
                 of its parent expires never gets a signal from its own CPU timer"
            ),
            "where a busy thread stays unsampled, set HOTPOLL_ENGINE=perf",
        ));
    }
    // golang/go#76690: seen after 6.12.41, not explained yet.
    if (Version(6, 12, 42)..=Version(6, 12, 59)).contains(&version) {
        findings.push(Finding::note(
            TOPIC,
            format!(
                "{release}: on 6.12.59 Go programs were seen killed when they stopped CPU timers, for reasons not known yet"
            ),
            "prefer another kernel, or let sampling run to the process's end: it is stopping that was reported",
        ));
    }
    // async-profiler#1578 and #1599: a perf event that is re-armed from its own signal.
    if (Version(6, 16, 0)..Version(6, 18, 0)).contains(&version) {
        findings.push(Finding::good(
            TOPIC,
            format!(
                "{release}: 6.16 and 6.17 hang when a perf event is re-armed from its own signal, which hotpoll does not do"
            ),
        ));
    }
    if findings.is_empty() {
        let what = format!("{release}: no faults known that concern sampling");
        findings.push(Finding::good(TOPIC, what));
    }
    findings
}

/// `6.18.44-fc` is 6.18.44.
fn parse(release: &str) -> Option<Version> {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse().ok());
    Some(Version(
        numbers.next()??,
        numbers.next()??,
        numbers.next().flatten().unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[track_caller]
    fn check(release: &str, verdict: Verdict, part: &str) {
        let findings = findings(release);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].verdict, verdict, "{release}");
        assert!(findings[0].what.contains(part), "{:?}", findings[0].what);
    }

    #[test]
    fn versions() {
        assert_eq!(parse("6.18.44-fc-v595"), Some(Version(6, 18, 44)));
        assert_eq!(parse("5.15-generic"), Some(Version(5, 15, 0)));
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn cpu_timers() {
        check("5.8.18", Verdict::Good, "no faults known");
        check("5.9.0", Verdict::Note, "5.9 to 5.16");
        check("5.16.20-arch", Verdict::Note, "5.9 to 5.16");
        check("5.17.1", Verdict::Good, "no faults known");
    }

    #[test]
    fn killed_on_stop() {
        check("6.12.41", Verdict::Good, "no faults known");
        check("6.12.59", Verdict::Note, "killed");
        check("6.12.60", Verdict::Good, "no faults known");
    }

    #[test]
    fn perf_refresh() {
        check("6.16.0-rc1", Verdict::Good, "does not do");
        check("6.17.9", Verdict::Good, "does not do");
        check("6.18.0", Verdict::Good, "no faults known");
    }

    #[test]
    fn not_understood() {
        check("nonsense", Verdict::Note, "not understood");
    }
}
