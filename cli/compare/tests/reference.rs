//! The same numbers as Python finds them: `reference/reference.py` is the method once more, written apart from this crate.
//!
//! What it found with scipy is checked in. Where there is a python3 it is run again, with scipy where that is installed and else with sums of its own, and has to
//! find the same; `HOTPOLL_UPDATE_REFERENCE=1` writes what it finds.
//! `runs.txt` was drawn once by the simulation (`HOTPOLL_UPDATE_RUNS=1` draws it again).

mod simulation;

use hotpoll_compare::special::{beta, binomial, gamma, student};
use hotpoll_compare::{Key, Options, Run, Stack, compare};
use hotpoll_profile::Work;
use simulation::{Kind, Program, World};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference")
        .join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Equal to so many parts of the larger.
fn close(one: f64, other: f64, within: f64) -> bool {
    (one - other).abs() <= within * one.abs().max(other.abs()) || one == other
}

fn numbers(words: &[&str]) -> Vec<f64> {
    words
        .iter()
        .map(|word| word.parse().expect("a number"))
        .collect()
}

#[test]
fn special_functions_are_scipys() {
    for line in read("special.txt").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let values = numbers(&words[1..]);
        let (expected, arguments) = values.split_last().expect("a value");
        let found = match (words[0], arguments) {
            ("ln_gamma", &[x]) => gamma::ln_gamma(x),
            ("digamma", &[x]) => gamma::digamma(x),
            ("trigamma", &[x]) => gamma::trigamma(x),
            ("inverse_trigamma", &[y]) => gamma::inverse_trigamma(y),
            ("beta", &[x, a, b]) => beta::regularized(x, a, b),
            ("beta_quantile", &[p, a, b]) => beta::quantile(p, a, b),
            ("t_tail", &[t, degrees]) => student::upper_tail(t, degrees),
            ("t_quantile", &[p, degrees]) => student::upper_quantile(p, degrees),
            ("binomial_low", &[events, all]) => binomial::interval(events, all, 0.025).0,
            ("binomial_high", &[events, all]) => binomial::interval(events, all, 0.025).1,
            (other, _) => panic!("{other}"),
        };
        let absolute = (found - expected).abs() < 1e-12;
        assert!(absolute || close(found, *expected, 1e-8), "{line}: {found}");
    }
}

#[test]
fn a_comparison_is_scipys() {
    update_runs();
    let (base, new) = runs(&read("runs.txt"));
    let comparison = compare(&base, &new, &Options::default()).expect("comparable");
    let mut rows = 0;
    for line in read("expected.txt").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let effect = if words[0] == "total" {
            comparison.total
        } else {
            rows += 1;
            let row = comparison.rows.iter().find(|row| row.name == words[0]);
            row.unwrap_or_else(|| panic!("no {}", words[0])).total
        };
        let mut found = vec![
            effect.ratio,
            effect.interval.low,
            effect.interval.high,
            effect.p,
            effect.q,
        ];
        if words[0] == "total" {
            found.extend(comparison.permutation_p);
        }
        let expected = numbers(&words[1..]);
        assert_eq!(found.len(), expected.len(), "{line}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!(close(*found, *expected, 1e-6), "{line}: {found}");
        }
    }
    assert_eq!(rows, comparison.rows.len());
    assert!(rows >= 20, "{rows}");
}

#[test]
fn python_still_finds_that() {
    let python = std::env::var("HOTPOLL_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = |argument: PathBuf| {
        Command::new(&python)
            .arg(path("reference.py"))
            .arg(argument)
            .output()
    };
    for (argument, name) in [
        (path("runs.txt"), "expected.txt"),
        ("--special".into(), "special.txt"),
    ] {
        let output = match script(argument) {
            Ok(output) if output.status.success() => output,
            Ok(output) => {
                panic!("{}", String::from_utf8_lossy(&output.stderr));
            }
            Err(error) => {
                eprintln!("not run again: {python}: {error}");
                return;
            }
        };
        let found = String::from_utf8(output.stdout).expect("text");
        if std::env::var_os("HOTPOLL_UPDATE_REFERENCE").is_some() {
            std::fs::write(path(name), &found).expect("written");
        }
        let checked_in = read(name);
        assert_eq!(found.lines().count(), checked_in.lines().count(), "{name}");
        for (found, expected) in found.lines().zip(checked_in.lines()) {
            let words = |line: &str| {
                line.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            for (found, expected) in words(found).iter().zip(&words(expected)) {
                let same = match (found.parse::<f64>(), expected.parse::<f64>()) {
                    (Ok(found), Ok(expected)) => close(found, expected, 1e-7),
                    _ => found == expected,
                };
                assert!(same, "{name}: {found} {expected}");
            }
        }
    }
}

/// Reads `run SIDE CPU_NS UNITS`, then `root;caller;leaf COUNT…`, a count for each slice.
fn runs(text: &str) -> (Vec<Run>, Vec<Run>) {
    let (mut base, mut new): (Vec<Run>, Vec<Run>) = (Vec::new(), Vec::new());
    let mut is_new = false;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0] == "run" {
            is_new = words[1] == "new";
            let side = if is_new { &mut new } else { &mut base };
            side.push(Run {
                name: format!("{}{}", words[1], side.len()),
                cpu_ns: words[2].parse().expect("CPU time"),
                work: vec![Work {
                    name: "requests".into(),
                    units: words[3].parse().expect("units"),
                    ..Work::default()
                }],
                named: true,
                ..Run::default()
            });
            continue;
        }
        let run = if is_new {
            new.last_mut()
        } else {
            base.last_mut()
        }
        .expect("a run");
        let mut frames = Vec::new();
        for name in words[0].split(';').rev() {
            let known = run.keys.iter().position(|key| key.name == name);
            frames.push(known.unwrap_or_else(|| {
                run.keys.push(Key {
                    name: name.to_owned(),
                    ..Key::default()
                });
                run.keys.len() - 1
            }) as u32);
        }
        let counts: Vec<u64> = words[1..]
            .iter()
            .map(|word| word.parse().expect("a count"))
            .collect();
        run.slices.resize(counts.len(), Vec::new());
        for (slice, &count) in run.slices.iter_mut().zip(&counts) {
            slice.push((run.stacks.len() as u32, count as u32));
        }
        let samples = counts.iter().sum();
        run.samples += samples;
        run.stacks.push(Stack {
            frames,
            samples,
            cpu_ns: samples * 1_000_000,
            ..Stack::default()
        });
    }
    (base, new)
}

fn update_runs() {
    if std::env::var_os("HOTPOLL_UPDATE_RUNS").is_none() {
        return;
    }
    let mut program = Program::service();
    program.stacks.truncate(30);
    let world = World {
        samples: 6_000.0,
        slices: 6,
        common: 0.03,
        own: 0.05,
        kind: Kind::Plain,
        ..World::default()
    };
    let leaf = program.leaf_of_share(0.06);
    let (base, new) = world.runs(&program, &program.clone().slower(&leaf, 1.3), 7);
    let mut text =
        "# run SIDE CPU_NS UNITS, then root;caller;leaf and its samples in each slice\n".to_owned();
    let sides = [("base", &base[..4]), ("new", &new[..])];
    for (side, run) in sides
        .iter()
        .flat_map(|(side, runs)| runs.iter().map(move |run| (side, run)))
    {
        let _ = writeln!(text, "run {side} {} {}", run.cpu_ns, run.work[0].units);
        for (at, stack) in run.stacks.iter().enumerate() {
            let frames = stack
                .frames
                .iter()
                .rev()
                .map(|&frame| &*run.keys[frame as usize].name);
            let frames: Vec<&str> = frames.collect();
            let counts = run.slices.iter().map(|slice| {
                let count = slice.iter().find(|(stack, _)| *stack == at as u32);
                count.map_or(0, |(_, count)| *count).to_string()
            });
            let counts: Vec<String> = counts.collect();
            let _ = writeln!(text, "{} {}", frames.join(";"), counts.join(" "));
        }
    }
    std::fs::write(path("runs.txt"), text).expect("written");
}
