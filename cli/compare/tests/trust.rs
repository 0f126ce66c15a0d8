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

/// A function with another name and dearer by half is known as such, and two or three runs a side fail nothing.
#[test]
fn few_runs_fail_no_dearer_rename() {
    let base = Program::service();
    let leaf = base.leaf_of_share(0.1);
    let new = base
        .clone()
        .slower(&leaf, 1.28)
        .renamed(&leaf, "shop::work4::better");
    for runs in [2, 3] {
        let world = World {
            runs,
            ..World::default()
        };
        for seed in 0..5 {
            let (base, new) = world.runs(&base, &new, seed);
            let comparison = compared(&base, &new, &Options::default());
            assert_eq!(comparison.outcome, Outcome::Pass, "{runs} runs, {seed}");
            assert_eq!(comparison.verdict, Verdict::Inconclusive);
            let mut rows = comparison.rows.iter();
            let judged = rows.find(|row| row.total.verdict != Verdict::Inconclusive);
            assert_eq!(judged, None);
        }
    }
}

/// Runs too short for a test of anything but `main`: a gate on functions has seen nothing.
#[test]
fn functions_with_too_few_samples_are_not_green() {
    let program = Program::service();
    let world = World {
        samples: 60.0,
        common: 0.0,
        own: 0.0,
        ..World::default()
    };
    let (base, new) = world.runs(&program, &program, 4);
    let options = Options {
        fail_on: vec![FailOn::Function],
        on_inconclusive: OnInconclusive::Fail,
        ..Options::default()
    };
    let comparison = compared(&base, &new, &options);
    let tested: Vec<&str> = comparison.rows.iter().map(|row| &*row.name).collect();
    assert!(!tested.contains(&"shop::work1::leaf1"), "{tested:?}");
    assert_eq!(comparison.outcome, Outcome::UnderPowered);
    let mut told = comparison.notices.iter();
    let told = told.find(|notice| notice.text.starts_with("too few samples"));
    assert!(told.is_some(), "{:?}", comparison.notices);
    // With samples enough it has.
    let world = World {
        samples: 60_000.0,
        ..world
    };
    let (base, new) = world.runs(&program, &program, 4);
    assert_eq!(compared(&base, &new, &options).outcome, Outcome::Pass);
}

/// Five waits a run in the place of none, and each of a second: too few to be judged, and nothing to be green about for who asks for locks.
#[test]
fn rare_waits_that_last_are_told() {
    let program = Program::service();
    let (base, mut new) = World::default().runs(&program, &program, 1);
    for run in &mut new {
        let exact = run.exact.as_mut().expect("exact");
        let mut wait = exact.waits[0].clone();
        wait.name = "migration".into();
        (wait.contended, wait.wait_ns) = (5, 5_000_000_000);
        exact.waits.push(wait);
    }
    let of = |must_tell: Vec<FailOn>| {
        let options = Options {
            must_tell,
            on_inconclusive: OnInconclusive::Fail,
            ..Options::default()
        };
        let comparison = compared(&base, &new, &options);
        let notices = comparison.notices.iter().map(|notice| &*notice.text);
        (comparison.outcome, notices.collect::<Vec<_>>().join("\n"))
    };
    let (outcome, told) = of(vec![FailOn::Lock]);
    assert_eq!(outcome, Outcome::UnderPowered);
    assert!(
        told.contains("too few waits") && told.contains("waits at migration (0 and 25)"),
        "{told}"
    );
    let (outcome, told) = of(Options::default().must_tell);
    assert_eq!(outcome, Outcome::Pass);
    assert!(told.contains("waits at migration (0 and 25)"), "{told}");
}

/// A folder of the last twenty builds against five runs: what only the new build spends time in is not averaged away.
#[test]
fn many_baselines_outvote_nothing() {
    let base = Program::service();
    let small = base.leaf_of_share(0.004);
    let new = base.clone().slower(&small, 2.7);
    let world = World {
        runs: 20,
        ..World::default()
    };
    let (base, mut new) = world.runs(&base, &new, 2);
    new.truncate(5);
    let comparison = compared(&base, &new, &Options::default());
    let mut causes = comparison.causes.iter().filter(|cause| cause.fails);
    let is_it = |row: u32| comparison.rows[row as usize].name == small;
    assert!(causes.any(|cause| cause.row.is_some_and(is_it)));
}

/// Who gates functions alone has not asked whether the whole is dearer, and is not told that it improved.
#[test]
fn one_cheaper_function_is_no_improvement_of_a_whole_that_may_be_dearer() {
    let base = Program::service();
    let leaf = base.leaf_of_share(0.05);
    let new = base.clone().slower(&leaf, 0.5);
    let world = World {
        runs: 8,
        common: 0.08,
        own: 0.01,
        ..World::default()
    };
    let options = Options {
        fail_on: vec![FailOn::Function],
        must_tell: vec![],
        ..Options::default()
    };
    let found = simulation::each(20, |seed| {
        let (base, new) = world.runs(&base, &new, seed);
        let comparison = compared(&base, &new, &options);
        let is_cheaper = |row: u32| {
            let row = &comparison.rows[row as usize];
            row.name == leaf && row.total.verdict == Verdict::Improved
        };
        let cheaper = comparison.causes.iter().filter_map(|cause| cause.row);
        let is_known = cheaper.into_iter().any(is_cheaper);
        let may_be_dearer = comparison.total.interval.high >= 1.05;
        (is_known && may_be_dearer).then_some(comparison.verdict)
    });
    let verdicts: Vec<Verdict> = found.into_iter().flatten().collect();
    assert!(!verdicts.is_empty());
    assert!(
        verdicts
            .iter()
            .all(|verdict| *verdict == Verdict::Inconclusive)
    );
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

/// Three functions, and nobody counts work: what got cheaper makes the others larger parts of the whole.
#[test]
fn few_functions_without_work_fail_nothing() {
    let mut base = Program::service();
    base.stacks.truncate(0);
    for (leaf, cost) in [
        ("shop::parse", 70.0),
        ("shop::render", 45.0),
        ("shop::store", 33.0),
    ] {
        let frames = [base.name(leaf), base.name("shop::main")];
        base.stacks.push((frames.to_vec(), cost, 0));
    }
    let cheaper = base.clone().slower("shop::parse", 0.33);
    let both_cheaper = cheaper.clone().slower("shop::render", 0.33);
    let world = World {
        work: false,
        ..World::default()
    };
    for new in [&cheaper, &both_cheaper] {
        for seed in 0..5 {
            let (base, new) = world.runs(&base, new, seed);
            let comparison = compared(&base, &new, &Options::default());
            assert_eq!(comparison.outcome, Outcome::Pass);
            assert_eq!(comparison.verdict, Verdict::Inconclusive);
            assert_eq!(comparison.more_runs, None);
            let told = comparison.notices.iter();
            let mut told = told.filter(|notice| notice.text.contains("3 of the 5 functions"));
            assert!(told.next().is_some(), "{:?}", comparison.notices);
        }
    }
}

/// Four pairs have three degrees of freedom.
#[test]
fn few_pairs_fail_nothing() {
    let options = Options {
        pair: true,
        ..Options::default()
    };
    for kind in [Kind::Bimodal(30), Kind::Layout(15), Kind::Outliers] {
        let world = World {
            runs: 4,
            rounds: true,
            kind,
            ..World::default()
        };
        let comparisons = simulation::comparisons(100, 2_000);
        let failed = failed(&world, &options, comparisons);
        println!("4 pairs, {kind:?}: {}", rate(failed, comparisons));
        assert!(failed * 100 <= comparisons, "{kind:?}: {failed}");
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
