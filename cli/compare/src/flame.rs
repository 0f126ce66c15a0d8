//! Both sides' stacks in one tree.

use crate::functions::Functions;
use crate::scale::Scale;
use crate::table::{Table, functions_of};
use crate::{FlameNode, Verdict};
use std::collections::HashMap;

/// Deeper frames are cut off: nobody sees them, and a tree is dropped by as many calls.
const MAX_DEPTH: usize = 500;
/// A node with a smaller part of either side's cost is left out; its caller has its cost.
const MIN_SHARE: f64 = 0.0002;
/// What the root is called.
const ROOT: &str = "all";

struct Node {
    function: u32,
    parent: u32,
    costs: [f64; 2],
    samples: [u64; 2],
}

pub(crate) fn tree(table: &Table<'_>, scale: &Scale, functions: &Functions) -> FlameNode {
    let mut nodes = vec![Node {
        function: u32::MAX,
        parent: 0,
        costs: [0.0; 2],
        samples: [0; 2],
    }];
    let mut places: HashMap<(u32, u32), u32> = HashMap::new();
    let sides = table.sides();
    for (at, &run) in table.runs.iter().enumerate() {
        let side = table.side(at);
        let cpu_ns: f64 = run.stacks.iter().map(|stack| stack.cpu_ns as f64).sum();
        let scale = scale.sampled[at] / cpu_ns.max(1.0) / sides[side] as f64;
        for stack in &run.stacks {
            let add = |place: u32, nodes: &mut Vec<Node>| {
                let node = &mut nodes[place as usize];
                node.costs[side] += stack.cpu_ns as f64 * scale;
                node.samples[side] = node.samples[side].saturating_add(stack.samples);
            };
            let mut parent = 0;
            add(parent, &mut nodes);
            let functions = functions_of(&stack.frames, &table.function_of[at]);
            for function in functions.rev().take(MAX_DEPTH) {
                let next = nodes.len() as u32;
                parent = *places.entry((parent, function)).or_insert_with(|| {
                    nodes.push(Node {
                        function,
                        parent,
                        costs: [0.0; 2],
                        samples: [0; 2],
                    });
                    next
                });
                add(parent, &mut nodes);
            }
        }
    }
    drop(places);
    let whole = nodes[0].costs;
    let shown = |node: &Node| {
        (0..2).any(|side| node.costs[side] >= MIN_SHARE * whole[side] && node.costs[side] > 0.0)
    };
    let mut children: Vec<Vec<FlameNode>> = Vec::new();
    children.resize_with(nodes.len(), Vec::new);
    // Children stand behind their parents, so each is whole when its turn comes.
    for at in (1..nodes.len()).rev() {
        let node = &nodes[at];
        if !shown(node) {
            continue;
        }
        let below = std::mem::take(&mut children[at]);
        let place = functions.place[node.function as usize];
        let verdict = place.map_or(Verdict::Inconclusive, |place| {
            functions.tested[place as usize].row.total.verdict
        });
        let name = table.functions[node.function as usize].name;
        children[node.parent as usize].push(finished(node, name, verdict, below));
    }
    let below = std::mem::take(&mut children[0]);
    finished(&nodes[0], ROOT, Verdict::Inconclusive, below)
}

fn finished(node: &Node, name: &str, verdict: Verdict, mut children: Vec<FlameNode>) -> FlameNode {
    let dearest = |node: &FlameNode| node.base.max(node.new);
    children.sort_by(|one, other| {
        let by_cost = dearest(other).total_cmp(&dearest(one));
        by_cost.then_with(|| one.name.cmp(&other.name))
    });
    FlameNode {
        name: name.to_owned(),
        base: node.costs[0],
        new: node.costs[1],
        base_samples: node.samples[0],
        new_samples: node.samples[1],
        verdict,
        children,
    }
}
