//! Callchains as a tree: two that share their outer frames share the nodes.

use super::id_index::{IdIndex, mix};
use hotpoll_profile::CodeAddress;

/// A callchain's leaf in the tree; [`NO_FRAMES`] is the empty callchain.
pub(super) type NodeId = u32;

/// The empty callchain, and the parent of every outermost frame.
pub(super) const NO_FRAMES: NodeId = 0;

/// Interned callchains by their lookup addresses ([`CodeAddress::lookup`]).
///
/// Nodes are only added, parents before children.
#[derive(Debug, Clone)]
pub(super) struct Callchains {
    nodes: Vec<Node>,
}

/// One frame under its caller: twelve bytes, as most of the recorder's memory is made of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node {
    address_low: u32,
    address_high: u32,
    parent: NodeId,
}

impl Node {
    fn new(parent: NodeId, address: u64) -> Self {
        Self {
            address_low: address as u32,
            address_high: (address >> 32) as u32,
            parent,
        }
    }

    fn address(self) -> u64 {
        u64::from(self.address_high) << 32 | u64::from(self.address_low)
    }

    fn hash(self) -> u64 {
        mix(mix(0x5a, self.address()), u64::from(self.parent))
    }
}

/// The lookup address of a callchain's entry at this depth, leaf first.
#[inline]
fn lookup(depth: usize, address: u64) -> u64 {
    if depth == 0 {
        CodeAddress::InstructionPointer(address).lookup()
    } else {
        CodeAddress::ReturnAddress(address).lookup()
    }
}

/// How many nodes are allotted at a time: a quarter more, at least this.
const LEAST_GROWTH: usize = 64;

impl Callchains {
    /// No callchains but the empty one.
    pub fn new() -> Self {
        Self {
            nodes: vec![Node::new(NO_FRAMES, 0)],
        }
    }

    /// The leaf node of a callchain, made where it is new.
    pub fn intern(&mut self, index: &mut IdIndex, callchain: &[u64]) -> NodeId {
        // At once, as `growth` says it: one by one the list would grow by a quarter of what it has become.
        grow(&mut self.nodes, callchain.len());
        let outermost_first = callchain.iter().enumerate().rev();
        outermost_first.fold(NO_FRAMES, |parent, (depth, &address)| {
            self.intern_node(index, parent, lookup(depth, address))
        })
    }

    /// The node of a lookup address under its caller's node, made where it is new.
    pub fn intern_node(&mut self, index: &mut IdIndex, parent: NodeId, address: u64) -> NodeId {
        let node = Node::new(parent, address);
        let hash = node.hash();
        let nodes = &self.nodes;
        let found = index.find(hash, |id| nodes[id as usize] == node);
        found.unwrap_or_else(|| {
            let id = self.nodes.len() as NodeId;
            grow(&mut self.nodes, 1);
            self.nodes.push(node);
            let nodes = &self.nodes;
            index.insert(hash, id, |id| nodes[id as usize].hash());
            id
        })
    }

    /// Whether the leaf node stands for exactly this callchain.
    #[inline]
    pub fn is(&self, leaf: NodeId, callchain: &[u64]) -> bool {
        let mut node = leaf;
        for (depth, &address) in callchain.iter().enumerate() {
            if node == NO_FRAMES || self.nodes[node as usize].address() != lookup(depth, address) {
                return false;
            }
            node = self.nodes[node as usize].parent;
        }
        node == NO_FRAMES
    }

    /// Every node but the empty one: `(parent, lookup address)`, parents first, so the n-th has the number n + 1.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, u64)> + '_ {
        self.nodes[1..]
            .iter()
            .map(|node| (node.parent, node.address()))
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
    }

    /// Bytes that will be held more once `more` nodes were added.
    pub fn growth(&self, more: usize) -> usize {
        growth(&self.nodes, more)
    }

    /// Gives back what was allotted ahead.
    pub fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
    }
}

/// Makes room for `more` entries by a quarter, not by doubling: the bound on memory must not be met in leaps.
pub(super) fn grow<T>(vec: &mut Vec<T>, more: usize) {
    if vec.len() + more > vec.capacity() {
        vec.reserve_exact(more.max(vec.len() / 4).max(LEAST_GROWTH));
    }
}

/// The bytes by which [`grow`] would make a vector larger.
pub(super) fn growth<T>(vec: &Vec<T>, more: usize) -> usize {
    if vec.len() + more > vec.capacity() {
        let capacity = vec.len() + more.max(vec.len() / 4).max(LEAST_GROWTH);
        (capacity - vec.capacity()) * size_of::<T>()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(callchains: &Callchains, leaf: NodeId) -> Vec<u64> {
        let nodes: Vec<_> = std::iter::once((NO_FRAMES, 0))
            .chain(callchains.nodes())
            .collect();
        let mut stack = Vec::new();
        let mut node = leaf;
        while node != NO_FRAMES {
            stack.push(nodes[node as usize].1);
            node = nodes[node as usize].0;
        }
        stack
    }

    #[test]
    fn return_addresses_are_looked_up_one_byte_back() {
        let mut callchains = Callchains::new();
        let leaf = callchains.intern(&mut IdIndex::default(), &[0x10, 0x20, 0x30]);
        assert_eq!(stack(&callchains, leaf), [0x10, 0x1f, 0x2f]);
    }

    #[test]
    fn shared_callers_are_stored_once() {
        let (mut callchains, mut index) = (Callchains::new(), IdIndex::default());
        let first = callchains.intern(&mut index, &[1, 20, 30, 40]);
        let second = callchains.intern(&mut index, &[2, 20, 30, 40]);
        assert_ne!(first, second);
        assert_eq!(callchains.nodes().count(), 5);
        assert_eq!(callchains.intern(&mut index, &[1, 20, 30, 40]), first);
        assert_eq!(callchains.nodes().count(), 5);
    }

    #[test]
    fn a_leaf_is_only_its_own_callchain() {
        let (mut callchains, mut index) = (Callchains::new(), IdIndex::default());
        let leaf = callchains.intern(&mut index, &[1, 20, 30]);
        assert!(callchains.is(leaf, &[1, 20, 30]));
        for other in [
            &[1, 20][..],
            &[1, 20, 31],
            &[2, 20, 30],
            &[1, 20, 30, 40],
            &[],
        ] {
            assert!(!callchains.is(leaf, other), "{other:?}");
        }
        assert!(callchains.is(NO_FRAMES, &[]));
    }

    #[test]
    fn addresses_above_four_gigabytes_are_whole() {
        let mut callchains = Callchains::new();
        let leaf = callchains.intern(&mut IdIndex::default(), &[0xffff_8000_1234_5678]);
        assert_eq!(stack(&callchains, leaf), [0xffff_8000_1234_5678]);
    }
}
