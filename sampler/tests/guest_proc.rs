//! Where `/proc` is another PID namespace's, start() says so: there every thread was taken for one that may not be sampled, without a word.
#![allow(unsafe_code)] // unshare

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_sampler::{Settings, StartError};

#[test]
fn another_namespaces_proc_is_an_error() {
    support::in_child("another_namespaces_proc_is_an_error", || {
        // SAFETY: it touches no memory; the next child is the first process of a new namespace, whose /proc nobody mounts.
        if unsafe { libc::unshare(libc::CLONE_NEWPID) } != 0 {
            println!("namespaces cannot be made here");
            return;
        }
        let status = support::forked(|| {
            let error = hotpoll_sampler::start(Settings::default()).err();
            assert_eq!(error, Some(StartError::NoProc));
        });
        assert!(status.success(), "{status}");
    });
}
