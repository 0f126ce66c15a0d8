//! A million tasks leave nothing behind. Alone in its process, which it measures.

mod support;

use hotpoll_hooks::tasks::JoinSet;
use support::{sampling, until};
use tokio::runtime::Builder;

#[test]
fn tasks_that_come_and_go_leave_nothing() {
    let many = if std::env::var_os("HOTPOLL_TEST_LONG").is_some() {
        1_000_000
    } else {
        100_000
    };
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    sampling();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let spawn = |count: usize| {
        runtime.block_on(async {
            for _ in 0..count / 100 {
                let mut set = JoinSet::new();
                for _ in 0..100 {
                    set.spawn_named("comes and goes", tokio::task::yield_now());
                }
                while set.join_next().await.is_some() {}
            }
        });
    };
    spawn(many / 10);
    let before = resident();
    spawn(many);
    let after = resident();
    let seen = until("none left", |seen| seen.kind("comes and goes").alive == 0);
    assert_eq!(
        seen.kind("comes and goes").completed as usize,
        many + many / 10
    );
    // Ten bytes a task would show.
    assert!(
        after < before + (many as u64) * 10 + (1 << 20),
        "{before} bytes, then {after}"
    );
}
