//! Sleepers whose stack cannot be taken from outside: no signal by default, and one where the program wants it.

use crate::Test;
use crate::host::{Folder, Host, profile_in, wait_until};
use crate::roles::{ready, wait_for_end};
use hotpoll_profile::protocol::{Fetch, Request};
use hotpoll_profile::{CaptureFailure, Profile, ThreadNow};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub const TESTS: &[Test] = &[
    (
        "sleepers::nobody_gets_a_signal_unasked",
        nobody_gets_a_signal_unasked,
    ),
    (
        "sleepers::a_signal_fills_a_failed_capture",
        a_signal_fills_a_failed_capture,
    ),
];

/// Looks that had to fail before it is believed that nothing comes of them.
const FAILURES: u64 = 20;

/// The only thread beside the first one; `None` until it has been found.
fn now(host: &Host) -> Option<(Profile, ThreadNow)> {
    let fetch = Fetch {
        snapshot: true,
        ..Fetch::default()
    };
    let profile = profile_in(host.ask(&Request::Fetch(fetch)));
    let threads = &profile.snapshot.as_ref().expect("asked for").threads;
    let mut odd = threads
        .iter()
        .filter(|now| profile.threads[now.thread as usize].tid != host.pid());
    let odd = odd.next()?.clone();
    Some((profile, odd))
}

/// How often the thread's system call was interrupted.
fn interrupted(mut host: Host) -> u64 {
    let said = host.last_words();
    said.trim().parse().expect("a number")
}

fn nobody_gets_a_signal_unasked() {
    let folder = Folder::new();
    let host = folder.start_ready("odd-sleeper", &[("HOTPOLL_WALL_HZ", "200")]);
    wait_until("captures that fail", || {
        now(&host).is_some_and(|(profile, odd)| {
            let totals = &profile.threads[odd.thread as usize].totals;
            totals.capture_failed.get(CaptureFailure::Unwind) >= 1
                && totals.looks >= FAILURES
                && odd.failure == Some(CaptureFailure::Unwind)
        })
    });
    // Longer than it takes until one is asked.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let (profile, odd) = now(&host).expect("the thread");
    assert_eq!(odd.failure, Some(CaptureFailure::Unwind));
    assert_eq!(odd.stack.len(), 1, "where it sleeps, and nothing more");
    let notices = &profile.process.notices;
    assert!(!notices.iter().any(|notice| notice.contains("EINTR")));
    assert_eq!(interrupted(host), 0);
}

fn a_signal_fills_a_failed_capture() {
    let folder = Folder::new();
    let variables = [
        ("HOTPOLL_WALL_HZ", "200"),
        ("HOTPOLL_SIGNAL_SLEEPERS", "on"),
    ];
    let host = folder.start_ready("odd-sleeper", &variables);
    wait_until("the stack", || {
        now(&host).is_some_and(|(_, odd)| odd.failure.is_none() && odd.stack.len() > 3)
    });
    // It has not run since, so the stack is kept, and it is not asked again.
    let count = || {
        let (profile, odd) = now(&host).expect("the thread");
        assert_eq!(odd.failure, None);
        let mut notices = profile.process.notices.iter();
        let notice = notices.find(|notice| notice.contains("EINTR"));
        let notice = notice.expect("reports say that signals were sent");
        notice.split(' ').next().map(str::to_owned)
    };
    let before = count();
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert_eq!(count(), before);
    assert!(interrupted(host) > 0, "this is the danger");
}

static INTERRUPTED: AtomicU64 = AtomicU64::new(0);

/// A thread sleeps where a look from outside cannot know its frame pointer, without which its caller cannot be found.
pub fn odd_sleeper() {
    let _guard = hotpoll::start().expect("hotpoll starts");
    std::thread::spawn(sleep_oddly);
    ready();
    wait_for_end();
    println!("{}", INTERRUPTED.load(Relaxed));
    std::process::exit(0);
}

#[inline(never)]
fn sleep_oddly() {
    // A call through a register says nothing of whom it calls.
    let sleep: unsafe extern "C" fn(u64) -> i64 = black_box(sleep_with_odd_frame);
    loop {
        // SAFETY: it keeps the calling convention, and has room for so many bytes on any stack.
        let result = unsafe { sleep(64) };
        assert_eq!(result, -i64::from(libc::EINTR), "nothing else ends it");
        INTERRUPTED.fetch_add(1, Relaxed);
    }
}

unsafe extern "C" {
    fn sleep_with_odd_frame(bytes: u64) -> i64;
}

// poll(NULL, 0, -1) below a frame of as many bytes as the argument says. Its callers are found by rbp alone, and its first instructions do not
// say where that is.
std::arch::global_asm!(
    ".globl sleep_with_odd_frame",
    ".type sleep_with_odd_frame,@function",
    "sleep_with_odd_frame:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "lea rbp, [rsp]",
    ".cfi_def_cfa_register rbp",
    "sub rsp, rdi",
    "mov eax, 7",
    "xor edi, edi",
    "xor esi, esi",
    "mov edx, -1",
    "syscall",
    "mov rsp, rbp",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size sleep_with_odd_frame, . - sleep_with_odd_frame",
);
