//! Work that a program counts reaches its profile, by slice and in all.

#![cfg(all(target_os = "linux", target_arch = "x86_64", feature = "tokio"))]

use hotpoll_profile::WorkSource;

/// One test, as hotpoll is one to a process.
#[test]
fn what_is_counted_is_in_the_profile() {
    // Before the start: counted, and not this start's.
    hotpoll::work("requests", 1_000);
    let guard = hotpoll::start().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    hotpoll::block_on(&runtime, async {
        let requests = (0..20).map(|_| {
            hotpoll::spawn_named("request", async {
                hotpoll::work("requests", 1);
                // What a task spawns is a part of it.
                hotpoll::spawn(async { hotpoll::work("queries", 3) }).await
            })
        });
        for request in requests.collect::<Vec<_>>() {
            request.await.unwrap().unwrap();
        }
        // A task that does not come to its end is no work done.
        let endless = hotpoll::spawn(std::future::pending::<()>());
        endless.abort();
        assert!(endless.await.is_err());
    });
    std::thread::spawn(|| hotpoll::work("requests", 5))
        .join()
        .unwrap();
    let profile = guard.profile();
    let units = |name: &str, source: WorkSource| {
        let mut counters = profile.work.iter();
        let place = counters.position(|work| work.name == name && work.source == source);
        let place = place.unwrap_or_else(|| panic!("{name}: {:?}", profile.work));
        let parts = profile.slices.iter().flat_map(|slice| &slice.work);
        let sliced: u64 = parts
            .filter(|part| part.work as usize == place)
            .map(|part| part.units)
            .sum();
        (profile.work[place].units, sliced)
    };
    assert_eq!(units("requests", WorkSource::Program), (25, 25));
    assert_eq!(units("queries", WorkSource::Program), (60, 60));
    assert_eq!(units("tasks", WorkSource::Tasks), (20, 20));
    assert_eq!(profile.work.len(), 3);
    let machine = &profile.fingerprint;
    assert!(machine.machine("kernel").is_some(), "{machine:?}");
    assert_eq!(machine.workload, "");
}
