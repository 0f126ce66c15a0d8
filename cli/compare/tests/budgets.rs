//! Budgets, waivers and renames: what is written has to be of something, and a budget is held against an interval.

mod simulation;

use hotpoll_compare::{
    Budget, Comparison, FailOn, NotComparable, OnInconclusive, Options, Outcome, Run, Verdict,
    Waiver, compare,
};
use hotpoll_profile::{Work, WorkSource};
use simulation::{Program, World};

const LEAF: &str = "shop::work4::leaf4";

fn runs(world: &World) -> (Vec<Run>, Vec<Run>) {
    let program = Program::service();
    world.runs(&program, &program, 11)
}

fn held(ns_per_unit: f64, function: &str, unit: &str) -> Options {
    Options {
        budgets: vec![Budget {
            function: function.into(),
            ns_per_unit,
            unit: unit.into(),
        }],
        ..Options::default()
    }
}

fn compared(options: &Options) -> Result<Comparison, NotComparable> {
    let (base, new) = runs(&World::default());
    compare(&base, &new, options)
}

/// What the function costs in the new build: what a budget is written around.
fn cost(name: &str) -> f64 {
    let comparison = compared(&Options::default()).expect("comparable");
    let row = comparison.rows.iter().find(|row| row.name == name);
    row.expect("a row").total.new
}

#[test]
fn a_budget_of_nothing_is_refused_as_usage() {
    let check = |function: &str, unit: &str, expected: &str| {
        let refused = compared(&held(1e9, function, unit)).expect_err("refused");
        assert!(refused.is_usage);
        assert!(refused.to_string().contains(expected), "{refused}");
    };
    check("laef4", "request", "called laef4");
    check("laef4", "request", "leaf4");
    check("leaf4", "foo", "nobody counted any foo");
    check("leaf4", "1000 requests", "nobody counted any");
    // And what is there is not.
    for (function, unit) in [
        ("leaf4", "request"),
        ("leaf4", "Requests"),
        ("work4::leaf4", ""),
        ("total", "request"),
        // Too small to be tested.
        ("leaf60", "request"),
    ] {
        let comparison = compared(&held(1e9, function, unit)).expect(function);
        assert_eq!(comparison.outcome, Outcome::Pass, "{function}");
    }
}

#[test]
fn a_budget_takes_the_name_that_reports_print() {
    let (mut base, mut new) = runs(&World::default());
    for run in base.iter_mut().chain(&mut new) {
        let key = run.keys.iter_mut().find(|key| key.name == LEAF);
        key.expect("the leaf").name = "shop::work4::leaf4::{closure}".into();
    }
    let comparison = compare(&base, &new, &held(1_000.0, "work4::leaf4", "")).expect("known");
    assert_eq!(comparison.outcome, Outcome::Regression);
}

#[test]
fn without_work_a_budget_cannot_be_compared() {
    let world = World {
        work: false,
        ..World::default()
    };
    let (base, new) = runs(&world);
    let refused = compare(&base, &new, &held(1e9, "leaf4", "")).expect_err("refused");
    assert!(!refused.is_usage, "{refused}");
    assert!(
        refused.to_string().contains("Nobody counted work"),
        "{refused}"
    );
}

#[test]
fn every_function_of_that_name_is_held_to_it() {
    let (mut base, mut new) = runs(&World::default());
    // The cheap one comes first.
    for run in base.iter_mut().chain(&mut new) {
        for (from, to) in [("shop::work3::leaf30", "a::parse"), (LEAF, "b::parse")] {
            let key = run.keys.iter_mut().find(|key| key.name == from);
            key.expect("the leaf").name = to.into();
        }
    }
    let comparison = compare(&base, &new, &held(3_000.0, "parse", "")).expect("known");
    let broken = comparison.causes.iter().filter(|cause| cause.fails);
    let broken: Vec<&str> = broken
        .map(|cause| &*comparison.rows[cause.row.expect("a row") as usize].name)
        .collect();
    assert_eq!(broken, ["b::parse"]);
}

#[test]
fn a_budget_is_judged_by_the_interval() {
    let cost = cost(LEAF);
    let judged = |budget: f64, on_inconclusive| {
        let options = Options {
            on_inconclusive,
            ..held(budget, "leaf4", "request")
        };
        compared(&options).expect("comparable")
    };
    let near = judged(cost * 0.999, OnInconclusive::Pass);
    assert_eq!(
        (near.outcome, near.verdict),
        (Outcome::Pass, Verdict::Inconclusive)
    );
    let cause = &near.causes[0];
    let interval = cause.cost.expect("an interval");
    assert!(interval.low < cost && cost < interval.high, "{interval:?}");
    assert!(!cause.fails && !cause.breaks_budget());
    let strict = judged(cost * 0.999, OnInconclusive::Fail);
    assert_eq!(strict.outcome, Outcome::UnderPowered);
    let far = judged(cost * 0.8, OnInconclusive::Pass);
    assert_eq!(far.outcome, Outcome::Regression);
    assert!(far.causes[0].breaks_budget());
    let kept = judged(cost * 1.25, OnInconclusive::Fail);
    assert!(kept.causes.is_empty(), "{:?}", kept.causes);
}

#[test]
fn one_run_a_side_breaks_no_budget() {
    let world = World {
        runs: 1,
        ..World::default()
    };
    let (base, new) = runs(&world);
    for function in ["leaf4", "total"] {
        let comparison = compare(&base, &new, &held(1.0, function, "")).expect("comparable");
        assert_eq!(comparison.outcome, Outcome::Pass);
        assert_eq!(comparison.verdict, Verdict::Inconclusive);
        let told = comparison.notices.iter();
        let told = told.filter(|notice| notice.text.contains("was not judged"));
        assert_eq!(told.count(), 1, "{:?}", comparison.notices);
    }
}

#[test]
fn budgets_at_the_very_cost_hardly_ever_fail() {
    let world = World::default();
    let program = Program::service();
    let ns = program.share(LEAF) * program.cost() * 1e3;
    let mut failed = 0;
    for seed in 0..100 {
        let (base, new) = world.runs(&program, &program, seed);
        let comparison = compare(&base, &new, &held(ns, "leaf4", "")).expect("comparable");
        failed += usize::from(comparison.outcome == Outcome::Regression);
    }
    // One in a hundred is what is asked; a coin would be fifty.
    assert!(failed <= 5, "{failed}");
}

/// What was accepted of one function does not accept what else got dearer: here time in the kernel, which no sample stands for.
#[test]
fn a_waiver_holds_for_what_it_names_alone() {
    let program = Program::service();
    let large = program.leaf_of_share(0.25);
    let (base, mut new) = World::default().runs(&program, &program.clone().slower(&large, 5.0), 11);
    let options = Options {
        waivers: vec![Waiver {
            what: large,
            reason: "known".into(),
            until: 1,
        }],
        ..Options::default()
    };
    let total_alone = Options {
        fail_on: vec![FailOn::Total],
        ..options.clone()
    };
    for options in [&options, &total_alone] {
        let accepted = compare(&base, &new, options).expect("comparable");
        assert_eq!(accepted.outcome, Outcome::Pass, "{:?}", options.fail_on);
        let mut notices = accepted.notices.iter();
        assert!(notices.all(|notice| !notice.text.contains("not needed")));
    }
    for run in &mut new {
        let more = base[0].cpu_ns * 16 / 100;
        run.cpu_ns += more;
        run.kernel_ns += more;
    }
    let comparison = compare(&base, &new, &options).expect("comparable");
    assert_eq!(comparison.outcome, Outcome::Regression);
    let total = comparison.causes.iter().find(|cause| cause.row.is_none());
    assert!(total.is_some_and(|total| total.fails));
}

#[test]
fn where_nothing_is_to_fail_nothing_fails() {
    let world = World {
        runs: 1,
        ..World::default()
    };
    let (base, new) = runs(&world);
    let options = Options {
        fail_on: Vec::new(),
        on_inconclusive: OnInconclusive::Fail,
        ..Options::default()
    };
    let comparison = compare(&base, &new, &options).expect("comparable");
    assert_eq!(comparison.outcome, Outcome::Pass);
    // No change would have to fail, so none could have been missed.
    assert_eq!((comparison.gated, comparison.blind), (false, false));
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
}

#[test]
fn what_is_of_nothing_is_told() {
    let options = Options {
        waivers: vec![Waiver {
            what: "nosuch".into(),
            reason: "x".into(),
            until: 20_000,
        }],
        renames: vec![
            ("leaf5".into(), "leaf5".into()),
            ("nosuch".into(), "leaf4".into()),
        ],
        today: 20_000,
        ..Options::default()
    };
    let comparison = compared(&options).expect("comparable");
    let told = |text: &str| {
        let notices = comparison.notices.iter();
        notices.filter(|notice| notice.text.contains(text)).count()
    };
    assert_eq!(told("the waiver of nosuch"), 1, "{:?}", comparison.notices);
    assert_eq!(told("nothing is called nosuch in the base"), 1);
    assert_eq!(told("--rename"), 1);
}

#[test]
fn what_was_said_of_work_goes_before_what_was_counted() {
    let (mut base, mut new) = runs(&World::default());
    let counted = base[0].work[0].clone();
    for run in base.iter_mut().chain(&mut new) {
        run.work.push(Work {
            name: counted.name.clone(),
            source: WorkSource::Given,
            units: 100,
        });
    }
    let comparison = compare(&base, &new, &Options::default()).expect("comparable");
    assert_eq!(comparison.new.units, 100 * new.len() as u64);
    let told = comparison.notices.iter();
    let mut told = told.filter(|notice| notice.text.contains("the program counted"));
    assert!(told.next().is_some(), "{:?}", comparison.notices);
}
