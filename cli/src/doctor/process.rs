//! A live process, by its own report; and what a file says of the process that it came from.

use super::{Finding, machine};
use crate::text::number::{bytes, count, counted, duration, hertz, percent_in_words};
use hotpoll_profile::protocol::{DoctorReport, EngineCount, UnwindModule};
use hotpoll_profile::{Counts, Engine, EngineReason, Profile, Reason, Truncation};
use hotpoll_symbolizer::view::Summary;

/// Less than this part of the stacks complete is something to look into.
const ENOUGH_COMPLETE: f64 = 0.99;
/// Less than this part of the rate asked is worth a sentence.
const CLOSE_TO_ASKED: f64 = 0.95;

/// What a process's report means.
pub fn findings(report: &DoctorReport) -> Vec<Finding> {
    let mut findings = vec![version(&report.hotpoll_version)];
    if report.stopped {
        findings.push(Finding::change(
            "sampling",
            "has been stopped",
            "keep the guard that hotpoll::start() gave for as long as the program runs",
        ));
    }
    if report.debug_assertions {
        findings.push(Finding::change(
            "build",
            "with debug assertions (a dev build): the handler is several times as slow, and so is the program",
            "measure a release build",
        ));
    }
    findings.extend(engines(report));
    findings.push(rate(report));
    findings.push(rights(report));
    findings.extend(limits(report));
    findings.push(overhead(report));
    findings.extend(unwinding(report));
    findings.extend(completeness(&report.truncated()));
    findings.extend(agent(report));
    findings.extend(notices(&report.notices));
    findings
}

/// What a file says of the process it came from.
pub fn of_profile(profile: &Profile) -> Vec<Finding> {
    let process = &profile.process;
    if process.hotpoll_version.is_empty() {
        let what = "another tool's: no clocks, no losses, no unwinding to judge";
        return vec![Finding::note("file", what, "")];
    }
    let summary = Summary::new(profile);
    let mut findings = vec![version(&process.hotpoll_version)];
    findings.extend(completeness(&summary.truncated));
    let fired = counted(summary.fired, "signal");
    findings.push(match summary.lost.total() {
        0 => Finding::good("lost", format!("none of {fired}")),
        lost => {
            let reasons = summary.lost.iter();
            let reasons: Vec<String> = reasons
                .map(|(reason, n)| format!("{} {}", reason.label(), count(n)))
                .collect();
            let what = format!("{} of {fired}: {}", count(lost), reasons.join(", "));
            Finding::note("lost", what, "")
        }
    });
    findings.extend(notices(&process.notices));
    findings
}

fn notices(notices: &[String]) -> impl Iterator<Item = Finding> + '_ {
    notices
        .iter()
        .map(|notice| Finding::change("notice", notice.trim_end_matches('.'), ""))
}

fn version(theirs: &str) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    if theirs == ours {
        let what = format!("{theirs}, in the process and in this command");
        Finding::good("hotpoll", what)
    } else {
        let what = format!("{theirs} in the process, {ours} in this command");
        Finding::note("hotpoll", what, "")
    }
}

fn engines(report: &DoctorReport) -> Vec<Finding> {
    const TOPIC: &str = "engine";
    let mut counts = report.engines.clone();
    // hotpoll's own threads have no engine, and say nothing of the program.
    let is_own = |row: &EngineCount| row.reason() == Some(EngineReason::OwnThread);
    counts.sort_by_key(|row| (is_own(row), std::cmp::Reverse(row.threads)));
    let findings = counts.iter().map(|row| {
        let engine = row.engine().map_or("an engine of a later version", Engine::label);
        let reason = row.reason();
        let why = reason.map_or("for a reason of a later version", EngineReason::label);
        let threads = counted(row.threads.into(), "thread");
        let what = format!("{engine} on {threads}: {why} (setting: {})", report.engine_setting);
        match reason {
            Some(EngineReason::SignalBlocked) => Finding::change(
                TOPIC,
                what,
                "let these threads not block the signal, or choose another one with Builder::signal",
            ),
            Some(EngineReason::PendingSignalLimit) => {
                Finding::change(TOPIC, what, "raise RLIMIT_SIGPENDING (ulimit -i)")
            }
            Some(EngineReason::DescriptorLimit) => {
                Finding::change(TOPIC, what, "raise RLIMIT_NOFILE (ulimit -n)")
            }
            Some(EngineReason::PerfDenied) => {
                Finding::note(TOPIC, what, "permit perf events for a finer look at these threads")
            }
            Some(EngineReason::TimerRefused) => Finding::note(TOPIC, what, ""),
            _ => Finding::good(TOPIC, what),
        }
    });
    findings.collect()
}

fn rate(report: &DoctorReport) -> Finding {
    const TOPIC: &str = "rate";
    let asked = hertz(report.asked_hz);
    if report.delivered_hz <= 0.0 {
        return Finding::note(
            TOPIC,
            format!("{asked} asked; too little has run yet to say what comes of it"),
            "",
        );
    }
    let what = format!(
        "{asked} asked, {} delivered; the kernel ticks at {}",
        hertz(report.delivered_hz),
        hertz(report.tick_hz.into())
    );
    if report.delivered_hz >= CLOSE_TO_ASKED * report.asked_hz {
        Finding::good(TOPIC, what)
    } else if report.asked_hz > f64::from(report.tick_hz) {
        let advice = "ctimer ends at the tick: HOTPOLL_ENGINE=perf goes to 10,000 Hz";
        Finding::note(TOPIC, what, advice)
    } else {
        Finding::note(TOPIC, what, "")
    }
}

fn rights(report: &DoctorReport) -> Finding {
    let paranoid = match report.perf_event_paranoid {
        Some(level) => format!("perf_event_paranoid is {level}"),
        None => "perf_event_paranoid cannot be read".to_owned(),
    };
    let filter = match report.seccomp_filter {
        true => ", and the process has a seccomp filter",
        false => "",
    };
    if report.perf_denied.is_empty() {
        let what = format!("perf events are permitted ({paranoid}{filter})");
        return Finding::good("rights", what);
    }
    Finding::note(
        "rights",
        format!(
            "perf events are not permitted: {} ({paranoid}{filter}); totals are right all the same, rates end at the tick",
            report.perf_denied
        ),
        machine::permit_perf(report.perf_event_paranoid, report.seccomp_filter),
    )
}

fn limits(report: &DoctorReport) -> [Finding; 2] {
    let finding = |used: u64, budget: u64, limit: u64, things: &str, name: &str| {
        let what = format!(
            "{} {things} of {} (a quarter of {name}, {})",
            count(used),
            count(budget),
            count(limit)
        );
        if budget > 0 && used >= budget {
            Finding::change("limits", what, format!("raise {name} for the service"))
        } else {
            Finding::good("limits", what)
        }
    };
    [
        finding(
            report.timers,
            report.pending_signal_budget,
            report.pending_signal_limit,
            "timers",
            "RLIMIT_SIGPENDING",
        ),
        finding(
            report.perf_descriptors,
            report.descriptor_budget,
            report.descriptor_limit,
            "perf descriptors",
            "RLIMIT_NOFILE",
        ),
    ]
}

fn overhead(report: &DoctorReport) -> Finding {
    let delivery = match report.delivery_ns {
        0 => "what delivering a signal costs was not measured".to_owned(),
        ns => format!("delivering a signal costs {} here", duration(ns)),
    };
    if report.tsc_usable {
        let what = format!("the handler's time is measured by the TSC; {delivery}");
        Finding::good("overhead", what)
    } else {
        let what = format!(
            "the handler's time cannot be measured (clock source {}); {delivery}",
            report.clock_source
        );
        Finding::note("overhead", what, "")
    }
}

fn unwinding(report: &DoctorReport) -> Vec<Finding> {
    const TOPIC: &str = "unwinding";
    let sum = |what: fn(&UnwindModule) -> u64| report.modules.iter().map(what).sum::<u64>();
    let names = |is: fn(&UnwindModule) -> bool| {
        let modules = report.modules.iter().filter(|module| is(module));
        let names: Vec<&str> = modules
            .map(|module| module.path.rsplit('/').next().unwrap_or(&module.path))
            .collect();
        names.join(", ")
    };
    let mut findings = vec![Finding::good(
        TOPIC,
        format!(
            "{} of tables for {}: {} rows, compiled in {}; {} rows cannot be expressed",
            bytes(report.unwind_table_bytes()),
            counted(report.modules.len() as u64, "module"),
            count(sum(|module| module.rows)),
            duration(sum(|module| module.compile_ns)),
            count(sum(|module| module.unsupported_rows))
        ),
    )];
    let without = names(|module| !module.has_eh_frame);
    if !without.is_empty() {
        findings.push(Finding::change(
            TOPIC,
            format!("no unwind information in {without}: stacks end there"),
            "build it without -fno-asynchronous-unwind-tables, and keep .eh_frame when stripping",
        ));
    }
    let waiting = names(|module| module.has_eh_frame && !module.ready);
    if !waiting.is_empty() {
        findings.push(Finding::note(
            TOPIC,
            format!("not compiled yet: {waiting}"),
            "",
        ));
    }
    findings
}

fn completeness(truncated: &Counts<Truncation>) -> Option<Finding> {
    const TOPIC: &str = "stacks";
    let all = truncated.total();
    if all == 0 {
        return None;
    }
    let complete = truncated.get(Truncation::Complete) as f64 / all as f64;
    let mut reasons: Vec<(Truncation, u64)> = truncated
        .iter()
        .filter(|(why, _)| *why != Truncation::Complete)
        .collect();
    reasons.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
    let mut what = format!(
        "{} of {} reach their thread's start",
        percent_in_words(complete),
        counted(all, "stack")
    );
    for (why, n) in &reasons {
        what += &format!(", {} {}", why.label(), count(*n));
    }
    if complete >= ENOUGH_COMPLETE {
        return Some(Finding::good(TOPIC, what));
    }
    let advice = match reasons.first().map(|(why, _)| *why) {
        Some(Truncation::Depth) => "raise the depth limit",
        Some(Truncation::NoUnwindInfo | Truncation::NoModule) => {
            "code without unwind information (generated at run time, or stripped of .eh_frame) ends stacks"
        }
        Some(Truncation::ForeignStack) => {
            "coroutine libraries switch stacks: hotpoll::OnStack tells of one, so that it is followed"
        }
        Some(Truncation::TablesNotReady) => {
            "the tables are compiled in the first moments: look again"
        }
        _ => "",
    };
    Some(Finding::change(TOPIC, what, advice))
}

fn agent(report: &DoctorReport) -> Option<Finding> {
    let threads = &report.agent_threads;
    let cpu_ns: u64 = threads.iter().map(|thread| thread.cpu_ns).sum();
    (!threads.is_empty()).then(|| {
        let threads = counted(threads.len() as u64, "thread");
        let what = format!(
            "{threads} of hotpoll's own, {} of CPU so far",
            duration(cpu_ns)
        );
        Finding::good("agent", what)
    })
}

#[cfg(test)]
mod tests;
