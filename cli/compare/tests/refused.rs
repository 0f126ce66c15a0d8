//! What is not compared, and why not.

mod simulation;

use hotpoll_compare::{Options, Run, compare};
use simulation::{Program, World};

/// The reason why these are not comparable.
fn refused(change: impl Fn(&mut Run), options: &Options) -> String {
    let program = Program::service();
    let (base, mut new) = World::default().runs(&program, &program, 11);
    new.iter_mut().for_each(change);
    compare(&base, &new, options)
        .expect_err("refused")
        .to_string()
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let mut options = Options::default();
    let check = |change: fn(&mut Run), options: &Options, expected: &str| {
        let reason = refused(change, options);
        assert!(reason.contains(expected), "{reason}");
    };
    check(
        |run| run.clock = "perf".into(),
        &options,
        "by different clocks: ctimer in the base, perf",
    );
    check(
        |run| {
            if run.name.starts_with('5') {
                run.clock = "cpu".into();
            }
        },
        &options,
        "measure different things: ctimer (0.pb.gz)",
    );
    check(
        |run| run.kernel_sampled = Some(false),
        &options,
        "Time in the kernel",
    );
    check(
        |run| run.interval_ns *= 2,
        &options,
        "1000 Hz in the base, 500 Hz",
    );
    check(|run| run.named = false, &options, "names on one side only");
    check(
        |run| run.inlines = false,
        &options,
        "Only one side has debug information",
    );
    check(
        |run| run.lost = run.samples / 20,
        &options,
        "samples were lost",
    );
    check(|run| run.samples = 0, &options, "has no sample");
    check(
        |run| {
            run.fingerprint.workload = if run.name.starts_with('5') { "a" } else { "b" }.into();
        },
        &options,
        "different workloads",
    );
    options.work = Some("requests".into());
    check(
        |run| run.work[0].units = 0,
        &options,
        "No requests were counted in 5.pb.gz",
    );
    let nobody = compare(&[], &[], &options).expect_err("refused");
    assert_eq!(nobody.reasons.len(), 2);
}
