//! The guest's manners with signals that are not its own: each goes to the handler that was there before, a default action is never executed,
//! and whoever replaces our handler is left alone.
#![allow(unsafe_code)] // signal handlers

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::Engine;
use hotpoll_sampler::{EngineSetting, HandlerState, Settings, StartError};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use support::{Agent, Harness, in_child, with_engine};

/// What the foreign handlers were given.
static RECEIVED: AtomicU64 = AtomicU64::new(0);
static VALUES: AtomicU64 = AtomicU64::new(0);
static FOREIGN_CODE: AtomicU64 = AtomicU64::new(0);

extern "C" fn note_info(_: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's siginfo and context, passed on.
    unsafe {
        RECEIVED.fetch_add(1, Ordering::Relaxed);
        match (*info).si_code {
            libc::SI_QUEUE => {
                VALUES.fetch_add((*info).si_value().sival_ptr as u64, Ordering::Relaxed);
            }
            // kill, tgkill, and the kernel's own (an interval timer).
            libc::SI_USER | -6 | 0x80 => {}
            _ => {
                FOREIGN_CODE.fetch_add(1, Ordering::Relaxed);
            }
        }
        assert!(!context.is_null());
    }
}

extern "C" fn note_one(_: i32) {
    RECEIVED.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn note_number(signal: i32) {
    RECEIVED.fetch_add(signal as u64, Ordering::Relaxed);
}

fn install_with_info(signal: i32) {
    // SAFETY: the action is zeroed and then filled in.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = note_info as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

/// How often the thread that burns has been round.
static ROUNDS: AtomicU64 = AtomicU64::new(0);

/// A thread that burns while `f` runs, so that our own signals come all the time.
fn while_burning<R>(f: impl FnOnce() -> R) -> R {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = support::SetAtEnd(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                std::hint::black_box(support::shapes::descend(20));
                ROUNDS.fetch_add(1, Ordering::Relaxed);
            }
        });
        let result = f();
        stop.store(true, Ordering::Relaxed);
        result
    })
}

fn set_itimer_prof(interval_us: i64) {
    let time = libc::timeval {
        tv_sec: 0,
        tv_usec: interval_us,
    };
    let setting = libc::itimerval {
        it_interval: time,
        it_value: time,
    };
    // SAFETY: the setting is initialised.
    let result = unsafe { libc::setitimer(libc::ITIMER_PROF, &setting, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// Waits until so many foreign signals have come.
fn wait_for(received: u64) {
    while RECEIVED.load(Ordering::Relaxed) < received {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn receives_its_own(settings: Settings) {
    let signal = settings.signal;
    install_with_info(signal);
    let agent = Agent::start(settings);
    let watched = std::sync::Arc::clone(&agent.watched);
    while_burning(|| {
        // One at a time: a second one of the same kind is merged with one that is pending.
        let mut sent = 0;
        for round in 1..=50u64 {
            // SAFETY: no memory is involved but the siginfo, which lives through the call.
            unsafe {
                libc::kill(libc::getpid(), signal);
                sent += 1;
                wait_for(sent);
                support::signal_thread(support::tid(), signal);
                sent += 1;
                wait_for(sent);
                let value = libc::sigval {
                    sival_ptr: round as *mut libc::c_void,
                };
                libc::sigqueue(libc::getpid(), signal, value);
                sent += 1;
                wait_for(sent);
            }
        }
        assert_eq!(VALUES.load(Ordering::Relaxed), (1..=50).sum::<u64>());
        let from_outside = Command::new("kill")
            .args([format!("-{signal}"), std::process::id().to_string()])
            .status()
            .unwrap();
        assert!(from_outside.success());
        sent += 1;
        wait_for(sent);
        watched.wait_for_any_records(50);
        assert_eq!(RECEIVED.load(Ordering::Relaxed), sent);
    });
    let harness = agent.finish();
    drop(harness);
    assert_eq!(
        FOREIGN_CODE.load(Ordering::Relaxed),
        0,
        "a signal of ours went to the other handler"
    );
}

#[test]
fn an_earlier_handler_receives_its_own_signals() {
    in_child("an_earlier_handler_receives_its_own_signals", || {
        receives_its_own(with_engine(250, EngineSetting::Ctimer));
    });
}

#[test]
fn an_earlier_handler_of_sigurg_receives_its_own_signals() {
    in_child(
        "an_earlier_handler_of_sigurg_receives_its_own_signals",
        || {
            let mut settings = with_engine(2_000, EngineSetting::Auto);
            settings.signal = libc::SIGURG;
            receives_its_own(settings);
        },
    );
}

#[test]
fn an_interval_timer_that_starts_later_keeps_its_signals() {
    in_child(
        "an_interval_timer_that_starts_later_keeps_its_signals",
        || {
            install_with_info(libc::SIGPROF);
            let agent = Agent::start(with_engine(200, EngineSetting::Ctimer));
            while_burning(|| {
                set_itimer_prof(5_000);
                wait_for(100);
                set_itimer_prof(0);
            });
            let harness = agent.finish();
            let records: u64 = harness.seen.values().map(|seen| seen.records).sum();
            assert!(records > 20, "{records} records");
            assert_eq!(FOREIGN_CODE.load(Ordering::Relaxed), 0);
        },
    );
}

#[test]
fn a_handler_with_one_argument_receives_the_signal() {
    in_child("a_handler_with_one_argument_receives_the_signal", || {
        support::install(libc::SIGPROF, note_number, libc::SA_RESTART);
        let agent = Agent::start(with_engine(250, EngineSetting::Ctimer));
        while_burning(|| {
            support::signal_thread(support::tid(), libc::SIGPROF);
            wait_for(libc::SIGPROF as u64);
        });
        agent.finish();
        assert_eq!(RECEIVED.load(Ordering::Relaxed), libc::SIGPROF as u64);
    });
}

static WAS_ON_ALTERNATE_STACK: AtomicU64 = AtomicU64::new(0);

/// Takes more stack than an alternate stack has, and faults in the middle, with a handler that goes on.
extern "C" fn large_handler(_: i32) {
    let mut stack = libc::stack_t {
        ss_sp: std::ptr::null_mut(),
        ss_flags: 0,
        ss_size: 0,
    };
    // SAFETY: `stack` is a valid place for the result; raise has no preconditions.
    unsafe {
        libc::sigaltstack(std::ptr::null(), &mut stack);
        libc::raise(libc::SIGFPE);
    }
    if stack.ss_flags & libc::SS_ONSTACK != 0 {
        WAS_ON_ALTERNATE_STACK.fetch_add(1, Ordering::Relaxed);
    }
    let large = std::hint::black_box([7u8; 100 << 10]);
    RECEIVED.fetch_add(u64::from(large[9_999]) / 7, Ordering::Relaxed);
}

/// Overwrites what it can of the alternate stack that it was given.
extern "C" fn on_fault(_: i32) {
    let own = std::hint::black_box([0xffu8; 1_000]);
    FOREIGN_CODE.fetch_add(u64::from(own[999]) / 255, Ordering::Relaxed);
}

#[test]
fn an_earlier_handler_runs_on_the_stack_that_it_asked_for() {
    in_child(
        "an_earlier_handler_runs_on_the_stack_that_it_asked_for",
        || {
            support::install(libc::SIGPROF, large_handler, 0);
            support::install(libc::SIGFPE, on_fault, libc::SA_ONSTACK);
            let agent = Agent::start(with_engine(250, EngineSetting::Ctimer));
            std::thread::spawn(|| {
                for _ in 0..100 {
                    support::signal_thread(support::tid(), libc::SIGPROF);
                }
            })
            .join()
            .unwrap();
            agent.finish();
            assert_eq!(RECEIVED.load(Ordering::Relaxed), 100);
            assert_eq!(WAS_ON_ALTERNATE_STACK.load(Ordering::Relaxed), 0);
            assert_eq!(FOREIGN_CODE.load(Ordering::Relaxed), 100, "faults");
        },
    );
}

#[test]
fn each_signal_has_its_own_earlier_handler() {
    in_child("each_signal_has_its_own_earlier_handler", || {
        support::install(libc::SIGPROF, note_number, 0);
        support::install(libc::SIGURG, note_one, 0);
        for signal in [libc::SIGPROF, libc::SIGURG] {
            let mut settings = with_engine(99, EngineSetting::Ctimer);
            settings.signal = signal;
            Agent::start(settings).finish();
        }
        support::signal_thread(support::tid(), libc::SIGPROF);
        assert_eq!(RECEIVED.swap(0, Ordering::Relaxed), libc::SIGPROF as u64);
        support::signal_thread(support::tid(), libc::SIGURG);
        assert_eq!(RECEIVED.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn no_default_action_is_executed() {
    in_child("no_default_action_is_executed", || {
        let send = || {
            // SAFETY: no memory is involved.
            unsafe { libc::kill(libc::getpid(), libc::SIGPROF) };
            support::signal_thread(support::tid(), libc::SIGPROF);
        };
        let agent = Agent::start(with_engine(250, EngineSetting::Auto));
        while_burning(send);
        agent.finish();
        // After stop as well: a signal may still be on its way.
        send();
    });
}

#[test]
fn an_ignored_signal_stays_ignored() {
    in_child("an_ignored_signal_stays_ignored", || {
        // SAFETY: no preconditions.
        unsafe { libc::signal(libc::SIGPROF, libc::SIG_IGN) };
        let agent = Agent::start(with_engine(250, EngineSetting::Auto));
        while_burning(|| support::signal_thread(support::tid(), libc::SIGPROF));
        agent.finish();
        support::signal_thread(support::tid(), libc::SIGPROF);
    });
}

#[test]
fn a_handler_that_replaces_ours_is_noticed_and_left_alone() {
    in_child(
        "a_handler_that_replaces_ours_is_noticed_and_left_alone",
        || {
            let mut harness = Harness::start(with_engine(250, EngineSetting::Ctimer));
            while_burning(|| {
                harness.run_for(Duration::from_millis(200), Duration::from_millis(50));
                assert_eq!(harness.sampler.check_handler(), HandlerState::Ours);
                support::install(libc::SIGPROF, note_number, libc::SA_RESTART);
                assert_eq!(harness.sampler.check_handler(), HandlerState::Replaced);
                // Those that came before the check are the last: one that is pending comes before the thread that burns runs on.
                std::thread::sleep(Duration::from_millis(50));
                let rounds = ROUNDS.load(Ordering::Relaxed);
                while ROUNDS.load(Ordering::Relaxed) < rounds + 2 {
                    std::thread::sleep(Duration::from_millis(1));
                }
                let late = RECEIVED.load(Ordering::Relaxed);
                harness.run_for(Duration::from_millis(300), Duration::from_millis(50));
                assert_eq!(RECEIVED.load(Ordering::Relaxed), late);
            });
            assert!(
                harness
                    .sampler
                    .threads()
                    .all(|(_, info)| info.engine == Engine::None)
            );
            assert_eq!(harness.sampler.check_handler(), HandlerState::Replaced);
            harness.sampler.stop();
            // A later start puts ours in front again, and passes on to the other.
            let agent = Agent::start(with_engine(250, EngineSetting::Ctimer));
            let late = RECEIVED.load(Ordering::Relaxed);
            support::signal_thread(support::tid(), libc::SIGPROF);
            assert_eq!(
                RECEIVED.load(Ordering::Relaxed),
                late + libc::SIGPROF as u64
            );
            agent.finish();
        },
    );
}

#[test]
fn an_armed_interval_timer_is_an_error_that_names_it() {
    in_child("an_armed_interval_timer_is_an_error_that_names_it", || {
        install_with_info(libc::SIGPROF);
        set_itimer_prof(900_000);
        let error = hotpoll_sampler::start(Settings::default()).err().unwrap();
        assert_eq!(error, StartError::ItimerProfArmed);
        assert!(error.to_string().contains("ITIMER_PROF"));
        // Another signal is out of its way.
        let mut settings = Settings::default();
        settings.signal = libc::SIGURG;
        let (mut sampler, _) = hotpoll_sampler::start(settings).unwrap();
        sampler.stop();
        set_itimer_prof(0);
        let (mut sampler, _) = hotpoll_sampler::start(Settings::default()).unwrap();
        sampler.stop();
    });
}

#[test]
fn a_second_start_is_an_error() {
    in_child("a_second_start_is_an_error", || {
        let agent = Agent::start(with_engine(250, EngineSetting::Ctimer));
        while_burning(|| {
            for _ in 0..3 {
                assert_eq!(
                    hotpoll_sampler::start(Settings::default()).err(),
                    Some(StartError::AlreadyRunning)
                );
            }
            agent.watched.wait_for_any_records(10);
        });
        agent.finish();
        Agent::start(with_engine(250, EngineSetting::Ctimer)).finish();
    });
}

#[test]
fn settings_that_cannot_be_served_are_errors() {
    in_child("settings_that_cannot_be_served_are_errors", || {
        let check = |change: &dyn Fn(&mut Settings), says: &str| {
            let mut settings = Settings::default();
            change(&mut settings);
            let error = hotpoll_sampler::start(settings).err().unwrap();
            assert!(error.to_string().contains(says), "{error:?}: {error}");
            assert!(
                RECEIVED.load(Ordering::Relaxed) == 0 && own_handler_installed() == 0,
                "{error:?} left a handler"
            );
        };
        check(&|settings| settings.interval_ns = 0, "above 0 Hz");
        check(&|settings| settings.interval_ns = 1, "too short");
        check(&|settings| settings.interval_ns = u64::MAX, "too long");
        check(&|settings| settings.max_depth = 0, "out of range");
        check(&|settings| settings.max_depth = 4_096, "out of range");
        for signal in [
            0,
            -1,
            libc::SIGKILL,
            libc::SIGSEGV,
            libc::SIGCHLD,
            libc::SIGTERM,
            // A real-time signal that finds the queue full comes as SIGIO instead, whose default action ends the process.
            libc::SIGRTMIN(),
            libc::SIGRTMIN() + 5,
            1_000,
        ] {
            check(
                &|settings| settings.signal = signal,
                "cannot be used for sampling",
            );
        }
    });
}

/// The handler installed for SIGPROF.
fn own_handler_installed() -> usize {
    // SAFETY: zero is a valid sigaction, and a valid place for the result.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut action);
        action.sa_sigaction
    }
}
