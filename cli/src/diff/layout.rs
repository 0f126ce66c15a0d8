//! Where each frame of the two-sided flame graph stands.
//!
//! Both sides have the same places: a frame's slot is as wide as the dearer of its two costs, or as what it calls needs. Each side fills its part of the
//! slot, so the same function is in the same place left and right, one that is new has an empty slot on the base's side, and one that is gone
//! on the new build's.

use super::report::Report;
use hotpoll_compare::{Comparison, Family, FlameNode, Presence, Verdict};
use std::collections::HashMap;

/// Slots narrower than this part of the whole are left out, with what they call.
const NARROWEST: f64 = 1.0 / 10_000.0;
/// Calls deeper than this are left out: no page shows them.
const DEEPEST: u32 = 1_000;

/// What a frame's colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Its function is dearer.
    Dearer,
    /// Its function is cheaper.
    Cheaper,
    /// Its function is in the new build only.
    New,
    /// Its function is in the base only.
    Gone,
    /// No change that could be told from none.
    Same,
    /// Tested, and it cannot be told.
    Unclear,
    /// Not tested: too small, mostly.
    Untested,
}

impl Mark {
    /// Every mark, in the order of the legend.
    pub const ALL: [Self; 7] = [
        Self::Dearer,
        Self::Cheaper,
        Self::New,
        Self::Gone,
        Self::Same,
        Self::Unclear,
        Self::Untested,
    ];

    /// What it means.
    pub fn label(self) -> &'static str {
        match self {
            Self::Dearer => "dearer in the new build",
            Self::Cheaper => "cheaper in the new build",
            Self::New => "only in the new build",
            Self::Gone => "only in the base",
            Self::Same => "no significant change, or moved",
            Self::Unclear => "inconclusive",
            Self::Untested => "not tested",
        }
    }
}

/// A frame and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot<'c> {
    /// The node.
    pub node: &'c FlameNode,
    /// Calls from the root.
    pub depth: u32,
    /// Index of its caller's; the root's is its own.
    pub parent: usize,
    /// Behind the last of what it calls.
    pub end: usize,
    /// Where it begins, nanoseconds per unit.
    pub start: f64,
    /// How wide it is.
    pub width: f64,
    /// Its function's row.
    pub row: Option<usize>,
    /// What its colour says.
    pub mark: Mark,
}

/// Lays a tree of the comparison out; callers stand before what they call.
pub fn lay_out<'c>(report: &'c Report, flame: &'c FlameNode) -> Vec<Slot<'c>> {
    let comparison = &report.comparison;
    let rows = rows(comparison);
    let whole = width(flame, 0);
    let mut slots = Vec::new();
    if whole > 0.0 {
        let mut layout = Layout {
            comparison,
            rows,
            narrowest: whole * NARROWEST,
            slots: &mut slots,
        };
        layout.push(flame, 0, 0, 0.0, whole);
    }
    slots
}

fn rows(comparison: &Comparison) -> HashMap<&str, usize> {
    let rows = comparison.rows.iter().enumerate();
    let cpu = rows.filter(|(_, row)| row.family == Family::Cpu);
    cpu.map(|(at, row)| (row.name.as_str(), at)).collect()
}

/// What a node and all that it calls need.
fn width(node: &FlameNode, depth: u32) -> f64 {
    let own = finite(node.base).max(finite(node.new));
    if depth >= DEEPEST {
        return own;
    }
    let calls: f64 = node
        .children
        .iter()
        .map(|call| width(call, depth + 1))
        .sum();
    own.max(calls)
}

fn finite(cost: f64) -> f64 {
    if cost.is_finite() { cost.max(0.0) } else { 0.0 }
}

struct Layout<'c, 's> {
    comparison: &'c Comparison,
    rows: HashMap<&'c str, usize>,
    narrowest: f64,
    slots: &'s mut Vec<Slot<'c>>,
}

impl<'c> Layout<'c, '_> {
    fn push(&mut self, node: &'c FlameNode, parent: usize, depth: u32, start: f64, width: f64) {
        let row = self
            .rows
            .get(node.name.as_str())
            .copied()
            .filter(|_| depth > 0);
        let at = self.slots.len();
        self.slots.push(Slot {
            node,
            depth,
            parent,
            end: at + 1,
            start,
            width,
            row,
            mark: self.mark(row, depth),
        });
        if depth < DEEPEST {
            let mut calls: Vec<(&FlameNode, f64)> = (node.children.iter())
                .map(|call| (call, self::width(call, depth + 1)))
                .filter(|(_, width)| *width >= self.narrowest)
                .collect();
            calls.sort_by(|(a, a_width), (b, b_width)| {
                b_width.total_cmp(a_width).then_with(|| a.name.cmp(&b.name))
            });
            let mut start = start;
            for (call, width) in calls {
                self.push(call, at, depth + 1, start, width);
                start += width;
            }
        }
        self.slots[at].end = self.slots.len();
    }

    fn mark(&self, row: Option<usize>, depth: u32) -> Mark {
        let (verdict, presence, moved) = match row {
            Some(row) => {
                let row = &self.comparison.rows[row];
                (row.total.verdict, row.presence, row.moved.is_some())
            }
            None if depth == 0 => (self.comparison.total.verdict, Presence::Both, false),
            None => return Mark::Untested,
        };
        match (verdict, presence) {
            (Verdict::Inconclusive, _) => Mark::Unclear,
            (Verdict::Equivalent, _) => Mark::Same,
            _ if moved => Mark::Same,
            (_, Presence::New) => Mark::New,
            (_, Presence::Gone) => Mark::Gone,
            (Verdict::Regressed, _) => Mark::Dearer,
            (Verdict::Improved, _) => Mark::Cheaper,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn new_and_gone_frames_have_places() {
        let report = fixture::regressed();
        let slots = lay_out(&report, &report.comparison.flame);
        let find = |name: &str| slots.iter().find(|slot| slot.node.name == name).unwrap();
        let fresh = find("shop::json::check_utf8");
        assert_eq!((fresh.mark, fresh.node.base), (Mark::New, 0.0));
        assert!(fresh.width > 0.0);
        let gone = find("shop::html::escape_slowly");
        assert_eq!((gone.mark, gone.node.new), (Mark::Gone, 0.0));
        assert!(gone.width > 0.0);
        assert_eq!(find("shop::json::number").mark, Mark::Same);
        assert_eq!(find("shop::main").mark, Mark::Untested);
        for slot in &slots {
            let parent = &slots[slot.parent];
            assert!(slot.start >= parent.start - 1e-6, "{}", slot.node.name);
            let (end, parent_end) = (slot.start + slot.width, parent.start + parent.width);
            assert!(end <= parent_end + 1e-6, "{}", slot.node.name);
            assert!(slot.width >= slot.node.base.max(slot.node.new) - 1e-6);
        }
    }

    #[test]
    fn nothing_to_lay_out() {
        assert!(lay_out(&Report::default(), &FlameNode::default()).is_empty());
    }
}
