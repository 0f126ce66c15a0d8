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
            begun.elapsed() < Duration::from_secs(30),
            "not seen in time: {name}\n{seen:#?}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The calling thread's number.
pub fn tid() -> u32 {
    hotpoll_sampler::current_tid()
}
