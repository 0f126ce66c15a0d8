//! The guest's manners with threads that sleep or block signals: no system call of theirs ends early, and signals meant for others stay theirs.
#![allow(unsafe_code)] // system calls

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_sampler::{EngineSetting, Settings};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Agent, at_hz, burn_until, in_child, perf_permitted, with_engine};

static SLEEPS: AtomicU64 = AtomicU64::new(0);
static INTERRUPTED: AtomicU64 = AtomicU64::new(0);

/// Counts a call that may have been interrupted.
fn note(result: i64) {
    SLEEPS.fetch_add(1, Ordering::Relaxed);
    if result < 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) {
        INTERRUPTED.fetch_add(1, Ordering::Relaxed);
    }
}

const NAP: libc::timespec = libc::timespec {
    tv_sec: 0,
    tv_nsec: 200_000,
};

/// Works a little, then sleeps in one of the calls that a signal ends early even with SA_RESTART.
fn work_and_sleep(stop: &AtomicBool) {
    // SAFETY: the descriptors are ours, and every buffer lives through its call.
    unsafe {
        let epoll = OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC));
        let mut event: libc::epoll_event = std::mem::zeroed();
        let word = 0u32;
        let mut round = 0;
        while !stop.load(Ordering::Relaxed) {
            std::hint::black_box(support::shapes::descend(round % 30));
            round += 1;
            match round % 5 {
                0 => note(libc::nanosleep(&NAP, std::ptr::null_mut()).into()),
                1 => note(libc::epoll_wait(epoll.as_raw_fd(), &mut event, 1, 1).into()),
                2 => note(libc::poll(std::ptr::null_mut(), 0, 1).into()),
                3 => note(libc::syscall(
                    libc::SYS_futex,
                    &word,
                    libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                    0,
                    &NAP,
                )),
                _ => {
                    let mut time = NAP;
                    note(libc::syscall(libc::SYS_pselect6, 0, 0, 0, 0, &mut time, 0));
                }
            }
        }
    }
}

fn sleepers_sleep(settings: Settings) {
    let agent = Agent::start(settings);
    let watched = std::sync::Arc::clone(&agent.watched);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = support::SetAtEnd(&stop);
        for _ in 0..3 {
            scope.spawn(|| work_and_sleep(&stop));
        }
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) || SLEEPS.load(Ordering::Relaxed) < 2_000 {
            std::thread::sleep(Duration::from_millis(20));
        }
        watched.wait_for_any_records(30);
        stop.store(true, Ordering::Relaxed);
    });
    agent.finish();
    let interrupted = INTERRUPTED.load(Ordering::Relaxed);
    println!(
        "{interrupted} of {} sleeps interrupted",
        SLEEPS.load(Ordering::Relaxed)
    );
    assert_eq!(interrupted, 0);
}

#[test]
fn ctimer_interrupts_no_sleeper() {
    in_child("ctimer_interrupts_no_sleeper", || {
        sleepers_sleep(with_engine(1_000, EngineSetting::Ctimer));
    });
}

#[test]
fn perf_interrupts_no_sleeper() {
    if !support::is_child() && !perf_permitted() {
        println!("perf events are not permitted here");
        return;
    }
    in_child("perf_interrupts_no_sleeper", || {
        sleepers_sleep(with_engine(10_000, EngineSetting::Perf));
    });
}

/// Blocks one signal, or all, on the calling thread.
fn block(signal: Option<i32>) {
    // SAFETY: the set is initialised.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        match signal {
            Some(signal) => {
                libc::sigemptyset(&mut set);
                libc::sigaddset(&mut set, signal);
            }
            None => {
                libc::sigfillset(&mut set);
            }
        }
        assert_eq!(
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()),
            0
        );
    }
}

#[test]
fn a_thread_that_blocks_the_signal_is_listed_with_its_time() {
    in_child(
        "a_thread_that_blocks_the_signal_is_listed_with_its_time",
        || {
            let agent = Agent::start(at_hz(200));
            let watched = std::sync::Arc::clone(&agent.watched);
            let spent = std::thread::Builder::new()
                .name("blocks".into())
                .spawn(move || {
                    block(Some(libc::SIGPROF));
                    while support::thread_cpu() < Duration::from_millis(600) {
                        support::varied_work(10);
                    }
                    // Alive when the last slice is closed.
                    watched.wait_for_a_slice();
                    support::thread_cpu()
                })
                .unwrap()
                .join()
                .unwrap();
            let harness = agent.finish();
            let key = harness.key("blocks");
            let (info, account) = (&harness.info[&key], &harness.accounts[&key]);
            assert!(info.signal_blocked, "{info:?}");
            assert_eq!(account.recorded, 0, "{account:?}");
            // Under perf the kernel's part is told apart, by the kernel's own count.
            let unsampled = account.unsampled_ns() + account.kernel_ns as i64;
            assert!(
                unsampled.unsigned_abs().abs_diff(spent.as_nanos() as u64) < 50_000_000,
                "{unsampled} ns of {spent:?}: {account:?}"
            );
        },
    );
}

/// A host that takes SIGTERM from a descriptor must not have a thread that does not block it: the default action would end the process.
#[test]
fn a_host_with_a_signalfd_keeps_its_signals() {
    in_child("a_host_with_a_signalfd_keeps_its_signals", || {
        support::alone(read_sigterm);
    });
}

fn read_sigterm() {
    block(Some(libc::SIGTERM));
    // SAFETY: the set is initialised; the descriptor is ours.
    let descriptor = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGTERM);
        OwnedFd::from_raw_fd(libc::signalfd(-1, &set, libc::SFD_CLOEXEC))
    };
    let stop = AtomicBool::new(false);
    static READ: AtomicU64 = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let _stop = support::SetAtEnd(&stop);
        // All the while that the sampler starts, works and stops.
        scope.spawn(|| {
            let mut starts = 0;
            while starts < 10 || READ.load(Ordering::Relaxed) <= 100 {
                let agent = Agent::start(at_hz(200));
                std::thread::sleep(Duration::from_millis(20));
                agent.finish();
                starts += 1;
            }
            stop.store(true, Ordering::Relaxed);
        });
        scope.spawn(|| burn_until(&stop));
        while !stop.load(Ordering::Relaxed) {
            // SAFETY: the buffer is valid for its length.
            unsafe {
                libc::kill(libc::getpid(), libc::SIGTERM);
                let mut info: libc::signalfd_siginfo = std::mem::zeroed();
                let length = size_of::<libc::signalfd_siginfo>();
                let got = libc::read(descriptor.as_raw_fd(), (&raw mut info).cast(), length);
                assert_eq!(got, length as isize);
                assert_eq!(info.ssi_signo, libc::SIGTERM as u32);
            }
            READ.fetch_add(1, Ordering::Relaxed);
        }
    });
    println!("{} signals read", READ.load(Ordering::Relaxed));
}

/// A host that blocks everything and reads every signal from a descriptor: it goes unsampled, and sees none of ours as its own trouble.
#[test]
fn a_host_that_blocks_all_signals_lives() {
    in_child("a_host_that_blocks_all_signals_lives", || {
        block(None);
        let agent = Agent::start(at_hz(1_000));
        let mut x = 0;
        while support::thread_cpu() < Duration::from_millis(300) {
            x += support::varied_work(3);
        }
        std::hint::black_box(x);
        agent.watched.wait_for_a_slice();
        let harness = agent.finish();
        let me = harness
            .info
            .values()
            .find(|info| info.tid == support::tid())
            .unwrap();
        assert!(me.signal_blocked, "{me:?}");
        // What is pending comes when the signals are let through again, after the stop.
        // SAFETY: the set is initialised.
        unsafe {
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut none);
            libc::pthread_sigmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        }
    });
}
