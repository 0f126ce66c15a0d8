//! Leaves the scaffolding out of what a person looks at: call shims, executors and the frames that every stack of a thread stands on.

use crate::text::name::short;
use hotpoll_compare::FlameNode;
use hotpoll_symbolizer::view::origin::{Origin, folded_name, origin};
use std::collections::HashMap;

/// Whether a function says nothing about the program: no one can change it, and it is in every stack.
pub fn is_scaffolding(name: &str) -> bool {
    is_ours(name) || origin(name, "") == Origin::Runtime
}

/// Our own wrappers around polls.
fn is_ours(name: &str) -> bool {
    name.contains("hotpoll_hooks::")
}

/// How the standard library's functions are folded.
const STD: &str = "[std]";

/// A chain of callers as a person reads it, outermost first: what an executor does in between, with the standard library's shims in it, is one `[tokio]`,
/// what the standard library does alone is one `[std]`, and what every stack begins with is left out.
pub fn callers(chain: &[String]) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    // Whether what was said last is folded.
    let mut in_fold = true;
    for name in chain.iter().filter(|name| !is_ours(name)) {
        let Some(folded) = folded_name(name, "") else {
            said.push(short(name));
            in_fold = false;
            continue;
        };
        match said.last_mut() {
            None => {}
            Some(last) if in_fold && last == STD => *last = folded,
            Some(last) if in_fold && (folded == STD || *last == folded) => {}
            Some(_) => said.push(folded),
        }
        in_fold = true;
    }
    said
}

/// The tree without scaffolding: what it calls hangs from its caller, and its own cost counts as its caller's. The root stays.
pub fn folded(node: &FlameNode) -> FlameNode {
    let mut calls = Calls::default();
    calls.gather(node);
    FlameNode {
        name: node.name.clone(),
        children: calls.list,
        ..*node
    }
}

/// What a node calls when scaffolding is left out, functions of one name together.
#[derive(Default)]
struct Calls {
    list: Vec<FlameNode>,
    places: HashMap<String, usize>,
}

impl Calls {
    fn gather(&mut self, node: &FlameNode) {
        for call in &node.children {
            if is_scaffolding(&call.name) {
                self.gather(call);
            } else {
                self.add(folded(call));
            }
        }
    }

    fn add(&mut self, call: FlameNode) {
        let Some(&place) = self.places.get(&call.name) else {
            self.places.insert(call.name.clone(), self.list.len());
            self.list.push(call);
            return;
        };
        merge(&mut self.list[place], call);
    }
}

fn merge(node: &mut FlameNode, other: FlameNode) {
    node.base += other.base;
    node.new += other.new;
    node.base_samples += other.base_samples;
    node.new_samples += other.new_samples;
    for call in other.children {
        match node.children.iter_mut().find(|own| own.name == call.name) {
            Some(own) => merge(own, call),
            None => node.children.push(call),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, base: f64, children: Vec<FlameNode>) -> FlameNode {
        FlameNode {
            name: name.into(),
            base,
            new: base * 2.0,
            children,
            ..FlameNode::default()
        }
    }

    #[test]
    fn chains_are_read() {
        let chain = [
            "start_thread",
            "std::thread::Builder::spawn_unchecked_::{closure}",
            "core::ops::function::FnOnce::call_once",
            "shop::main",
            "tokio::runtime::runtime::Runtime::block_on",
            "std::panicking::catch_unwind",
            "tokio::runtime::context::runtime::enter_runtime",
            "<hotpoll_hooks::tasks::tracked::Tracked<_> as core::future::future::Future>::poll",
            "tokio::runtime::task::core::Core<_>::poll",
            "shop::serve::{closure}",
            "<alloc::vec::Vec<_> as core::iter::traits::collect::Extend<_>>::extend",
            "core::iter::traits::iterator::Iterator::fold",
            "shop::json::parse",
        ];
        let chain = chain.map(str::to_owned);
        let expected = [
            "shop::main",
            "[tokio]",
            "shop::serve",
            "[std]",
            "json::parse",
        ];
        assert_eq!(callers(&chain), expected);
        assert_eq!(callers(&chain[..3]), [""; 0]);
    }

    #[test]
    fn what_scaffolding_calls_hangs_from_its_caller() {
        let parse = |base| node("shop::parse", base, vec![node("shop::digit", 1.0, vec![])]);
        let tree = node(
            "all",
            10.0,
            vec![
                node(
                    "tokio::runtime::task::core::Core<_>::poll",
                    6.0,
                    vec![parse(4.0)],
                ),
                node(
                    "core::ops::function::FnOnce::call_once",
                    3.0,
                    vec![node("std::panicking::catch_unwind", 3.0, vec![parse(3.0)])],
                ),
            ],
        );
        let expected = node(
            "all",
            10.0,
            vec![node(
                "shop::parse",
                7.0,
                vec![node("shop::digit", 2.0, vec![])],
            )],
        );
        assert_eq!(folded(&tree), expected);
    }
}
