//! With `HOTPOLL=off` the hooks keep nothing of a runtime. Alone in its process, whose environment it changes.
#![allow(unsafe_code)] // The environment.

use hotpoll_hooks::tasks::{self, Limits};

#[test]
fn hooks_keep_no_runtime() {
    // SAFETY: no other thread of this test's process reads the environment meanwhile: the runner waits for us.
    unsafe { std::env::set_var("HOTPOLL", "off") };
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll_hooks::runtime(&mut builder)
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
    let seen = tasks::snapshot(&mut |_| Vec::new(), Limits::default());
    assert!(seen.runtimes.is_empty() && seen.alive.is_none());
}
