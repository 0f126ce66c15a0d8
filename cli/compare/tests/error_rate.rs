//! What the method promises: how often it says "regressed" of a build compared with itself, and how often it finds what is there.
//!
//! `HOTPOLL_TEST_LONG=1` simulates ten times as much. Figures are printed (`--nocapture`).

mod simulation;

use hotpoll_compare::{Options, Outcome, compare};
use simulation::{Kind, Program, World, rate, thinned};

/// Whole comparisons of equal builds that fail.
fn false_alarms(title: &str, world: &World, comparisons: usize) -> usize {
    let program = Program::service();
    let mut failed = 0;
    for seed in 0..comparisons as u64 {
        let (base, new) = world.runs(&program, &program, seed);
        let comparison = compare(&base, &new, &Options::default()).expect("comparable");
        failed += usize::from(comparison.outcome == Outcome::Regression);
    }
    println!("false alarms, {title}: {}", rate(failed, comparisons));
    failed
}

#[test]
fn a_machine_as_the_model_has_it() {
    let comparisons = thinned(2_000);
    let failed = false_alarms("2 % run noise", &World::default(), comparisons);
    assert!(failed <= comparisons / 100, "{failed} of {comparisons}");
}

#[test]
fn worlds_that_are_not_as_the_model_has_it() {
    let plain = World::default();
    let noisy = |common: f64, own: f64| World {
        common,
        own,
        ..plain.clone()
    };
    let of = |kind: Kind| World {
        kind,
        ..plain.clone()
    };
    let worlds = [
        ("5 % run noise", noisy(0.035, 0.035)),
        ("10 % run noise, common", noisy(0.1, 0.01)),
        ("10 % run noise, own", noisy(0.01, 0.1)),
        ("drifting by 20 %", of(Kind::Drifting(20))),
        ("correlated slices", of(Kind::Correlated)),
        ("bimodal by 15 %", of(Kind::Bimodal(15))),
        ("each function bimodal by 15 %", of(Kind::Layout(15))),
        ("outliers", of(Kind::Outliers)),
        ("phases", of(Kind::Phases)),
    ];
    for (title, world) in worlds {
        let comparisons = thinned(1_000);
        let failed = false_alarms(title, &world, comparisons);
        assert!(
            failed <= comparisons / 50,
            "{title}: {failed} of {comparisons}"
        );
    }
}

#[test]
fn a_dearer_function_is_found_and_named() {
    let base = Program::service();
    let leaf = base.leaf_of_share(0.05);
    let new = base.clone().slower(&leaf, 1.2);
    for (title, noise, at_least) in [("2 %", 0.014, 0.95), ("5 %", 0.035, 0.3)] {
        let world = World {
            common: noise,
            own: noise,
            ..World::default()
        };
        let comparisons = thinned(2_000);
        let mut named = 0;
        for seed in 0..comparisons as u64 {
            let (base, new) = world.runs(&base, &new, seed);
            let comparison = compare(&base, &new, &Options::default()).expect("comparable");
            let mut causes = comparison.causes.iter().filter(|cause| cause.fails);
            let is_it = |row: u32| comparison.rows[row as usize].name == leaf;
            named += usize::from(causes.any(|cause| cause.row.is_some_and(is_it)));
        }
        println!(
            "+20 % of 5 % found with {title} run noise: {}",
            rate(named, comparisons)
        );
        assert!(named as f64 >= at_least * comparisons as f64);
    }
}
