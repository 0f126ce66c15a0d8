//! What the method promises: how often it says "regressed" of a build compared with itself, and how often it finds what is there.
//!
//! `HOTPOLL_TEST_LONG=1` simulates more. Figures are printed (`--nocapture`).

mod simulation;

use hotpoll_compare::{Comparison, Options, Outcome, compare};
use simulation::{Kind, Program, World, comparisons, count, rate};

/// So many comparisons without an alarm bound the rate by 1 %: 0.99 to this power is less than 5 %.
const BOUNDING: usize = 300;

/// Whole comparisons of equal builds that fail.
fn false_alarms(title: &str, world: &World, options: &Options, comparisons: usize) -> usize {
    let program = Program::service();
    let failed = count(comparisons, |seed| {
        let (base, new) = world.runs(&program, &program, seed);
        let comparison = compare(&base, &new, options).expect("comparable");
        comparison.outcome == Outcome::Regression
    });
    println!("false alarms, {title}: {}", rate(failed, comparisons));
    failed
}

fn plain() -> World {
    World::default()
}

fn noisy(common: f64, own: f64) -> World {
    World {
        common,
        own,
        ..World::default()
    }
}

fn of(kind: Kind) -> World {
    World {
        kind,
        ..World::default()
    }
}

/// What breaks the model's assumptions, each in its own way.
fn other_worlds() -> Vec<(&'static str, World)> {
    vec![
        ("5 % run noise", noisy(0.035, 0.035)),
        ("10 % run noise, common", noisy(0.1, 0.01)),
        ("10 % run noise, own", noisy(0.01, 0.1)),
        ("drifting by 20 %", of(Kind::Drifting(20))),
        ("correlated slices", of(Kind::Correlated)),
        ("bimodal by 15 %", of(Kind::Bimodal(15))),
        ("each function bimodal by 15 %", of(Kind::Layout(15))),
        ("outliers", of(Kind::Outliers)),
        ("phases", of(Kind::Phases)),
    ]
}

#[test]
fn a_machine_as_the_model_has_it() {
    let comparisons = comparisons(2_000, 4_000);
    let failed = false_alarms("2 % run noise", &plain(), &Options::default(), comparisons);
    assert!(failed * 100 <= comparisons, "{failed} of {comparisons}");
}

#[test]
fn worlds_that_are_not_as_the_model_has_it() {
    let uncounted = World {
        work: false,
        ..plain()
    };
    let mut worlds = vec![("nobody counts work", uncounted)];
    worlds.extend(other_worlds());
    for (title, world) in worlds {
        let comparisons = comparisons(BOUNDING, 2_000);
        let failed = false_alarms(title, &world, &Options::default(), comparisons);
        assert!(
            failed * 100 <= comparisons,
            "{title}: {failed} of {comparisons}"
        );
    }
}

/// The last twenty builds' runs against five of the new one.
#[test]
fn sides_of_different_sizes() {
    let program = Program::service();
    for (title, world) in [("2 % run noise", plain()), ("outliers", of(Kind::Outliers))] {
        let world = World { runs: 20, ..world };
        let comparisons = comparisons(60, 1_000);
        let failed = count(comparisons, |seed| {
            let (base, mut new) = world.runs(&program, &program, seed);
            new.truncate(5);
            let comparison = compare(&base, &new, &Options::default()).expect("comparable");
            comparison.outcome == Outcome::Regression
        });
        println!(
            "false alarms, 20 runs against 5, {title}: {}",
            rate(failed, comparisons)
        );
        assert!(failed * 100 <= comparisons, "{title}: {failed}");
    }
}

#[test]
fn pairs_of_runs() {
    let options = Options {
        pair: true,
        ..Options::default()
    };
    let mut worlds = other_worlds();
    worlds.insert(0, ("2 % run noise", plain()));
    worlds.push(("drifting by 50 %", of(Kind::Drifting(50))));
    for (title, world) in worlds {
        let world = World {
            rounds: true,
            ..world
        };
        let comparisons = comparisons(60, 2_000);
        let failed = false_alarms(&format!("in pairs, {title}"), &world, &options, comparisons);
        assert!(
            failed * 100 <= comparisons,
            "{title}: {failed} of {comparisons}"
        );
    }
}

/// How often the function is found to be dearer and named.
fn found(title: &str, world: &World, options: &Options, comparisons: usize) -> f64 {
    let base = Program::service();
    let leaf = base.leaf_of_share(0.05);
    let new = base.clone().slower(&leaf, 1.2);
    let is_named = |comparison: &Comparison| {
        let mut causes = comparison.causes.iter().filter(|cause| cause.fails);
        let is_it = |row: u32| comparison.rows[row as usize].name == leaf;
        causes.any(|cause| cause.row.is_some_and(is_it))
    };
    let named = count(comparisons, |seed| {
        let (base, new) = world.runs(&base, &new, seed);
        is_named(&compare(&base, &new, options).expect("comparable"))
    });
    println!("+20 % of 5 % found, {title}: {}", rate(named, comparisons));
    named as f64 / comparisons as f64
}

#[test]
fn a_dearer_function_is_found_and_named() {
    let comparisons = comparisons(200, 2_000);
    for (title, noise, runs, at_least) in [
        ("2 % run noise, 5 runs a side", 0.014, 5, 0.95),
        ("5 % run noise, 5 runs a side", 0.035, 5, 0.3),
        ("5 % run noise, 8 runs a side", 0.035, 8, 0.7),
        ("5 % run noise, 10 runs a side", 0.035, 10, 0.85),
    ] {
        let world = World {
            runs,
            ..noisy(noise, noise)
        };
        assert!(found(title, &world, &Options::default(), comparisons) >= at_least);
    }
}

#[test]
fn what_pairs_are_good_for() {
    let comparisons = comparisons(100, 2_000);
    let [apart, paired] = [false, true].map(|pair| Options {
        pair,
        ..Options::default()
    });
    for (title, kind, noise) in [
        ("2 % run noise", Kind::Plain, 0.014),
        ("5 % run noise", Kind::Plain, 0.035),
        ("drifting by 20 %", Kind::Drifting(20), 0.014),
        ("drifting by 50 %", Kind::Drifting(50), 0.014),
    ] {
        let world = World {
            kind,
            rounds: true,
            ..noisy(noise, noise)
        };
        let alone = found(&format!("{title}, apart"), &world, &apart, comparisons);
        let pairs = found(&format!("{title}, in pairs"), &world, &paired, comparisons);
        if kind == Kind::Drifting(50) {
            assert!(pairs > alone, "{pairs} {alone}");
        }
    }
}
