//! Refactors: the same work in other functions fails no gate.

mod simulation;

use hotpoll_compare::{Comparison, Options, Outcome, compare};
use simulation::{Numbers, Program, World, comparisons, each, rate};

/// A change of a program that changes no cost: base and new build.
type Refactor = fn(Program, &mut Numbers) -> (Program, Program);

/// A name, what is done, and whether something gets dearer by it that has to be recognised.
const KINDS: &[(&str, Refactor)] = &[
    ("split, called by it", |base, numbers| {
        let (leaf, part) = (large_leaf(&base, numbers), part(numbers));
        let new = base
            .clone()
            .split(&leaf, &format!("{leaf}_part"), part, false);
        (base, new)
    }),
    ("split, called beside it", |base, numbers| {
        let (leaf, part) = (large_leaf(&base, numbers), part(numbers));
        let new = base
            .clone()
            .split(&leaf, &format!("{leaf}_part"), part, true);
        (base, new)
    }),
    ("two made one", |base, numbers| {
        let (leaf, part) = (large_leaf(&base, numbers), part(numbers));
        let two = base
            .clone()
            .split(&leaf, &format!("{leaf}_part"), part, true);
        (two, base)
    }),
    ("renamed", |base, numbers| {
        let leaf = large_leaf(&base, numbers);
        let new = base.clone().renamed(&leaf, &format!("{leaf}_better"));
        (base, new)
    }),
    ("a handler renamed", |base, numbers| {
        let handler = format!("shop::handler{}::handle", numbers.below(6));
        let new = base
            .clone()
            .renamed(&handler, &format!("{handler}_request"));
        (base, new)
    }),
    ("moved to another module", |base, numbers| {
        let leaf = large_leaf(&base, numbers);
        let last = leaf.rsplit("::").next().unwrap_or("leaf");
        let new = base
            .clone()
            .renamed(&leaf, &format!("shop::elsewhere::{last}"));
        (base, new)
    }),
    ("moved to another crate", |base, numbers| {
        let leaf = large_leaf(&base, numbers);
        let last = leaf.rsplit("::").next().unwrap_or("leaf");
        let new = base
            .clone()
            .renamed(&leaf, &format!("shop_core::work::{last}"));
        (base, new)
    }),
    ("a module renamed", |base, numbers| {
        let module = format!("shop::work{}::", numbers.below(9));
        let new = base.clone().module_renamed(&module, "shop::labour::");
        (base, new)
    }),
    ("inlined, untold", |base, numbers| {
        let leaf = large_leaf(&base, numbers);
        let new = base.clone().inlined(&leaf);
        (base, new)
    }),
    ("not inlined any more", |base, numbers| {
        let leaf = large_leaf(&base, numbers);
        let inlined = base.clone().inlined(&leaf);
        (inlined, base)
    }),
    ("wrapped", |base, numbers| {
        let leaf = large_leaf(&base, numbers);
        let new = base.clone().wrapped(&leaf, "shop::wrapper::wrap");
        (base, new)
    }),
    (
        "from one function to another, of one caller",
        |base, numbers| {
            let (leaf, part) = (large_leaf(&base, numbers), part(numbers));
            let beside = base
                .clone()
                .split(&leaf, &format!("{leaf}_beside"), 0.5, true);
            let new = beside.clone().moved(&leaf, &format!("{leaf}_beside"), part);
            (beside, new)
        },
    ),
    (
        "from one helper to another, of one module",
        |base, numbers| {
            let base = base.helped();
            let new =
                base.clone()
                    .moved("json::write::escape", "json::write::number", part(numbers));
            (base, new)
        },
    ),
    (
        "from one helper to another, of one crate",
        |base, numbers| {
            let base = base.helped();
            let new = base
                .clone()
                .moved("json::write::escape", "json::read::skip", part(numbers));
            (base, new)
        },
    ),
    ("from one crate to another, in a task", |base, numbers| {
        let base = base.helped();
        let new = base
            .clone()
            .moved("codec::frame::pack", "wire::send", part(numbers));
        (base, new)
    }),
];

/// A leaf with a hundredth of the cost and more.
fn large_leaf(program: &Program, numbers: &mut Numbers) -> String {
    let leaves = program.names.iter();
    let leaves = leaves.filter(|name| name.contains("leaf") && program.share(name) >= 0.01);
    let leaves: Vec<&String> = leaves.collect();
    leaves[numbers.below(leaves.len())].clone()
}

fn part(numbers: &mut Numbers) -> f64 {
    0.2 + 0.6 * numbers.uniform()
}

fn failing(comparison: &Comparison) -> Vec<&str> {
    let causes = comparison.causes.iter().filter(|cause| cause.fails);
    let names = causes.map(|cause| match cause.row {
        Some(row) => &*comparison.rows[row as usize].name,
        None => "total",
    });
    names.collect()
}

/// Comparisons of each kind by default: nine of ten without a failure would be fifteen with one or more.
const USUAL: usize = 60;

#[test]
fn refactors_do_not_fail() {
    let comparisons = comparisons(USUAL, 500);
    let mut all = (0, 0);
    for (kind, (what, refactor)) in KINDS.iter().enumerate() {
        let found = each(comparisons, |seed| {
            let seed = seed * KINDS.len() as u64 + kind as u64;
            let mut numbers = Numbers::new(seed ^ 0x5eed);
            let (base, new) = refactor(Program::service(), &mut numbers);
            let (base, new) = World::default().runs(&base, &new, seed);
            let comparison = compare(&base, &new, &Options::default()).expect("comparable");
            let failed = comparison.outcome == Outcome::Regression;
            let moved = comparison.rows.iter().find_map(|row| row.moved.clone());
            let failing = failing(&comparison).join(", ");
            (failed, moved, failing)
        });
        let failed = found.iter().filter(|(failed, ..)| *failed).count();
        let told = found.iter().filter(|(_, moved, _)| moved.is_some()).count();
        println!(
            "{what}: fails {}; told as moved in {told}",
            rate(failed, comparisons)
        );
        for (_, _, names) in found.iter().filter(|(failed, ..)| *failed).take(2) {
            println!("    fails: {names}");
        }
        assert!(
            failed * 10 <= comparisons,
            "{what}: {failed} of {comparisons}"
        );
        all.0 += failed;
        all.1 += comparisons;
    }
    println!("refactors that fail: {}", rate(all.0, all.1));
    assert!(all.0 * 20 <= all.1);
}

/// A large function that a new one was put around costs what it did, a little more or less by chance.
#[test]
fn a_wrapper_is_no_regression() {
    let comparisons = comparisons(40, 500);
    let failed = simulation::count(comparisons, |seed| {
        let base = Program::service();
        let new = base
            .clone()
            .wrapped("shop::work1::leaf1", "shop::wrapper::wrap");
        let (base, new) = World::default().runs(&base, &new, seed);
        let comparison = compare(&base, &new, &Options::default()).expect("comparable");
        comparison.outcome == Outcome::Regression
    });
    println!(
        "a large function wrapped fails: {}",
        rate(failed, comparisons)
    );
    assert!(failed * 50 <= comparisons, "{failed} of {comparisons}");
}

/// What it costs to be wrapped is seen: the callers got dearer by it.
#[test]
fn a_dear_wrapper_fails() {
    let comparisons = comparisons(40, 500);
    let found = simulation::count(comparisons, |seed| {
        let base = Program::service();
        let wrapper = "shop::wrapper::wrap";
        let new = base.clone().wrapped("shop::work1::leaf1", wrapper);
        let new = new.called(wrapper, "shop::wrapper::check", 6.0);
        let (base, new) = World::default().runs(&base, &new, seed);
        let comparison = compare(&base, &new, &Options::default()).expect("comparable");
        comparison.outcome == Outcome::Regression
    });
    println!("a wrapper of 6 % found: {}", rate(found, comparisons));
    assert!(found * 100 >= comparisons * 95, "{found} of {comparisons}");
}

/// What is within a module is not lost sight of: a helper that gets dearer fails, though its module has others that did not.
#[test]
fn a_dearer_helper_is_no_move() {
    let comparisons = comparisons(USUAL, 500);
    let found = simulation::count(comparisons, |seed| {
        let base = Program::service().helped();
        let new = base.clone().slower("json::write::escape", 1.4);
        let (base, new) = World::default().runs(&base, &new, seed);
        let comparison = compare(&base, &new, &Options::default()).expect("comparable");
        failing(&comparison).contains(&"json::write::escape")
    });
    println!("+40 % of a helper found: {}", rate(found, comparisons));
    assert!(found * 100 >= comparisons * 95);
}
