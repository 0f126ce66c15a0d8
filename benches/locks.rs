//! What does a lock cost that tells who holds it?
//!
//! ```text
//! cargo bench -p hotpoll-hooks --features parking_lot,tokio --bench locks -- [--quick] [--json FILE] [ROW]
//! ```
//! With a part of a row's name only rows that have it are measured.
//! One acquisition and release, with nobody else there (target: 1.2 times bare parking_lot, then 1.1), and with 2 and 8 threads that do little else.
//! Each round measures all of them in turns; a ratio is the median of the rounds' own ratios. `off` is before sampling starts. Then locks that live
//! short, and what a snapshot takes.

#[path = "support/locks.rs"]
mod locks;
mod support;

use hotpoll_hooks::sync;
use locks::{Lock, alone, contended};
use std::hint::black_box;
use std::time::{Duration, Instant};
use support::{Arguments, Figures, median};

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let mut figures = Figures::default();
    questions(&arguments, &mut figures, "off");
    let (sampler, mut modules) =
        hotpoll_sampler::start(hotpoll_sampler::Settings::default()).expect("sampling starts");
    modules.refresh();
    sync::begin();
    questions(&arguments, &mut figures, "on");
    if std::env::args()
        .nth(1)
        .is_none_or(|row| row.starts_with("--"))
    {
        short_lived(&arguments, &mut figures);
    }
    drop(sampler);
    figures.write(&arguments)
}

/// A subject and how to take it: the house's, and what it is compared with.
struct Pair<'a> {
    name: &'a str,
    bare: &'a dyn Fn(&Ask) -> f64,
    ours: &'a dyn Fn(&Ask) -> f64,
}

enum Ask {
    Alone(u32),
    Contended(usize, Duration),
}

fn ask(lock: &impl Lock, ask: &Ask) -> f64 {
    match ask {
        Ask::Alone(times) => alone(lock, *times),
        Ask::Contended(threads, time) => contended(lock, *threads, *time),
    }
}

fn questions(arguments: &Arguments, figures: &mut Figures, what: &str) {
    let (rounds, times, time) = match arguments.quick {
        true => (3, 100_000, Duration::from_millis(10)),
        false => (31, 2_000_000, Duration::from_millis(100)),
    };
    let only = std::env::args().nth(1).filter(|row| !row.starts_with("--"));
    let (bare, ours) = (
        parking_lot::Mutex::new(0u64),
        sync::Mutex::new(0u64).named("mutex"),
    );
    let (bare_rw, ours_rw) = (
        parking_lot::RwLock::new(0u64),
        sync::RwLock::new(0u64).named("rwlock"),
    );
    let pairs = [
        Pair {
            name: "mutex",
            bare: &|asked| ask(&|| *bare.lock() += 1, asked),
            ours: &|asked| ask(&|| *ours.lock() += 1, asked),
        },
        Pair {
            name: "read",
            bare: &|asked| {
                ask(
                    &|| {
                        black_box(*bare_rw.read());
                    },
                    asked,
                )
            },
            ours: &|asked| {
                ask(
                    &|| {
                        black_box(*ours_rw.read());
                    },
                    asked,
                )
            },
        },
        Pair {
            name: "write",
            bare: &|asked| ask(&|| *bare_rw.write() += 1, asked),
            ours: &|asked| ask(&|| *ours_rw.write() += 1, asked),
        },
    ];
    for pair in &pairs {
        let mut row = |question: &str, asked: &Ask, rounds: usize| {
            let name = format!("{}_{question}_{what}", pair.name);
            if !only.as_ref().is_none_or(|only| name.contains(only)) {
                return;
            }
            // The first of each warms up.
            (pair.bare)(asked);
            (pair.ours)(asked);
            let (mut bare, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..rounds {
                let (one, other) = ((pair.bare)(asked), (pair.ours)(asked));
                bare.push(one);
                ours.push(other);
                ratios.push(other / one);
            }
            figures.push(format!("{name}_bare"), median(&mut bare), "ns");
            figures.push(name.clone(), median(&mut ours), "ns");
            figures.push(format!("{name}_ratio"), median(&mut ratios), "times");
            if question != "alone" {
                let lock = if pair.name == "mutex" {
                    "mutex"
                } else {
                    "rwlock"
                };
                shares(figures, &name, lock);
            }
        };
        row("alone", &Ask::Alone(times), rounds);
        if what == "on" {
            row("by_2", &Ask::Contended(2, time), rounds / 3 + 1);
            row("by_8", &Ask::Contended(8, time), rounds / 3 + 1);
        }
    }
    if what == "off" && only.is_none() {
        others(figures, times, time, rounds);
    }
}

/// Of all acquisitions so far, how many waited and how many of the holds were timed: what a contended one costs comes from there.
fn shares(figures: &mut Figures, name: &str, lock: &str) {
    let seen = sync::snapshot(&mut |_| Vec::new(), sync::Limits::default());
    let Some(lock) = seen.resources.iter().find(|each| each.name == lock) else {
        return;
    };
    for (side, uses) in [("", &lock.exclusive), ("_shared", &lock.shared)] {
        if uses.contended > 0 {
            let share = |count: u64| 100.0 * count as f64 / uses.acquired as f64;
            figures.push(format!("{name}{side}_waited"), share(uses.contended), "%");
            let timed = share(uses.holds_timed);
            figures.push(format!("{name}{side}_holds_timed"), timed, "%");
        }
    }
}

/// What one might use instead, for the same table.
fn others(figures: &mut Figures, times: u32, time: Duration, rounds: usize) {
    let standard = std::sync::Mutex::new(0u64);
    let lock = || *standard.lock().unwrap() += 1;
    let mut row = |name: &str, asked: &Ask, measure: &dyn Fn(&Ask) -> f64| {
        let mut values: Vec<f64> = (0..rounds / 3 + 1).map(|_| measure(asked)).collect();
        figures.push(name, median(&mut values), "ns");
    };
    row("std_mutex_alone", &Ask::Alone(times), &|asked| {
        ask(&lock, asked)
    });
    row("std_mutex_by_2", &Ask::Contended(2, time), &|asked| {
        ask(&lock, asked)
    });
    row("std_mutex_by_8", &Ask::Contended(8, time), &|asked| {
        ask(&lock, asked)
    });
    #[cfg(feature = "tokio")]
    {
        let asynchronous = tokio::sync::Mutex::new(0u64);
        let lock = || *asynchronous.blocking_lock() += 1;
        row("tokio_mutex_alone", &Ask::Alone(times / 4), &|asked| {
            ask(&lock, asked)
        });
        row("tokio_mutex_by_2", &Ask::Contended(2, time), &|asked| {
            ask(&lock, asked)
        });
        row("tokio_mutex_by_8", &Ask::Contended(8, time), &|asked| {
            ask(&lock, asked)
        });
    }
}

/// Locks that are made, taken once and dropped; and what looking at many takes.
fn short_lived(arguments: &Arguments, figures: &mut Figures) {
    let (rounds, count) = match arguments.quick {
        true => (3, 10_000u32),
        false => (9, 1_000_000u32),
    };
    let mut row = |name: &str, run: &dyn Fn()| {
        let mut values: Vec<f64> = (0..rounds)
            .map(|_| {
                let begun = Instant::now();
                (0..count).for_each(|_| run());
                begun.elapsed().as_secs_f64() * 1e9 / f64::from(count)
            })
            .collect();
        figures.push(name, median(&mut values), "ns");
    };
    row("made_and_dropped_mutex_bare", &|| {
        *black_box(Box::new(parking_lot::Mutex::new(0))).lock() += 1;
    });
    row("made_and_dropped_mutex", &|| {
        *black_box(Box::new(sync::Mutex::new(0))).lock() += 1;
    });
    row("made_and_dropped_read_bare", &|| {
        black_box(*black_box(Box::new(parking_lot::RwLock::new(0))).read());
    });
    row("made_and_dropped_read", &|| {
        black_box(*black_box(Box::new(sync::RwLock::new(0))).read());
    });
    let locks: Vec<_> = (0..4000).map(|_| sync::RwLock::new(0)).collect();
    locks.iter().for_each(|lock| drop(lock.read()));
    let mut times: Vec<f64> = (0..9)
        .map(|_| {
            let begun = Instant::now();
            black_box(sync::snapshot(&mut |_| Vec::new(), sync::Limits::default()));
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    figures.push("snapshot_of_4000", median(&mut times), "ms");
}
