//! Locks and task kinds without names are known by where they stand, and lines move between two builds: that must make no finding, and hide none.

mod simulation;

use hotpoll_compare::{Comparison, Family, Options, Outcome, Presence, Run, compare};
use hotpoll_profile::WaitTotals;
use simulation::{Program, World};

/// A build compared with one whose locks stand elsewhere; its first lock's waits are `dearer` times as long.
fn compared(dearer: f64, change: impl Fn(&mut Vec<WaitTotals>)) -> Comparison {
    let base = Program::service();
    let mut new = base.clone();
    new.waits[0] *= dearer;
    let (base, mut new): (Vec<Run>, Vec<Run>) = World::default().runs(&base, &new, 11);
    for run in &mut new {
        change(&mut run.exact.as_mut().expect("counts").waits);
    }
    compare(&base, &new, &Options::default()).expect("comparable")
}

/// The names of the lock rows, and those that one build has alone.
fn locks(comparison: &Comparison) -> (Vec<&str>, usize) {
    let rows = comparison.rows.iter();
    let rows = rows.filter(|row| row.family == Family::LockWait);
    let alone = rows.clone().filter(|row| row.presence != Presence::Both);
    let alone = alone.count();
    let mut names: Vec<&str> = rows.map(|row| &*row.name).collect();
    names.sort_unstable();
    (names, alone)
}

const FOUR: [&str; 4] = [
    "mutex src/cache.rs #1",
    "mutex src/cache.rs #2",
    "mutex src/cache.rs #3",
    "mutex src/cache.rs #4",
];
const ALL: &str = "mutex src/cache.rs, all of them";

/// The locks stand on lines 10, 20, 30 and 40. Ten lines further down each stands on another's old line, and had its waits added to its own.
#[test]
fn lines_inserted_above_are_no_finding() {
    for lines in [0, 1, 3, 10, 20, 200] {
        let comparison = compared(1.0, |waits| {
            waits.iter_mut().for_each(|wait| wait.site.line += lines);
        });
        assert_eq!(comparison.outcome, Outcome::Pass, "{lines}");
        assert_eq!(comparison.causes.len(), 0, "{lines}");
        let (names, alone) = locks(&comparison);
        assert_eq!(alone, 0, "{lines}");
        assert!(names == FOUR || names == [ALL], "{lines}: {names:?}");
    }
}

#[test]
fn a_dearer_lock_is_found_wherever_it_went() {
    for (lines, expected) in [(1, FOUR[0]), (10, ALL)] {
        let comparison = compared(10.0, |waits| {
            waits.iter_mut().for_each(|wait| wait.site.line += lines);
        });
        assert_eq!(comparison.outcome, Outcome::Regression, "{lines}");
        let row = &comparison.rows[comparison.causes[0].row.expect("a row") as usize];
        assert_eq!(row.name, expected, "{lines}");
    }
}

/// With one lock more in the file all of them went unjudged.
#[test]
fn a_lock_added_above_hides_nothing() {
    let comparison = compared(10.0, |waits| {
        waits.iter_mut().for_each(|wait| wait.site.line += 1);
        let mut added = waits[3].clone();
        added.site.line = 5;
        (added.contended, added.wait_ns) = (1, 1_000);
        waits.push(added);
    });
    assert_eq!(comparison.outcome, Outcome::Regression);
    let row = &comparison.rows[comparison.causes[0].row.expect("a row") as usize];
    assert_eq!(
        row.name, "mutex src/cache.rs #2",
        "the second in the new build"
    );
    assert_eq!(row.line, 11);
}

/// A file of locks that went to another folder, and a kind of tasks with another name: nothing is longer than it was.
#[test]
fn another_name_is_no_regression() {
    let mut program = Program::service();
    program.waits = vec![40.0, 20.0, 10.0, 5.0];
    let mut longer = program.clone();
    longer.waits[0] *= 2.0;
    let renamed = |program: &Program, new: &Program, seed: u64| {
        let (base, mut new) = World::default().runs(program, new, seed);
        for run in &mut new {
            let exact = run.exact.as_mut().expect("exact");
            for wait in &mut exact.waits {
                wait.site.file = "src/cache/mod.rs".into();
            }
            exact.polls[0].name = "session".into();
        }
        compare(&base, &new, &Options::default()).expect("comparable")
    };
    let failed = simulation::count(40, |seed| {
        let comparison = renamed(&program, &program, seed);
        let is_moved = |row: &&hotpoll_compare::Row| row.moved.is_some();
        let moved = comparison.rows.iter().filter(is_moved).count();
        // The kind's polls and delays, and the two largest locks, each on both sides.
        assert!(moved >= 6, "{moved}");
        comparison.outcome == Outcome::Regression
    });
    assert!(failed <= 1, "{failed} of 40");
    // What is longer as well fails under any name.
    let found = simulation::count(40, |seed| {
        renamed(&program, &longer, seed).outcome == Outcome::Regression
    });
    assert!(found >= 38, "{found} of 40");
}

/// One kind of tasks that became two, and a new lock of which nothing was there before.
#[test]
fn a_kind_that_was_split_is_no_regression_and_a_new_lock_is() {
    let program = Program::service();
    let runs = |seed: u64, is_lock_new: bool| {
        let (base, mut new) = World::default().runs(&program, &program, seed);
        for run in &mut new {
            let exact = run.exact.as_mut().expect("exact");
            let mut other = exact.polls[0].clone();
            other.name = "kind0 beside".into();
            let part = |whole: &mut u64| {
                let kept = *whole * 2 / 5;
                *whole -= kept;
                kept
            };
            (other.polls, other.poll_ns) = (
                part(&mut exact.polls[0].polls),
                part(&mut exact.polls[0].poll_ns),
            );
            (other.delay_ns, other.wake_delay) = (0, Default::default());
            exact.polls.push(other);
            if is_lock_new {
                let mut wait = exact.waits[0].clone();
                wait.name = "fresh".into();
                wait.wait_ns *= 4;
                exact.waits.push(wait);
            }
        }
        compare(&base, &new, &Options::default())
            .expect("comparable")
            .outcome
    };
    let failed = simulation::count(40, |seed| runs(seed, false) == Outcome::Regression);
    assert!(failed <= 1, "{failed} of 40");
    let found = simulation::count(40, |seed| runs(seed, true) == Outcome::Regression);
    assert!(found >= 38, "{found} of 40");
}

#[test]
fn a_deleted_lock_leaves_the_others() {
    let comparison = compared(10.0, |waits| {
        waits.remove(3);
        waits.iter_mut().for_each(|wait| wait.site.line += 1);
    });
    assert_eq!(comparison.outcome, Outcome::Regression);
    // What is gone is told as such, and is none of the others.
    let mut names = FOUR[..3].to_vec();
    names.push("mutex src/cache.rs #4 of the base");
    assert_eq!(locks(&comparison), (names, 1));
}
