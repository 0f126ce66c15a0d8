//! Are threads found as they come, without listing those that are there? Threads that lived a second were found after up to a tenth of it, and
//! that much of their CPU time was unsampled; what they used after the last scan was on nobody's account. No test here scans after the start.

mod truth;

use hotpoll_profile::Engine;
use hotpoll_sampler::ThreadInfo;
use std::sync::Barrier;
use std::sync::mpsc;
use truth::alone;
use truth::burner::{burn_10, iterations_per_us};
use truth::clock::thread_cpu_ns;
use truth::common::{Harness, at_hz};

/// The thread as the sampler knows it.
fn known(harness: &Harness, tid: u32) -> Option<ThreadInfo> {
    let mut threads = harness.sampler.threads();
    let (_, info) = threads.find(|(_, info)| info.tid == tid && !info.exited)?;
    Some(info.clone())
}

/// Looks twice, as a thread has its number a moment before it can be found. Whether that needed no scan: with a counter of task numbers that
/// begins anew just then it does.
fn look(harness: &mut Harness) -> bool {
    let first = harness.sampler.look_for_newcomers();
    !harness.sampler.look_for_newcomers() && !first
}

/// Runs `inside` while a thread waits that has come just now.
fn with_newcomer(inside: impl FnOnce(u32)) {
    let (gate, (sender, tid)) = (Barrier::new(2), mpsc::channel());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            sender.send(hotpoll_sampler::current_tid()).unwrap();
            gate.wait();
        });
        inside(tid.recv().unwrap());
        gate.wait();
    });
}

#[test]
fn a_newcomer_is_found_by_a_look() {
    let _alone = alone();
    let mut harness = Harness::start(at_hz(99));
    let found = (0..3).any(|_| {
        let mut found = false;
        with_newcomer(|tid| {
            assert_eq!(known(&harness, tid), None);
            found = look(&mut harness);
            let engine = known(&harness, tid).map(|info| info.engine);
            assert!(!found || engine == Some(Engine::Ctimer), "{engine:?}");
        });
        found
    });
    assert!(found, "each time only a scan could have found it");
}

#[test]
fn a_newcomer_is_found_though_another_has_ended() {
    let _alone = alone();
    let mut harness = Harness::start(at_hz(99));
    let found = (0..3).any(|_| {
        with_newcomer(|_| {
            look(&mut harness);
        });
        // As many threads as before, as far as the sampler knows.
        let mut found = false;
        with_newcomer(|tid| {
            found = look(&mut harness);
            assert!(!found || known(&harness, tid).is_some());
        });
        found
    });
    assert!(found, "each time only a scan could have found it");
}

#[test]
fn a_newcomers_clock_is_followed_to_its_end() {
    let _alone = alone();
    let per_us = iterations_per_us();
    let mut harness = Harness::start(at_hz(99));
    let gates: [Barrier; 3] = std::array::from_fn(|_| Barrier::new(2));
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            sender.send((hotpoll_sampler::current_tid(), 0)).unwrap();
            gates[0].wait();
            burn_10(30_000 * per_us);
            sender.send((0, thread_cpu_ns())).unwrap();
            gates[1].wait();
            gates[2].wait();
        });
        let (tid, _) = receiver.recv().unwrap();
        if !look(&mut harness) {
            harness.sampler.scan_threads();
        }
        let threads: Vec<_> = harness.sampler.threads().collect();
        let key = threads.iter().find(|(_, info)| info.tid == tid).unwrap().0;
        gates[0].wait();
        gates[1].wait();
        let (_, said_ns) = receiver.recv().unwrap();
        harness.sampler.look_for_newcomers();
        gates[2].wait();
        // It ends here. The slice closes on a thread that has no clock any more.
        while std::fs::metadata(format!("/proc/self/task/{tid}")).is_ok() {
            std::thread::yield_now();
        }
        harness.close_slice();
        let accounts = harness.accounts[&key];
        assert!(accounts.cpu_ns >= said_ns, "{said_ns}: {accounts:?}");
    });
}
