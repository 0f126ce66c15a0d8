//! The call tree: samples merged from the root of their stacks.

use super::frames::{FrameId, Frames};
use super::origin::Origin;
use super::weight::Weight;
use hotpoll_profile::{Reason, Sample, Truncation};
use std::collections::HashMap;

/// Index of a node in a [`CallTree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// All of the samples.
    Root,
    /// A function.
    Frame(FrameId),
    /// A run of scaffolding frames (executor, thread start, call shims) between two frames that say something.
    Runtime,
    /// Stacks that do not reach their thread's start.
    Cut(Truncation),
}

/// A node: a call path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it stands for.
    pub label: Label,
    /// Samples that end here.
    pub own: Weight,
    /// Samples that go through here.
    pub total: Weight,
    /// The calls made from here, heaviest first.
    pub children: Vec<NodeId>,
}

/// Samples merged from the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallTree {
    nodes: Vec<Node>,
}

impl CallTree {
    /// Merges samples.
    pub fn new<'s>(frames: &Frames, samples: impl Iterator<Item = &'s Sample>) -> Self {
        let mut tree = Self {
            nodes: vec![Node::new(Label::Root)],
        };
        let mut child_of: HashMap<(NodeId, Label), NodeId> = HashMap::new();
        for sample in samples {
            let weight = Weight::of(sample);
            let mut at = Self::ROOT;
            tree.node_mut(at).total.add(weight);
            for label in labels(frames, sample) {
                at = *child_of.entry((at, label)).or_insert_with(|| {
                    let child = NodeId(tree.nodes.len() as u32);
                    tree.nodes.push(Node::new(label));
                    tree.nodes[at.0 as usize].children.push(child);
                    child
                });
                tree.node_mut(at).total.add(weight);
            }
            tree.node_mut(at).own.add(weight);
        }
        tree.sort(frames);
        tree
    }

    /// All of the samples.
    pub const ROOT: NodeId = NodeId(0);

    /// The node behind an index.
    pub fn get(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    fn sort(&mut self, frames: &Frames) {
        for index in 0..self.nodes.len() {
            let mut children = std::mem::take(&mut self.nodes[index].children);
            children.sort_by(|&a, &b| {
                let (a, b) = (self.get(a), self.get(b));
                (b.total.cmp(&a.total)).then_with(|| a.label.name(frames).cmp(b.label.name(frames)))
            });
            self.nodes[index].children = children;
        }
    }
}

impl Node {
    fn new(label: Label) -> Self {
        Self {
            label,
            own: Weight::default(),
            total: Weight::default(),
            children: Vec::new(),
        }
    }
}

impl Label {
    /// The name to show.
    pub fn name<'f>(&self, frames: &'f Frames) -> &'f str {
        match self {
            Self::Root => "[all]",
            Self::Frame(id) => &frames.get(*id).name,
            Self::Runtime => "[runtime]",
            Self::Cut(why) => why.label(),
        }
    }
}

/// A stack's labels, root first. Scaffolding at the leaf keeps its name: there it is where the time goes.
fn labels(frames: &Frames, sample: &Sample) -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::new();
    let leaf_first: Vec<FrameId> = frames.of(sample).map(|at| at.frame).collect();
    match Truncation::from_index(usize::from(sample.truncation)) {
        Some(Truncation::Complete) | None => {}
        Some(why) if !sample.stack.is_empty() => labels.push(Label::Cut(why)),
        Some(_) => {}
    }
    for (depth, &id) in leaf_first.iter().enumerate().rev() {
        if depth > 0 && frames.get(id).origin == Origin::Runtime {
            if labels.last() != Some(&Label::Runtime) {
                labels.push(Label::Runtime);
            }
        } else {
            labels.push(Label::Frame(id));
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;
    use hotpoll_profile::Profile;

    fn draw(profile: &Profile) -> Vec<String> {
        let frames = Frames::new(profile);
        let tree = CallTree::new(&frames, profile.samples.iter());
        let mut lines = Vec::new();
        let mut todo = vec![(CallTree::ROOT, 0)];
        while let Some((id, depth)) = todo.pop() {
            let node = tree.get(id);
            let name = node.label.name(&frames);
            let (total, own) = (node.total.count, node.own.count);
            lines.push(format!("{}{name} {total} {own}", " ".repeat(depth)));
            todo.extend(node.children.iter().rev().map(|&child| (child, depth + 1)));
        }
        lines
    }

    #[test]
    fn merges_from_the_root() {
        let profile = profile(&[("t", "a;b;c", 3), ("t", "a;b", 1), ("t", "a;d", 2)]);
        assert_eq!(
            draw(&profile),
            ["[all] 6 0", " a 6 0", "  b 4 1", "   c 3 3", "  d 2 2"]
        );
    }

    #[test]
    fn runs_of_scaffolding_are_one_node() {
        let profile = profile(&[
            ("t", "clone3;start_thread;demo::x", 1),
            ("t", "_start;main;demo::x", 1),
            ("t", "clone3;start_thread", 1),
        ]);
        assert_eq!(
            draw(&profile),
            [
                "[all] 3 0",
                " [runtime] 3 0",
                "  demo::x 2 2",
                "  start_thread 1 1"
            ]
        );
    }

    #[test]
    fn cut_stacks_hang_below_their_reason() {
        let mut profile = profile(&[("t", "a;b", 3)]);
        profile.samples[0].truncation = Truncation::Depth.index() as u8;
        assert_eq!(
            draw(&profile),
            ["[all] 3 0", " depth limit 3 0", "  a 3 0", "   b 3 3"]
        );
    }
}
