//! Every kind of thread is found, named, sampled and accounted for, without telling anybody: of the C library, bare, of std, rayon and tokio; named,
//! renamed, coming and going.
#![allow(unsafe_code)] // threads made by hand

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::Truncation;
use hotpoll_sampler::{EngineSetting, Record, ThreadKey};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Agent, Harness, SetAtEnd, at_hz, burn_until, in_child, on_c_thread, with_engine};

/// Burns CPU time on the calling thread, with whole stacks.
fn burn(time: Duration) {
    let until = support::thread_cpu() + time;
    let mut round = 0;
    while support::thread_cpu() < until {
        std::hint::black_box(support::shapes::descend(round % 40));
        round += 1;
    }
}

const SOME: Duration = Duration::from_millis(300);

/// The account of the thread with this kernel ID: its time is accounted for, most of it by whole callchains.
fn check_thread(harness: &Harness, tid: u32, what: &str) {
    let (key, info) = harness
        .info
        .iter()
        .find(|(_, info)| info.tid == tid)
        .unwrap_or_else(|| panic!("{what} was not found"));
    let account = &harness.accounts[key];
    let some = SOME.as_nanos() as u64;
    assert!(
        account.cpu_ns >= some * 9 / 10,
        "{what}: {info:?} {account:?}"
    );
    assert!(
        account.sampled_ns + account.kernel_ns > account.cpu_ns / 2,
        "{what}: {info:?} {account:?}"
    );
    let whole = account.truncated.get(Truncation::Complete);
    assert!(
        whole * 10 >= account.recorded * 8,
        "{what}: {whole} of {} are whole: {:?}",
        account.recorded,
        account.truncated
    );
}

#[test]
fn threads_of_every_kind_are_sampled() {
    in_child("threads_of_every_kind_are_sampled", || {
        let agent = Agent::start(at_hz(200));
        let watched: &'static support::Watched = Box::leak(Box::new(Arc::clone(&agent.watched)));
        let mut tids: Vec<(u32, &str)> = Vec::new();
        let busy = || {
            burn(SOME);
            let tid = support::tid();
            // Alive until the next look.
            watched.wait_for_a_look();
            tid
        };
        tids.push((std::thread::spawn(busy).join().unwrap(), "a std thread"));
        tids.push((
            std::thread::scope(|scope| scope.spawn(busy).join().unwrap()),
            "a scoped thread",
        ));
        tids.push((on_c_thread(256 << 10, busy), "a C thread"));
        tids.push((on_c_thread(16 << 10, busy), "a C thread on 16 KB"));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        tids.push((pool.install(busy), "a rayon thread"));
        let plain = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let in_task = || async move { busy() };
        tids.push((
            plain.block_on(async { tokio::spawn(in_task()).await.unwrap() }),
            "a tokio worker",
        ));
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let hooked = hotpoll_hooks::runtime(&mut builder)
            .worker_threads(1)
            .build()
            .unwrap();
        tids.push((
            hooked.block_on(async { tokio::spawn(in_task()).await.unwrap() }),
            "a hooked tokio worker",
        ));
        tids.push((
            hooked.block_on(async { tokio::task::spawn_blocking(busy).await.unwrap() }),
            "a blocking tokio thread",
        ));
        drop((pool, plain, hooked));
        let harness = agent.finish();
        for (tid, what) in tids {
            check_thread(&harness, tid, what);
        }
        // The process's own clock agrees with the sum, but for threads that nobody saw.
        let sum: u64 = harness
            .accounts
            .values()
            .map(|account| account.cpu_ns)
            .sum();
        let all = harness.process_cpu_ns;
        assert!(
            (sum + harness.unseen_cpu_ns).abs_diff(all) < all / 20,
            "{sum} and {} unseen of {all}",
            harness.unseen_cpu_ns
        );
    });
}

#[test]
fn names_are_followed() {
    in_child("names_are_followed", || {
        let mut harness = Harness::start(at_hz(200));
        let (stop, renamed) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let _stop = SetAtEnd(&stop);
            let thread = std::thread::Builder::new()
                .name("before".into())
                .spawn_scoped(scope, || {
                    while !renamed.load(Ordering::Relaxed) {
                        burn(Duration::from_millis(5));
                    }
                    // SAFETY: the name is a C string of less than 16 bytes.
                    unsafe { libc::prctl(libc::PR_SET_NAME, c"after (x) y".as_ptr()) };
                    burn_until(&stop)
                })
                .unwrap();
            // It names itself when it runs for the first time.
            for _ in 0..300 {
                harness.run_for(Duration::from_millis(200), Duration::from_millis(50));
                if harness.info.values().any(|info| info.name == "before") {
                    break;
                }
            }
            let key = harness.key("before");
            renamed.store(true, Ordering::Relaxed);
            for _ in 0..1_000 {
                harness.run_for(Duration::from_millis(50), Duration::from_millis(20));
                if harness.info[&key].name == "after (x) y" {
                    break;
                }
            }
            assert_eq!(harness.info[&key].name, "after (x) y");
            stop.store(true, Ordering::Relaxed);
            thread.join().unwrap();
        });
        harness.sampler.stop();
    });
}

#[test]
fn threads_that_come_and_go_are_accounted_for() {
    in_child("threads_that_come_and_go_are_accounted_for", || {
        let agent = Agent::start(with_engine(1_000, EngineSetting::Auto));
        let burnt = AtomicU64::new(0);
        for round in 0..60u64 {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        burn(Duration::from_millis(round % 12));
                        burnt.fetch_add(support::thread_cpu().as_nanos() as u64, Ordering::Relaxed);
                    });
                }
            });
        }
        let harness = agent.finish();
        let keys: Vec<ThreadKey> = harness.info.keys().copied().collect();
        println!("{} threads seen", keys.len());
        let known: u64 = harness
            .accounts
            .values()
            .map(|account| account.cpu_ns)
            .sum();
        let burnt = burnt.into_inner();
        // Each term on its own: what the threads' clocks showed when last read, and what was used after that or by threads never seen.
        assert!(
            known + harness.unseen_cpu_ns >= burnt,
            "{known} known and {} unseen are less than {burnt} burnt",
            harness.unseen_cpu_ns
        );
        assert!(
            (known + harness.unseen_cpu_ns).abs_diff(harness.process_cpu_ns)
                < harness.process_cpu_ns / 50 + 5_000_000
        );
    });
}

/// What the handler asked, when a test has a task-ID function of its own.
static ASKED: AtomicU64 = AtomicU64::new(0);

extern "C" fn count_and_answer() -> u64 {
    ASKED.fetch_add(1, Ordering::Relaxed);
    42
}

#[test]
fn only_threads_that_touched_the_runtime_are_asked_for_their_task() {
    in_child(
        "only_threads_that_touched_the_runtime_are_asked_for_their_task",
        || {
            hotpoll_sampler::register_task_id(count_and_answer);
            let mut harness = Harness::start(at_hz(250));
            let tasks: Arc<Mutex<BTreeMap<u64, u64>>> = Arc::default();
            let stop = AtomicBool::new(false);
            let touched = AtomicU32::new(0);
            let drain = |harness: &mut Harness| {
                harness.sampler.scan_threads();
                let mut tasks = tasks.lock().unwrap();
                harness.sampler.drain(&mut |_, record: &Record<'_>| {
                    *tasks.entry(record.words.task).or_default() += 1;
                });
            };
            let wait_for = |harness: &mut Harness, task: u64, more: u64| {
                let of = |tasks: &Mutex<BTreeMap<u64, u64>>| {
                    tasks.lock().unwrap().get(&task).copied().unwrap_or(0)
                };
                let wanted = of(&tasks) + more;
                while of(&tasks) < wanted {
                    std::thread::sleep(Duration::from_millis(5));
                    drain(harness);
                }
            };
            std::thread::scope(|scope| {
                let _stop = SetAtEnd(&stop);
                scope.spawn(|| burn_until(&stop));
                wait_for(&mut harness, 0, 20);
                assert_eq!(ASKED.load(Ordering::Relaxed), 0, "an untouched thread");
                scope.spawn(|| {
                    hotpoll_sampler::announce_runtime_thread();
                    touched.store(support::tid(), Ordering::Release);
                    burn_until(&stop);
                    hotpoll_sampler::retire_runtime_thread();
                });
                wait_for(&mut harness, 42, 20);
                assert!(ASKED.load(Ordering::Relaxed) >= 20);
                stop.store(true, Ordering::Relaxed);
            });
            harness.sampler.stop();
        },
    );
}

#[test]
fn a_task_of_tokio_is_the_number_that_tokio_gives_it() {
    in_child("a_task_of_tokio_is_the_number_that_tokio_gives_it", || {
        let tasks: Arc<Mutex<BTreeMap<u64, u64>>> = Arc::default();
        let mut harness = Harness::start(at_hz(250));
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = hotpoll_hooks::runtime(&mut builder)
            .worker_threads(1)
            .build()
            .unwrap();
        let handle = runtime.spawn(async {
            burn(SOME);
            tokio::task::id().to_string()
        });
        while !handle.is_finished() {
            std::thread::sleep(Duration::from_millis(5));
            harness.sampler.scan_threads();
            let mut tasks = tasks.lock().unwrap();
            harness.sampler.drain(&mut |_, record: &Record<'_>| {
                *tasks.entry(record.words.task).or_default() += 1;
            });
        }
        let id: u64 = runtime.block_on(handle).unwrap().parse().unwrap();
        harness.sampler.stop();
        let tasks = tasks.lock().unwrap();
        println!("task {id}: {tasks:?}");
        assert!(tasks.get(&id).copied().unwrap_or(0) >= 20, "{tasks:?}");
        assert!(tasks.keys().all(|task| [0, id].contains(task)), "{tasks:?}");
    });
}

/// Generated code has no unwind information; its frame pointers lead on, and the accounts say how many callchains hang on that.
#[test]
fn steps_by_frame_pointers_alone_are_counted() {
    in_child("steps_by_frame_pointers_alone_are_counted", || {
        let mut harness = Harness::start(at_hz(200));
        let spin = support::shapes::code_without_unwind_information();
        let until = support::thread_cpu() + SOME;
        while support::thread_cpu() < until {
            spin(1 << 20);
        }
        harness.drain();
        harness.close_slice();
        let tid = support::tid();
        let account = &harness.accounts[found_key(&harness, tid)];
        assert!(
            account.guessed * 2 > account.recorded && account.guessed <= account.recorded,
            "{account:?}"
        );
        assert!(
            account.truncated.get(Truncation::Complete) >= account.guessed,
            "{account:?}"
        );
        // And none where all code has it.
        let before = account.guessed;
        burn(SOME);
        harness.drain();
        harness.close_slice();
        let account = &harness.accounts[found_key(&harness, tid)];
        assert!(account.guessed - before <= 2, "{account:?}");
        harness.sampler.stop();
    });
}

fn found_key(harness: &Harness, tid: u32) -> &ThreadKey {
    let found = harness.info.iter().find(|(_, info)| info.tid == tid);
    found.expect("the thread was found").0
}

/// It was found before it had named itself, and then slept: its maker's name stayed with it, as only threads that run were asked again.
#[test]
fn a_sleeper_that_was_found_too_early_has_its_own_name() {
    in_child(
        "a_sleeper_that_was_found_too_early_has_its_own_name",
        || {
            let (mut sampler, _modules) = hotpoll_sampler::start(at_hz(99)).unwrap();
            sampler.scan_threads();
            let (named, is_named) = std::sync::mpsc::channel::<()>();
            let (tid_to, tid_at) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                tid_to.send(support::tid()).unwrap();
                is_named.recv().unwrap();
                // SAFETY: a name that ends with a zero.
                unsafe { libc::prctl(libc::PR_SET_NAME, c"late".as_ptr()) };
                tid_to.send(0).unwrap();
                std::thread::park();
            });
            let tid = tid_at.recv().unwrap();
            sampler.scan_threads();
            sampler.close_slice();
            named.send(()).unwrap();
            tid_at.recv().unwrap();
            std::thread::sleep(Duration::from_millis(150));
            sampler.close_slice();
            let mut threads = sampler.threads();
            let (_, info) = threads.find(|(_, info)| info.tid == tid).unwrap();
            assert_eq!(info.name, "late");
        },
    );
}
