//! What `hotpoll graph` writes, of the shop whose locks are in trouble.

use super::{collect::collect, dot, text};
use crate::golden;
use crate::stuck::fixture::locked;
use crate::text::style::plain;
use crate::text::width::width;
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
