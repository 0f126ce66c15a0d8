//! Whatever can be decoded can be compared, or is refused: nothing panics, and no verdict is made of no number.

mod simulation;

use hotpoll_compare::{
    Budget, Comparison, FlameNode, Key, NoiseModel, Options, Run, Stack, Verdict, compare,
};
use hotpoll_profile::pprof::{Limits, decode_with};
use hotpoll_profile::{Exact, Histogram, PollTotals, WaitTotals, Work};
use simulation::Numbers;

fn check(comparison: &Comparison) {
    for row in &comparison.rows {
        let effect = row.total;
        if effect.p.is_nan() || effect.interval.low.is_nan() {
            assert!(
                !matches!(effect.verdict, Verdict::Regressed | Verdict::Improved),
                "{row:?}"
            );
        }
        assert!((0.0..=1.0).contains(&effect.q), "{row:?}");
    }
    for cause in &comparison.causes {
        let rows = cause.row.iter().chain(&cause.explains);
        for &row in rows {
            assert!((row as usize) < comparison.rows.len());
        }
    }
    assert!(nodes(&comparison.flame) > 0);
}

fn nodes(node: &FlameNode) -> usize {
    1 + node.children.iter().map(nodes).sum::<usize>()
}

fn options(numbers: &mut Numbers) -> Options {
    let mut options = Options::default();
    if numbers.uniform() < 0.3 {
        options.min_share = 0.0;
        options.min_samples = 0.0;
    }
    if numbers.uniform() < 0.3 {
        options.noise = Some(NoiseModel {
            variance: 1e-4,
            degrees: 20.0,
            total_variance: 1e-4,
            ..NoiseModel::default()
        });
    }
    if numbers.uniform() < 0.3 {
        options.budgets.push(Budget {
            function: "f1".into(),
            ns_per_unit: 1.0,
            unit: String::new(),
        });
    }
    options
}

/// Numbers as damaged files have them: none, small, and as large as can be.
fn any(numbers: &mut Numbers) -> u64 {
    match numbers.below(8) {
        0 => 0,
        1 => u64::MAX,
        2 => 1,
        3 => u64::from(u32::MAX),
        _ => numbers.below(5_000) as u64,
    }
}

fn any_run(numbers: &mut Numbers) -> Run {
    let keys = numbers.below(12);
    let stacks = numbers.below(20);
    let mut run = Run {
        name: "a".into(),
        samples: any(numbers).max(1),
        cpu_ns: any(numbers),
        kernel_ns: any(numbers),
        unseen_ns: any(numbers),
        interval_ns: 1_000_000,
        named: true,
        ..Run::default()
    };
    if numbers.uniform() < 0.5 {
        run.work.push(Work {
            name: "requests".into(),
            units: any(numbers),
            ..Work::default()
        });
    }
    for key in 0..keys {
        run.keys.push(Key {
            name: format!("f{key}"),
            ..Key::default()
        });
    }
    for _ in 0..stacks {
        let frames = (0..numbers.below(6)).map(|_| numbers.below(keys + 1) as u32);
        run.stacks.push(Stack {
            frames: frames.collect(),
            task: "t".repeat(numbers.below(2)),
            samples: any(numbers),
            cpu_ns: any(numbers),
        });
    }
    for _ in 0..numbers.below(4) {
        let rows = (0..numbers.below(6)).map(|_| {
            (
                numbers.below(stacks + 1) as u32,
                any(numbers).min(u64::from(u32::MAX)) as u32,
            )
        });
        run.slices.push(rows.collect());
    }
    let histogram = Histogram {
        counts: (0..numbers.below(200)).map(|_| any(numbers)).collect(),
    };
    run.exact = Some(Exact {
        polls: vec![PollTotals {
            polls: any(numbers),
            poll_ns: any(numbers),
            delay_ns: any(numbers),
            poll_time: histogram.clone(),
            wake_delay: histogram.clone(),
            ..PollTotals::default()
        }],
        waits: vec![WaitTotals {
            contended: any(numbers),
            wait_ns: any(numbers),
            wait: histogram,
            ..WaitTotals::default()
        }],
    });
    run
}

#[test]
fn runs_of_damaged_files() {
    let mut compared = 0;
    for seed in 0..2_000 {
        let mut numbers = Numbers::new(seed);
        let mut side = || {
            (0..1 + numbers.below(4))
                .map(|_| any_run(&mut numbers))
                .collect::<Vec<_>>()
        };
        let (base, new) = (side(), side());
        if let Ok(comparison) = compare(&base, &new, &options(&mut numbers)) {
            check(&comparison);
            compared += 1;
        }
    }
    assert!(compared > 250, "{compared}");
}

#[test]
fn mutated_files() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/pprof_decode");
    let limits = Limits {
        message_bytes: 1 << 20,
        profile_bytes: 64 << 20,
    };
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the seeds") {
        seeds.push(std::fs::read(entry.expect("an entry").path()).expect("read"));
    }
    assert!(seeds.len() >= 5);
    let mut compared = 0;
    for seed in 0..800 {
        let mut numbers = Numbers::new(seed);
        let options = options(&mut numbers);
        let mut runs = Vec::new();
        let usual = numbers.below(seeds.len());
        for _ in 0..2 + numbers.below(4) {
            // Now and then another tool's beside it.
            let of = match numbers.uniform() < 0.2 {
                true => numbers.below(seeds.len()),
                false => usual,
            };
            let mut file = seeds[of].clone();
            for _ in 0..numbers.below(4) {
                let at = numbers.below(file.len());
                file[at] = numbers.below(256) as u8;
            }
            if let Ok(profile) = decode_with(&file, &limits) {
                runs.push(Run::of(&profile, "a", &options));
            }
        }
        let new = runs.split_off(runs.len() / 2);
        if let Ok(comparison) = compare(&runs, &new, &options) {
            check(&comparison);
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}
