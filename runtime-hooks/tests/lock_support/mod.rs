//! What the tests of locks share: sampling that runs, snapshots of resources, patience.
#![allow(dead_code)] // each test file uses a part

use hotpoll_hooks::sync::{self, Limits};
use hotpoll_profile::{Resource, Resources};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Starts sampling, once in the process: locks tell of themselves from then on, and stacks can be walked. No timer is armed.
pub fn sampling() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let (sampler, mut modules) =
            hotpoll_sampler::start(hotpoll_sampler::Settings::default()).expect("start");
        modules.refresh();
        sync::begin();
        // They stay for the process's life.
        std::mem::forget((sampler, modules));
    });
}

/// A snapshot; stacks are given as their length.
pub fn snapshot() -> Resources {
    sync::snapshot(&mut |stack| vec![stack.len() as u32], Limits::default())
}

/// The one resource with this name.
pub fn one<'a>(all: &'a Resources, name: &str) -> &'a Resource {
    let mut named = all.resources.iter().filter(|each| each.name == name);
    let first = named
        .next()
        .unwrap_or_else(|| panic!("no {name}: {all:#?}"));
    assert!(named.next().is_none(), "two of {name}");
    first
}

/// The longest wait for something that comes at once. Not a measure: a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether so many threads wait, all with their stacks: a thread walks its own after it is known to wait.
pub fn wait_with_stacks(count: usize) -> impl Fn(&Resource) -> bool {
    move |resource| {
        let waiters = resource.waiters.iter();
        let shown = waiters.filter(|one| one.stack.first().is_some_and(|length| *length > 3));
        shown.count() == count && resource.waiters.len() == count
    }
}

/// Waits until the thread's samples would say what it waits for and what it holds: who waits says so after it is known to wait, in the holder's words too.
pub fn until_published(tid: u32, lock: u64, holds: u64) {
    let begun = Instant::now();
    loop {
        let words = hotpoll_sampler::published_by(tid).unwrap().words();
        if (words.lock, words.holds) == (lock, holds) {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{words:?}, not {lock} and {holds}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Looks until the condition holds of the resource with this name.
pub fn until(name: &str, condition: impl Fn(&Resource) -> bool) -> Resources {
    let begun = Instant::now();
    loop {
        let seen = snapshot();
        if seen
            .resources
            .iter()
            .any(|each| each.name == name && condition(each))
        {
            return seen;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "not seen in time: {name}\n{seen:#?}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The calling thread's number.
pub fn tid() -> u32 {
    hotpoll_sampler::current_tid()
}
