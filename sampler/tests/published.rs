//! The words that a thread publishes are in its samples, from the first on; and a thread can walk its own stack.
//!
//! One test, as sampling is one in a process; each part's threads are its own.
#![allow(unsafe_code)] // walk_here, fork and the loader

#[path = "common/mod.rs"]
mod common;

use common::{Harness, at_hz, burn_until};
use hotpoll_profile::Truncation;
use hotpoll_sampler::{Published, Words, published};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Seen = Arc<Mutex<BTreeMap<u32, Vec<(Words, Truncation, usize)>>>>;

fn watched(harness: &mut Harness) -> Seen {
    let seen = Seen::default();
    let sink = Arc::clone(&seen);
    harness.on_record = Some(Box::new(move |thread, record| {
        sink.lock().unwrap().entry(thread).or_default().push((
            record.words,
            record.truncation,
            record.callchain.len(),
        ));
    }));
    seen
}

/// Turns the harness until the thread of this name has given so many samples.
fn collect(
    harness: &mut Harness,
    seen: &Seen,
    name: &str,
    samples: usize,
) -> Vec<(Words, Truncation, usize)> {
    let begun = Instant::now();
    loop {
        harness.turn();
        // Names that threads give themselves are read with the accounts.
        harness.close_slice();
        let key = harness
            .sampler
            .threads()
            .find(|(_, info)| info.name == name)
            .map(|(key, _)| key);
        let found = key.and_then(|key| seen.lock().unwrap().get(&key).cloned());
        if let Some(found) = found.filter(|found| found.len() >= samples) {
            return found;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{name} gives no samples"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn publish(task: u64, kind: u64) {
    let words = published().expect("a living thread has words");
    words.kind.store(kind, Relaxed);
    words.task.store(task, Relaxed);
    words.lock.store(task + 1, Relaxed);
    words.holds.store(task + 2, Relaxed);
    words
        .poll_start
        .store(hotpoll_sampler::clock::now(), Relaxed);
}

/// A thread that publishes, says so, and burns until the flag is set.
fn worker(name: &str, task: u64, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let stop = Arc::clone(stop);
    let (tell, told) = std::sync::mpsc::channel();
    let handle = std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            publish(task, 7);
            tell.send(()).unwrap();
            burn_until(&stop);
        })
        .unwrap();
    told.recv().unwrap();
    handle
}

#[test]
fn published_words_and_own_walks() {
    words_are_in_every_sample_from_the_first();
    words_follow_the_thread_over_stop_and_start();
    others_say_what_a_sleeper_holds();
    an_ended_threads_words_are_nobody_elses();
    a_walk_ends_at_the_frame_it_was_told();
    walks_live_through_new_tables_and_samples();
    a_handler_while_words_are_taken_keeps_nobody_waiting();
    a_walk_that_does_not_end_keeps_its_tables();
    a_forked_child_has_no_words_of_its_parents();
}

fn words_are_in_every_sample_from_the_first() {
    let mut harness = Harness::start(at_hz(1000));
    let seen = watched(&mut harness);
    let stop = Arc::new(AtomicBool::new(false));
    // Published before the scan attaches it.
    let early = worker("early", 11, &stop);
    let samples = collect(&mut harness, &seen, "early", 20);
    assert!(
        samples
            .iter()
            .all(|(words, ..)| (words.task, words.kind) == (11, 7))
    );
    assert!(samples.iter().all(|(words, ..)| words.poll_start != 0));
    assert!(
        samples
            .iter()
            .all(|(words, ..)| (words.lock, words.holds) == (12, 13))
    );
    // Published long after: its samples change from one to the next, and say nothing wrong in between.
    let go = Arc::new(AtomicBool::new(false));
    let late = {
        let (go, stop) = (Arc::clone(&go), Arc::clone(&stop));
        std::thread::Builder::new()
            .name("late".into())
            .spawn(move || {
                burn_until(&go);
                publish(22, 8);
                burn_until(&stop);
            })
            .unwrap()
    };
    let before = collect(&mut harness, &seen, "late", 10);
    assert!(before.iter().all(|(words, ..)| *words == Words::default()));
    go.store(true, Relaxed);
    let samples = collect(&mut harness, &seen, "late", before.len() + 40);
    let change = samples
        .iter()
        .position(|(words, ..)| words.task == 22)
        .expect("the late words are never seen");
    assert!(
        samples[change..]
            .iter()
            .all(|(words, ..)| (words.task, words.kind) == (22, 8))
    );
    stop.store(true, Relaxed);
    early.join().unwrap();
    late.join().unwrap();
}

fn words_follow_the_thread_over_stop_and_start() {
    let stop = Arc::new(AtomicBool::new(false));
    let thread = worker("stays", 33, &stop);
    for _ in 0..3 {
        let mut harness = Harness::start(at_hz(1000));
        let seen = watched(&mut harness);
        let samples = collect(&mut harness, &seen, "stays", 5);
        assert!(
            samples
                .iter()
                .all(|(words, ..)| (words.task, words.kind) == (33, 7))
        );
    }
    stop.store(true, Relaxed);
    thread.join().unwrap();
}

/// Who comes to wait for what a sleeper holds writes that into the sleeper's words: its stack stays the one that was taken before, and still
/// the looks say so.
fn others_say_what_a_sleeper_holds() {
    let mut harness = Harness::start(at_hz(99));
    let mut off_cpu = harness.sampler.off_cpu();
    let (tell, told) = std::sync::mpsc::channel();
    let (wake, woken) = std::sync::mpsc::channel::<()>();
    let sleeper = std::thread::spawn(move || {
        tell.send((
            published().expect("a living thread has words"),
            // SAFETY: asks for a number alone.
            unsafe { libc::gettid() }.cast_unsigned(),
        ))
        .unwrap();
        let _ = woken.recv();
    });
    let (words, tid) = told.recv().unwrap();
    let mut looks = 0;
    // Long after the first look is enough to believe that it sleeps on.
    let mut look = |harness: &mut Harness, wanted: &mut dyn FnMut(u64, u64, bool) -> bool| {
        let begun = Instant::now();
        let mut found = false;
        while !found {
            harness.turn();
            off_cpu.look(u64::MAX, &mut |_, look| {
                if look.tid == tid && look.state.is_blocked() {
                    found |= wanted(look.words.holds, look.number, look.fresh);
                }
            });
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "nobody sees the sleeper"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    let mut before = 0;
    look(&mut harness, &mut |holds, number, fresh| {
        assert_eq!(holds, 0);
        looks += u32::from(!fresh);
        before = number;
        looks > 20
    });
    for resource in [5, 0] {
        words.holds.store(resource, Relaxed);
        look(&mut harness, &mut |holds, number, _| {
            let seen = holds == resource;
            assert_eq!(seen, number > before, "another number for other words");
            before = number;
            seen
        });
    }
    drop(wake);
    sleeper.join().unwrap();
}

fn an_ended_threads_words_are_nobody_elses() {
    let mut harness = Harness::start(at_hz(1000));
    let seen = watched(&mut harness);
    for round in 0..8u64 {
        let stop = Arc::new(AtomicBool::new(false));
        let name = format!("gone-{round}");
        let thread = worker(&name, 100 + round, &stop);
        let samples = collect(&mut harness, &seen, &name, 3);
        assert!(samples.iter().all(|(words, ..)| words.task == 100 + round));
        stop.store(true, Relaxed);
        thread.join().unwrap();
        // It gets the slot of the thread that has ended, and publishes nothing.
        let stop = Arc::new(AtomicBool::new(false));
        let name = format!("next-{round}");
        let quiet = {
            let stop = Arc::clone(&stop);
            std::thread::Builder::new()
                .name(name.clone())
                .spawn(move || burn_until(&stop))
                .unwrap()
        };
        let samples = collect(&mut harness, &seen, &name, 3);
        assert!(samples.iter().all(|(words, ..)| *words == Words::default()));
        stop.store(true, Relaxed);
        quiet.join().unwrap();
    }
}

/// Calls itself so often, then walks up to the mark.
#[inline(never)]
fn deep(left: usize, mark: usize, into: &mut [u64]) -> (usize, Truncation) {
    let result = if left == 0 {
        let words = published().unwrap();
        // SAFETY: they are this thread's words, and the mark is a local of a caller.
        let walk = unsafe { words.walk_here(mark, into) };
        (walk.frames, walk.end)
    } else {
        deep(left - 1, mark, into)
    };
    // Not a tail call.
    std::hint::black_box(result)
}

#[inline(never)]
fn marked(left: usize, into: &mut [u64]) -> (usize, Truncation) {
    let mark = 0u64;
    let result = deep(left, &raw const mark as usize, into);
    std::hint::black_box(&mark);
    result
}

fn a_walk_ends_at_the_frame_it_was_told() {
    let _harness = Harness::start(at_hz(1));
    let mut into = [0; 64];
    for calls in [0, 1, 5, 20] {
        let (frames, end) = marked(calls, &mut into);
        assert_eq!(end, Truncation::StackRead);
        // The deep ones, and the marked one.
        assert_eq!(frames, calls + 2);
        let recursive = &into[1..calls + 1];
        assert!(recursive.windows(2).all(|pair| pair[0] == pair[1]));
    }
    assert_eq!(marked(30, &mut into[..8]), (8, Truncation::Depth));
}

fn walks_live_through_new_tables_and_samples() {
    let mut harness = Harness::start(at_hz(5000));
    let seen = watched(&mut harness);
    let stop = Arc::new(AtomicBool::new(false));
    let walks = Arc::new(AtomicU64::new(0));
    let thread = {
        let (stop, walks) = (Arc::clone(&stop), Arc::clone(&walks));
        std::thread::Builder::new()
            .name("walks".into())
            .spawn(move || {
                let mut into = [0; 64];
                while !stop.load(Relaxed) {
                    assert_eq!(marked(20, &mut into), (22, Truncation::StackRead));
                    walks.fetch_add(1, Relaxed);
                }
            })
            .unwrap()
    };
    let mut replaced = 0;
    let begun = Instant::now();
    let in_hotpoll = loop {
        // SAFETY: a library of the system's, opened and closed.
        unsafe {
            let library = libc::dlopen(c"libnss_files.so.2".as_ptr(), libc::RTLD_NOW);
            replaced += u32::from(harness.modules.refresh());
            if !library.is_null() {
                libc::dlclose(library);
            }
        }
        replaced += u32::from(harness.modules.refresh());
        harness.turn();
        let samples = seen.lock().unwrap();
        let in_hotpoll = samples
            .values()
            .flatten()
            .filter(|(_, end, _)| *end == Truncation::InHotpoll)
            .cloned()
            .collect::<Vec<_>>();
        if replaced > 50 && in_hotpoll.len() > 5 && walks.load(Relaxed) > 10_000 {
            break in_hotpoll;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{replaced} new tables, {} samples in hotpoll",
            in_hotpoll.len()
        );
    };
    assert!(in_hotpoll.iter().all(|(_, _, frames)| *frames == 1));
    stop.store(true, Relaxed);
    thread.join().unwrap();
}

static HELD: AtomicU64 = AtomicU64::new(0);
static LEFT: AtomicU64 = AtomicU64::new(0);
static RELEASED: AtomicBool = AtomicBool::new(false);

extern "C" fn hold(_: libc::c_int) {
    HELD.fetch_add(1, Relaxed);
    while !RELEASED.load(Relaxed) {
        std::hint::spin_loop();
    }
    LEFT.fetch_add(1, Relaxed);
}

/// A handler of the program's that does not return interrupts a thread that asks for its words, at any moment of that: nobody waits for it. (It held the lock of
/// what threads have told; another thread's words, and new tables, waited for ever. Seen once, on a crowded machine.)
fn a_handler_while_words_are_taken_keeps_nobody_waiting() {
    let _harness = Harness::start(at_hz(1));
    // SAFETY: the handler touches atomics only.
    unsafe { libc::signal(libc::SIGUSR1, hold as *const () as usize) };
    for _ in 0..200 {
        let (held, left) = (HELD.load(Relaxed), LEFT.load(Relaxed));
        RELEASED.store(false, Relaxed);
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            // SAFETY: asks for this thread's own number.
            tell.send(unsafe { libc::pthread_self() }).unwrap();
            published().is_some()
        });
        let asker = told.recv().unwrap();
        // SAFETY: nobody has joined the thread, so its number is still its own.
        let sent = unsafe { libc::pthread_kill(asker, libc::SIGUSR1) };
        while sent == 0 && HELD.load(Relaxed) == held && !thread.is_finished() {
            std::thread::yield_now();
        }
        let other = std::thread::spawn(|| published().is_some());
        assert!(other.join().unwrap());
        RELEASED.store(true, Relaxed);
        assert!(thread.join().unwrap());
        while LEFT.load(Relaxed) - left < HELD.load(Relaxed) - held {
            std::thread::yield_now();
        }
    }
}

/// A signal handler that does not return holds its thread in the middle of a walk: new tables are published all the same, and the old ones stay.
fn a_walk_that_does_not_end_keeps_its_tables() {
    let mut harness = Harness::start(at_hz(1));
    // SAFETY: the handler touches atomics only.
    unsafe { libc::signal(libc::SIGUSR1, hold as *const () as usize) };
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, told) = std::sync::mpsc::channel();
    let thread = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            // SAFETY: asks for this thread's own number.
            tell.send(unsafe { libc::pthread_self() }).unwrap();
            let mut into = [0; 64];
            while !stop.load(Relaxed) {
                assert_eq!(marked(20, &mut into), (22, Truncation::StackRead));
            }
        })
    };
    let walker = told.recv().unwrap();
    let replace = |harness: &mut Harness| {
        // SAFETY: a library of the system's, opened and closed.
        unsafe {
            let library = libc::dlopen(c"libnss_files.so.2".as_ptr(), libc::RTLD_NOW);
            assert!(!library.is_null());
            assert!(harness.modules.refresh());
            libc::dlclose(library);
        }
        assert!(harness.modules.refresh());
    };
    let before = harness.modules.leaked_tables();
    // Sooner or later it is held in a walk, where it spends most of its time.
    let before_all = HELD.load(Relaxed);
    assert_eq!(LEFT.load(Relaxed), before_all);
    for held in before_all + 1..=before_all + 100 {
        RELEASED.store(false, Relaxed);
        // SAFETY: the thread lives until it is told to stop.
        unsafe { libc::pthread_kill(walker, libc::SIGUSR1) };
        while HELD.load(Relaxed) < held {
            std::thread::yield_now();
        }
        replace(&mut harness);
        RELEASED.store(true, Relaxed);
        while LEFT.load(Relaxed) < held {
            std::thread::yield_now();
        }
        if harness.modules.leaked_tables() > before {
            break;
        }
    }
    assert_eq!(harness.modules.leaked_tables(), before + 2);
    // The walk goes on in the old tables, and the next ones are waited for again.
    stop.store(true, Relaxed);
    thread.join().unwrap();
    replace(&mut harness);
    assert_eq!(harness.modules.leaked_tables(), before + 2);
}

/// In a forked child: the thread's words of before are no good for a walk, because whoever replaces the tables there does not wait for it.
fn walks_by_own_words_only(parents: &'static Published) {
    let _harness = Harness::start(at_hz(1));
    let mut into = [0; 64];
    let mark = 0u64;
    let mark = &raw const mark as usize;
    // SAFETY: they were this thread's words before the fork, and the mark is a local.
    let walk = unsafe { parents.walk_here(mark, &mut into) };
    assert_eq!((walk.frames, walk.end), (0, Truncation::ForeignStack));
    let own = published().unwrap();
    let tid = hotpoll_sampler::current_tid();
    assert!(!std::ptr::eq(own, parents));
    assert!(std::ptr::eq(
        own,
        hotpoll_sampler::published_by(tid).unwrap()
    ));
    assert_eq!(own.tid(), tid);
    assert_eq!(marked(5, &mut into), (7, Truncation::StackRead));
}

fn a_forked_child_has_no_words_of_its_parents() {
    let _harness = Harness::start(at_hz(100));
    publish(55, 7);
    let tid = hotpoll_sampler::current_tid();
    let parents = published().unwrap();
    assert!(hotpoll_sampler::published_by(tid).is_some());
    // SAFETY: the child makes a few look-ups and ends without running anything of the parent's.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let parents_known = hotpoll_sampler::published_by(tid).is_some();
        let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
            walks_by_own_words_only(parents);
        }));
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(parents_known) + 2 * i32::from(result.is_err())) };
    }
    let mut status = -1;
    // SAFETY: waits for that child.
    unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(status, 0);
    assert_eq!(published().unwrap().task.load(Relaxed), 55);
}
