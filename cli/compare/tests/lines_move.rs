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
