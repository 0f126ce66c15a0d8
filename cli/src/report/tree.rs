//! The call tree of a report: what weighs too little is counted, not listed.

use super::data::{TreeData, WeightData};
use hotpoll_profile::{Reason, Sample};
use hotpoll_symbolizer::view::tree::Label;
use hotpoll_symbolizer::view::{CallTree, Frames, NodeId, ThreadGroup, Weight};

/// Calls below this part of the CPU time are left out.
const SMALLEST_SHARE: f64 = 0.005;
/// Deeper calls are left out: recursion can be 1,024 frames deep, and a call stack is finite here too.
const DEEPEST: usize = 400;

/// One tree below each group of threads.
pub fn by_thread(
    frames: &Frames,
    groups: &[ThreadGroup],
    samples_of: &[Vec<&Sample>],
    whole: u64,
) -> TreeData {
    let mut root = named("[all threads]", Weight::default(), whole);
    let mut total = Weight::default();
    for (group, samples) in groups.iter().zip(samples_of) {
        let tree = CallTree::new(frames, samples.iter().copied());
        let weight = tree.get(CallTree::ROOT).total;
        if weight == Weight::default() {
            continue;
        }
        total.add(weight);
        let mut node = node(frames, &tree, CallTree::ROOT, whole, 1);
        node.name = match group.threads.len() {
            1 => group.label.clone(),
            n => format!("{} x{n}", group.label),
        };
        if is_worth_it(weight, whole) {
            root.children.push(node);
        } else {
            root.left_out += 1;
        }
    }
    root.total = weigh(total, whole);
    root
}

/// One tree of all samples.
pub fn of_all(frames: &Frames, samples: &[&Sample], whole: u64) -> TreeData {
    let tree = CallTree::new(frames, samples.iter().copied());
    node(frames, &tree, CallTree::ROOT, whole, 0)
}

fn node(frames: &Frames, tree: &CallTree, id: NodeId, whole: u64, depth: usize) -> TreeData {
    let node_view = tree.get(id);
    let name = match node_view.label {
        Label::Cut(why) => &format!("[cut short: {}]", why.label()),
        label => label.name(frames),
    };
    let mut data = named(name, node_view.own, whole);
    data.total = weigh(node_view.total, whole);
    for &child in &node_view.children {
        if depth < DEEPEST && is_worth_it(tree.get(child).total, whole) {
            data.children
                .push(node(frames, tree, child, whole, depth + 1));
        } else {
            data.left_out += 1;
        }
    }
    data
}

fn named(name: &str, own: Weight, whole: u64) -> TreeData {
    TreeData {
        name: name.to_owned(),
        own: weigh(own, whole),
        ..TreeData::default()
    }
}

fn is_worth_it(weight: Weight, whole: u64) -> bool {
    weight.share_of(whole) >= SMALLEST_SHARE
}

fn weigh(weight: Weight, whole: u64) -> WeightData {
    WeightData {
        cpu_ns: weight.cpu_ns,
        samples: weight.count,
        share: weight.share_of(whole),
    }
}
