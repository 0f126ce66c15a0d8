//! The call tree for a terminal. A call that is its caller's only one stands below it without indentation, so that sixty frames of
//! Rust fit eighty columns: only where the time divides does the tree move to the right.

use super::data::TreeData;
use crate::text::name;
use crate::text::number::{count, percent};
use crate::text::style::{DIM, heading, heat, paint};
use crate::text::width::{pad_left, width};

/// The columns before the tree: total, self, samples.
const FIGURES: usize = 7 + 8 + 9 + 2;
/// The fewest columns for a name; deeper branches are counted.
const NARROWEST_NAME: usize = 20;

/// Appends the tree and its heading.
pub fn section(lines: &mut Vec<String>, tree: &TreeData, columns: usize) {
    lines.push(String::new());
    lines.push(heading(
        "Call tree",
        "(% of the process's CPU; calls below 0.5% are counted)",
        columns,
    ));
    lines.push(paint(
        DIM,
        format!("{:>7}{:>8}{:>9}  call", "total", "self", "samples"),
    ));
    branch(lines, tree, "", "", columns);
}

/// A node and what hangs below it. `first` stands before the node's own line, `rest` before the lines below.
fn branch(lines: &mut Vec<String>, node: &TreeData, first: &str, rest: &str, columns: usize) {
    let mut node = node;
    let mut before = first;
    loop {
        line(lines, node, before, columns);
        before = rest;
        match node.children.as_slice() {
            [] => {
                left_out(lines, node, rest);
                return;
            }
            // An only call; a few small ones beside it are not worth a branch.
            [only] if node.left_out == 0 || is_nearly_all(only, node) => node = only,
            children => {
                if FIGURES + width(rest) + 3 + NARROWEST_NAME > columns {
                    lines.push(below(rest, "└─ ", "… deeper than the screen is wide"));
                    return;
                }
                let listed = children.len();
                for (index, child) in children.iter().enumerate() {
                    let is_last = index + 1 == listed && node.left_out == 0;
                    let (sign, line) = if is_last {
                        ("└─ ", "   ")
                    } else {
                        ("├─ ", "│  ")
                    };
                    branch(
                        lines,
                        child,
                        &format!("{rest}{sign}"),
                        &format!("{rest}{line}"),
                        columns,
                    );
                }
                left_out(lines, node, rest);
                return;
            }
        }
    }
}

fn is_nearly_all(call: &TreeData, of: &TreeData) -> bool {
    const NEARLY_ALL: f64 = 0.95;
    call.total.cpu_ns as f64 >= NEARLY_ALL * of.total.cpu_ns as f64
}

fn left_out(lines: &mut Vec<String>, node: &TreeData, rest: &str) {
    // Below a leaf of the drawing there is nothing to set it apart from.
    if node.left_out > 0 && !node.children.is_empty() {
        let calls = crate::text::number::counted(node.left_out, "smaller call");
        lines.push(below(rest, "└─ ", &calls));
    }
}

fn below(rest: &str, sign: &str, text: &str) -> String {
    paint(DIM, format!("{}{rest}{sign}{text}", " ".repeat(FIGURES)))
}

fn line(lines: &mut Vec<String>, node: &TreeData, before: &str, columns: usize) {
    let own = if node.own.cpu_ns > 0 || node.own.samples > 0 {
        percent(node.own.share)
    } else {
        String::new()
    };
    let room = columns.saturating_sub(FIGURES + width(before));
    lines.push(format!(
        "{}{}{}  {}{}",
        paint(
            heat(node.total.share),
            pad_left(&percent(node.total.share), 7)
        ),
        paint(heat(node.own.share), pad_left(&own, 8)),
        pad_left(&count(node.total.samples), 9),
        paint(DIM, before),
        name::fit(&node.name, room)
    ));
}
