//! A forked child that does something, and whether it came through.
#![allow(unsafe_code)] // fork

use std::time::{Duration, Instant};

/// Runs the closure in a forked child, and fails if it panics or never ends.
pub fn forked(child: impl FnOnce()) {
    // SAFETY: the child has this thread only; it runs what is tested, and ends without running anything of the parent's.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        if let Err(panic) = &result {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or(panic.downcast_ref::<&str>().copied());
            let words = format!("in the child: {}\n", words.unwrap_or("a panic"));
            // SAFETY: writes the bytes given. Past the test's captured output, which ends with the child.
            unsafe { libc::write(2, words.as_ptr().cast(), words.len()) };
        }
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(result.is_err())) };
    }
    let begun = Instant::now();
    let mut status = -1;
    // SAFETY: asks for that child's status.
    while unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } == 0 {
        if begun.elapsed() > Duration::from_secs(60) {
            // SAFETY: ends that child.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            panic!("the child hangs");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(status, 0);
}
