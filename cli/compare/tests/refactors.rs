//! Refactors: the same work in other functions fails no gate.

mod simulation;

use hotpoll_compare::{Comparison, Options, Outcome, compare};
use simulation::{Numbers, Program, World, rate, thinned};

/// One refactor of the service, chosen by the seed, and what it is called.
fn refactored(base: &Program, numbers: &mut Numbers) -> (&'static str, Program) {
    let program = base.clone();
    let leaf = format!("shop::work{}::leaf{}", 0, 0);
    let leaves: Vec<String> = program
        .names
        .iter()
        .filter(|name| name.contains("leaf"))
        .cloned()
        .collect();
    let _ = leaf;
    let large: Vec<&String> = leaves
        .iter()
        .filter(|name| program.share(name) >= 0.01)
        .collect();
    let leaf = large[numbers.below(large.len())].clone();
    let handler = format!("shop::handler{}::handle", numbers.below(6));
    let part = 0.2 + 0.6 * numbers.uniform();
    match numbers.below(8) {
        0 => (
            "split, called by it",
            program.split(&leaf, &format!("{leaf}_part"), part, false),
        ),
        1 => (
            "split, called beside it",
            program.split(&leaf, &format!("{leaf}_part"), part, true),
        ),
        2 => ("renamed", program.renamed(&leaf, &format!("{leaf}_better"))),
        3 => {
            let last = leaf.rsplit("::").next().unwrap_or("leaf");
            (
                "moved to another module",
                program.renamed(&leaf, &format!("shop::elsewhere::{last}")),
            )
        }
        4 => ("inlined, untold", program.inlined(&leaf)),
        5 => ("wrapped", program.wrapped(&leaf, "shop::wrapper::wrap")),
        6 => (
            "a handler renamed",
            program.renamed(&handler, &format!("{handler}_request")),
        ),
        _ => ("not inlined any more", base.clone()),
    }
}

fn failing(comparison: &Comparison) -> Vec<&str> {
    let causes = comparison.causes.iter().filter(|cause| cause.fails);
    causes
        .map(|cause| {
            cause
                .row
                .map_or("total", |row| &comparison.rows[row as usize].name)
        })
        .collect()
}

#[test]
fn refactors_do_not_fail() {
    let program = Program::service();
    let comparisons = thinned(2_000);
    let mut failed: Vec<&str> = Vec::new();
    let mut shown = 0;
    let mut all = std::collections::BTreeMap::<&str, (usize, usize)>::new();
    for seed in 0..comparisons as u64 {
        let mut numbers = Numbers::new(seed ^ 0x5eed);
        let (what, new) = refactored(&program, &mut numbers);
        let (base, new) = match what {
            "not inlined any more" => (refactored_inline(&program, &mut numbers), program.clone()),
            _ => (program.clone(), new),
        };
        let (base, new) = World::default().runs(&base, &new, seed);
        let comparison = compare(&base, &new, &Options::default()).expect("comparable");
        let count = all.entry(what).or_default();
        count.1 += 1;
        if comparison.outcome == Outcome::Regression {
            count.0 += 1;
            failed.push(what);
            if shown < 12 {
                shown += 1;
                println!("{what}: {:?}", failing(&comparison));
            }
        }
    }
    for (what, (failed, all)) in all {
        println!("{what}: {}", rate(failed, all));
    }
    println!("refactors that fail: {}", rate(failed.len(), comparisons));
    assert!(failed.len() * 10 <= comparisons);
}

fn refactored_inline(program: &Program, numbers: &mut Numbers) -> Program {
    let leaves: Vec<String> = program
        .names
        .iter()
        .filter(|name| name.contains("leaf") && program.share(name) >= 0.01)
        .cloned()
        .collect();
    let leaf = leaves[numbers.below(leaves.len())].clone();
    program.clone().inlined(&leaf)
}
