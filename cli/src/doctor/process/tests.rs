//! Reports from literals, and what they mean.

use super::super::Verdict;
use super::*;
use hotpoll_profile::protocol::EngineCount;

fn report() -> DoctorReport {
    DoctorReport {
        hotpoll_version: env!("CARGO_PKG_VERSION").to_owned(),
        engine_setting: "auto".to_owned(),
        engines: vec![EngineCount::new(Engine::Ctimer, EngineReason::Default, 6)],
        asked_hz: 99.0,
        delivered_hz: 98.9,
        tick_hz: 250,
        tsc_usable: true,
        delivery_ns: 1_400,
        perf_event_paranoid: Some(2),
        pending_signal_limit: 4_000,
        pending_signal_budget: 1_000,
        timers: 6,
        descriptor_limit: 1_024,
        descriptor_budget: 256,
        modules: vec![UnwindModule {
            path: "/srv/shop".to_owned(),
            has_eh_frame: true,
            ready: true,
            rows: 10_000,
            table_bytes: 80_000,
            ..UnwindModule::default()
        }],
        ..DoctorReport::default()
    }
}

fn truncated(counts: &[(Truncation, u64)]) -> Vec<u64> {
    let mut all: Counts<Truncation> = Counts::ZERO;
    for &(why, n) in counts {
        all.add(why, n);
    }
    all.as_slice().to_vec()
}

#[track_caller]
fn check(report: &DoctorReport, topic: &str, verdict: Verdict, part: &str) {
    let findings = findings(report);
    let found = findings.iter().find(|finding| {
        finding.topic == topic && format!("{} {}", finding.what, finding.advice).contains(part)
    });
    let found = found.unwrap_or_else(|| panic!("{part:?} is not in {findings:#?}"));
    assert_eq!(found.verdict, verdict, "{found:?}");
}

#[test]
fn a_healthy_process_has_nothing_to_change() {
    let mut report = report();
    report.truncated_counts = truncated(&[(Truncation::Complete, 998), (Truncation::Depth, 2)]);
    let findings = findings(&report);
    let all_good = findings.iter().all(|f| f.verdict == Verdict::Good);
    assert!(all_good, "{findings:#?}");
    check(&report, "stacks", Verdict::Good, "99.8% of 1,000 stacks");
}

#[test]
fn dev_build() {
    let debug_assertions = true;
    let report = DoctorReport {
        debug_assertions,
        ..report()
    };
    check(&report, "build", Verdict::Change, "measure a release build");
}

#[test]
fn stopped() {
    let stopped = true;
    let report = DoctorReport {
        stopped,
        ..report()
    };
    check(&report, "sampling", Verdict::Change, "keep the guard");
}

#[test]
fn blocked_signal() {
    let mut report = report();
    report.engines.push(EngineCount::new(
        Engine::None,
        EngineReason::SignalBlocked,
        2,
    ));
    check(
        &report,
        "engine",
        Verdict::Change,
        "none on 2 threads: blocks the signal",
    );
}

#[test]
fn an_engine_of_a_later_version() {
    let mut report = report();
    report.engines[0].engine_index = 99;
    report.engines[0].reason_index = 99;
    check(&report, "engine", Verdict::Good, "later version");
}

#[test]
fn rate_above_the_tick() {
    let report = DoctorReport {
        asked_hz: 1_000.0,
        delivered_hz: 250.0,
        ..report()
    };
    check(&report, "rate", Verdict::Note, "HOTPOLL_ENGINE=perf");
}

#[test]
fn nothing_ran_yet() {
    let report = DoctorReport {
        delivered_hz: 0.0,
        ..report()
    };
    check(
        &report,
        "rate",
        Verdict::Note,
        "too little has run yet to say what comes of it",
    );
}

#[test]
fn perf_denied() {
    let perf_denied = "Operation not permitted".to_owned();
    let report = DoctorReport {
        perf_denied,
        seccomp_filter: true,
        ..report()
    };
    check(&report, "rights", Verdict::Note, "seccomp profile");
}

#[test]
fn used_up() {
    let report = DoctorReport {
        timers: 1_000,
        ..report()
    };
    check(
        &report,
        "limits",
        Verdict::Change,
        "raise RLIMIT_SIGPENDING",
    );
}

#[test]
fn module_without_unwind_information() {
    let mut report = report();
    let path = "/usr/lib/libvendor.so".to_owned();
    report.modules.push(UnwindModule {
        path,
        ..UnwindModule::default()
    });
    check(&report, "unwinding", Verdict::Change, "libvendor.so");
}

#[test]
fn stacks_cut_short() {
    let mut report = report();
    report.truncated_counts = truncated(&[(Truncation::Complete, 90), (Truncation::Depth, 10)]);
    check(&report, "stacks", Verdict::Change, "depth limit 10");
}

#[test]
fn notices_are_passed_on() {
    let mut report = report();
    report.notices = vec!["Another SIGPROF handler was installed.".to_owned()];
    check(
        &report,
        "notice",
        Verdict::Change,
        "Another SIGPROF handler",
    );
}

#[test]
fn another_tools_file() {
    let findings = of_profile(&Profile::default());
    assert!(findings[0].what.contains("another tool's"));
}

#[test]
fn a_file_of_ours_tells_its_losses() {
    let mut profile = Profile::default();
    profile.process.hotpoll_version = "0.1.0".to_owned();
    profile.threads.push(hotpoll_profile::Thread::default());
    profile.threads[0].totals.fired = 1_200;
    profile.threads[0]
        .totals
        .lost
        .add(hotpoll_profile::Loss::RingFull, 3);
    let findings = of_profile(&profile);
    let lost = findings
        .iter()
        .find(|finding| finding.topic == "lost")
        .unwrap();
    assert_eq!(lost.what, "3 of 1,200 signals: ring full 3");
}
