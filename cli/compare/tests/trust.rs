//! What a verdict may be trusted with. Each was wrong once: a first wait at a lock that nothing was said of, a cheaper function that failed, a red of two runs.

mod simulation;

use hotpoll_compare::{
    Comparison, FailOn, Family, OnInconclusive, Options, Outcome, Presence, Run, Verdict, compare,
    same_build,
};
use simulation::{Kind, Program, World, count, rate};

fn compared(base: &[Run], new: &[Run], options: &Options) -> Comparison {
    compare(base, new, options).expect("comparable")
}

/// A thousand requests' worth of waiting in the place of one.
const CONTENDED: u64 = 1_000;

#[test]
fn the_first_waits_at_a_lock_are_judged() {
    let program = Program::service();
    for work in [true, false] {
        let world = World {
            work,
            ..World::default()
        };
        let (mut base, mut new) = world.runs(&program, &program, 1);
        let waits = |run: &mut Run| std::mem::take(&mut run.exact.as_mut().expect("exact").waits);
        for run in &mut new {
            let mut all = waits(run);
            all[3].wait_ns *= CONTENDED;
            run.exact.as_mut().expect("exact").waits = all;
        }
        // Once the base has no such lock, once nobody has to wait for it there.
        let mut untouched = base.clone();
        for run in &mut base {
            let mut all = waits(run);
            all.truncate(3);
            run.exact.as_mut().expect("exact").waits = all;
        }
        for run in &mut untouched {
            let wait = &mut run.exact.as_mut().expect("exact").waits[3];
            (wait.contended, wait.wait_ns) = (0, 0);
            wait.wait = Default::default();
        }
        for base in [base, untouched] {
            let comparison = compared(&base, &new, &Options::default());
            assert_eq!(comparison.outcome, Outcome::Regression, "work {work}");
            let mut rows = comparison.rows.iter();
            let lock =
                rows.find(|row| row.family == Family::LockWait && row.presence == Presence::New);
            let lock = lock.expect("a row of its own");
            assert_eq!(lock.total.verdict, Verdict::Regressed);
            assert!(lock.total.interval.low < lock.total.new);
        }
    }
}

#[test]
fn polls_and_locks_fail_where_nobody_counted_work() {
    let program = Program::service();
    let world = World {
        work: false,
        ..World::default()
    };
    // As many polls, each five times as long; and five times as many waits.
    let (base, mut longer) = world.runs(&program, &program, 5);
    let mut more = longer.clone();
    for run in &mut longer {
        run.exact.as_mut().expect("exact").polls[0].poll_ns *= 5;
    }
    for run in &mut more {
        let wait = &mut run.exact.as_mut().expect("exact").waits[0];
        wait.wait_ns *= 5;
        wait.contended *= 5;
    }
    for (new, family) in [(longer, Family::Poll), (more, Family::LockWait)] {
        let comparison = compared(&base, &new, &Options::default());
        let mut rows = comparison.rows.iter();
        let worst = rows.find(|row| row.total.verdict == Verdict::Regressed);
        assert_eq!(worst.map(|row| row.family), Some(family));
        assert_eq!(comparison.outcome, Outcome::Regression);
    }
}

#[test]
fn a_function_replaced_by_a_cheaper_one_fails_nothing() {
    let base = Program::service();
    for share in [0.05, 0.2] {
        let leaf = base.leaf_of_share(share);
        for factor in [0.9, 0.7, 0.5] {
            for name in ["shop::work4::better", "shop::fast::better"] {
                let new = base.clone().slower(&leaf, factor).renamed(&leaf, name);
                let fail = count(20, |seed| {
                    let (base, new) = World::default().runs(&base, &new, seed);
                    compared(&base, &new, &Options::default()).outcome == Outcome::Regression
                });
                assert!(fail <= 2, "{leaf} as {name}, {factor}: {fail} of 20");
            }
        }
    }
}

#[test]
fn polls_that_cannot_be_told_are_not_equivalent() {
    let program = Program::service();
    let world = World {
        counted: 0.5,
        ..World::default()
    };
    let (base, new) = world.runs(&program, &program, 3);
    let of = |fail_on: FailOn| {
        let options = Options {
            fail_on: vec![fail_on],
            must_tell: vec![fail_on],
            on_inconclusive: OnInconclusive::Fail,
            ..Options::default()
        };
        compared(&base, &new, &options)
    };
    let polls = of(FailOn::Poll);
    assert_eq!(polls.verdict, Verdict::Inconclusive);
    assert_eq!(polls.outcome, Outcome::UnderPowered);
    assert_eq!(of(FailOn::Total).outcome, Outcome::Pass);
    // Unless they are asked for they settle nothing: how little of them could be seen is told.
    let usual = compared(&base, &new, &Options::default());
    assert!(!usual.blind);
}

/// Comparisons of a build with itself that fail.
fn failed(world: &World, options: &Options, comparisons: usize) -> usize {
    let program = Program::service();
    count(comparisons, |seed| {
        let (base, new) = world.runs(&program, &program, 77_777 + seed);
        compared(&base, &new, options).outcome == Outcome::Regression
    })
}

#[test]
fn few_runs_fail_nothing() {
    for (runs, kind) in [
        (2, Kind::Bimodal(30)),
        (3, Kind::Bimodal(15)),
        (4, Kind::Bimodal(15)),
        (4, Kind::Bimodal(30)),
        (4, Kind::Layout(15)),
    ] {
        let world = World {
            runs,
            kind,
            ..World::default()
        };
        let comparisons = if runs < 4 {
            50
        } else {
            simulation::comparisons(300, 2_000)
        };
        let failed = failed(&world, &Options::default(), comparisons);
        println!(
            "{runs} runs a side, {kind:?}: {}",
            rate(failed, comparisons)
        );
        assert!(failed * 100 <= comparisons, "{runs} {kind:?}: {failed}");
        assert!(failed == 0 || runs >= 4, "{runs} {kind:?}: {failed}");
    }
}

#[test]
fn a_quiet_machines_model_hides_no_noise() {
    let program = Program::service();
    let quiet = World {
        runs: 10,
        common: 0.01,
        own: 0.01,
        ..World::default()
    };
    let (mut all, rest) = quiet.runs(&program, &program, 3);
    all.extend(rest);
    let model = same_build(&all, 5, 10, &Options::default()).expect("runs of one build");
    let options = Options {
        noise: Some(model.noise),
        ..Options::default()
    };
    for runs in [2, 5] {
        let noisy = World {
            runs,
            common: 0.1,
            own: 0.01,
            ..World::default()
        };
        let comparisons = simulation::comparisons(300, 2_000);
        let failed = failed(&noisy, &options, comparisons);
        println!(
            "a quiet model, {runs} noisy runs a side: {}",
            rate(failed, comparisons)
        );
        assert!(
            failed * 100 <= comparisons,
            "{runs}: {failed} of {comparisons}"
        );
    }
}

#[test]
fn costs_are_as_far_apart_as_their_ratio() {
    let base = Program::service();
    let new = base.clone().slower("shop::main", 1.1);
    let world = World {
        kind: Kind::Outliers,
        ..World::default()
    };
    let (base, new) = world.runs(&base, &new, 7);
    let comparison = compared(&base, &new, &Options::default());
    let both = comparison
        .rows
        .iter()
        .filter(|row| row.presence == Presence::Both);
    let effects = both.map(|row| &row.total).chain([&comparison.total]);
    for effect in effects {
        let apart = effect.new / effect.base / effect.ratio - 1.0;
        assert!(apart.abs() < 1e-9, "{effect:?}");
    }
}
