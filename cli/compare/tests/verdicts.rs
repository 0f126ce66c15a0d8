//! What a comparison says, case by case.

mod simulation;

use hotpoll_compare::{
    Budget, Comparison, Family, NoiseModel, OnInconclusive, Options, Outcome, Run, Unit, Verdict,
    Waiver, compare, same_build,
};
use simulation::{Program, World};

const LEAF: &str = "shop::work4::leaf4";

fn world() -> World {
    World::default()
}

fn runs_of(new: impl Fn(Program) -> Program, world: &World) -> (Vec<Run>, Vec<Run>) {
    let base = Program::service();
    world.runs(&base, &new(base.clone()), 11)
}

fn compared(new: impl Fn(Program) -> Program, world: &World, options: &Options) -> Comparison {
    let (base, new) = runs_of(new, world);
    compare(&base, &new, options).expect("comparable")
}

fn slower(program: Program) -> Program {
    program.slower(LEAF, 1.5)
}

fn names(comparison: &Comparison) -> Vec<&str> {
    let causes = comparison.causes.iter();
    causes
        .map(|cause| {
            cause
                .row
                .map_or("total", |row| &comparison.rows[row as usize].name)
        })
        .collect()
}

#[test]
fn one_row_a_cause_with_its_chain() {
    let comparison = compared(slower, &world(), &Options::default());
    assert_eq!(comparison.outcome, Outcome::Regression);
    assert_eq!(comparison.verdict, Verdict::Regressed);
    assert_eq!(names(&comparison), [LEAF]);
    let cause = &comparison.causes[0];
    assert!(cause.fails);
    assert_eq!(cause.chain.first().map(String::as_str), Some("shop::main"));
    assert_eq!(cause.under, "kind0");
    let explained = cause
        .explains
        .iter()
        .map(|&row| &*comparison.rows[row as usize].name);
    assert!(
        explained
            .collect::<Vec<_>>()
            .contains(&"shop::handler4::handle")
    );
    let row = &comparison.rows[cause.row.expect("a row") as usize];
    assert!(
        row.total.interval.low < 1.5 && 1.5 < row.total.interval.high,
        "{row:?}"
    );
}

#[test]
fn the_mirror_image_is_an_improvement() {
    let (base, new) = runs_of(slower, &world());
    let comparison = compare(&new, &base, &Options::default()).expect("comparable");
    assert_eq!(comparison.outcome, Outcome::Pass);
    assert_eq!(comparison.verdict, Verdict::Improved);
    assert_eq!(names(&comparison), [LEAF]);
}

#[test]
fn with_few_samples_it_is_inconclusive() {
    let world = World {
        runs: 2,
        samples: 800.0,
        common: 0.05,
        own: 0.05,
        ..world()
    };
    let mut options = Options::default();
    let comparison = compared(slower, &world, &options);
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
    assert_eq!(comparison.outcome, Outcome::Pass);
    let mut rows = comparison.rows.iter();
    assert!(rows.all(|row| row.total.more_runs.is_none_or(|runs| runs >= 3)));
    for policy in [OnInconclusive::Fail, OnInconclusive::Rerun] {
        options.on_inconclusive = policy;
        let comparison = compared(slower, &world, &options);
        assert_eq!(comparison.outcome, Outcome::UnderPowered);
    }
}

#[test]
fn nothing_changed() {
    let comparison = compared(|program| program, &world(), &Options::default());
    assert_eq!(comparison.outcome, Outcome::Pass);
    assert_eq!(comparison.verdict, Verdict::Equivalent);
    assert!(comparison.causes.is_empty());
    assert_eq!(comparison.unit, Unit::PerUnit("requests".into()));
    assert!(comparison.total.detectable < 0.12, "{:?}", comparison.total);
    assert!(comparison.notices.is_empty(), "{:?}", comparison.notices);
}

#[test]
fn sides_recorded_apart_are_told() {
    let world = World {
        interleaved: false,
        ..world()
    };
    let comparison = compared(|program| program, &world, &Options::default());
    assert!(
        comparison.notices[0]
            .text
            .starts_with("one side was recorded before")
    );
}

#[test]
fn a_copy_made_dearer_is_its_callers_doing() {
    let program =
        |program: Program| program.called("shop::work4::leaf4", "alloc::vec::Vec<_>::push", 2.5);
    let comparison = compared(program, &world(), &Options::default());
    assert_eq!(names(&comparison), [LEAF]);
}

#[test]
fn what_is_new_is_named_where_it_makes_callers_dearer() {
    let program = |program: Program| program.called(LEAF, "shop::checks::verify_twice", 3.0);
    let comparison = compared(program, &world(), &Options::default());
    assert_eq!(names(&comparison), ["shop::checks::verify_twice"]);
    assert_eq!(comparison.outcome, Outcome::Regression);
    assert!(comparison.causes[0].chain.iter().any(|name| name == LEAF));
}

#[test]
fn a_rename_that_is_dearer_too_fails() {
    let program = |program: Program| {
        program
            .slower(LEAF, 1.5)
            .renamed(LEAF, "shop::work4::better")
    };
    let comparison = compared(program, &world(), &Options::default());
    assert_eq!(
        comparison.outcome,
        Outcome::Regression,
        "{:?}",
        names(&comparison)
    );
    let options = Options {
        renames: vec![(LEAF.into(), "shop::work4::better".into())],
        ..Options::default()
    };
    let comparison = compared(program, &world(), &options);
    assert_eq!(names(&comparison), ["shop::work4::better"]);
}

#[test]
fn a_new_name_hides_nothing() {
    let program = |program: Program| {
        program
            .slower(LEAF, 1.28)
            .renamed(LEAF, "shop::work4::better")
    };
    let comparison = compared(program, &world(), &Options::default());
    assert_eq!(comparison.outcome, Outcome::Regression);
    assert_eq!(names(&comparison), ["shop::work4::better"]);
    let told = &comparison.notices[0].text;
    assert!(told.contains("looks like shop::work4::leaf4"), "{told}");
}

#[test]
fn a_waiver_holds_until_its_day() {
    let mut options = Options {
        waivers: vec![Waiver {
            what: "leaf4".into(),
            reason: "known, #12".into(),
            until: 20_779,
        }],
        today: 20_779,
        ..Options::default()
    };
    let comparison = compared(slower, &world(), &options);
    assert_eq!(comparison.outcome, Outcome::Pass);
    assert_eq!(
        comparison.causes[0].waived.as_deref(),
        Some("known, #12 (until 2026-11-22)")
    );
    options.today += 1;
    let comparison = compared(slower, &world(), &options);
    assert_eq!(comparison.outcome, Outcome::Regression);
}

#[test]
fn a_waiver_of_nothing_is_told() {
    let waived = |what: &str| {
        let options = Options {
            waivers: vec![Waiver {
                what: what.into(),
                reason: "known, #12".into(),
                until: 20_779,
            }],
            ..Options::default()
        };
        let comparison = compared(slower, &world(), &options);
        let notices = comparison.notices.iter().map(|notice| notice.text.clone());
        (comparison.outcome, notices.collect::<Vec<String>>())
    };
    assert_eq!(waived("leaf4"), (Outcome::Pass, vec![]));
    let (outcome, told) = waived("shop::work4::leef4");
    assert_eq!(outcome, Outcome::Regression);
    assert!(
        told[0].contains("nothing that was tested has that name"),
        "{told:?}"
    );
    let (_, told) = waived("leaf3");
    assert!(told[0].contains("is not needed"), "{told:?}");
}

#[test]
fn equivalent_is_said_of_all_of_it_or_not_at_all() {
    // So much cheaper that it is surely not dearer, and too little to be an improvement.
    let cheaper = |program: Program| {
        let leaf = program.leaf_of_share(0.2);
        program.slower(&leaf, 0.8)
    };
    let mut options = Options {
        on_inconclusive: OnInconclusive::Fail,
        ..Options::default()
    };
    let comparison = compared(cheaper, &world(), &options);
    assert_eq!(
        comparison.total.verdict,
        Verdict::Inconclusive,
        "{:?}",
        comparison.total
    );
    assert!(comparison.total.interval.high < 1.0 + comparison.margin);
    assert_ne!(comparison.verdict, Verdict::Equivalent);
    // Nothing that would have to fail could be missed.
    assert!(!comparison.blind);
    assert_eq!(comparison.outcome, Outcome::Pass);

    // Nobody counted work: all of it could cost twice as much.
    let uncounted = World {
        work: false,
        ..world()
    };
    let comparison = compared(|program| program, &uncounted, &options);
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
    assert_eq!(
        (comparison.blind, comparison.outcome),
        (true, Outcome::UnderPowered)
    );
    options
        .fail_on
        .retain(|what| *what != hotpoll_compare::FailOn::Total);
    let comparison = compared(|program| program, &uncounted, &options);
    assert_eq!(
        (comparison.blind, comparison.outcome),
        (false, Outcome::Pass)
    );
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
}

#[test]
fn how_many_more_runs_would_tell() {
    let noisy = World {
        common: 0.06,
        own: 0.01,
        ..world()
    };
    let comparison = compared(|program| program, &noisy, &Options::default());
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
    let more = comparison.more_runs.expect("some would");
    let more = World {
        runs: 5 + 2 * more as usize,
        ..noisy
    };
    let comparison = compared(|program| program, &more, &Options::default());
    assert_eq!(
        comparison.total.verdict,
        Verdict::Equivalent,
        "{:?}",
        comparison.total
    );
    let one = World { runs: 1, ..world() };
    let comparison = compared(|program| program, &one, &Options::default());
    assert_eq!(comparison.more_runs, Some(4));
}

#[test]
fn pairs_take_what_drifts_off() {
    let drifting = World {
        kind: simulation::Kind::Drifting(30),
        rounds: true,
        ..world()
    };
    let mut options = Options::default();
    let apart = compared(slower, &drifting, &options);
    assert!(
        apart
            .notices
            .iter()
            .any(|notice| notice.text.contains("--pair")),
        "{:?}",
        apart.notices
    );
    options.pair = true;
    let pairs = compared(slower, &drifting, &options);
    assert!(pairs.total.detectable < 0.5 * apart.total.detectable);
    assert_eq!(names(&pairs), [LEAF]);
    assert!(pairs.notices.is_empty(), "{:?}", pairs.notices);
    // The order of files is not that of the runs.
    let (mut base, new) = runs_of(slower, &drifting);
    base.reverse();
    let turned = compare(&base, &new, &options).expect("comparable");
    assert!((turned.total.detectable / pairs.total.detectable - 1.0).abs() < 1e-9);
    let (base, new) = runs_of(
        slower,
        &World {
            interleaved: false,
            ..world()
        },
    );
    let refused = compare(&base, &new, &options)
        .expect_err("no pairs")
        .to_string();
    assert!(refused.contains("are no pairs"), "{refused}");
}

#[test]
fn a_budget_is_broken_though_nothing_changed() {
    let budget = |ns_per_unit, unit: &str| Options {
        budgets: vec![Budget {
            function: "leaf4".into(),
            ns_per_unit,
            unit: unit.into(),
        }],
        ..Options::default()
    };
    let same = |program| program;
    let broken = compared(same, &world(), &budget(4_000.0, "request"));
    assert_eq!(broken.outcome, Outcome::Regression);
    assert_eq!(broken.causes[0].budget, Some(4_000.0));
    assert_eq!(
        compared(same, &world(), &budget(9_000.0, "")).outcome,
        Outcome::Pass
    );
    let mut options = budget(4_000.0, "");
    // Functions that are too small to be tested have budgets too, and all of a name have them.
    options.budgets[0].function = "leaf60".into();
    options.budgets[0].ns_per_unit = 1.0;
    let small = compared(same, &world(), &options);
    assert_eq!(small.outcome, Outcome::Regression);
    assert_eq!(names(&small), ["shop::work6::leaf60"]);
    options.budgets[0].function = "copy_nonoverlapping".into();
    assert_eq!(
        names(&compared(same, &world(), &options)),
        ["core::ptr::copy_nonoverlapping"]
    );
    options.budgets[0].function = "handle".into();
    assert_eq!(names(&compared(same, &world(), &options)).len(), 6);
}

#[test]
fn locks_polls_and_delays_have_rows_and_fail() {
    for (family, title) in [
        (Family::Poll, "kind0"),
        (Family::WakeDelay, "kind0"),
        (Family::LockWait, "mutex src/cache.rs #1"),
    ] {
        let program = |mut program: Program| {
            match family {
                Family::Poll => program.polls[0] *= 2.0,
                Family::WakeDelay => program.delays[0] *= 2.0,
                _ => program.waits[0] *= 2.0,
            }
            program
        };
        let comparison = compared(program, &world(), &Options::default());
        assert_eq!(comparison.outcome, Outcome::Regression, "{family:?}");
        let row = &comparison.rows[comparison.causes[0].row.expect("a row") as usize];
        assert_eq!((row.family, &*row.name), (family, title));
        assert!((1.5..2.7).contains(&row.total.ratio), "{row:?}");
    }
}

#[test]
fn without_work_the_total_says_nothing() {
    let world = World {
        work: false,
        ..world()
    };
    let comparison = compared(
        |program| program.slower(LEAF, 3.0),
        &world,
        &Options::default(),
    );
    assert_eq!(comparison.unit, Unit::MedianOfRatios);
    assert_eq!(comparison.total.verdict, Verdict::Inconclusive);
    assert_eq!(comparison.permutation_p, None);
    assert_eq!(names(&comparison), [LEAF]);
    let row = &comparison.rows[comparison.causes[0].row.expect("a row") as usize];
    assert!((2.7..3.3).contains(&row.total.ratio), "{row:?}");
    // All others stay the same, as they would not as parts of the whole.
    let changed = comparison
        .rows
        .iter()
        .filter(|row| row.total.verdict == Verdict::Improved);
    assert_eq!(changed.count(), 0);
}

#[test]
fn one_run_a_side_never_fails() {
    let world = World { runs: 1, ..world() };
    let comparison = compared(slower, &world, &Options::default());
    assert_eq!(comparison.outcome, Outcome::Pass);
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
    let mut rows = comparison.rows.iter();
    assert!(rows.all(|row| row.total.more_runs == Some(4)));
    let row = comparison
        .rows
        .iter()
        .find(|row| row.name == LEAF)
        .expect("the row");
    assert!(
        row.total.interval.low > 1.2 && row.total.interval.high < 1.8,
        "{row:?}"
    );
    assert!(
        comparison
            .notices
            .iter()
            .any(|notice| notice.text.contains("one run a side"))
    );
    let options = Options {
        noise: Some(NoiseModel {
            program: "shop".into(),
            variance: 2e-4,
            total_variance: 2e-4,
            degrees: 40.0,
            ..NoiseModel::default()
        }),
        ..Options::default()
    };
    let comparison = compared(slower, &world, &options);
    assert_eq!(names(&comparison), [LEAF]);
    assert_eq!(comparison.outcome, Outcome::Regression);
    // Whatever is known of the machine: where nobody counted work there is no whole.
    let uncounted = World {
        work: false,
        ..world
    };
    let all_dearer = |program: Program| program.slower("shop::main", 3.0);
    let comparison = compared(all_dearer, &uncounted, &options);
    assert_eq!(comparison.total.verdict, Verdict::Inconclusive);
    assert_eq!(
        comparison.outcome,
        Outcome::Pass,
        "{:?}",
        names(&comparison)
    );
}

#[test]
fn runs_of_one_build_tell_the_machines_noise() {
    let world = World {
        runs: 15,
        samples: 10_000.0,
        common: 0.05,
        own: 0.03,
        ..world()
    };
    let (mut runs, others) = runs_of(|program| program, &world);
    runs.extend(others);
    let found = same_build(&runs, 5, 20, &Options::default()).expect("enough");
    assert_eq!(
        (found.independent.comparisons, found.dealt.comparisons),
        (3, 20)
    );
    assert_eq!((found.independent.failed, found.dealt.failed), (0, 0));
    assert!(found.independent.interval().1 > 0.6);
    let deviations = [found.noise.total_variance, found.noise.variance].map(f64::sqrt);
    assert!((0.035..0.07).contains(&deviations[0]), "{deviations:?}");
    assert!((0.01..0.045).contains(&deviations[1]), "{deviations:?}");
    let few = same_build(&runs[..3], 2, 20, &Options::default()).expect_err("too few");
    assert!(few.reasons[0].starts_with("There are 3 runs"), "{few}");
}
