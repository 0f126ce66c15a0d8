//! What was counted rather than sampled: work, polls, waits, and what a run was made with.

use super::fetches::one_thread;
use super::*;

/// Work and exact totals of fetches of one process: added where the window is new, and no longer known where it is new in part.
#[test]
fn what_a_whole_window_counted() {
    let counted = |slices: std::ops::RangeInclusive<u64>, polls: u64| {
        let mut profile = one_thread(slices);
        profile.work = vec![
            Work {
                name: "requests".to_owned(),
                source: WorkSource::Program,
                units: 10 * profile.slices.len() as u64,
            },
            Work {
                name: "files".to_owned(),
                source: WorkSource::Given,
                units: 3,
            },
        ];
        for slice in &mut profile.slices {
            slice.work = vec![SliceWork { work: 0, units: 10 }];
        }
        profile.exact = Some(Exact {
            polls: vec![PollTotals {
                name: "serve".to_owned(),
                polls,
                ..PollTotals::default()
            }],
            ..Exact::default()
        });
        profile
    };
    let units = |profile: &Profile| -> Vec<u64> {
        let counters = profile.work.iter();
        counters.map(|counter| counter.units).collect()
    };
    let mut merged = counted(1..=2, 5);
    merged.merge(counted(3..=5, 7));
    assert_eq!(units(&merged), [50, 6]);
    assert_eq!(merged.exact.as_ref().unwrap().polls[0].polls, 12);
    assert_eq!(merged.exact.as_ref().unwrap().polls.len(), 1);
    let whole = merged.clone();
    merged.merge(counted(3..=5, 7));
    assert_eq!(
        (units(&merged), &merged.exact),
        (units(&whole), &whole.exact)
    );
    // One slice is new.
    merged.merge(counted(5..=6, 7));
    assert_eq!((units(&merged), merged.exact), (vec![60, 0], None));

    let mut cut = whole;
    assert!(cut.retain_last(2_000_000_000));
    assert_eq!((units(&cut), cut.exact), (vec![20], None));
}

#[test]
fn a_fingerprint_is_kept_where_it_is_equal() {
    let made_with = |pid: u32, workload: &str, cpu: &str| {
        let mut profile = one_thread(1..=1);
        profile.process.pid = pid;
        profile.fingerprint = Fingerprint {
            workload: workload.to_owned(),
            machine: vec![Fact::new("cpus", "2"), Fact::new("cpu", cpu)],
            build: vec![Fact::new("lto", "thin")],
        };
        profile
    };
    let mut merged = made_with(7, "demo", "one");
    merged.merge(made_with(8, "demo", "other"));
    assert_eq!(merged.fingerprint.workload, "demo");
    assert_eq!(merged.fingerprint.machine("cpus"), Some("2"));
    assert_eq!(merged.fingerprint.machine("cpu"), None);
    assert_eq!(merged.fingerprint.build("lto"), Some("thin"));
    merged.merge(made_with(9, "another", "one"));
    assert_eq!(merged.fingerprint.workload, "");

    // Of one process the later fetch knows better, and forgets nothing.
    let mut merged = made_with(7, "demo", "one");
    let mut later = made_with(7, "", "other");
    later.fingerprint.build.clear();
    merged.merge(later);
    let kept = &merged.fingerprint;
    assert_eq!(
        (kept.workload.as_str(), kept.machine("cpu")),
        ("demo", Some("other"))
    );
    assert_eq!((kept.build("lto"), kept.machine.len()), (Some("thin"), 2));
}

#[test]
fn totals_since_an_earlier_look() {
    let polls = |name: &str, polls: u64| PollTotals {
        name: name.to_owned(),
        polls,
        poll_ns: polls * 100,
        ..PollTotals::default()
    };
    let earlier = Exact {
        polls: vec![polls("serve", 5), polls("idle", 2)],
        ..Exact::default()
    };
    let mut later = Exact {
        polls: vec![polls("serve", 9), polls("idle", 2), polls("new", 1)],
        ..Exact::default()
    };
    later.polls[0].poll_time.record(100);
    let since = later.since(&earlier);
    let seen: Vec<_> = (since.polls.iter())
        .map(|one| (one.name.as_str(), one.polls, one.poll_ns))
        .collect();
    assert_eq!(seen, [("serve", 4, 400), ("new", 1, 100)]);
    let mut sum = earlier;
    sum.add(&since);
    assert_eq!(sum, later);
}
