//! The guest's manners with children: in a forked one nothing runs until it starts itself, the parent goes on undisturbed, and storms of fork, vfork
//! and posix_spawn lose nobody.
#![allow(unsafe_code)] // fork and its kin

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_sampler::{EngineSetting, Settings, in_forked_child, start_number};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Agent, Harness, burn_until, engines, forked, in_child};

/// Burns that much CPU time on the calling thread.
fn burn(time: Duration) {
    let until = support::thread_cpu() + time;
    while support::thread_cpu() < until {
        std::hint::black_box(support::shapes::descend(20));
    }
}

/// The timers of this process, by the kernel's own list.
fn timers() -> usize {
    std::fs::read_to_string("/proc/self/timers").map_or(0, |text| {
        text.lines().filter(|line| line.starts_with("ID:")).count()
    })
}

#[test]
fn nothing_runs_in_a_forked_child() {
    in_child("nothing_runs_in_a_forked_child", || {
        for settings in engines() {
            let agent = Agent::start(settings);
            assert!(!in_forked_child());
            let status = forked(|| {
                assert!(in_forked_child());
                assert_eq!(start_number(), 0);
                assert_eq!(timers(), 0);
                // Longer than any interval; a signal of the parent's timers would be recorded in its copy of the slots.
                burn(Duration::from_millis(100));
                support::signal_thread(support::tid(), libc::SIGPROF);
                // The runtime's hooks may run here too: what the parent's threads held at the fork does not matter.
                hotpoll_sampler::announce_runtime_thread();
                hotpoll_sampler::retire_runtime_thread();
            });
            assert!(status.success(), "{status}");
            agent.finish();
        }
    });
}

/// Starts in a forked child, burns, and checks that it was sampled with whole callchains.
fn sample_in_child(settings: Settings) {
    let mut harness = Harness::start(settings);
    harness.keep_callchains = true;
    assert!(!in_forked_child());
    for _ in 0..200 {
        burn(Duration::from_millis(20));
        harness.turn();
        let records: u64 = harness.seen.values().map(|seen| seen.records).sum();
        if records >= 20 {
            break;
        }
    }
    harness.close_slice();
    harness.sampler.stop();
    let me = support::tid();
    let (key, _) = harness
        .info
        .iter()
        .find(|(_, info)| info.tid == me)
        .unwrap();
    let seen = &harness.seen[key];
    assert!(seen.records >= 20, "{}", seen.records);
    let whole = seen
        .callchains
        .iter()
        .filter(|(callchain, end, _)| {
            *end == hotpoll_profile::Truncation::Complete && callchain.len() > 3
        })
        .count() as u64;
    assert!(
        whole * 10 >= seen.records * 9,
        "{whole} of {} are whole: {:?}",
        seen.records,
        harness.accounts[key].truncated
    );
}

#[test]
fn a_forked_child_may_start_and_the_parent_goes_on() {
    in_child("a_forked_child_may_start_and_the_parent_goes_on", || {
        for settings in engines() {
            let stop = AtomicBool::new(false);
            let mut harness = Harness::start(settings.clone());
            std::thread::scope(|scope| {
                let _stop = support::SetAtEnd(&stop);
                scope.spawn(|| burn_until(&stop));
                harness.run_for(Duration::from_millis(100), Duration::from_millis(50));
                let status = forked(|| {
                    // The parent's sampler does nothing here, before the child's start and after it. Once it disabled the parent's perf
                    // events through the descriptors that both share, and deleted timers of the child that had the parent's numbers.
                    let mut records = 0;
                    harness.sampler.scan_threads();
                    harness.sampler.drain(&mut |_, _| records += 1);
                    assert_eq!((records, timers()), (0, 0));
                    let (mut own, _) = hotpoll_sampler::start(settings.clone()).unwrap();
                    own.scan_threads();
                    let armed = timers();
                    assert!(armed > 0 || !support::timers_are_listed());
                    drop(harness);
                    assert_eq!(timers(), armed);
                    own.stop();
                    assert_eq!(timers(), 0);
                    sample_in_child(settings.clone());
                });
                assert!(status.success(), "{status}");
                stop.store(true, Ordering::Relaxed);
            });
        }
    });
}

#[test]
fn the_parents_events_outlive_the_childs_copies() {
    in_child("the_parents_events_outlive_the_childs_copies", || {
        for settings in engines() {
            let stop = AtomicBool::new(false);
            let agent = Agent::start(settings.clone());
            let worker = AtomicU64::new(0);
            std::thread::scope(|scope| {
                let _stop = support::SetAtEnd(&stop);
                scope.spawn(|| {
                    worker.store(support::tid().into(), Ordering::Release);
                    burn_until(&stop)
                });
                while worker.load(Ordering::Acquire) == 0 {
                    std::thread::yield_now();
                }
                let tid = worker.load(Ordering::Acquire) as u32;
                agent.watched.wait_for_records(tid, 10);
                for _ in 0..3 {
                    let settings = settings.clone();
                    let status = forked(move || sample_in_child(settings));
                    assert!(status.success(), "{status}");
                    let records = agent.watched.records_of(tid);
                    agent.watched.wait_for_records(tid, records + 10);
                }
                stop.store(true, Ordering::Relaxed);
            });
            agent.finish();
        }
    });
}

/// Children of every kind, as fast as they come, while all threads are sampled.
fn storm(settings: Settings, time: Duration) -> [u64; 4] {
    let agent = Agent::start(settings);
    let watched = std::sync::Arc::clone(&agent.watched);
    let stop = AtomicBool::new(false);
    let counts = [const { AtomicU64::new(0) }; 4];
    std::thread::scope(|scope| {
        let _stop = support::SetAtEnd(&stop);
        let stop = &stop;
        scope.spawn(|| burn_until(stop));
        let [fork, vfork, spawn, command] = &counts;
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let status = forked(|| {
                    std::hint::black_box(support::shapes::descend(10));
                });
                assert!(status.success(), "fork: {status}");
                fork.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                // SAFETY: the child only leaves, which is what a child of vfork may do.
                let child = unsafe {
                    let child = vfork_and_leave();
                    support::wait(child)
                };
                assert!(child.success(), "vfork: {child}");
                vfork.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let mut child = 0;
                let arguments = [c"true".as_ptr().cast_mut(), std::ptr::null_mut()];
                // SAFETY: all strings and arrays live through the call.
                let result = unsafe {
                    libc::posix_spawn(
                        &mut child,
                        c"/bin/true".as_ptr(),
                        std::ptr::null(),
                        std::ptr::null(),
                        arguments.as_ptr(),
                        std::ptr::null(),
                    )
                };
                assert_eq!(result, 0);
                let status = support::wait(child);
                assert!(status.success(), "posix_spawn: {status}");
                spawn.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let status = Command::new("/bin/true").status().unwrap();
                assert!(status.success(), "Command: {status}");
                command.fetch_add(1, Ordering::Relaxed);
            }
        });
        let begun = Instant::now();
        while begun.elapsed() < time
            || counts
                .iter()
                .any(|count| count.load(Ordering::Relaxed) < 20)
        {
            std::thread::sleep(Duration::from_millis(10));
        }
        watched.wait_for_any_records(50);
        stop.store(true, Ordering::Relaxed);
    });
    agent.finish();
    counts.map(AtomicU64::into_inner)
}

/// A child of vfork that leaves at once. Returns its number.
///
/// # Safety
/// The child has no other effect than to end.
unsafe fn vfork_and_leave() -> libc::pid_t {
    let child: i64;
    // SAFETY: parent and child share the stack, but the child makes one more system call and is gone, without touching memory.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor edi, edi",
            "mov eax, {exit}",
            "syscall",
            "2:",
            exit = const libc::SYS_exit_group,
            inlateout("rax") libc::SYS_vfork => child,
            out("rcx") _,
            out("r11") _,
            out("rdi") _,
        );
    }
    child as libc::pid_t
}

#[test]
fn storms_of_children_all_live() {
    in_child("storms_of_children_all_live", || {
        for settings in engines() {
            let engine = settings.engine;
            let counts = storm(settings, Duration::from_secs(1));
            println!("{engine:?}: fork, vfork, posix_spawn, Command: {counts:?}");
        }
    });
}

#[test]
fn a_runtime_in_a_child_does_not_wait_for_the_parents_locks() {
    in_child(
        "a_runtime_in_a_child_does_not_wait_for_the_parents_locks",
        || {
            let mut settings = Settings::default();
            settings.engine = EngineSetting::Ctimer;
            let agent = Agent::start(settings);
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let _stop = support::SetAtEnd(&stop);
                // Somebody holds the lock at most forks.
                for _ in 0..2 {
                    scope.spawn(|| {
                        while !stop.load(Ordering::Relaxed) {
                            hotpoll_sampler::announce_runtime_thread();
                            hotpoll_sampler::retire_runtime_thread();
                        }
                    });
                }
                for _ in 0..50 {
                    let status = forked(|| {
                        // A child that waits for ever is ended, and shows as killed.
                        // SAFETY: no preconditions.
                        unsafe { libc::alarm(60) };
                        hotpoll_sampler::announce_runtime_thread();
                        hotpoll_sampler::retire_runtime_thread();
                    });
                    assert!(status.success(), "{status}");
                }
                stop.store(true, Ordering::Relaxed);
            });
            agent.finish();
        },
    );
}

/// In a fork made at any moment of the very first start a child can start too: what the start makes once was half made by a thread that is not there.
/// A child that waits for it for ever is ended, and shows as killed.
#[test]
fn a_fork_during_the_first_start_leaves_a_child_that_can_start() {
    in_child(
        "a_fork_during_the_first_start_leaves_a_child_that_can_start",
        || {
            for step in 0..80 {
                // A process that has never started, for each moment.
                support::alone(|| fork_during_start(Duration::from_micros(20 * step)));
            }
        },
    );
}

/// Forks so long after another thread has begun to start.
fn fork_during_start(delay: Duration) {
    let starting = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            starting.store(true, Ordering::Release);
            let (mut sampler, _) = hotpoll_sampler::start(Settings::default()).unwrap();
            sampler.stop();
        });
        while !starting.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        let begun = Instant::now();
        while begun.elapsed() < delay {
            std::hint::spin_loop();
        }
        let status = forked(|| {
            // SAFETY: no preconditions.
            unsafe { libc::alarm(60) };
            let (mut sampler, _) = hotpoll_sampler::start(Settings::default()).unwrap();
            sampler.stop();
        });
        assert!(
            status.success(),
            "{delay:?} after the start began: {status}"
        );
    });
}

/// glibc leaves the lock of `dl_iterate_phdr` in a forked child as it was at the fork. Our listing of modules held it, and the child's own waited for ever.
#[test]
fn a_fork_while_modules_are_listed_leaves_a_child_that_can_list_them() {
    in_child(
        "a_fork_while_modules_are_listed_leaves_a_child_that_can_list_them",
        || {
            let (mut sampler, mut modules) = hotpoll_sampler::start(Settings::default()).unwrap();
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let _stop = support::SetAtEnd(&stop);
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        modules.refresh();
                    }
                });
                for _ in 0..300 {
                    let status = forked(|| {
                        // SAFETY: no preconditions, and a callback that reads nothing.
                        unsafe {
                            libc::alarm(60);
                            libc::dl_iterate_phdr(Some(look_away), std::ptr::null_mut());
                        }
                    });
                    assert!(status.success(), "{status}");
                }
                stop.store(true, Ordering::Relaxed);
            });
            sampler.stop();
        },
    );
}

unsafe extern "C" fn look_away(
    _: *mut libc::dl_phdr_info,
    _: libc::size_t,
    _: *mut libc::c_void,
) -> i32 {
    0
}
