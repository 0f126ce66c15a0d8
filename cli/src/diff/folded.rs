//! Differential folded stacks: `root;…;leaf BASE NEW`, the columns that flame graph scripts expect, base first.
//!
//! The figures are billionths of the base's whole cost, on both sides: whole numbers are asked for, and a cost per request in nanoseconds may be a
//! small one. So the first column sums to a billion, and the second to what the new build costs beside it.

use super::report::Report;
use crate::export::text::printable;
use hotpoll_compare::FlameNode;
use std::collections::BTreeMap;

/// The comparison as differential folded stacks, sorted. A stack that is on one side only has a 0 for the other.
pub fn render(report: &Report) -> String {
    let flame = &report.comparison.flame;
    // A base without cost has no parts.
    let whole = if flame.base > 0.0 {
        flame.base
    } else {
        flame.new
    };
    let mut lines = BTreeMap::new();
    // The root is "all of it", which other tools draw by themselves.
    for child in &flame.children {
        collect(&mut lines, child, "", 1e9 / whole);
    }
    lines
        .into_iter()
        .map(|(stack, (base, new))| format!("{stack} {base} {new}\n"))
        .collect()
}

fn collect(lines: &mut BTreeMap<String, (u64, u64)>, node: &FlameNode, callers: &str, scale: f64) {
    let name = printable(&node.name).replace(';', ",");
    let stack = if callers.is_empty() {
        name
    } else {
        format!("{callers};{name}")
    };
    let called = |side: fn(&FlameNode) -> f64| node.children.iter().map(side).sum::<f64>();
    let own = |total: f64, called: f64| ((total - called).max(0.0) * scale).round() as u64;
    let base = own(node.base, called(|call| call.base));
    let new = own(node.new, called(|call| call.new));
    if base > 0 || new > 0 {
        let line = lines.entry(stack.clone()).or_default();
        line.0 += base;
        line.1 += new;
    }
    for call in &node.children {
        collect(lines, call, &stack, scale);
    }
}
