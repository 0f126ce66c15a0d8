//! Locks that are made a million times: memory stays bounded, and their sites' rows count them. Alone in its process, whose rows it fills.

#[path = "lock_support/mod.rs"]
mod support;

use hotpoll_hooks::sync::{Limits, Mutex, RwLock};
use hotpoll_profile::Resources;
use support::sampling;

fn snapshot() -> Resources {
    let limits = Limits {
        resources: usize::MAX,
        ..Limits::default()
    };
    hotpoll_hooks::sync::snapshot(&mut |_| Vec::new(), limits)
}

/// The bytes that the process has in memory. Of its mappings: the kernel's number for all of it is off by some pages for each processor.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("Rss:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

#[test]
fn memory_is_bounded_and_sites_count() {
    sampling();
    let count = match std::env::var_os("HOTPOLL_TEST_LONG") {
        Some(_) => 5_000_000,
        None => 1_000_000u64,
    };
    let mut line = 0;
    let mut make = |times: u64| {
        for n in 0..times {
            let lock = Mutex::new(n);
            line = line!() - 1;
            // Some are used enough to be timed, and so have a row of their own.
            let uses = if n % 1000 == 0 { 100 } else { 1 };
            (0..uses).for_each(|_| *lock.lock() += 1);
        }
    };
    make(10_000);
    let before = resident();
    make(count);
    let grown = resident().saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} bytes");
    let seen = snapshot();
    let site = seen
        .resources
        .iter()
        .find(|each| each.site.line == line)
        .unwrap();
    let made = count + 10_000;
    assert_eq!(site.instances, made);
    assert_eq!(site.exclusive.acquired, made + made / 1000 * 99);
    assert_eq!(site.exclusive.holds_timed, made / 1000);
    assert!(seen.created >= made);

    // More at once than there are rows: those beyond count at their site.
    let locks: Vec<_> = (0..6000).map(|n| RwLock::new(n)).collect();
    let line = line!() - 1;
    for lock in &locks {
        drop(lock.read());
        drop(lock.read());
        drop(lock.write());
    }
    let seen = snapshot();
    assert!(seen.alive <= 4096, "{}", seen.alive);
    let here = || seen.resources.iter().filter(|each| each.site.line == line);
    assert_eq!(here().map(|each| each.instances).sum::<u64>(), 6000);
    assert_eq!(
        seen.folded + here().filter(|each| each.instances == 1).count() as u64,
        6000
    );
    assert_eq!(here().map(|each| each.shared.acquired).sum::<u64>(), 12_000);
    let memory = resident();
    drop(locks);
    for n in 0..6000 {
        drop(RwLock::new(n).read());
    }
    assert!(resident() <= memory + (1 << 20));
    let seen = snapshot();
    assert_eq!((seen.alive, seen.folded), (0, 0));
    let site = seen
        .resources
        .iter()
        .find(|each| each.site.line == line)
        .unwrap();
    assert_eq!((site.instances, site.shared.acquired), (6000, 12_000));
}
