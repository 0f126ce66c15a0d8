//! The stacks of a profile as one tree of calls, with the lines that were hot in each node.

use super::super::stacks::{Level, StackIndex, Stacks};
use serde::Serialize;
use std::collections::HashMap;

/// Lines kept for each node, the hottest first.
const LINES_PER_NODE: usize = 3;
/// The parent of nodes at the root.
const NO_PARENT: i32 = -1;

/// The tree; a node's index is above its parent's.
#[derive(Debug, Default, Serialize)]
pub struct Tree {
    /// Each node's caller, or -1.
    pub parent: Vec<i32>,
    /// Each node's frame: an index into [`Stacks::frames`].
    pub frame: Vec<u32>,
    #[serde(skip)]
    children: HashMap<(i32, u32), i32>,
    #[serde(skip)]
    leaves: HashMap<StackIndex, i32>,
    #[serde(skip)]
    lines: HashMap<(i32, u32), u64>,
}

/// A line of a node's frame, and the CPU time of the whole window that passed through it.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct HotLine(pub i32, pub u32, pub u64);

impl Tree {
    /// The node of a stack's leaf; makes it and its callers where they are missing.
    pub fn leaf(&mut self, stacks: &Stacks, stack: StackIndex) -> i32 {
        if let Some(&leaf) = self.leaves.get(&stack) {
            return leaf;
        }
        let leaf = stacks.stacks[stack]
            .iter()
            .fold(NO_PARENT, |parent, level| self.child(parent, level.frame));
        self.leaves.insert(stack, leaf);
        leaf
    }

    /// Adds CPU time to the lines along a stack.
    pub fn add_lines(&mut self, stack: &[Level], cpu_ns: u64) {
        let mut parent = NO_PARENT;
        for level in stack {
            let node = self.child(parent, level.frame);
            if level.line != 0 {
                *self.lines.entry((node, level.line)).or_default() += cpu_ns;
            }
            parent = node;
        }
    }

    /// The hottest lines of each node, by node.
    pub fn hot_lines(&self) -> Vec<HotLine> {
        let mut lines: Vec<HotLine> = self
            .lines
            .iter()
            .map(|(&(node, line), &cpu_ns)| HotLine(node, line, cpu_ns))
            .collect();
        lines.sort_by_key(|hot| (hot.0, std::cmp::Reverse(hot.2), hot.1));
        let mut kept = 0;
        let mut of_node = NO_PARENT;
        lines.retain(|hot| {
            kept = if hot.0 == of_node { kept + 1 } else { 1 };
            of_node = hot.0;
            kept <= LINES_PER_NODE
        });
        lines
    }

    fn child(&mut self, parent: i32, frame: u32) -> i32 {
        let next = self.parent.len() as i32;
        *self.children.entry((parent, frame)).or_insert_with(|| {
            self.parent.push(parent);
            self.frame.push(frame);
            next
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(frame: u32, line: u32) -> Level {
        Level { frame, line }
    }

    #[test]
    fn stacks_share_their_callers() {
        let mut tree = Tree::default();
        tree.add_lines(&[level(0, 5), level(1, 7)], 10);
        tree.add_lines(&[level(0, 6), level(2, 0)], 30);
        tree.add_lines(&[level(1, 9)], 1);
        assert_eq!(tree.parent, [-1, 0, 0, -1]);
        assert_eq!(tree.frame, [0, 1, 2, 1]);
        assert_eq!(
            tree.hot_lines(),
            [
                HotLine(0, 6, 30),
                HotLine(0, 5, 10),
                HotLine(1, 7, 10),
                HotLine(3, 9, 1)
            ]
        );
    }

    #[test]
    fn only_the_hottest_lines_are_kept() {
        let mut tree = Tree::default();
        for line in 1..=9 {
            tree.add_lines(&[level(0, line)], line.into());
        }
        assert_eq!(
            tree.hot_lines(),
            [HotLine(0, 9, 9), HotLine(0, 8, 8), HotLine(0, 7, 7)]
        );
    }
}
