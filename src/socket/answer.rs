//! What is answered to a request.

use crate::agent::{Shared, lock};
use hotpoll_profile::protocol::{
    AgentThread, DoctorReport, EngineCount, ErrorCode, ErrorReply, Fetch, MAX_RESPONSE_BYTES,
    Request, Response, Status,
};
use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Counts, Engine, EngineReason, Reason, pprof};
use hotpoll_symbolizer::recorder::{Query, Snapshot, Totals};
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A fetch that waits for a slice is answered after this at the latest.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// When a request that came at `since` can be answered: a fetch may wait for the next slice.
pub(super) fn ready_at(request: &Request, since: Instant, shared: &Shared) -> Instant {
    match request {
        Request::Fetch(fetch) if fetch.wait_ns > 0 => {
            // Set before the look: a slice that closes after the look wakes us. AcqRel: see the drain.
            shared.slice_wanted.swap(true, Ordering::AcqRel);
            if shared.progress.last_closed() > fetch.since_sequence {
                since
            } else {
                since + Duration::from_nanos(fetch.wait_ns).min(LONGEST_WAIT)
            }
        }
        _ => since,
    }
}

/// Whether tasks are to show anew where they wait before this is answered.
pub(super) fn wants_refresh(request: &Request) -> bool {
    matches!(request, Request::Fetch(fetch) if fetch.snapshot && fetch.refresh)
}

/// The answer. What it needs to be made before is made.
pub(super) fn answer(request: &Request, shared: &Shared) -> Response {
    match request {
        Request::Status => Response::Status(Box::new(status(shared))),
        Request::Fetch(fetch) => profile(fetch, shared),
        Request::Doctor => Response::Doctor(Box::new(doctor(shared))),
        _ => Response::Error(ErrorReply::new(
            ErrorCode::UnknownRequest,
            "this process's hotpoll does not know that request: rebuild it with the command's hotpoll",
        )),
    }
}

fn profile(fetch: &Fetch, shared: &Shared) -> Response {
    // Who follows slice by slice takes them as they come; everybody else wants to see up to now.
    if fetch.since_sequence == 0 && fetch.wait_ns == 0 {
        shared.close_slice_soon();
    }
    let query = Query {
        since_sequence: fetch.since_sequence,
        last_ns: match fetch.last_ns {
            0 => u64::MAX,
            last_ns => last_ns,
        },
    };
    let profile = match fetch.snapshot {
        true => shared.profile_and_now(query),
        false => shared.profile(query),
    };
    let bytes = pprof::encode(&profile);
    if bytes.len() > MAX_RESPONSE_BYTES as usize {
        return Response::Error(ErrorReply::new(
            ErrorCode::TooLarge,
            "the recorder holds more than one answer may: ask for less time (--last 30s)",
        ));
    }
    Response::Profile(bytes)
}

fn status(shared: &Shared) -> Status {
    shared.close_slice_soon();
    let recorder = lock(&shared.recorder);
    let settings = *recorder.settings();
    let recorder_bytes = recorder.bytes() as u64;
    let last_sequence = recorder.last_sequence();
    let snapshot = recorder.snapshot(Query::ALL);
    drop(recorder);
    let totals = snapshot.totals();
    let delivery_ns = lock(&shared.sampling).delivery_ns;
    let facts = &shared.facts;
    Status {
        pid: facts.pid,
        name: facts.name.clone(),
        start_ticks: facts.start_ticks,
        start_unix_ns: facts.start_unix_ns,
        uptime_ns: facts.uptime_ns(),
        threads: snapshot.live_threads().filter(|thread| !thread.own).count() as u32,
        engine_setting: facts.engine_setting.to_owned(),
        asked_hz: facts.asked_hz,
        delivered_hz: delivered_hz(&totals, facts.asked_hz),
        cpu_ns: totals.process_cpu_ns,
        handler_ns: totals.others.handler_ns,
        delivery_ns: totals.others.fired.saturating_sub(totals.others.overrun) * delivery_ns,
        agent_cpu_ns: totals.own.cpu_ns,
        fired: totals.others.fired,
        lost_counts: listed(&totals.others.lost),
        last_sequence,
        hotpoll_version: env!("CARGO_PKG_VERSION").to_owned(),
        recorder_span_ns: totals.duration_ns,
        recorder_limit_ns: settings.span_ns,
        recorder_bytes,
        recorder_limit_bytes: settings.bytes as u64,
        stopped: shared.progress.is_stopping(),
        notices: shared.notices(),
    }
}

/// Signals for each second of CPU time, as reports have it: overruns make totals right and detail no finer. Time in the kernel, where
/// perf has no signals, does not count against the rate. 0 where there is too little CPU time to say: two signals of an idle process are no rate.
fn delivered_hz(totals: &Totals, asked_hz: f64) -> f64 {
    /// Fewer expected signals than this say nothing, as in reports.
    const FEWEST_EXPECTED: f64 = 20.0;
    let Accounts {
        cpu_ns, kernel_ns, ..
    } = totals.others;
    let sampled_s = cpu_ns.saturating_sub(kernel_ns) as f64 / 1e9;
    match sampled_s * asked_hz >= FEWEST_EXPECTED {
        true => totals.others.fired as f64 / sampled_s,
        false => 0.0,
    }
}

fn listed<R: Reason>(counts: &Counts<R>) -> Vec<u64> {
    R::ALL.iter().map(|reason| counts.get(*reason)).collect()
}

fn doctor(shared: &Shared) -> DoctorReport {
    shared.close_slice_soon();
    let snapshot = lock(&shared.recorder).snapshot(Query::ALL);
    let totals = snapshot.totals();
    let sampling = lock(&shared.sampling).clone();
    let modules = lock(&shared.modules).unwind.clone();
    let facts = &shared.facts;
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    DoctorReport {
        pid: facts.pid,
        name: facts.name.clone(),
        hotpoll_version: env!("CARGO_PKG_VERSION").to_owned(),
        debug_assertions: cfg!(debug_assertions),
        engine_setting: facts.engine_setting.to_owned(),
        engines: engines(&snapshot),
        asked_hz: facts.asked_hz,
        delivered_hz: delivered_hz(&totals, facts.asked_hz),
        signal: facts.signal as u32,
        perf_event_paranoid: line_of("/proc/sys/kernel/perf_event_paranoid").parse().ok(),
        perf_denied: sampling.perf_errno.map_or(String::new(), |errno| {
            std::io::Error::from_raw_os_error(errno).to_string()
        }),
        seccomp_filter: status_field(&status, "Seccomp:") == Some("2"),
        pending_signal_limit: soft_limit(&limits, "Max pending signals"),
        pending_signal_budget: sampling.timers_allowed,
        timers: sampling.timers,
        descriptor_limit: soft_limit(&limits, "Max open files"),
        descriptor_budget: sampling.descriptors_allowed,
        perf_descriptors: sampling.descriptors,
        kernel_release: line_of("/proc/sys/kernel/osrelease"),
        clock_source: line_of("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        tsc_usable: sampling.self_time_measured,
        tick_hz: facts.tick_hz,
        cpus: facts.cpus,
        delivery_ns: sampling.delivery_ns,
        modules,
        truncated_counts: listed(&totals.others.truncated),
        agent_threads: agent_threads(shared),
        notices: shared.notices(),
        stopped: shared.progress.is_stopping(),
    }
}

fn engines(snapshot: &Snapshot) -> Vec<EngineCount> {
    let mut counts: BTreeMap<(Engine, EngineReason), u32> = BTreeMap::new();
    for thread in snapshot.live_threads() {
        *counts
            .entry((thread.engine, thread.engine_reason))
            .or_default() += 1;
    }
    let counts = counts.into_iter();
    counts
        .map(|((engine, reason), threads)| EngineCount::new(engine, reason, threads))
        .collect()
}

/// CPU time is the first number of schedstat: nanoseconds on a processor.
fn agent_threads(shared: &Shared) -> Vec<AgentThread> {
    let threads = shared.threads().into_iter();
    threads
        .map(|(name, tid)| {
            let schedstat = line_of(&format!("/proc/self/task/{tid}/schedstat"));
            let cpu_ns = schedstat.split_whitespace().next();
            AgentThread {
                tid,
                name: name.to_owned(),
                cpu_ns: cpu_ns.and_then(|ns| ns.parse().ok()).unwrap_or(0),
            }
        })
        .collect()
}

fn line_of(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.trim().to_owned()
}

fn status_field<'s>(status: &'s str, key: &str) -> Option<&'s str> {
    let mut lines = status.lines();
    lines.find_map(|line| line.strip_prefix(key)).map(str::trim)
}

/// A soft limit out of `/proc/self/limits`; `u64::MAX` when there is none.
fn soft_limit(limits: &str, name: &str) -> u64 {
    let value = status_field(limits, name).and_then(|rest| rest.split_whitespace().next());
    match value {
        Some("unlimited") => u64::MAX,
        Some(number) => number.parse().unwrap_or(0),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_as_the_kernel_lists_them() {
        const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 524288               files
Max pending signals       unlimited            unlimited            signals
";
        assert_eq!(soft_limit(LIMITS, "Max open files"), 1024);
        assert_eq!(soft_limit(LIMITS, "Max pending signals"), u64::MAX);
        assert_eq!(soft_limit(LIMITS, "Max cpu time"), 0);
    }

    #[test]
    fn kernel_time_does_not_count_against_the_rate() {
        let mut totals = Totals::default();
        assert_eq!(delivered_hz(&totals, 100.0), 0.0);
        totals.others = Accounts {
            cpu_ns: 3_000_000_000,
            kernel_ns: 1_000_000_000,
            fired: 150,
            overrun: 50,
            ..Accounts::default()
        };
        assert_eq!(delivered_hz(&totals, 100.0), 75.0);
        // Too few to be a rate.
        totals.others.cpu_ns = 1_031_000_000;
        totals.others.fired = 2;
        assert_eq!(delivered_hz(&totals, 99.0), 0.0);
    }
}
