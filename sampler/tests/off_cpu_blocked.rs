//! Every kind of blocked thread is seen whole from outside, and none of them notices.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "off_cpu_support/mod.rs"]
mod stage;
#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::{CaptureFailure, State, Truncation};
use hotpoll_sampler::{OffCpu, Settings, ThreadKey, testing};
use stage::{KINDS, Kind, SEMAPHORE, Stage};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What was seen of one kind.
#[derive(Debug, Default)]
struct Seen {
    /// Fresh looks at which it was blocked.
    captures: u64,
    /// Of them with a stack that has the kind's function in it, and its callers to the thread's start as another unwinder sees them.
    full: u64,
    states: BTreeMap<State, u64>,
    failures: BTreeMap<CaptureFailure, u64>,
    ends: BTreeMap<Truncation, u64>,
}

/// Captures that none of the threads may notice: some ten seconds.
const CAPTURES: u64 = 100_000;
/// Of each kind so many are waited for, for so long; on a crowded machine some are long in coming, and a few must do.
const LEAST: u64 = CAPTURES / 200;
const PATIENCE: Duration = Duration::from_secs(60);
const FEWEST: u64 = 10;

#[test]
fn blocked_threads_have_full_stacks_and_are_not_interrupted() {
    support::in_child(
        "blocked_threads_have_full_stacks_and_are_not_interrupted",
        || {
            let (mut sampler, mut modules) = hotpoll_sampler::start(Settings::default()).unwrap();
            modules.refresh();
            let stage = Stage::new();
            stage
                .blocked
                .store(KINDS.len() as u64 + 1, Ordering::Relaxed);
            let kinds: Vec<Kind> = KINDS.into_iter().chain([SEMAPHORE]).collect();
            std::thread::scope(|scope| {
                let _stop = support::SetAtEnd(&stage.stop);
                let (tell, told) = mpsc::channel();
                for (index, (name, block, release)) in kinds.iter().copied().enumerate() {
                    let (stage, tell) = (&stage, tell.clone());
                    let builder = std::thread::Builder::new().name(name.into());
                    let blocked = move || {
                        let known = (hotpoll_sampler::current_tid(), index, stage::callers());
                        tell.send(known).unwrap();
                        while !stage.stopped() {
                            block(stage);
                        }
                        stage.blocked.fetch_sub(1, Ordering::Relaxed);
                    };
                    builder.spawn_scoped(scope, blocked).unwrap();
                    if let Some(release) = release {
                        scope.spawn(move || release(stage));
                    }
                }
                let known = kinds.iter().map(|_| told.recv().unwrap());
                let known: BTreeMap<_, _> = known
                    .map(|(tid, index, callers)| (tid, (index, callers)))
                    .collect();
                sampler.scan_threads();
                let mut off_cpu = sampler.off_cpu();
                let threads: Threads = sampler
                    .threads()
                    .filter_map(|(key, info)| Some((key, known.get(&info.tid)?.clone())))
                    .collect();
                assert_eq!(threads.len(), kinds.len());
                let seen = watch(&mut off_cpu, &threads, &kinds);
                report_and_check(&kinds, &seen);
            });
            assert_eq!(stage.interrupted.load(Ordering::Relaxed), 0, "EINTR");
            sampler.stop();
        },
    );
}

/// The threads' kinds, and the callers of the function that blocks again and again.
type Threads = BTreeMap<ThreadKey, (usize, Vec<u64>)>;

fn watch(off_cpu: &mut OffCpu, threads: &Threads, kinds: &[Kind]) -> Vec<Seen> {
    let mut seen: Vec<Seen> = kinds.iter().map(|_| Seen::default()).collect();
    let mut total = 0;
    let begun = Instant::now();
    let has_enough = |seen: &[Seen]| seen.iter().all(|seen| seen.captures >= LEAST);
    while total < CAPTURES || (!has_enough(&seen) && begun.elapsed() < PATIENCE) {
        let mut found = Vec::new();
        off_cpu.look(u64::MAX, &mut |key, look| {
            let Some(&(index, ref callers)) = threads.get(&key) else {
                return;
            };
            // Of the mutexes' not those that wait for somebody to take it.
            if look.state == State::Sleep && kinds[index].0.ends_with("mutex") {
                return;
            }
            let seen = &mut seen[index];
            *seen.states.entry(look.state).or_default() += 1;
            if !look.fresh || !look.state.is_blocked() {
                return;
            }
            if let Some(failure) = look.failure {
                *seen.failures.entry(failure).or_default() += 1;
            }
            // One that went on while it was looked at counts, too, as not whole.
            total += 1;
            seen.captures += 1;
            *seen.ends.entry(look.truncation).or_default() += 1;
            if look.truncation == Truncation::Complete && look.callchain.ends_with(callers) {
                found.push((index, look.callchain.to_vec()));
            }
        });
        for (index, callchain) in found {
            let own = kinds[index].1 as *const () as u64;
            let starts = callchain
                .iter()
                .map(|address| testing::function_start(off_cpu, address - 1));
            seen[index].full += u64::from(starts.into_iter().any(|start| start == Some(own)));
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    seen
}

fn report_and_check(kinds: &[Kind], seen: &[Seen]) {
    let mut bad = Vec::new();
    for ((name, ..), seen) in kinds.iter().zip(seen) {
        let share = seen.full as f64 / seen.captures.max(1) as f64;
        println!("{name}: {share:.4} {seen:?}");
        if share < 0.95 || seen.captures < FEWEST {
            bad.push(*name);
        }
    }
    assert!(bad.is_empty(), "not seen whole: {bad:?}");
}

/// An early version took a later return address for a frame's own where the true one followed a call through a register, and skipped thirty
/// frames of a worker that was blocked in a poll.
#[test]
fn a_worker_blocked_in_a_poll_is_seen_whole() {
    support::in_child("a_worker_blocked_in_a_poll_is_seen_whole", || {
        let (mut sampler, mut modules) = hotpoll_sampler::start(Settings::default()).unwrap();
        modules.refresh();
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(4).build().unwrap();
        let mutex = std::sync::Arc::new(std::sync::Mutex::new(()));
        let held = mutex.lock().unwrap();
        let (tell, told) = mpsc::channel();
        for number in 0..4 {
            let (tell, mutex) = (tell.clone(), std::sync::Arc::clone(&mutex));
            let (keep, receiver) = mpsc::channel::<()>();
            std::mem::forget(keep);
            runtime.spawn(async move {
                let known = (hotpoll_sampler::current_tid(), stage::callers());
                tell.send(known).unwrap();
                match number {
                    0 => drop(mutex.lock()),
                    1 => std::thread::park(),
                    2 => std::thread::sleep(Duration::from_secs(100)),
                    _ => drop(receiver.recv_timeout(Duration::from_secs(100))),
                }
            });
        }
        let known: BTreeMap<u32, Vec<u64>> = (0..4).map(|_| told.recv().unwrap()).collect();
        sampler.scan_threads();
        let mut off_cpu = sampler.off_cpu();
        let tids: BTreeMap<ThreadKey, u32> = sampler
            .threads()
            .map(|(key, info)| (key, info.tid))
            .collect();
        let mut whole = 0;
        // They may not have come to rest at the first look.
        while whole < 4 {
            whole = 0;
            std::thread::sleep(Duration::from_millis(20));
            off_cpu.look(u64::MAX, &mut |key, look| {
                let Some(callers) = tids.get(&key).and_then(|tid| known.get(tid)) else {
                    return;
                };
                // One that is on its way to where it rests is no whole stack, and says so.
                if look.state.is_blocked() && look.failure != Some(CaptureFailure::Moved) {
                    assert_eq!(look.truncation, Truncation::Complete);
                    assert!(
                        callers.len() > 10 && look.callchain.ends_with(callers),
                        "{look:x?} {callers:x?}"
                    );
                    whole += 1;
                }
            });
        }
        drop(held);
        std::process::exit(0);
    });
}
