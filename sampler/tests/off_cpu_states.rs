//! What threads are said to do is what they do, and the time that looks stand for is the time that they took.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)] // raw system calls

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::State;
use hotpoll_profile::thread::Accounts;
use hotpoll_sampler::{OffCpu, Sampler, Settings, ThreadKey};
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A thread's wall time by state, as looks have it, and its accounts.
#[derive(Debug, Default, Clone)]
struct Seen {
    by_state: BTreeMap<State, u64>,
    /// As the looks hand it on.
    runnable_ns: u64,
    accounts: Accounts,
}

impl Seen {
    fn share(&self, states: &[State]) -> f64 {
        let of: u64 = states
            .iter()
            .filter_map(|state| self.by_state.get(state))
            .sum();
        of as f64 / self.by_state.values().sum::<u64>().max(1) as f64
    }
}

/// Looks around for so long, about every `period`.
fn look_around(sampler: &mut Sampler, time: Duration, period: Duration) -> BTreeMap<String, Seen> {
    let mut off_cpu: OffCpu = sampler.off_cpu();
    let mut by_key: BTreeMap<ThreadKey, Seen> = BTreeMap::new();
    let began = Instant::now();
    let mut spread = 7_u64;
    while began.elapsed() < time {
        off_cpu.look(u64::MAX, &mut |key, look| {
            let seen = by_key.entry(key).or_default();
            *seen.by_state.entry(look.state).or_default() += look.wall_ns;
            seen.runnable_ns += look.runnable_ns;
        });
        spread = spread
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        std::thread::sleep(period / 2 + period.mul_f64((spread >> 40) as f64 / (1 << 24) as f64));
    }
    sampler.drain(&mut |_, _| {});
    let names: BTreeMap<ThreadKey, String> = sampler
        .threads()
        .map(|(key, info)| (key, info.name.clone()))
        .collect();
    for (key, accounts) in sampler.close_slice().threads {
        by_key.entry(key).or_default().accounts = accounts;
    }
    by_key
        .into_iter()
        .map(|(key, seen)| (names[&key].clone(), seen))
        .collect()
}

fn start() -> Sampler {
    let (sampler, mut modules) = hotpoll_sampler::start(Settings::default()).unwrap();
    modules.refresh();
    sampler
}

fn named<'s, 'e>(
    scope: &'s std::thread::Scope<'s, 'e>,
    name: &str,
    body: impl FnOnce() + Send + 's,
) {
    let builder = std::thread::Builder::new().name(name.into());
    builder.spawn_scoped(scope, body).unwrap();
}

fn burn(stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        support::varied_work(10);
    }
}

/// On the first processor that this process may use.
fn pin_to_one() {
    // SAFETY: zero is an empty set, and the calls stay within its size.
    unsafe {
        let mut all: libc::cpu_set_t = std::mem::zeroed();
        assert_eq!(libc::sched_getaffinity(0, size_of_val(&all), &mut all), 0);
        let first = (0..libc::CPU_SETSIZE as usize)
            .find(|&cpu| libc::CPU_ISSET(cpu, &all))
            .unwrap();
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(first, &mut one);
        assert_eq!(libc::sched_setaffinity(0, size_of_val(&one), &one), 0);
    }
}

#[test]
fn states_of_known_threads() {
    support::in_child("states_of_known_threads", || {
        let mut sampler = start();
        let stop = AtomicBool::new(false);
        let mut ends = [0; 2];
        // SAFETY: room for two descriptors.
        assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
        // SAFETY: both were just opened.
        let [read_end, write_end] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
        let fifo = std::env::temp_dir().join(format!("hotpoll-fifo-{}", std::process::id()));
        make_fifo(&fifo);
        std::thread::scope(|scope| {
            let _stop = support::SetAtEnd(&stop);
            let (keep, wait) = mpsc::channel::<()>();
            named(scope, "waits", move || assert!(wait.recv().is_err()));
            named(scope, "sleeps", || {
                // Each time it wakes it waits for a processor, on a crowded machine for long.
                while !stop.load(Relaxed) {
                    std::thread::sleep(Duration::from_secs(1));
                }
            });
            named(scope, "reads", move || {
                // SAFETY: a buffer of its length.
                unsafe { libc::read(read_end.as_raw_fd(), [0u8; 8].as_mut_ptr().cast(), 8) };
            });
            named(scope, "burns", || burn(&stop));
            for number in 0..4 {
                let crowded = || {
                    pin_to_one();
                    burn(&stop);
                };
                named(scope, &format!("crowd {number}"), crowded);
            }
            named(scope, "vfork", || spawn_that_waits_for(&fifo));
            let rest = [
                ("waits", 'S'),
                ("sleeps", 'S'),
                ("reads", 'S'),
                ("vfork", 'D'),
            ];
            wait_until_at_rest(&rest);
            sampler.scan_threads();
            let stolen_before_ns = stolen_ns();
            let seen = look_around(
                &mut sampler,
                Duration::from_secs(2),
                Duration::from_millis(5),
            );
            let stolen_ns = (stolen_ns() - stolen_before_ns) as f64;
            // The spawned program may begin.
            drop(std::fs::File::create(&fifo).unwrap());
            let _ = std::fs::remove_file(&fifo);
            drop((keep, write_end));
            stop.store(true, Relaxed);
            for (name, seen) in &seen {
                println!("{name}: {:?}", seen.by_state);
            }
            let share = |name: &str, states: &[State]| seen[name].share(states);
            assert!(share("waits", &[State::Futex]) > 0.99);
            assert!(share("sleeps", &[State::Sleep]) > 0.9);
            assert!(share("reads", &[State::Io]) > 0.99);
            assert!(share("vfork", &[State::Uninterruptible]) > 0.99);
            assert!(share("burns", &[State::Running, State::Runnable]) > 0.98);
            for number in 0..4 {
                let seen = &seen[&format!("crowd {number}")];
                // Never blocked, a quarter of one processor each.
                assert!(
                    seen.share(&[State::Running, State::Runnable]) > 0.98,
                    "{seen:?}"
                );
                assert_eq!(seen.runnable_ns, seen.accounts.runnable_ns);
                let waited = seen.accounts.runnable_ns as f64 / seen.accounts.wall_ns as f64;
                assert!(waited > 0.4, "{seen:?}");
                // The parts of its life, each measured on its own. What a host takes from a processor that has the thread is nobody's.
                let known = seen.accounts.cpu_ns + seen.accounts.runnable_ns;
                let wall_ns = seen.accounts.wall_ns as f64;
                let part = known as f64 / wall_ns;
                let least = 0.8 - stolen_ns / wall_ns;
                assert!((least..1.05).contains(&part), "{part} {seen:?}");
            }
        });
        sampler.stop();
    });
}

/// Waits until threads of these names are in these states of /proc, twice in a row.
fn wait_until_at_rest(threads: &[(&str, char)]) {
    let began = Instant::now();
    let are_at_rest = || {
        let read = |file: &str, tid: &std::ffi::OsStr| {
            let path = std::path::Path::new("/proc/self/task").join(tid).join(file);
            std::fs::read_to_string(path).unwrap_or_default()
        };
        let tids = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let states: BTreeMap<String, Option<char>> = tids
            .map(|entry| {
                let stat = read("stat", &entry.file_name());
                let state = stat
                    .rsplit_once(") ")
                    .and_then(|(_, rest)| rest.chars().next());
                let name = read("comm", &entry.file_name());
                (name.trim_end().to_owned(), state)
            })
            .collect();
        let mut threads = threads.iter();
        threads.all(|(name, state)| states.get(*name) == Some(&Some(*state)))
    };
    let mut in_a_row = 0;
    while in_a_row < 2 {
        assert!(began.elapsed() < Duration::from_secs(60), "{threads:?}");
        std::thread::sleep(Duration::from_millis(50));
        in_a_row = if are_at_rest() { in_a_row + 1 } else { 0 };
    }
}

/// Time that a host has taken from this machine's processors so far, which the kernel counts in hundredths of a second.
fn stolen_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    // cpu user nice system idle iowait irq softirq steal
    let mut fields = text.lines().next().unwrap_or_default().split_whitespace();
    let hundredths: Option<u64> = fields.nth(8).and_then(|text| text.parse().ok());
    hundredths.unwrap_or(0) * 10_000_000
}

fn make_fifo(path: &std::path::Path) {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: the path ends with a zero.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

/// Spawns a program whose input nobody has opened yet. Until then the spawning thread sleeps as after vfork: uninterruptibly.
fn spawn_that_waits_for(fifo: &std::path::Path) {
    let path = std::ffi::CString::new(fifo.as_os_str().as_encoded_bytes()).unwrap();
    let program = c"/bin/true";
    // SAFETY: the actions are initialised, used and destroyed; all strings end with a zero and the lists with a null.
    unsafe {
        let mut actions: libc::posix_spawn_file_actions_t = std::mem::zeroed();
        assert_eq!(libc::posix_spawn_file_actions_init(&mut actions), 0);
        let added = libc::posix_spawn_file_actions_addopen(
            &mut actions,
            0,
            path.as_ptr(),
            libc::O_RDONLY,
            0,
        );
        assert_eq!(added, 0);
        let arguments = [program.as_ptr().cast_mut(), std::ptr::null_mut()];
        let environment = [std::ptr::null_mut()];
        let mut child = 0;
        let spawned = libc::posix_spawn(
            &mut child,
            program.as_ptr(),
            &actions,
            std::ptr::null(),
            arguments.as_ptr(),
            environment.as_ptr(),
        );
        assert_eq!(spawned, 0);
        libc::waitpid(child, std::ptr::null_mut(), 0);
        libc::posix_spawn_file_actions_destroy(&mut actions);
    }
}

/// What a thread says of itself.
#[derive(Debug)]
struct Truth {
    blocked_ns: u64,
    cpu_ns: u64,
    runnable_ns: u64,
}

/// Works and sleeps by turns, and adds up its own clocks: what is neither processor time nor the scheduler's delay was blocked.
fn work_and_sleep(stop: &AtomicBool, work: Duration, sleep: Duration) -> Truth {
    let delay = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        let delay = text.split_whitespace().nth(1).unwrap();
        delay.parse::<u64>().unwrap()
    };
    let (began, cpu, delay_before) = (Instant::now(), support::thread_cpu(), delay());
    while !stop.load(Relaxed) {
        let until = support::thread_cpu() + work;
        while support::thread_cpu() < until {
            support::varied_work(1);
        }
        std::thread::sleep(sleep);
    }
    let life_ns = began.elapsed().as_nanos() as u64;
    let cpu_ns = (support::thread_cpu() - cpu).as_nanos() as u64;
    let runnable_ns = delay() - delay_before;
    Truth {
        blocked_ns: life_ns - cpu_ns - runnable_ns,
        cpu_ns,
        runnable_ns,
    }
}

/// Work and sleep in milliseconds.
const SHARES: [(u64, u64); 3] = [(5, 15), (10, 10), (3, 27)];

/// On a crowded machine, where threads mostly wait for a processor, a short run says little: it is doubled, a few times.
#[test]
fn blocked_and_running_time_is_true() {
    support::in_child("blocked_and_running_time_is_true", || {
        let (seconds, period) = if std::env::var_os("HOTPOLL_TEST_LONG").is_some() {
            // The default rate.
            (60, Duration::from_millis(50))
        } else {
            (2, Duration::from_millis(2))
        };
        let mut differences = Vec::new();
        for seconds in [seconds, seconds * 2, seconds * 4, seconds * 8] {
            differences = run_shares(Duration::from_secs(seconds), period);
            println!("{differences:#?}");
            if differences.is_empty() {
                return;
            }
        }
        panic!("{differences:#?}");
    });
}

/// What differs by more than 5 % of the time.
fn run_shares(time: Duration, period: Duration) -> Vec<String> {
    let mut sampler = start();
    let stop = AtomicBool::new(false);
    let go = AtomicBool::new(false);
    let mut differences = Vec::new();
    std::thread::scope(|scope| {
        let _stop = support::SetAtEnd(&stop);
        let (tell, told) = mpsc::channel();
        let (tell_started, started) = mpsc::channel();
        for (work, sleep) in SHARES {
            let (stop, go, tell, tell_started) = (&stop, &go, tell.clone(), tell_started.clone());
            let name = format!("{work} of {}", work + sleep);
            named(scope, &name.clone(), move || {
                tell_started.send(()).unwrap();
                while !go.load(Relaxed) {
                    std::thread::yield_now();
                }
                let [work, sleep] = [work, sleep].map(Duration::from_millis);
                tell.send((name, work_and_sleep(stop, work, sleep)))
                    .unwrap();
            });
        }
        SHARES.iter().for_each(|_| started.recv().unwrap());
        sampler.scan_threads();
        sampler.close_slice();
        go.store(true, Relaxed);
        let seen = look_around(&mut sampler, time, period);
        stop.store(true, Relaxed);
        for _ in SHARES {
            let (name, truth) = told.recv().unwrap();
            let seen = &seen[&name];
            println!("{name}: {truth:?}\n{seen:?}");
            let total = (truth.blocked_ns + truth.cpu_ns + truth.runnable_ns) as f64;
            let mut compare = |what: &str, seen: f64, truth: f64| {
                if (seen - truth).abs() >= 0.05 {
                    differences.push(format!("{name}, {what}: {seen} and not {truth}"));
                }
            };
            let accounts = &seen.accounts;
            let wall_ns = accounts.wall_ns as f64;
            let share = |ns: u64| ns as f64 / wall_ns;
            compare(
                "asleep",
                seen.share(&[State::Sleep]),
                truth.blocked_ns as f64 / total,
            );
            compare(
                "processor time",
                share(accounts.cpu_ns),
                truth.cpu_ns as f64 / total,
            );
            compare(
                "waiting for one",
                share(accounts.runnable_ns),
                truth.runnable_ns as f64 / total,
            );
            compare("all looks", share(seen.by_state.values().sum()), 1.0);
            let answers = accounts.captured + accounts.kept + accounts.capture_failed.total();
            assert_eq!(accounts.looks, answers);
        }
    });
    sampler.stop();
    differences
}
