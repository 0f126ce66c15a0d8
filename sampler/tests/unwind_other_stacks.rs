//! Samples on a stack that is not the thread's own: its alternate signal stack, and one that the program has told of. One that nobody has told of gives the
//! leaf alone.
#![allow(unsafe_code)] // signal handlers and stacks

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::Truncation;
use hotpoll_sampler::module::Tracker;
use hotpoll_sampler::{EngineSetting, OnStack};
use std::time::Duration;
use support::{Harness, perf_permitted, shapes, thread_cpu, with_engine};

/// Callchains, each as the functions' first addresses, and how each ended.
type Chains = Vec<(Vec<u64>, Truncation)>;

/// The samples of a thread that does this over and over.
fn sampled(mut turn: impl FnMut() + Send) -> Chains {
    let mut harness = Harness::start(if perf_permitted() {
        with_engine(2_000, EngineSetting::Perf)
    } else {
        with_engine(250, EngineSetting::Ctimer)
    });
    harness.keep_callchains = true;
    let wanted = if perf_permitted() { 200 } else { 50 };
    let (tell, told) = std::sync::mpsc::channel();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let seen = std::thread::scope(|scope| {
        scope.spawn(move || {
            tell.send(support::tid()).unwrap();
            while stopped.try_recv().is_err() {
                turn();
            }
        });
        let tid = told.recv().unwrap();
        loop {
            std::thread::sleep(Duration::from_millis(20));
            harness.turn();
            let key = harness
                .sampler
                .threads()
                .find_map(|(key, info)| (info.tid == tid).then_some(key));
            let seen = key.and_then(|key| harness.seen.get(&key));
            if let Some(seen) = seen
                && seen.records >= wanted
            {
                stop.send(()).unwrap();
                break seen.callchains.clone();
            }
        }
    });
    harness.sampler.stop();
    let tables = Tracker::new().refresh().expect("the first list is new");
    let start = |address: u64| tables.function_start(address).unwrap_or(0);
    seen.into_iter()
        .map(|(callchain, end, _)| {
            let calls = callchain.iter().skip(1).map(|address| start(address - 1));
            let leaf = callchain.first().map(|leaf| start(*leaf));
            (leaf.into_iter().chain(calls).collect(), end)
        })
        .collect()
}

fn address(function: *const ()) -> u64 {
    function as u64
}

extern "C" fn in_handler(_: i32) {
    let until = thread_cpu() + Duration::from_millis(2);
    while thread_cpu() < until {
        std::hint::black_box(shapes::descend(10));
    }
}

#[inline(never)]
fn interrupted(depth: u32) {
    if depth == 0 {
        // SAFETY: no preconditions.
        unsafe { libc::raise(libc::SIGUSR1) };
    } else {
        interrupted(depth - 1);
    }
    std::hint::black_box(depth);
}

/// Gives the calling thread a large alternate stack, for good.
fn large_alternate_stack() {
    let memory = Box::leak(vec![0u8; 128 << 10].into_boxed_slice());
    let stack = libc::stack_t {
        ss_sp: memory.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: memory.len(),
    };
    // SAFETY: the memory is there for good.
    let result = unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

#[test]
fn a_handler_on_the_alternate_stack_leads_back_to_what_it_interrupted() {
    support::in_child(
        "a_handler_on_the_alternate_stack_leads_back_to_what_it_interrupted",
        || {
            support::install(libc::SIGUSR1, in_handler, libc::SA_ONSTACK);
            let mut first = true;
            let chains = sampled(|| {
                if std::mem::take(&mut first) {
                    large_alternate_stack();
                }
                interrupted(5);
            });
            let handler = address(in_handler as *const ());
            let below = address(interrupted as *const ());
            let mut seen = 0;
            for (chain, end) in chains.iter().filter(|(chain, _)| chain.contains(&handler)) {
                assert_eq!(*end, Truncation::Complete, "{chain:x?}");
                assert_eq!(
                    chain.iter().filter(|&&start| start == below).count(),
                    6,
                    "{chain:x?}"
                );
                seen += 1;
            }
            assert!(seen * 2 > chains.len(), "{seen} of {}", chains.len());
            assert!(
                (chains.iter()).all(|(_, end)| *end != Truncation::ForeignStack),
                "{chains:x?}"
            );
        },
    );
}

extern "C" fn on_a_coroutine() {
    let until = thread_cpu() + Duration::from_millis(2);
    while thread_cpu() < until {
        std::hint::black_box(shapes::descend(10));
    }
}

fn on_coroutine_stack(tell: bool) -> Chains {
    let mut stack = vec![0u64; 64 << 10];
    sampled(move || {
        let range = stack.as_ptr_range();
        // SAFETY: the stack is there until the end of the turn.
        let _on_stack = tell
            .then(|| unsafe { OnStack::enter(range.start.cast::<u8>()..range.end.cast::<u8>()) });
        shapes::on_another_stack(&mut stack, on_a_coroutine);
    })
}

#[test]
fn a_stack_that_the_program_tells_of_is_walked() {
    support::in_child("a_stack_that_the_program_tells_of_is_walked", || {
        let coroutine = address(on_a_coroutine as *const ());
        let chains = on_coroutine_stack(true);
        let walked = (chains.iter()).filter(|(chain, _)| chain.contains(&coroutine));
        assert!(walked.clone().count() * 2 > chains.len(), "{chains:x?}");
        let deep = walked.filter(|(chain, _)| chain.len() >= 11);
        assert!(deep.count() * 2 > chains.len(), "{chains:x?}");
    });
}

#[test]
fn a_stack_that_nobody_tells_of_gives_the_leaf() {
    support::in_child("a_stack_that_nobody_tells_of_gives_the_leaf", || {
        let chains = on_coroutine_stack(false);
        let foreign = (chains.iter()).filter(|(_, end)| *end == Truncation::ForeignStack);
        assert!(foreign.clone().count() * 2 > chains.len(), "{chains:x?}");
        assert!(foreign.clone().all(|(chain, _)| chain.len() == 1));
    });
}
