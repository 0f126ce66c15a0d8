//! The flame graph's tree, and which boxes of it a screen has room for. Pure: samples in, boxes out.
//!
//! The root is at the top: one reads from who called to what was called, and a terminal's screen begins there.

use super::picture::Picture;
use crate::export::text::printable;
use hotpoll_profile::{Reason, Sample, State};
use hotpoll_symbolizer::view::tree::{CallTree, Label, NodeId};
use hotpoll_symbolizer::view::{Frames, Grouping, Origin, Weight, threads};

/// Whose time it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// The process's.
    All,
    /// A thread's.
    Thread(u32),
    /// That of a kind of tasks, in their polls.
    Kind(u64),
    /// A task's, in its polls.
    Task(u64),
    /// That of those who held a lock, while others waited for it.
    Holders(u64),
}

/// Which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// On a processor.
    Cpu,
    /// Blocked.
    Waiting,
}

/// A box, with room or without.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The name, safe to show.
    pub name: String,
    /// Whose code it is; nothing for what is no function.
    pub origin: Option<Origin>,
    /// Samples that end here.
    pub own: Weight,
    /// Samples that go through here.
    pub total: Weight,
    /// The box above; the root's is itself.
    pub parent: usize,
    /// The boxes below, widest first.
    pub children: Vec<usize>,
}

/// The tree. The first node is the root.
#[derive(Debug, Clone, PartialEq)]
pub struct Flame {
    nodes: Vec<Node>,
}

/// A box of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whose.
    pub node: usize,
    /// How far below the widest one.
    pub depth: usize,
    /// The first column.
    pub x: usize,
    /// How many columns.
    pub width: usize,
}

/// What libraries between two functions of the program are called.
const LIBRARIES: &str = "[libraries]";

/// Boxes one below the other, at most: recursion is not drawn without end.
const DEEPEST: usize = 1_000;

impl Flame {
    /// The tree of a picture.
    pub fn new(picture: &Picture, of: &Of, measure: Measure) -> Self {
        let profile = picture.now.profile();
        let frames = Frames::new(profile);
        let is_of = |sample: &Sample| match of {
            Of::All => true,
            Of::Thread(tid) => {
                let thread = profile.threads.get(sample.thread as usize);
                thread.is_some_and(|thread| thread.tid == *tid)
            }
            Of::Kind(kind) => sample.kind == *kind,
            Of::Task(task) => sample.task == *task,
            Of::Holders(lock) => sample.holds == *lock,
        };
        let samples = profile.samples.iter().filter(|sample| is_of(sample));
        let samples: Vec<Sample> = match measure {
            Measure::Cpu => samples
                .filter(|one| one.state.is_on_cpu())
                .cloned()
                .collect(),
            // The tree adds up CPU time: what was waited takes its place.
            Measure::Waiting => (samples.filter(|one| one.state.is_blocked()))
                .map(|one| Sample {
                    cpu_ns: one.wall_ns,
                    ..one.clone()
                })
                .collect(),
        };
        let mut flame = Self {
            nodes: vec![Node {
                name: match measure {
                    Measure::Cpu => "all CPU time".to_owned(),
                    Measure::Waiting => "all time blocked".to_owned(),
                },
                origin: None,
                own: Weight::default(),
                total: Weight::default(),
                parent: 0,
                children: Vec::new(),
            }],
        };
        if *of == Of::All {
            let mut group_of = vec![None; profile.threads.len()];
            let groups = threads::group(profile, Grouping::ByName);
            for (index, group) in groups.iter().enumerate().filter(|(_, group)| !group.own) {
                for &thread in &group.threads {
                    group_of[thread as usize] = Some(index);
                }
            }
            for (index, group) in groups.iter().enumerate() {
                let its =
                    |sample: &&Sample| group_of.get(sample.thread as usize) == Some(&Some(index));
                let its: Vec<&Sample> = samples.iter().filter(its).collect();
                if its.is_empty() {
                    continue;
                }
                let name = match group.threads.len() {
                    1 => printable(&group.label),
                    n => format!("{} x{n}", printable(&group.label)),
                };
                let node = flame.add(0, name, None);
                flame.add_by_state(&frames, node, &its, measure);
            }
        } else {
            let all: Vec<&Sample> = samples.iter().collect();
            flame.add_by_state(&frames, 0, &all, measure);
        }
        flame.total_up();
        flame
    }

    fn add(&mut self, parent: usize, name: String, origin: Option<Origin>) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node {
            name,
            origin,
            own: Weight::default(),
            total: Weight::default(),
            parent,
            children: Vec::new(),
        });
        self.nodes[parent].children.push(node);
        node
    }

    /// What is waited for stands above the stacks.
    fn add_by_state(
        &mut self,
        frames: &Frames,
        parent: usize,
        samples: &[&Sample],
        measure: Measure,
    ) {
        if measure == Measure::Cpu {
            self.add_tree(frames, parent, samples);
            return;
        }
        for &state in State::ALL.iter().filter(|state| state.is_blocked()) {
            let its: Vec<&Sample> = (samples.iter().copied())
                .filter(|sample| sample.state == state)
                .collect();
            if !its.is_empty() {
                let node = self.add(parent, format!("[{}]", state.label()), None);
                self.add_tree(frames, node, &its);
            }
        }
    }

    fn add_tree(&mut self, frames: &Frames, parent: usize, samples: &[&Sample]) {
        // Running, so that they have a weight.
        let weighed: Vec<Sample> = (samples.iter())
            .map(|sample| Sample {
                state: State::Running,
                ..(*sample).clone()
            })
            .collect();
        let tree = CallTree::new(frames, weighed.iter());
        self.nodes[parent].own.add(tree.get(CallTree::ROOT).own);
        let mut rest: Vec<(NodeId, usize)> = vec![(CallTree::ROOT, parent)];
        while let Some((from, to)) = rest.pop() {
            for &child in &tree.get(from).children {
                let node = tree.get(child);
                let (name, origin) = match node.label {
                    Label::Cut(why) => (format!("[cut short: {}]", why.label()), None),
                    Label::Frame(id) => {
                        (printable(&frames.get(id).name), Some(frames.get(id).origin))
                    }
                    Label::Runtime => ("[runtime]".to_owned(), Some(Origin::Runtime)),
                    Label::Root => continue,
                };
                let at = self.add(to, name, origin);
                self.nodes[at].own = node.own;
                rest.push((child, at));
            }
        }
    }

    /// The tree with libraries folded: what stands between the thread's start and the program's function, and between that and the next one, is one box.
    /// What the program's innermost functions call stays, as that is where their time goes.
    pub fn folded(&self) -> Self {
        // A node stands behind its parent.
        let mut leads_to_own = vec![false; self.nodes.len()];
        for at in (1..self.nodes.len()).rev() {
            if leads_to_own[at] || self.is_kept(at) {
                leads_to_own[self.nodes[at].parent] = true;
            }
        }
        let mut folded = Self {
            nodes: vec![Node {
                children: Vec::new(),
                ..self.nodes[0].clone()
            }],
        };
        // Each node, and where it has come to stand.
        let mut rest = vec![(0, 0)];
        while let Some((from, to)) = rest.pop() {
            for &child in &self.nodes[from].children {
                let node = &self.nodes[child];
                let is_folded = !self.is_kept(child) && leads_to_own[child];
                let at = match is_folded {
                    true if folded.nodes[to].name == LIBRARIES => to,
                    true => folded.find_or_add(to, LIBRARIES, Some(Origin::Runtime)),
                    false => folded.find_or_add(to, &node.name, node.origin),
                };
                folded.nodes[at].own.add(node.own);
                rest.push((child, at));
            }
        }
        folded.total_up();
        folded
    }

    /// The program's own, and what is no function: a thread, a state.
    fn is_kept(&self, node: usize) -> bool {
        matches!(self.nodes[node].origin, None | Some(Origin::Own))
    }

    fn find_or_add(&mut self, parent: usize, name: &str, origin: Option<Origin>) -> usize {
        let children = &self.nodes[parent].children;
        let known = children
            .iter()
            .find(|&&child| self.nodes[child].name == name);
        match known {
            Some(&known) => known,
            None => self.add(parent, name.to_owned(), origin),
        }
    }

    /// Totals from what ends in each node; a node stands behind its parent.
    fn total_up(&mut self) {
        for node in &mut self.nodes {
            node.total = Weight::default();
        }
        for at in (0..self.nodes.len()).rev() {
            let own = self.nodes[at].own;
            self.nodes[at].total.add(own);
            if at > 0 {
                let (total, parent) = (self.nodes[at].total, self.nodes[at].parent);
                self.nodes[parent].total.add(total);
            }
        }
        for at in 0..self.nodes.len() {
            let mut children = std::mem::take(&mut self.nodes[at].children);
            children.sort_by_key(|&child| (std::cmp::Reverse(self.nodes[child].total), child));
            self.nodes[at].children = children;
        }
    }

    /// A node.
    pub fn get(&self, node: usize) -> &Node {
        &self.nodes[node]
    }

    /// The names from below the root to a node.
    pub fn path(&self, node: usize) -> Vec<String> {
        let mut path = Vec::new();
        let mut at = node;
        while at != 0 {
            path.push(self.nodes[at].name.clone());
            at = self.nodes[at].parent;
        }
        path.reverse();
        path
    }

    /// The node at a path, or as far down on it as there is one.
    pub fn find(&self, path: &[String]) -> usize {
        let mut at = 0;
        for name in path {
            let children = &self.nodes[at].children;
            match children
                .iter()
                .find(|&&child| self.nodes[child].name == *name)
            {
                Some(&child) => at = child,
                None => break,
            }
        }
        at
    }

    /// Whether a node is another one, or below it.
    pub fn is_within(&self, node: usize, above: usize) -> bool {
        let mut at = node;
        while at != above {
            if at == 0 {
                return false;
            }
            at = self.nodes[at].parent;
        }
        true
    }

    /// The boxes from a node on that are a column wide at least, in rows from above, each row from the left.
    pub fn places(&self, from: usize, columns: usize) -> Vec<Place> {
        let whole = self.nodes[from].total.cpu_ns;
        let mut places = vec![Place {
            node: from,
            depth: 0,
            x: 0,
            width: columns,
        }];
        // Where each box begins in time: columns are rounded from that, so that a row's boxes add up.
        let mut row: Vec<(usize, u64)> = vec![(from, 0)];
        for depth in 1..DEEPEST {
            let mut below = Vec::new();
            for &(node, begin) in &row {
                let mut begin = begin;
                for &child in &self.nodes[node].children {
                    let end = begin.saturating_add(self.nodes[child].total.cpu_ns);
                    let (x, until) = (column(begin, whole, columns), column(end, whole, columns));
                    if until > x {
                        places.push(Place {
                            node: child,
                            depth,
                            x,
                            width: until - x,
                        });
                        below.push((child, begin));
                    }
                    begin = end;
                }
            }
            if below.is_empty() {
                break;
            }
            row = below;
        }
        places
    }
}

/// The column where a time stands.
fn column(at_ns: u64, whole_ns: u64, columns: usize) -> usize {
    if whole_ns == 0 {
        return 0;
    }
    let at = u128::from(at_ns) * columns as u128 * 2 + u128::from(whole_ns);
    usize::try_from(at / (u128::from(whole_ns) * 2)).unwrap_or(columns)
}
