//! Control that leaves the handler other than by its end: a thread that is cancelled in it, and a jump out of it. The agent and the next samples go on.
#![allow(unsafe_code)] // it loads C code

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_sampler::{EngineSetting, Settings};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use support::{Agent, Expiry, Harness, library, perf_permitted, with_engine};

/// `cancel_crowd` makes threads that can be cancelled at any instruction, deep in a recursion, lets them run for a while and cancels them.
///
/// `jump_out` calls back, with a function armed that faults when the handler asks it for the task; the fault's handler jumps to before the call.
const SOURCE: &str = r"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

static unsigned long deeper(unsigned depth) {
    volatile unsigned long local = depth;
    if (depth) return deeper(depth - 1) + local;
    for (;;) local = local * 6364136223846793005ul + 1;
}
static void *run(void *unused) {
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0);
    deeper(400);
    return unused;
}
int cancel_crowd(unsigned threads, unsigned pause_us) {
    pthread_t crowd[64];
    int cancelled = 0;
    for (unsigned i = 0; i < threads && i < 64; i++)
        if (pthread_create(&crowd[i], 0, run, 0)) return -1;
    usleep(pause_us);
    for (unsigned i = 0; i < threads && i < 64; i++) {
        void *result = 0;
        pthread_cancel(crowd[i]);
        pthread_join(crowd[i], &result);
        cancelled += result == PTHREAD_CANCELED;
    }
    return cancelled;
}

static sigjmp_buf place;
static volatile int armed, jumps;
static void on_fault(int signal) { siglongjmp(place, signal); }
unsigned long task_that_faults(void) {
    if (armed) { armed = 0; __builtin_trap(); }
    return 7;
}
int jump_out(void (*back)(void *), void *argument) {
    signal(SIGILL, on_fault);
    armed = 1;
    if (sigsetjmp(place, 1) == 0) back(argument);
    else jumps++;
    return jumps;
}
";

fn compiled() -> Option<PathBuf> {
    let folder = std::env::temp_dir().join(format!("hotpoll-jumps-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    library::compile(&folder, "jumps", SOURCE)
}

fn fast() -> Settings {
    if perf_permitted() {
        with_engine(10_000, EngineSetting::Perf)
    } else {
        with_engine(250, EngineSetting::Ctimer)
    }
}

/// One of them was cancelled in the middle of the handler now and then, which ended the process.
#[test]
fn threads_are_cancelled_after_the_handler() {
    support::in_child("threads_are_cancelled_after_the_handler", || {
        let Some(library) = compiled() else { return };
        // SAFETY: it is the function's type.
        let cancel_crowd: extern "C-unwind" fn(u32, u32) -> i32 =
            unsafe { library::function(&library, c"cancel_crowd") };
        let agent = Agent::start(fast());
        let long = std::env::var_os("HOTPOLL_TEST_LONG").is_some();
        let mut rounds = if long { 100 } else { 6 };
        while rounds > 0 {
            assert_eq!(cancel_crowd(16, 60_000), 16);
            rounds -= 1;
            // Where the processor is crowded, or the clock ticks slowly, more of them are needed.
            if rounds == 0 && agent.watched.all_records() <= 300 {
                rounds = 1;
            }
        }
        // Whoever replaces tables or gives slots back waits for none of them.
        agent.watched.wait_for_a_look();
        let harness = agent.finish();
        let records: u64 = harness.seen.values().map(|seen| seen.records).sum();
        println!("{records} records of cancelled threads");
        assert!(records > 300);
        std::fs::remove_dir_all(library.parent().unwrap()).unwrap();
    });
}

unsafe extern "C-unwind" fn send(expiry: *mut libc::c_void) {
    // SAFETY: it is the expiry that `jump_out` was given.
    unsafe { (*expiry.cast::<Expiry>()).send() };
}

/// A fault in the handler, whose handler jumps away: the handler never ends. The next one counts on, and tables can be replaced.
#[test]
fn a_jump_out_of_the_handler_is_over_at_the_next_sample() {
    support::in_child(
        "a_jump_out_of_the_handler_is_over_at_the_next_sample",
        || {
            let Some(library) = compiled() else { return };
            type Back = unsafe extern "C-unwind" fn(*mut libc::c_void);
            // SAFETY: they are the functions' types.
            let (jump_out, task) = unsafe {
                let jump_out: extern "C-unwind" fn(Back, *mut libc::c_void) -> i32 =
                    library::function(&library, c"jump_out");
                let task: hotpoll_sampler::TaskId =
                    library::function(&library, c"task_that_faults");
                (jump_out, task)
            };
            hotpoll_sampler::register_task_id(task);
            hotpoll_sampler::announce_runtime_thread();
            let mut harness = Harness::start(with_engine(1, EngineSetting::Ctimer));
            harness.sampler.look_for_newcomers();
            let me = support::tid();
            let mut expiry = Expiry::of(&harness.sampler, me);
            let argument = (&raw mut expiry).cast();
            let replace = |harness: &mut Harness| {
                let begun = Instant::now();
                while !harness.modules.refresh() {
                    support::shapes::load_and_unload_a_library();
                    // SAFETY: another library of the system's, which stays.
                    unsafe { libc::dlopen(c"libresolv.so.2".as_ptr(), libc::RTLD_NOW) };
                    assert!(begun.elapsed() < Duration::from_secs(60));
                }
                harness.modules.leaked_tables()
            };
            for jumps in 1..=3 {
                assert_eq!(jump_out(send, argument), jumps);
                // The number is even again after this one.
                expiry.send();
            }
            assert_eq!(replace(&mut harness), 0, "nobody is in the handler");
            harness.drain();
            let key = harness
                .sampler
                .threads()
                .find_map(|(key, info)| (info.tid == me).then_some(key));
            let seen = harness.seen[&key.unwrap()].records;
            assert!(seen >= 3, "{seen} records");
            // After the last jump nobody can tell that it is over: the old tables stay, and nobody waits for ever.
            assert_eq!(jump_out(send, argument), 4);
            // SAFETY: it is closed once more than it was opened here.
            unsafe {
                let library = libc::dlopen(c"libnss_files.so.2".as_ptr(), libc::RTLD_NOW);
                assert!(harness.modules.refresh());
                libc::dlclose(library);
            }
            assert_eq!(harness.modules.leaked_tables(), 1);
            harness.sampler.stop();
            std::fs::remove_dir_all(library.parent().unwrap()).unwrap();
        },
    );
}
