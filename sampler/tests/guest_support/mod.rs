//! What the tests of the handler and of the guest's manners share: children to try dangerous things in, and an agent thread.
//!
//! Signal handlers, limits, filters and the one sampler belong to a whole process, so each test runs in a process of its own: the test binary
//! starts itself again with the one test selected. A test that kills its process fails with what the process said.
#![allow(dead_code)] // each test file uses a part
#![allow(unsafe_code)] // raw system calls

#[path = "../common/mod.rs"]
pub mod common;
pub mod library;
pub mod shapes;
pub mod threads;

#[allow(unused_imports)] // each test file uses a part
pub use common::{Harness, at_hz, burn_until, thread_cpu};
#[allow(unused_imports)] // each test file uses a part
pub use threads::{Expiry, on_c_thread, own_stack};

use hotpoll_sampler::{BlockSignals, EngineSetting, Settings};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const CHILD: &str = "HOTPOLL_TEST_CHILD";
/// A child that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs `body` in a child process and checks that the child lived through it. `test` is the name of the calling test.
pub fn in_child(test: &str, body: impl FnOnce()) {
    if let Some(output) = child(test, "", body) {
        assert!(
            output.status.success(),
            "the child ended with {}\n{}",
            output.status,
            text(&output)
        );
        // Captured by the harness unless asked for: the figures.
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Runs `body` in a child process that must die by `signal`.
pub fn killed_in_child(test: &str, part: &str, signal: i32, body: impl FnOnce()) {
    if let Some(output) = child(test, part, body) {
        assert_eq!(
            output.status.signal(),
            Some(signal),
            "the child ended with {}\n{}",
            output.status,
            text(&output)
        );
    }
}

/// Runs `body` when this process is the child for this part of the test, and leaves the process then; otherwise starts that child, and
/// returns how it ended. `None` when this process is the child for another part.
pub fn child(test: &str, part: &str, body: impl FnOnce()) -> Option<Output> {
    child_for(test, part, Duration::ZERO, body)
}

/// The same with a child that takes this long by design.
pub fn child_for(test: &str, part: &str, longer: Duration, body: impl FnOnce()) -> Option<Output> {
    let role = format!("{test}/{part}");
    match std::env::var(CHILD) {
        Ok(mine) if mine == role => {
            body();
            // Not through the harness: what the body changed in this process must not meet the harness's own end.
            // SAFETY: _exit has no preconditions.
            unsafe { libc::_exit(0) }
        }
        Ok(_) => None,
        Err(_) => Some(run(child_command(test, &role), PATIENCE + longer)),
    }
}

/// Whether this process is a child made by [`child`].
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs `body` in a forked process that has no other thread than the calling one; the harness keeps one of its own. The body must succeed.
pub fn alone(body: impl FnOnce()) {
    let status = forked(body);
    assert!(status.success(), "the forked child ended with {status}");
}

/// Runs `body` in a forked process, and returns how it ended.
pub fn forked(body: impl FnOnce()) -> std::process::ExitStatus {
    // SAFETY: the child runs on with a copy of everything; glibc keeps its allocator usable across fork.
    match unsafe { libc::fork() } {
        0 => {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            // SAFETY: _exit has no preconditions.
            unsafe { libc::_exit(if result.is_ok() { 0 } else { 99 }) }
        }
        child => wait(child),
    }
}

/// Waits for a forked process.
pub fn wait(child: libc::pid_t) -> std::process::ExitStatus {
    assert!(child > 0, "fork: {}", std::io::Error::last_os_error());
    let mut status = 0;
    // SAFETY: `status` is a valid place for the result.
    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(waited, child);
    std::process::ExitStatus::from_raw(status)
}

fn child_command(test: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, role)
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end, or kills it when it hangs.
pub fn run(mut command: Command, patience: Duration) -> Output {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id() as libc::pid_t;
    let done = Arc::new(AtomicBool::new(false));
    let watch = {
        let done = Arc::clone(&done);
        std::thread::spawn(move || {
            let begun = Instant::now();
            while begun.elapsed() < patience {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::park_timeout(Duration::from_millis(200));
            }
            // SAFETY: the child is not waited for yet, so the number is still its own.
            unsafe { libc::kill(id, libc::SIGKILL) };
        })
    };
    // Both pipes are read at once, so that a child that says much does not wait for us.
    let mut out = child.stdout.take().unwrap();
    let mut err = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || read_all(&mut err));
    let stdout = read_all(&mut out);
    let stderr = reader.join().unwrap();
    // The watch may kill until it is told to stop, so the child is reaped after that.
    done.store(true, Ordering::Relaxed);
    watch.thread().unpark();
    watch.join().unwrap();
    let status = child.wait().unwrap();
    Output {
        status,
        stdout,
        stderr,
    }
}

fn read_all(from: &mut impl std::io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    bytes
}

/// What a child said.
pub fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A thread that drives the sampler as hotpoll's agent does: with all signals blocked, on its own.
pub struct Agent {
    stop: Arc<AtomicBool>,
    pub watched: Arc<Watched>,
    thread: JoinHandle<Harness>,
}

/// What others may know of a running agent.
#[derive(Default)]
pub struct Watched {
    records: std::sync::Mutex<std::collections::BTreeMap<u32, u64>>,
    turns: std::sync::atomic::AtomicU64,
    slices: std::sync::atomic::AtomicU64,
}

impl Watched {
    /// Records drained so far of a thread.
    pub fn records_of(&self, tid: u32) -> u64 {
        self.records.lock().unwrap().get(&tid).copied().unwrap_or(0)
    }

    /// Waits until the agent has looked at the threads and the modules twice from now.
    pub fn wait_for_a_look(&self) {
        let seen = self.turns.load(Ordering::Acquire);
        while self.turns.load(Ordering::Acquire) < seen + 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until the agent has read all threads' clocks from now.
    pub fn wait_for_a_slice(&self) {
        let seen = self.slices.load(Ordering::Acquire);
        // The next one may have been under way.
        while self.slices.load(Ordering::Acquire) < seen + 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until that many records were drained, of whatever threads.
    pub fn wait_for_any_records(&self, records: u64) {
        while self.all_records() < records {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Records drained so far, of whatever threads.
    pub fn all_records(&self) -> u64 {
        self.records.lock().unwrap().values().sum()
    }

    /// Waits until that many records of the thread were drained.
    pub fn wait_for_records(&self, tid: u32, records: u64) {
        while self.records_of(tid) < records {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Agent {
    /// Starts sampling and the thread.
    pub fn start(settings: Settings) -> Self {
        Self::start_keeping(settings, false)
    }

    /// The same, keeping the callchains.
    pub fn start_keeping(settings: Settings, callchains: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let watched = Arc::new(Watched::default());
        let mut harness = Harness::start(settings);
        harness.keep_callchains = callchains;
        let blocked = BlockSignals::new();
        let thread = {
            let (stop, watched) = (Arc::clone(&stop), Arc::clone(&watched));
            std::thread::Builder::new()
                .name("agent".into())
                .spawn(move || drive(harness, &stop, &watched))
                .unwrap()
        };
        drop(blocked);
        watched.wait_for_a_look();
        Self {
            stop,
            watched,
            thread,
        }
    }

    /// Ends sampling after a last drain, and checks that nothing was lost without being counted.
    pub fn finish(self) -> Harness {
        self.stop.store(true, Ordering::Relaxed);
        let harness = self.thread.join().unwrap();
        check_conservation(&harness);
        harness
    }
}

fn drive(mut harness: Harness, stop: &AtomicBool, watched: &Watched) -> Harness {
    hotpoll_sampler::register_own_thread();
    hotpoll_sampler::register_drain_thread();
    let mut slice_begun = Instant::now();
    loop {
        let last = stop.load(Ordering::Relaxed);
        harness.modules.refresh();
        harness.turn();
        if last || slice_begun.elapsed() > Duration::from_millis(200) {
            harness.sampler.check_handler();
            harness.close_slice();
            watched.slices.fetch_add(1, Ordering::Release);
            slice_begun = Instant::now();
        }
        {
            let mut records = watched.records.lock().unwrap();
            for (key, info) in harness.sampler.threads() {
                if let Some(seen) = harness.seen.get(&key) {
                    records.insert(info.tid, seen.records);
                }
            }
        }
        watched.turns.fetch_add(1, Ordering::Release);
        if last {
            harness.sampler.stop();
            return harness;
        }
        let pause = harness.sampler.next_drain_ns().min(20_000_000);
        std::thread::park_timeout(Duration::from_nanos(pause));
    }
}

/// Fired = recorded + overrun + lost for each thread, and every record that the handler counted was drained. Threads that still run may have
/// fired between the reading of one counter and the next, so only those that have ended, or sleep, are compared exactly.
pub fn check_conservation(harness: &Harness) {
    for (key, accounts) in &harness.accounts {
        let info = &harness.info[key];
        let counted = accounts.recorded + accounts.overrun + accounts.lost.total();
        let drained = harness.seen.get(key).map_or(0, |seen| seen.records);
        if info.exited {
            assert_eq!(accounts.fired, counted, "{info:?} {accounts:?}");
            assert_eq!(accounts.recorded, drained, "{info:?} {accounts:?}");
        } else {
            let apart = accounts.fired.abs_diff(counted) + accounts.recorded.abs_diff(drained);
            // At 10 kHz a busy machine can keep the agent off the processor for 100 ms between the drain and the reading.
            assert!(
                apart <= 1_000,
                "{apart} apart, {drained} drained: {info:?} {accounts:?}"
            );
        }
        assert_eq!(
            accounts.truncated.total(),
            accounts.recorded,
            "{info:?} {accounts:?}"
        );
    }
}

/// Settings for a rate with an engine.
pub fn with_engine(hz: u64, engine: EngineSetting) -> Settings {
    let mut settings = at_hz(hz);
    settings.engine = engine;
    settings
}

/// Both engines, or the one that is permitted here, each with a rate that suits it.
pub fn engines() -> Vec<Settings> {
    let mut engines = vec![with_engine(250, EngineSetting::Ctimer)];
    if perf_permitted() {
        engines.push(with_engine(5_000, EngineSetting::Perf));
    }
    engines
}

/// Whether this kernel lists a process's timers: that is an option of its build.
pub fn timers_are_listed() -> bool {
    std::path::Path::new("/proc/self/timers").exists()
}

/// Whether perf events may be opened here: a task-clock event, user space only, for the calling thread.
pub fn perf_permitted() -> bool {
    let mut attributes = [0u64; 16];
    attributes[0] = 1 | 128 << 32; // PERF_TYPE_SOFTWARE, size
    attributes[1] = 1; // PERF_COUNT_SW_TASK_CLOCK
    attributes[2] = 1_000_000;
    attributes[5] = 1 | 1 << 5 | 1 << 6; // disabled, exclude_kernel, exclude_hv
    // SAFETY: the attributes are valid for the size that they state; the descriptor is closed at once.
    unsafe {
        let event = libc::syscall(libc::SYS_perf_event_open, &attributes, 0, -1, -1, 8);
        if event >= 0 {
            libc::close(event as i32);
        }
        event >= 0
    }
}

/// Sets a flag when it goes out of scope, also by a failed assertion: threads that wait for the flag then end, and the test with them.
pub struct SetAtEnd<'a>(pub &'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The calling thread's kernel ID.
pub fn tid() -> u32 {
    hotpoll_sampler::current_tid()
}

/// Sends a signal to one thread of this process.
pub fn signal_thread(tid: u32, signal: i32) {
    // SAFETY: tgkill has no memory arguments.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, signal) };
}

/// Installs a handler for a signal. `flags` without SA_SIGINFO.
pub fn install(signal: i32, handler: extern "C" fn(i32), flags: i32) {
    // SAFETY: the action is zeroed and then filled in.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

/// Work of many shapes: deep and shallow stacks, library calls, the clock's vDSO.
#[inline(never)]
pub fn varied_work(depth: u32) -> u64 {
    if depth == 0 {
        let now = Instant::now();
        let mut x = 1u64;
        for step in 0..200u64 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
        }
        let from = [x as u8; 3000];
        let mut to = [0u8; 3000];
        to.copy_from_slice(std::hint::black_box(&from));
        return u64::from(std::hint::black_box(&to)[7]) + now.elapsed().as_nanos() as u64;
    }
    varied_work(depth - 1).wrapping_add(std::hint::black_box(1))
}
