//! What does watching add to a poll? The same polls, in turns with bare tokio, as hotpoll's own bench has them (benches/polls.rs).

use crate::arguments::Arguments;
use crate::figures::{Figures, median};
use std::time::Duration;
use tokio::runtime::Runtime;

#[path = "../../support/polls.rs"]
mod shared;

pub use shared::Spawn;
use shared::{Bare, interval, ping_pong, runtime, self_wake, spawn_and_end, task_bytes};

/// Measures a subject, and writes the figures.
pub fn measure(name: &str, subject: &impl Spawn) -> std::io::Result<()> {
    measure_on(name, subject, &runtime(), &runtime())
}

/// The same for a subject that needs a runtime of its own, against bare tokio on one like it.
pub fn measure_on(
    name: &str,
    subject: &impl Spawn,
    bare_runtime: &Runtime,
    watched_runtime: &Runtime,
) -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let figures = added(&arguments, name, subject, bare_runtime, watched_runtime);
    figures.write(arguments.json.as_deref())
}

/// The same for a subject that can say of all tasks at once where they wait: how long that takes. `read` returns how many it found.
pub fn measure_and_read(
    name: &str,
    subject: &impl Spawn,
    read: impl Fn() -> usize,
) -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let mut figures = added(&arguments, name, subject, &runtime(), &runtime());
    // As hotpoll's own bench has it.
    let counts: &[usize] = match arguments.quick {
        true => &[1_000],
        false => &[10_000, 100_000],
    };
    for &count in counts {
        let runtime = runtime();
        {
            let _inside = runtime.enter();
            for _ in 0..count {
                subject.spawn(tokio::time::sleep(Duration::from_secs(1_000_000)));
            }
        }
        runtime.block_on(tokio::task::yield_now());
        let mut times: Vec<f64> = (0..9)
            .map(|_| {
                let begun = std::time::Instant::now();
                assert_eq!(read(), count);
                begun.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        figures.push(format!("snapshot_of_{count}"), median(&mut times), "ms");
    }
    figures.write(arguments.json.as_deref())
}

fn added(
    arguments: &Arguments,
    name: &str,
    subject: &impl Spawn,
    bare_runtime: &Runtime,
    watched_runtime: &Runtime,
) -> Figures {
    let (rounds, polls, ticks) = if arguments.quick {
        (3, 20_000, 20)
    } else {
        (21, 300_000, 250)
    };
    let mut figures = Figures::new("polls", name);
    let mut row = |name: &str, measure: &dyn Fn(bool) -> f64| {
        // The first of each warms up.
        measure(false);
        subject.around(|| measure(true));
        let (mut bare, mut added) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let without = measure(false);
            bare.push(without);
            added.push(subject.around(|| measure(true)) - without);
        }
        figures.push(format!("{name}_bare"), median(&mut bare), "ns");
        figures.push(format!("{name}_added"), median(&mut added), "ns");
    };
    row("self_wake", &|watched| match watched {
        true => self_wake(watched_runtime, subject, polls),
        false => self_wake(bare_runtime, &Bare, polls),
    });
    row("ping_pong", &|watched| match watched {
        true => ping_pong(watched_runtime, subject, polls),
        false => ping_pong(bare_runtime, &Bare, polls),
    });
    row("spawn", &|watched| match watched {
        true => spawn_and_end(watched_runtime, subject, polls / 3),
        false => spawn_and_end(bare_runtime, &Bare, polls / 3),
    });
    row("interval", &|watched| match watched {
        true => interval(watched_runtime, subject, ticks, process_cpu),
        false => interval(bare_runtime, &Bare, ticks, process_cpu),
    });
    let bare = task_bytes(bare_runtime, &Bare);
    figures.push("task_bytes_bare", bare, "bytes");
    let watched = subject.around(|| task_bytes(watched_runtime, subject));
    figures.push("task_bytes_added", watched - bare, "bytes");
    figures
}

/// The process's CPU clock.
fn process_cpu() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
