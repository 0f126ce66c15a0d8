//! What the processes under test do. A role that goes on until it is told to end reads its input to the end.

use crate::{endings, names, sleepers, waits};
use hotpoll::{Builder, Guard};
use hotpoll_profile::State;
use std::fs;
use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// Plays a role.
pub fn play(role: &str, arguments: &[String]) {
    let argument = arguments.first().map_or("", |argument| argument);
    match role {
        "busy" => busy(),
        "if-asked" => println!(
            "{}",
            said(hotpoll::start_if_asked().map(|guard| guard.is_running()))
        ),
        "start" => println!("{}", said(hotpoll::start().map(|guard| guard.is_running()))),
        "hz" => {
            let hz = argument.parse().expect("a number");
            println!(
                "{}",
                said(
                    Builder::new()
                        .sampling_hz(hz)
                        .start()
                        .map(|guard| guard.is_running())
                )
            );
        }
        "out" => println!(
            "{}",
            said(
                Builder::new()
                    .output(argument)
                    .start()
                    .map(|guard| guard.is_running())
            )
        ),
        "wall-hz" => println!(
            "{}",
            said(
                Builder::new()
                    .wall_hz(argument.parse().expect("a number"))
                    .start()
                    .map(|guard| guard.is_running())
            )
        ),
        "recorder" => println!(
            "{}",
            said(
                Builder::new()
                    .recorder(Duration::from_secs(1), argument.parse().expect("a number"))
                    .start()
                    .map(|_| true)
            )
        ),
        "twice" => twice(),
        "again" => again(),
        "off" => off(),
        "quiet" => quiet(),
        "sleepers" => sleepers(argument.parse().expect("a number")),
        "threads" => threads(argument.parse().expect("a number")),
        "leak" => endings::leak(),
        "exits-with-the-loader-locked" => endings::exit_with_the_loader_locked(),
        "forks" => endings::forks(argument),
        "forks-and-starts" => endings::forks_and_starts(),
        "dead-runtime" => waits::dead_runtime(),
        "waits" => waits::waits(argument),
        "handles-usr2" => waits::handles_usr2(),
        "named-service" => names::service(argument),
        "named-memory" => names::memory(),
        "named-replaced" => names::replaced(),
        "asked-by-many" => names::asked_by_many(),
        "kinds" => waits::kinds(argument, &arguments[1]),
        "slow-polls" => waits::slow_polls(),
        "odd-sleeper" => sleepers::odd_sleeper(),
        "many-tasks" => waits::many_tasks(argument.parse().expect("a number"), arguments.len() > 1),
        "nested-polls" => waits::nested_polls(),
        "crowded" => crate::crowded::crowded(argument),
        "stopped" => stopped(),
        "sleeps" => sleeps(),
        "real-time" => real_time(),
        "closes-all" => closes_all(argument),
        "stranger" => stranger(argument),
        _ => panic!("no role {role}"),
    }
}

pub fn said<T: std::fmt::Debug>(result: Result<T, hotpoll::StartError>) -> String {
    match result {
        Ok(value) => format!("ok {value:?}"),
        Err(error) => format!("error {error}"),
    }
}

pub fn ready() {
    println!("ready");
    std::io::stdout().flush().expect("somebody reads");
}

/// Until the other side closes our input.
pub fn wait_for_end() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// Uses so much CPU time, however long that takes.
#[inline(never)]
pub fn burn_for(duration: Duration) {
    let began = thread_cpu();
    while thread_cpu() - began < duration {
        black_box((0..1_000_u64).map(black_box).sum::<u64>());
    }
}

fn thread_cpu() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Burns CPU on another thread until the value is dropped.
struct Burning(Arc<AtomicBool>);

impl Burning {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let burn = move || {
            while !told.load(Ordering::Relaxed) {
                burn_for(Duration::from_millis(1));
            }
        };
        let named = std::thread::Builder::new().name("burner".into());
        named.spawn(burn).expect("a thread");
        Self(stop)
    }
}

impl Drop for Burning {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn busy() {
    let _guard = hotpoll::start().expect("hotpoll starts");
    let _burning = Burning::start();
    ready();
    wait_for_end();
}

/// Closes every descriptor, as daemons do, while hotpoll runs, and opens files, pipes and events in their places. Says what came of them.
fn closes_all(folder: &str) {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    let guard = hotpoll::start().expect("hotpoll starts");
    let _burning = Burning::start();
    ready();
    // Until the test has seen it at work: it writes a line.
    std::io::stdin().read_exact(&mut [0]).expect("a line");
    let before: usize = descriptors().len();
    // SAFETY: whoever else has descriptors in this process is what is tested.
    unsafe { libc::close_range(3, u32::MAX, 0) };
    let path = std::path::Path::new(folder).join("host");
    fs::write(&path, "the host's own").expect("a file");
    let mut files = Vec::new();
    let mut events: Vec<OwnedFd> = Vec::new();
    let mut pipes = Vec::new();
    for _ in 0..before + 8 {
        let file = fs::File::options().read(true).write(true).open(&path);
        files.push(file.expect("a file"));
        // SAFETY: eventfd takes no pointers, and the descriptor is new. Readable from the start.
        events.push(unsafe { OwnedFd::from_raw_fd(libc::eventfd(7, libc::EFD_NONBLOCK)) });
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(b"12").expect("a new pipe has room");
        pipes.push((reader, writer));
    }
    let fired = |guard: &Guard| -> u64 {
        let profile = guard.profile();
        let slices = profile.slices.iter().flat_map(|slice| &slice.threads);
        slices.map(|thread| thread.accounts.fired).sum()
    };
    // Two slices later whatever was closed has been noticed.
    let seen = fired(&guard);
    burn_for(Duration::from_secs(3));
    ready();
    wait_for_end();
    let profile = guard.profile();
    let own = |index: u32| profile.threads[index as usize].own;
    let accounts = profile.slices.iter().flat_map(|slice| &slice.threads);
    let agent_ns: u64 = accounts
        .filter(|thread| own(thread.thread))
        .map(|thread| thread.accounts.cpu_ns)
        .sum();
    let fired_since = fired(&guard) - seen;
    guard.stop();
    drop(guard);
    let mut intact = fs::read_to_string(&path).expect("a file") == "the host's own";
    for (file, (event, (mut reader, writer))) in files.iter().zip(events.iter().zip(pipes)) {
        let mut count = [0; 8];
        // SAFETY: the buffer is valid for its length.
        let read = unsafe { libc::read(event.as_raw_fd(), count.as_mut_ptr().cast(), 8) };
        intact &= read == 8 && u64::from_ne_bytes(count) == 7;
        drop(writer);
        let mut rest = String::new();
        intact &= reader.read_to_string(&mut rest).is_ok() && rest == "12";
        let mut text = String::new();
        intact &= (&mut &*file).read_to_string(&mut text).is_ok() && text == "the host's own";
    }
    println!("intact {intact}");
    println!("fired {fired_since}");
    println!("agent {} ms", agent_ns / 1_000_000);
}

fn sleeps() {
    let _guard = hotpoll::start().expect("hotpoll starts");
    ready();
    wait_for_end();
}

fn twice() {
    let first = hotpoll::start().expect("hotpoll starts");
    println!("{}", said(hotpoll::start().map(|_| ())));
    println!("{}", first.is_running());
}

/// Starts and stops many times, and says what is left each time.
fn again() {
    for _ in 0..5 {
        let guard = hotpoll::start().expect("hotpoll starts");
        burn_for(Duration::from_millis(200));
        guard.stop();
        assert!(!guard.is_running());
        let profile = guard.profile();
        let count: u64 = profile.samples.iter().map(|sample| sample.count).sum();
        // A thread counts as ended a moment before the kernel has forgotten it.
        crate::host::wait_until("its threads are gone", || tasks().len() == 1);
        println!(
            "{} threads, {} sockets, samples {}",
            tasks().len(),
            sockets(),
            count > 0
        );
    }
}

fn stopped() {
    let guard = hotpoll::start().expect("hotpoll starts");
    burn_for(Duration::from_millis(300));
    guard.stop();
    let first = guard.profile();
    burn_for(Duration::from_millis(100));
    println!("{}", first == guard.profile());
    println!("{}", guard.report());
}

fn tasks() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/task").expect("proc");
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .collect();
    names.sort();
    names
}

fn descriptors() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").expect("proc");
    let targets = entries
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok());
    // The folder being read is one of them.
    let targets = targets.filter(|target| !target.starts_with("/proc"));
    let mut targets: Vec<String> = targets
        .map(|target| target.to_string_lossy().into_owned())
        .collect();
    targets.sort();
    targets
}

fn sockets() -> usize {
    descriptors()
        .iter()
        .filter(|target| target.starts_with("socket:"))
        .count()
}

fn handler_of_sigprof() -> usize {
    // SAFETY: zero is a valid sigaction, and it is a valid place for the result.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGPROF, std::ptr::null(), &mut action);
        action.sa_sigaction
    }
}

fn off() {
    let before = (tasks(), descriptors(), handler_of_sigprof());
    let guard = hotpoll::start().expect("off is no error");
    burn_for(Duration::from_millis(100));
    let after = (tasks(), descriptors(), handler_of_sigprof());
    assert_eq!(before, after);
    assert!(!guard.is_running());
    assert_eq!(guard.profile(), hotpoll::Profile::default());
    println!("{}", guard.report());
}

/// Prints nothing itself.
fn quiet() {
    let guard = hotpoll::start().expect("hotpoll starts");
    burn_for(Duration::from_millis(300));
    assert!(!guard.report().to_string().is_empty());
    // Notices go to reports alone: nobody can write here.
    assert!(guard.write_pprof("/nowhere/x").is_err());
    drop(guard);
    // And once more by way of the end of the process.
    std::mem::forget(hotpoll::start().expect("hotpoll starts"));
}

/// Starts beside many threads; all of them are found, and ours have all signals blocked.
fn threads(count: usize) {
    let done = Arc::new(Barrier::new(count + 1));
    for _ in 0..count {
        let done = Arc::clone(&done);
        let sleep = move || {
            done.wait();
        };
        let small = std::thread::Builder::new().stack_size(64 * 1024);
        small.spawn(sleep).expect("a thread");
    }
    let began = Instant::now();
    let guard = hotpoll::start().expect("hotpoll starts");
    let took = began.elapsed();
    let profile = guard.profile();
    println!("{} ms", took.as_millis());
    println!(
        "{}",
        profile.threads.iter().filter(|thread| !thread.own).count()
    );
    let own = profile.threads.iter().filter(|thread| thread.own);
    let mut names: Vec<_> = own
        .map(|thread| {
            let status = fs::read_to_string(format!("/proc/self/task/{}/status", thread.tid));
            let status = status.expect("our thread");
            let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
            format!("{} {}", thread.name, blocked.expect("a mask").trim())
        })
        .collect();
    names.sort();
    println!("{}", names.join("\n"));
    done.wait();
}

/// Sleeps with so many threads, and says what the agent takes of a core meanwhile, and how it looks at them.
fn sleepers(count: usize) {
    for _ in 0..count {
        let small = std::thread::Builder::new().stack_size(32 * 1024);
        small.spawn(std::thread::park).expect("a thread");
    }
    let guard = hotpoll::start().expect("hotpoll starts");
    // Every thread is fresh once, which does not come again.
    std::thread::sleep(Duration::from_secs(2));
    // A busy machine may take a while to come to rest: longer and longer times are looked at.
    let mut shares = Vec::new();
    for seconds in [2, 4, 8, 16] {
        let (before, began) = (agent_cpu_ns(), Instant::now());
        std::thread::sleep(Duration::from_secs(seconds));
        let elapsed = began.elapsed().as_nanos() as f64;
        shares = agent_cpu_ns()
            .into_iter()
            .zip(before)
            .map(|((name, now), (_, before))| (name, (now - before) as f64 / elapsed))
            .collect();
        println!("{shares:?}");
        if shares.iter().map(|(_, share)| share).sum::<f64>() < 0.01 {
            break;
        }
    }
    let profile = guard.profile();
    let process = &profile.process;
    let totals = profile.totals();
    println!(
        "stretched {} times, {:.2} Hz",
        process.wall_stretch, process.wall_delivered_hz
    );
    println!("{}", process.notices.join("\n"));
    let kept = totals.kept as f64 / totals.looks as f64;
    let of = |wanted: &str| -> f64 {
        let of = shares.iter().filter(|(name, _)| name.starts_with(wanted));
        of.map(|(_, share)| share).sum()
    };
    println!(
        "{:.4} {:.4} {} {kept:.3}",
        of("wall"),
        of(""),
        process.wall_stretch
    );
    let parked = profile
        .samples
        .iter()
        .filter(|sample| sample.state == State::Futex && sample.stack.len() > 3);
    let wall_ns: u64 = parked.map(|sample| sample.wall_ns).sum();
    println!("{:.3}", wall_ns as f64 / totals.wall_ns as f64);
    std::process::exit(0);
}

/// CPU time of the agent's threads by name.
fn agent_cpu_ns() -> Vec<(String, u64)> {
    let tasks = fs::read_dir("/proc/self/task")
        .expect("our threads")
        .flatten();
    let mut own: Vec<_> = tasks
        .filter_map(|task| {
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            let name = name.trim_end().strip_prefix("hotpoll-")?.to_owned();
            let times = fs::read_to_string(task.path().join("schedstat")).ok()?;
            Some((name, times.split(' ').next()?.parse().ok()?))
        })
        .collect();
    own.sort();
    own
}

/// Becomes another user, connects, and says what it is told.
fn stranger(socket: &str) {
    const NOBODY: u32 = 65_534;
    // SAFETY: neither takes a pointer.
    unsafe {
        assert_eq!(libc::setgid(NOBODY), 0);
        assert_eq!(libc::setuid(NOBODY), 0);
    }
    let mut stream = std::os::unix::net::UnixStream::connect(socket).expect("somebody listens");
    let mut said = Vec::new();
    stream.read_to_end(&mut said).expect("an answer");
    println!("{}", String::from_utf8_lossy(&said));
}

/// Starts on a real-time thread, and prints what is none of an ordinary policy in the end.
fn real_time() {
    // SAFETY: zero is a valid value of each of its fields.
    let mut lowest: libc::sched_param = unsafe { std::mem::zeroed() };
    lowest.sched_priority = 1;
    // SAFETY: the parameter is valid during the call.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &lowest) } != 0 {
        println!("not allowed: {}", std::io::Error::last_os_error());
        return;
    }
    let _guard = hotpoll::start().expect("it starts");
    // They are made by one another's maker, and tell of themselves when they run.
    let until = Instant::now() + Duration::from_secs(30);
    let mut policies = own_policies();
    while policies
        .iter()
        .any(|(_, policy)| *policy != libc::SCHED_OTHER)
        && Instant::now() < until
    {
        std::thread::sleep(Duration::from_millis(10));
        policies = own_policies();
    }
    println!("{} threads", policies.len());
    for (name, policy) in policies {
        if policy != libc::SCHED_OTHER {
            println!("{name}: {policy}");
        }
    }
}

/// hotpoll's threads and the kernel's number of their policy.
fn own_policies() -> Vec<(String, i32)> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("our threads");
    let names = tasks.filter_map(|task| {
        let path = task.ok()?.path();
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        // Behind the name, which may hold anything: the 41st of all, the 39th after it.
        let policy = stat.rsplit_once(')')?.1.split_whitespace().nth(38)?;
        Some((name.trim().to_owned(), policy.parse().ok()?))
    });
    names
        .filter(|(name, _)| name.starts_with("hotpoll-"))
        .collect()
}
