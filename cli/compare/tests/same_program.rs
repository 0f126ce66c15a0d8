//! What is the same program doing the same work, and what is known of its noise.

mod simulation;

use hotpoll_compare::{Comparison, NoiseModel, Options, Outcome, Run, Unit, compare, same_build};
use hotpoll_profile::{Fact, Work, WorkSource};
use simulation::{Program, World};

fn runs(change: impl Fn(&mut Run, bool)) -> (Vec<Run>, Vec<Run>) {
    let program = Program::service();
    let (mut base, mut new) = World::default().runs(&program, &program, 11);
    base.iter_mut().for_each(|run| change(run, false));
    new.iter_mut().for_each(|run| change(run, true));
    (base, new)
}

fn notices(comparison: &Comparison) -> String {
    let notices = comparison.notices.iter().map(|notice| &*notice.text);
    notices.collect::<Vec<_>>().join("\n")
}

fn other_root(run: &mut Run) {
    for key in &mut run.keys {
        key.name = key.name.replace("shop::main", "bakery::main");
    }
}

#[test]
fn different_programs_are_not_compared() {
    let named = |run: &mut Run, is_new| {
        run.program = if is_new { "bakery" } else { "shop" }.into();
        if is_new {
            other_root(run);
        }
    };
    let (base, new) = runs(named);
    let refused = compare(&base, &new, &Options::default()).expect_err("refused");
    let reason = refused.to_string();
    assert!(
        reason.contains("different programs: shop in the base, bakery"),
        "{reason}"
    );
    assert!(reason.contains("--other-program"), "{reason}");
    let options = Options {
        other_program: true,
        ..Options::default()
    };
    let comparison = compare(&base, &new, &options).expect("asked for");
    assert!(notices(&comparison).contains("different names: shop and bakery"));
    // `./old` and `./new` are builds of one program: their `main` is the same.
    let (base, new) = runs(|run, is_new| {
        run.program = if is_new { "new" } else { "old" }.into();
    });
    let comparison = compare(&base, &new, &Options::default()).expect("one program");
    assert!(notices(&comparison).contains("different names: old and new"));
}

#[test]
fn a_workload_known_of_some_runs_is_told() {
    let (base, new) = runs(|run, is_new| {
        if is_new && !run.name.starts_with('5') {
            run.fingerprint.workload = "checkout".into();
        }
    });
    let comparison = compare(&base, &new, &Options::default()).expect("comparable");
    let notices = notices(&comparison);
    assert!(
        notices.contains("6 of 10 runs do not say what their workload was"),
        "{notices}"
    );
    assert_eq!(comparison.doubts, []);
}

#[test]
fn a_workload_named_on_one_side_is_told_on_top() {
    let (base, new) = runs(|run, is_new| {
        if is_new {
            run.fingerprint.workload = "checkout".into();
        }
    });
    let said = |base: &[Run], new: &[Run]| {
        let comparison = compare(base, new, &Options::default()).expect("comparable");
        assert!(!notices(&comparison).contains("workload"));
        let doubts = comparison.doubts.iter().map(|doubt| &*doubt.text);
        doubts.collect::<Vec<_>>().join("\n")
    };
    let doubts = said(&base, &new);
    assert!(
        doubts.contains("The runs of the new build did checkout, those of the base do not say"),
        "{doubts}"
    );
    let doubts = said(&new, &base);
    assert!(
        doubts.contains("The runs of the base did checkout"),
        "{doubts}"
    );
}

fn work(name: &str, source: WorkSource) -> Work {
    Work {
        name: name.into(),
        units: 300_000,
        source,
    }
}

/// A counter that a build began to count: its cost is told by another one, and that is said.
#[test]
fn a_counter_of_one_side_is_told() {
    let (base, new) = runs(|run, is_new| {
        run.work[0].name = "jobs".into();
        if is_new {
            run.work.insert(0, work("requests", WorkSource::Program));
        }
    });
    let comparison = compare(&base, &new, &Options::default()).expect("comparable");
    assert_eq!(comparison.unit, Unit::PerUnit("jobs".into()));
    let told = notices(&comparison);
    assert!(
        told.contains("requests in 0 of 5 runs of the base and 5 of 5 of the new build"),
        "{told}"
    );

    // Where it is the only one, somebody did count.
    let (base, new) = runs(|run, is_new| {
        if is_new {
            run.work.clear();
        }
    });
    let comparison = compare(&base, &new, &Options::default()).expect("comparable");
    assert_eq!(comparison.unit, Unit::MedianOfRatios);
    let told = notices(&comparison);
    assert!(
        told.contains("(requests in 5 of 5 runs of the base and 0 of 5 of the new build)"),
        "{told}"
    );
    assert!(!told.contains("nobody counted"), "{told}");

    let options = Options {
        work: Some("polls".into()),
        ..Options::default()
    };
    let refused = compare(&base, &new, &options).expect_err("no such counter");
    assert_eq!(
        refused.to_string(),
        "No polls were counted in any run; what was counted is requests."
    );
}

#[test]
fn packages_of_other_versions_are_told() {
    let (base, new) = runs(|run, is_new| {
        let hyper = if is_new { "1.5.0" } else { "1.4.1" };
        for (name, version) in [("hyper", hyper), ("tokio", "1.47.1")] {
            run.packages.insert((name.into(), version.into()));
        }
    });
    let comparison = compare(&base, &new, &Options::default()).expect("comparable");
    assert_eq!(
        notices(&comparison),
        "the builds have packages in different versions: hyper (1.4.1 in the base, 1.5.0)"
    );
}

fn build(run: &mut Run, id: &str) {
    run.fingerprint
        .build
        .push(Fact::new("build-id", id.to_owned()));
}

#[test]
fn one_executable_on_both_sides_is_told_on_top() {
    let doubts = |change: fn(&mut Run, bool)| {
        let (base, new) = runs(change);
        let comparison = compare(&base, &new, &Options::default()).expect("comparable");
        let doubts = comparison.doubts.into_iter().map(|doubt| doubt.text);
        doubts.collect::<Vec<_>>().join("\n")
    };
    let same = doubts(|run, _| build(run, "aee5e1abcc29edc1"));
    assert!(
        same.contains("the same executable (build ID aee5e1abcc29)"),
        "{same}"
    );
    let two = doubts(|run, is_new| {
        let first = run.name.starts_with('5');
        build(
            run,
            if is_new && first {
                "1"
            } else if is_new {
                "2"
            } else {
                "3"
            },
        );
    });
    assert!(
        two.contains("The runs of the new build are of 2 executables"),
        "{two}"
    );
    let usual = doubts(|run, is_new| build(run, if is_new { "1" } else { "2" }));
    assert_eq!(usual, "");
}

#[test]
fn noise_is_of_runs_of_one_build() {
    let refused = |change: fn(&mut Run, bool)| {
        let (mut runs, new) = runs(change);
        runs.extend(new);
        let refused = same_build(&runs, 2, 5, &Options::default());
        refused.expect_err("refused").to_string()
    };
    let builds = refused(|run, is_new| build(run, if is_new { "1" } else { "2" }));
    assert!(
        builds.contains("2 builds, by their build IDs: 1, 2"),
        "{builds}"
    );
    let programs = refused(|run, is_new| run.program = if is_new { "a" } else { "b" }.into());
    assert!(programs.contains("2 programs: a, b"), "{programs}");
    let workloads = refused(|run, is_new| {
        run.fingerprint.workload = if is_new { "a" } else { "b" }.into();
    });
    assert!(workloads.contains("2 workloads: a, b"), "{workloads}");
}

#[test]
fn a_noise_model_holds_for_its_program_and_workload() {
    let program = Program::service();
    let world = World {
        runs: 1,
        ..World::default()
    };
    let (mut base, mut new) = world.runs(
        &program,
        &program.clone().slower("shop::work4::leaf4", 1.5),
        11,
    );
    for run in base.iter_mut().chain(&mut new) {
        run.program = "shop".into();
        run.fingerprint.workload = "checkout".into();
    }
    let model = NoiseModel {
        machine: base[0].machine(),
        program: "shop".into(),
        workload: "checkout".into(),
        variance: 2e-4,
        total_variance: 2e-4,
        degrees: 40.0,
        ..NoiseModel::default()
    };
    let with = |noise: NoiseModel| {
        let options = Options {
            noise: Some(noise),
            ..Options::default()
        };
        compare(&base, &new, &options).expect("comparable")
    };
    assert!(model.fits(&base[0]));
    let known = with(model.clone());
    assert_eq!(known.outcome, Outcome::Regression);
    assert!(notices(&known).contains("learned of shop (checkout) was taken into account"));
    for other in [
        NoiseModel {
            program: "bakery".into(),
            ..model.clone()
        },
        NoiseModel {
            workload: String::new(),
            ..model.clone()
        },
        NoiseModel {
            machine: "another".into(),
            ..model.clone()
        },
    ] {
        let unknown = with(other);
        assert_eq!(unknown.outcome, Outcome::Pass);
        assert!(notices(&unknown).contains("the noise model was left out"));
    }
}

#[test]
fn what_is_no_cpu_time_is_refused() {
    let of = |clock: &'static str| {
        let (base, new) = runs(|run, _| run.clock = clock.into());
        compare(&base, &new, &Options::default())
    };
    for clock in [
        "inuse_space in bytes",
        "delay in nanoseconds",
        "goroutine in count",
    ] {
        let refused = of(clock).expect_err(clock).to_string();
        assert!(refused.contains(&format!("measures {clock}")), "{refused}");
    }
    for clock in ["cpu", "perf", "ctimer+perf"] {
        of(clock).expect(clock);
    }
    let cycles = of("cycles_event in count").expect("cycles are spent on a processor");
    assert!(notices(&cycles).contains("the files measure cycles_event in count"));
}
