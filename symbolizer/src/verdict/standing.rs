//! Whether a runtime is blocked where the process itself could not tell: a thread of it runs that may work in a worker's place.
//!
//! After `block_in_place` another thread of the pool does, and its counts do not grow while it is in one poll; a closure on such a thread leaves the same
//! signs. Their stacks differ: a worker's poll of a task runs inside of the runtime's poll of the worker itself, and a closure's in no other.

use crate::view::Frames;
use hotpoll_profile::{Runtime, Sample, Snapshot};
use std::collections::HashSet;

/// Fewer samples say nothing of what a thread does.
const SAMPLES: u64 = 3;
/// What the runtime polls anything by: called through a pointer, and so never inlined.
const POLL: &str = "tokio::runtime::task::raw::poll";
const SCHEDULER: &str = "tokio::runtime::scheduler::";

/// Says of runtimes in doubt that they are blocked, where samples show that none of the threads works in a worker's place.
pub fn settle_runtimes(frames: &Frames<'_>, snapshot: &mut Snapshot) {
    for runtime in &mut snapshot.tasks.runtimes {
        if !runtime.blocked && !runtime.in_doubt.is_empty() {
            runtime.blocked = all_run_closures(frames, runtime);
        }
    }
}

fn all_run_closures(frames: &Frames<'_>, runtime: &Runtime) -> bool {
    let profile = frames.profile();
    (runtime.in_doubt.iter()).all(|tid| {
        // An ID may have been another thread's before.
        let threads: HashSet<u32> = (0..)
            .zip(&profile.threads)
            .filter(|(_, thread)| thread.tid == *tid)
            .map(|(place, _)| place)
            .collect();
        let samples = (profile.samples.iter()).filter(|sample| threads.contains(&sample.thread));
        let of_closures = samples.clone().filter(|sample| {
            sample.state.is_on_cpu()
                && sample.truncation == 0
                && polls(frames, sample) == (1, false)
        });
        let is_workers = |sample: &Sample| polls(frames, sample).0 > 1 || polls(frames, sample).1;
        of_closures.map(|sample| sample.count).sum::<u64>() >= SAMPLES
            && !samples.clone().any(is_workers)
    })
}

/// How many polls of the runtime's a sample is in, and whether it is in the scheduler.
fn polls(frames: &Frames<'_>, sample: &Sample) -> (usize, bool) {
    let names = (sample.stack.iter())
        .flat_map(|&location| frames.at(location))
        .map(|at| frames.get(at.frame).name.as_str());
    let polls = names.clone().filter(|name| name.starts_with(POLL)).count();
    (polls, names.clone().any(|name| name.contains(SCHEDULER)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture::profile;
    use hotpoll_profile::Tasks;

    const CLOSURE: &str =
        "tokio::runtime::blocking::pool::Inner::run;tokio::runtime::task::raw::poll;shop::index";
    const WORKER: &str = "tokio::runtime::blocking::pool::Inner::run;tokio::runtime::task::raw::poll;tokio::runtime::scheduler::multi_thread::worker::run;tokio::runtime::task::raw::poll;shop::handle";

    #[track_caller]
    fn check(rows: &[(&str, &str, u64)], expected: bool) {
        let profile = profile(rows);
        let runtime = Runtime {
            in_doubt: profile.threads.iter().map(|thread| thread.tid).collect(),
            ..Runtime::default()
        };
        let mut snapshot = Snapshot {
            tasks: Tasks {
                runtimes: vec![runtime],
                ..Tasks::default()
            },
            ..Snapshot::default()
        };
        settle_runtimes(&Frames::new(&profile), &mut snapshot);
        assert_eq!(snapshot.tasks.runtimes[0].blocked, expected, "{rows:?}");
    }

    #[test]
    fn a_closure_that_computes_is_no_worker() {
        check(&[("pool", CLOSURE, 20)], true);
        check(&[("pool-1", CLOSURE, 20), ("pool-2", CLOSURE, 5)], true);
    }

    #[test]
    fn where_it_may_be_one_nothing_is_said() {
        check(&[("pool", WORKER, 20)], false);
        check(&[("pool", CLOSURE, 20), ("pool", WORKER, 1)], false);
        check(&[("pool-1", CLOSURE, 20), ("pool-2", WORKER, 20)], false);
        // Too few, and stacks that do not say how they began.
        check(&[("pool", CLOSURE, 2)], false);
        check(&[("pool", "shop::index", 20)], false);
    }
}
