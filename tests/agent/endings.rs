//! Processes that end in odd ways, and processes that fork.

use crate::roles::{burn_for, ready, wait_for_end};
use hotpoll::Guard;
use std::time::Duration;

pub fn leak() {
    std::mem::forget(hotpoll::start().expect("hotpoll starts"));
    burn_for(Duration::from_millis(300));
    std::process::exit(7);
}

/// Ends while the loader's lock is held, as a library's constructor might: the module thread waits for that lock.
pub fn exit_with_the_loader_locked() {
    std::mem::forget(hotpoll::start().expect("hotpoll starts"));
    burn_for(Duration::from_millis(300));
    unsafe extern "C" fn end(_: *mut libc::dl_phdr_info, _: usize, _: *mut libc::c_void) -> i32 {
        // Long enough for the module thread to come and wait.
        std::thread::sleep(Duration::from_millis(300));
        std::process::exit(7);
    }
    // SAFETY: the callback has the right type and does not look at its arguments.
    unsafe { libc::dl_iterate_phdr(Some(end), std::ptr::null_mut()) };
}

/// Forks; the child ends in the way named. Only the parent writes.
pub fn forks(how: &str) {
    let guard = hotpoll::start().expect("hotpoll starts");
    burn_for(Duration::from_millis(200));
    // SAFETY: the child does only what is tested: it ends, with or without dropping the guard.
    let child = unsafe { libc::fork() };
    if child == 0 {
        assert!(!guard.is_running());
        assert_eq!(guard.profile(), hotpoll::Profile::default());
        burn_for(Duration::from_millis(200));
        if how == "dropping" {
            drop(guard);
        }
        std::process::exit(0);
    }
    let mut status = 0;
    // SAFETY: the child is ours, and the status a valid place for the result.
    unsafe { libc::waitpid(child, &mut status, 0) };
    println!("child {child} {status} running {}", guard.is_running());
    ready();
    wait_for_end();
}

/// A forked child starts hotpoll itself, and has a socket and a file of its own.
pub fn forks_and_starts() {
    let guard = hotpoll::start().expect("hotpoll starts");
    // SAFETY: the child's first act is a start, which is promised to work there.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let own: Guard = hotpoll::start().expect("hotpoll starts in the child");
        burn_for(Duration::from_millis(300));
        // The parent's guard does nothing here, even now.
        drop(guard);
        assert!(own.is_running());
        let profile = own.profile();
        assert_eq!(profile.process.pid, std::process::id());
        assert!(!profile.samples.is_empty());
        drop(own);
        std::process::exit(0);
    }
    let mut status = 0;
    // SAFETY: the child is ours, and the status a valid place for the result.
    unsafe { libc::waitpid(child, &mut status, 0) };
    println!("child {child} {status} running {}", guard.is_running());
}
