//! Where sampling does not run nothing is tracked: futures are spawned as they are. Alone in its process, which never starts.

use hotpoll_hooks::tasks::{self, JoinSet, LocalSet, Track};

#[test]
fn nothing_is_tracked_while_sampling_does_not_run() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll_hooks::runtime(&mut builder)
        .worker_threads(1)
        .build()
        .unwrap();
    tasks::block_on(&runtime, async {
        assert_eq!(tasks::spawn(async { 1 }).await.unwrap(), 1);
        assert_eq!(tasks::spawn_named("named", async { 2 }).await.unwrap(), 2);
        assert_eq!(tasks::spawn_blocking(|| 3).await.unwrap(), 3);
        let mut set = JoinSet::new();
        set.spawn(async { 4 });
        assert_eq!(set.join_next().await.unwrap().unwrap(), 4);
        let local = LocalSet::new();
        let five = local.run_until(async { tasks::spawn_local(async { 5 }).await.unwrap() });
        assert_eq!(five.await, 5);
        assert_eq!(async { 6 }.tracked("six").await, 6);
        let running = tokio::spawn(async {}.tracked("seven"));
        running.await.unwrap();
        assert!(tasks::open_polls().is_empty());
    });
    let seen = tasks::snapshot(&mut |_| Vec::new(), tasks::Limits::default());
    assert_eq!((seen.tracked, seen.kinds.len()), (0, 0));
}
