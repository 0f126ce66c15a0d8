//! The handler near the end of a stack: it takes no more than there is, and counts what it could not record.
//!
//! Every case goes down byte by byte until the process dies, in a child: first with an empty handler, which shows where the kernel itself has no
//! room for its frame, then with ours.
#![allow(unsafe_code)] // stack pointers

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_profile::{Loss, Truncation, thread::Accounts};
use hotpoll_sampler::testing::{ROOM_FOR_WALK, ROOM_TO_LOOK};
use hotpoll_sampler::{EngineSetting, Settings};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use support::{Agent, Expiry, Harness, on_c_thread, own_stack, with_engine};

/// Where descents begin: more than everything takes.
const FROM: u64 = 9 << 10;
const STEP: usize = 8;

/// Takes no stack at all.
#[unsafe(naked)]
extern "C" fn empty_handler(_: i32) {
    std::arch::naked_asm!("ret")
}

/// A sampler whose timers do not fire by themselves.
fn quiet() -> Settings {
    let mut settings = with_engine(1, EngineSetting::Ctimer);
    settings.interval_ns = Settings::GREATEST_INTERVAL_NS;
    settings
}

/// Says how far the descent has come, in case the next step is the last.
fn say(left: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "room {left}").unwrap();
    out.flush().unwrap();
}

/// The last step that a child survived.
fn last_said(output: &std::process::Output) -> u64 {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .rev()
        .filter_map(|line| line.strip_prefix("room ")?.parse().ok())
        .next()
        .unwrap_or_else(|| panic!("the child said nothing: {}", support::text(output)))
}

/// Goes down the stack of a thread without an alternate stack, with a signal at each step.
fn descend(until: u64, signal: impl Fn(u64)) {
    let (low, _) = own_stack();
    for room in (until..=FROM).rev().step_by(STEP) {
        signal(low + room);
        say(room);
    }
}

/// Runs `work` on a C thread that is attached, while this thread drains. Returns the thread's account.
fn with_sampler(stack_bytes: usize, work: impl FnOnce(Expiry) + Send) -> Accounts {
    let mut harness = Harness::start(quiet());
    let (tell_tid, tids) = mpsc::channel();
    let (tell_expiry, expiries) = mpsc::channel();
    let done = AtomicBool::new(false);
    let mut account = None;
    std::thread::scope(|scope| {
        let done = &done;
        scope.spawn(move || {
            on_c_thread(stack_bytes, move || {
                tell_tid.send(support::tid()).unwrap();
                work(expiries.recv().unwrap());
                done.store(true, Ordering::Release);
                // Alive until its account is taken.
                let _ = expiries.recv();
            });
        });
        let tid = tids.recv().unwrap();
        harness.turn();
        tell_expiry.send(Expiry::of(&harness.sampler, tid)).unwrap();
        while !done.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
            harness.turn();
        }
        harness.close_slice();
        let (key, _) = harness
            .sampler
            .threads()
            .find(|(_, info)| info.tid == tid)
            .unwrap();
        account = Some(harness.accounts[&key]);
        drop(tell_expiry);
    });
    harness.sampler.stop();
    account.unwrap()
}

#[test]
fn near_the_guard_page() {
    const TEST: &str = "near_the_guard_page";
    let stack = 64 << 10;
    let kernel = support::child(TEST, "kernel", || {
        support::install(libc::SIGUSR1, empty_handler, 0);
        on_c_thread(stack, || {
            let me = support::tid();
            let signal = Expiry::plain(libc::SIGUSR1, me);
            // SAFETY: below the thread's frames there is nothing.
            descend(0, |at| unsafe { signal.send_from(at) });
        });
    });
    let ours = support::child(TEST, "ours", || {
        with_sampler(stack, |expiry| {
            // SAFETY: as above.
            descend(0, |at| unsafe { expiry.send_from(at) });
        });
    });
    if let (Some(kernel), Some(ours)) = (kernel, ours) {
        for output in [&kernel, &ours] {
            assert_eq!(output.status.signal(), Some(libc::SIGSEGV));
        }
        let (kernel, ours) = (last_said(&kernel), last_said(&ours));
        println!("room that the kernel needs for a signal = {kernel} bytes");
        println!("room that ours needs to see that there is none = {ours} bytes");
        assert!(kernel > 500 && ours < FROM - 1_000);
        // Besides the frames there is the step, and the kernel's alignment.
        assert!(
            ours - kernel <= ROOM_TO_LOOK + 128,
            "without an alternate stack the process dies {} bytes earlier than by the kernel alone",
            ours - kernel
        );
        // The variable tells the last child how far it may go.
        // SAFETY: no other thread reads the environment now.
        unsafe { std::env::set_var("HOTPOLL_TEST_ROOM", ours.to_string()) };
    }
    let accounted = support::child(TEST, "accounted", || {
        let until: u64 = std::env::var("HOTPOLL_TEST_ROOM").unwrap().parse().unwrap();
        let account = with_sampler(stack, |expiry| {
            // SAFETY: as above.
            descend(until, |at| unsafe { expiry.send_from(at) });
        });
        let signals = (until..=FROM).step_by(STEP).count() as u64;
        println!("{account:?}");
        assert_eq!(account.fired, signals);
        assert_eq!(
            account.recorded + account.lost.total(),
            signals,
            "{account:?}"
        );
        assert!(account.lost.get(Loss::NoStackRoom) > 0, "{account:?}");
        assert!(
            account.truncated.get(Truncation::NoStackRoom) > 0,
            "{account:?}"
        );
    });
    if let Some(output) = accounted {
        assert!(output.status.success(), "{}", support::text(&output));
    }
}

#[test]
fn with_an_alternate_stack_down_to_the_last_byte() {
    const TEST: &str = "with_an_alternate_stack_down_to_the_last_byte";
    support::in_child(TEST, || {
        const SIGNALS: u64 = 300;
        // A Rust thread made by the standard library has an alternate stack; so has this one.
        let account = with_sampler(64 << 10, |expiry| {
            let memory: &'static mut [u64] = Vec::leak(vec![0u64; 2 << 10]);
            let stack = libc::stack_t {
                ss_sp: memory.as_mut_ptr().cast(),
                ss_flags: 0,
                ss_size: size_of_val(memory),
            };
            // SAFETY: the memory is leaked.
            unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
            let (low, _) = own_stack();
            for room in (0..SIGNALS).rev() {
                // SAFETY: below the thread's frames there is nothing.
                unsafe { expiry.send_from(low + room * 8) };
            }
        });
        assert_eq!(account.fired, SIGNALS, "{account:?}");
        assert_eq!(account.recorded, SIGNALS, "{account:?}");
        assert_eq!(
            account.truncated.get(Truncation::NoStackRoom),
            0,
            "{account:?}"
        );
    });
}

/// Words under a tiny alternate stack that nobody may write.
const CANARIES: usize = 512;
const CANARY: u64 = 0xbad0_5eed_bad0_5eed;

/// Gives the calling thread alternate stacks that shrink, with a signal on each. Checks that nothing below them is written.
fn shrink(until: u64, signal: impl Fn()) {
    let memory: &'static mut [u64] = Vec::leak(vec![0u64; CANARIES + FROM as usize / 8]);
    let top = memory.as_ptr_range().end as u64;
    for size in (until..=FROM).rev().step_by(STEP) {
        let low = (top - size) as usize;
        let words = (low - memory.as_ptr() as usize) / 8;
        memory[words - CANARIES..words].fill(CANARY);
        let stack = libc::stack_t {
            ss_sp: low as *mut libc::c_void,
            ss_flags: 0,
            ss_size: size as usize,
        };
        // SAFETY: the memory is leaked.
        let result = unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
        assert_eq!(result, 0);
        signal();
        let written = memory[words - CANARIES..words]
            .iter()
            .filter(|&&word| word != CANARY)
            .count();
        assert_eq!(written, 0, "words were written below a stack of {size}");
        say(size);
    }
}

/// The least alternate stack that the kernel promises to be enough for its own frame.
fn least_alternate_stack() -> u64 {
    // SAFETY: it reads a number from the auxiliary vector.
    match unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } {
        0 => libc::MINSIGSTKSZ as u64,
        size => size,
    }
}

#[test]
fn on_tiny_alternate_stacks() {
    const TEST: &str = "on_tiny_alternate_stacks";
    let kernel = support::child(TEST, "kernel", || {
        support::install(libc::SIGUSR1, empty_handler, libc::SA_ONSTACK);
        on_c_thread(256 << 10, || {
            let me = support::tid();
            shrink(0, || support::signal_thread(me, libc::SIGUSR1));
        });
    });
    let ours = support::child(TEST, "ours", || {
        let least = least_alternate_stack();
        let account = with_sampler(256 << 10, |expiry| shrink(least, || expiry.send()));
        println!("{account:?}");
        let signals = (least..=FROM).step_by(STEP).count() as u64;
        // On the tiniest not even the loss can be counted.
        assert!(account.fired <= signals && account.fired > signals - ROOM_TO_LOOK / STEP as u64);
        assert_eq!(account.recorded + account.lost.total(), account.fired);
        assert!(account.lost.get(Loss::NoStackRoom) > 0, "{account:?}");
        assert!(
            account.truncated.get(Truncation::NoStackRoom) > 0,
            "{account:?}"
        );
        assert!(
            account.truncated.get(Truncation::Complete) * STEP as u64 > FROM - 4096 - ROOM_FOR_WALK
        );
    });
    if let (Some(kernel), Some(ours)) = (kernel, ours) {
        assert!(ours.status.success(), "{}", support::text(&ours));
        println!(
            "least alternate stack that the kernel takes = {} bytes, that it promises to take = {}",
            last_said(&kernel),
            least_alternate_stack()
        );
        assert!(last_said(&kernel) <= least_alternate_stack());
    }
}

/// What a thread on 8 KB runs: it needs no thread-local storage and little stack.
extern "C" fn burn_on_little(stop: *mut libc::c_void) -> i32 {
    // SAFETY: the flag is static.
    let stop = unsafe { &*stop.cast::<LittleThread>() };
    // SAFETY: no memory is involved.
    let tid: i64 = unsafe {
        let tid;
        std::arch::asm!("syscall", inlateout("rax") libc::SYS_gettid => tid, out("rcx") _, out("r11") _);
        tid
    };
    stop.tid.store(tid as u32, Ordering::Release);
    let mut x = 1u64;
    while !stop.stop.load(Ordering::Relaxed) {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::hint::black_box(x);
    }
    0
}

#[derive(Default)]
struct LittleThread {
    tid: AtomicU32,
    stop: AtomicBool,
}

/// Starts a bare thread: no C library knows of it, it has its maker's thread-local storage, and a stack of 8 KB over a guard page.
fn start_on_8_kb(thread: &'static LittleThread) {
    const STACK: usize = 8 << 10;
    // SAFETY: a fresh mapping whose lowest page is made inaccessible; the new thread runs a function that returns on it.
    unsafe {
        let memory = libc::mmap(
            std::ptr::null_mut(),
            STACK + 4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(memory, libc::MAP_FAILED);
        assert_eq!(libc::mprotect(memory, 4096, libc::PROT_NONE), 0);
        let made = libc::clone(
            burn_on_little,
            memory.byte_add(STACK + 4096),
            libc::CLONE_VM
                | libc::CLONE_FS
                | libc::CLONE_FILES
                | libc::CLONE_SIGHAND
                | libc::CLONE_THREAD
                | libc::CLONE_SYSVSEM,
            (thread as *const LittleThread).cast_mut().cast(),
        );
        assert!(made > 0, "clone: {}", std::io::Error::last_os_error());
    }
    while thread.tid.load(Ordering::Acquire) == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn on_8_kb_stacks() {
    support::in_child("on_8_kb_stacks", || {
        for settings in support::engines() {
            sample_on_8_kb(settings);
        }
    });
}

fn sample_on_8_kb(settings: Settings) {
    let agent = Agent::start(settings);
    let threads: Vec<&'static LittleThread> = (0..4).map(|_| &*Box::leak(Box::default())).collect();
    for thread in &threads {
        start_on_8_kb(thread);
    }
    for thread in &threads {
        agent
            .watched
            .wait_for_records(thread.tid.load(Ordering::Acquire), 40);
        thread.stop.store(true, Ordering::Relaxed);
    }
    let harness = agent.finish();
    for thread in &threads {
        let tid = thread.tid.load(Ordering::Acquire);
        let (key, _) = harness
            .info
            .iter()
            .find(|(_, info)| info.tid == tid)
            .unwrap();
        let account = harness.accounts[key];
        println!("{account:?}");
        // Release: the whole handler fits under the kernel's frame, once the agent has looked the stack up. Development: the leaf does, or not.
        assert!(account.recorded >= 40, "{account:?}");
        assert!(
            account.truncated.get(Truncation::UnknownStack) * 2 <= account.recorded,
            "{account:?}"
        );
    }
}
