//! What `hotpoll graph` writes, of the shop whose locks are in trouble.

use super::{collect::collect, dot, text};
use crate::golden;
use crate::stuck::fixture::locked;
use crate::text::style::plain;
use crate::text::width::width;
use hotpoll_profile::{
    Channel, Library, Mode, Resource, ResourceKind, Resources, Task, Tasks, Waiter,
};
use regex::Regex;

#[test]
fn as_text() {
    for columns in [60, 80, 160] {
        let text = plain(&text::render(&collect(&locked(), None, false), columns));
        for line in text.lines() {
            assert!(width(line) <= columns, "{} columns: {line}", width(line));
        }
        if columns == 80 {
            golden::check_in("graph", "shop.txt", &text);
        }
    }
}

#[test]
fn for_graphviz() {
    golden::check_in(
        "graph",
        "shop.dot",
        &dot::render(&collect(&locked(), None, false)),
    );
}

#[test]
fn only_what_is_linked() {
    let nodes = |filter: &str| {
        let filter = Regex::new(filter).unwrap();
        let nodes = collect(&locked(), Some(&filter), false).nodes;
        nodes.into_iter().map(|node| node.id).collect::<Vec<_>>()
    };
    // All three are of one knot.
    assert!(nodes("^sessions|mutex sessions").contains(&"resource:2".to_owned()));
    assert!(nodes("nothing of this").is_empty());
}

/// It was a bare number, where `hotpoll stuck` and `locks` knew what it was.
#[test]
fn who_has_ended_keeps_its_kind() {
    let mut profile = crate::stuck::fixture::locked_profile();
    let snapshot = profile.snapshot.as_mut().unwrap();
    let kind = snapshot.tasks.kinds[0].id;
    let holder = &mut snapshot.resources.resources[0].holders[0];
    holder.party = hotpoll_profile::Party {
        task: 4_000,
        kind,
        ..hotpoll_profile::Party::default()
    };
    let data = collect(&crate::now::Now::new(profile), None, false);
    let text = plain(&text::render(&data, 80));
    assert!(text.contains("held by task #4000 (request)"), "{text}");
}

/// Who waits for a time, or to be notified, was shown as who waits for somebody.
#[test]
fn who_sleeps_is_held_up_by_nobody() {
    let shown = |kind, library| {
        let mut profile = crate::stuck::fixture::locked_profile();
        let resources = &mut profile.snapshot.as_mut().unwrap().resources.resources;
        let waiter = resources[0].waiters[0].clone();
        *resources = vec![Resource {
            id: 77,
            kind,
            library,
            instances: 1,
            waiters: vec![waiter],
            ..Resource::default()
        }];
        let data = collect(&crate::now::Now::new(profile), None, false);
        data.nodes.iter().any(|node| node.id == "resource:77")
    };
    assert!(!shown(ResourceKind::Timer, Library::Tokio));
    assert!(!shown(ResourceKind::Condvar, Library::ParkingLot));
    assert!(shown(ResourceKind::Once, Library::Std));
    assert!(shown(ResourceKind::Mutex, Library::Std));
}

#[test]
fn readers_in_words() {
    let mut profile = crate::stuck::fixture::locked_profile();
    if let Some(snapshot) = &mut profile.snapshot {
        let first = &mut snapshot.resources.resources[0];
        first.holders[0].mode = hotpoll_profile::Mode::Shared;
        first.waiters[0].mode = hotpoll_profile::Mode::Shared;
    }
    let data = collect(&crate::now::Now::new(profile), None, false);
    let text = plain(&text::render(&data, 80));
    assert!(text.contains("held to read by thread 4242"), "{text}");
    assert!(
        text.contains("waited for by thread 4252 (tokio-rt-worker) to read (3.00s)"),
        "{text}"
    );
}

/// What `hotpoll stuck` tells of is there, and that nobody waits is said where nobody does. Found by review: a lost sender, and a graph without it.
#[test]
fn members_of_problems_are_shown() {
    let drawn = |change: fn(&mut Resources)| {
        let mut profile = crate::stuck::fixture::locked_profile();
        if let Some(snapshot) = &mut profile.snapshot {
            snapshot.threads.clear();
            snapshot.tasks = Tasks {
                tasks: vec![Task {
                    id: 9,
                    ..Task::default()
                }],
                ..Tasks::default()
            };
            snapshot.resources = Resources::default();
            change(&mut snapshot.resources);
        }
        collect(&crate::now::Now::new(profile), None, false)
    };
    fn oneshot(waits_ns: u64) -> Resource {
        let mut waiter = Waiter {
            mode: Mode::Shared,
            since_ns: waits_ns,
            ..Waiter::default()
        };
        waiter.party.task = 9;
        Resource {
            id: 7,
            kind: ResourceKind::Oneshot,
            library: Library::Tokio,
            name: "answer".to_owned(),
            instances: 1,
            waiters: vec![waiter],
            channel: Some(Channel {
                senders: 1,
                receivers: 1,
                ..Channel::default()
            }),
            ..Resource::default()
        }
    }
    let lost = drawn(|resources| {
        let one = oneshot(60_000_000_000);
        let mut others = one.clone();
        (others.id, others.instances, others.channel) = (8, 200, None);
        others.waiters.clear();
        others.shared.acquired = 200;
        resources.resources = vec![one, others];
    });
    let nodes: Vec<&str> = lost.nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(nodes, ["resource:7", "task:9"]);
    assert_eq!((lost.edges.len(), lost.idle), (1, 0));
    let quiet = drawn(|resources| resources.resources = vec![oneshot(60_000_000_000)]);
    assert!(quiet.nodes.is_empty());
    let text = plain(&text::render(&quiet, 80));
    assert!(
        text.contains("nobody holds anybody up; 1 waits for something to do or for I/O"),
        "{text}"
    );
    let mut nobody = drawn(|_| {});
    nobody.idle = 0;
    assert!(plain(&text::render(&nobody, 80)).contains("nobody waits for anybody"));
}
