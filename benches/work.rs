//! What does counting a unit of work take?
//!
//! ```text
//! cargo bench -p hotpoll --bench work -- [--quick] [--json FILE]
//! ```
//! One name, and eight in turns, from one thread; and one name from as many threads as there are processors. The loop alone is subtracted.

mod support;

use std::hint::black_box;
use std::time::Instant;
use support::{Arguments, Figures, median};

const NAMES: [&str; 8] = [
    "a", "bb", "ccc", "dddd", "eeeee", "ffffff", "ggggggg", "hhhhhhhh",
];

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let (rounds, calls) = if arguments.quick {
        (5, 200_000)
    } else {
        (31, 2_000_000)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut figures = Figures::default();
    let mut cases: [(&str, Vec<f64>); 3] = [
        ("work_one_name", Vec::new()),
        ("work_eight_names", Vec::new()),
        ("work_all_processors", Vec::new()),
    ];
    for _ in 0..rounds {
        let alone = each(calls, |at| {
            black_box(NAMES[at % 8]);
        });
        let one = each(calls, |at| {
            black_box(NAMES[at % 8]);
            hotpoll::work(NAMES[0], 1);
        });
        let eight = each(calls, |at| hotpoll::work(black_box(NAMES[at % 8]), 1));
        let all = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        each(calls, |at| {
                            black_box(NAMES[at % 8]);
                            hotpoll::work(NAMES[0], 1);
                        })
                    })
                })
                .collect();
            let took = running.into_iter().filter_map(|thread| thread.join().ok());
            took.fold(0.0, f64::max)
        });
        for ((_, figures), took) in cases.iter_mut().zip([one, eight, all]) {
            figures.push(took - alone);
        }
    }
    for (name, mut took) in cases {
        figures.push(name, median(&mut took), "ns");
    }
    figures.write(&arguments)
}

/// Nanoseconds a call.
fn each(calls: usize, mut call: impl FnMut(usize)) -> f64 {
    let began = Instant::now();
    for at in 0..calls {
        call(at);
    }
    began.elapsed().as_nanos() as f64 / calls as f64
}
