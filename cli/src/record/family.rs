//! The processes of a command: itself, and whatever it has started. `cargo run`, a shell or a supervisor is rarely what one wants
//! to see.

use crate::live::{Endpoint, discover};
use std::fs;

/// Longer chains of parents are no chains: somebody writes them while we read.
const LONGEST_CHAIN: usize = 64;

/// The live processes with hotpoll that descend from this one, or are it.
pub fn endpoints(ancestor: u32) -> Vec<Endpoint> {
    discover::all()
        .into_iter()
        .filter(|endpoint| descends(endpoint.process.pid, ancestor, parent))
        .collect()
}

fn descends(pid: u32, ancestor: u32, parent: impl Fn(u32) -> Option<u32>) -> bool {
    let mut at = pid;
    for _ in 0..LONGEST_CHAIN {
        if at == ancestor {
            return true;
        }
        match parent(at) {
            Some(next) => at = next,
            None => return false,
        }
    }
    false
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let parent = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))?
        .trim()
        .parse()
        .ok()?;
    (parent != 0).then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains() {
        // 1 <- 10 <- 20 <- 30; 40 is its own parent, as read while somebody writes.
        let parent = |pid| match pid {
            30 => Some(20),
            20 => Some(10),
            10 => Some(1),
            40 => Some(40),
            _ => None,
        };
        assert!(descends(30, 10, parent));
        assert!(descends(10, 10, parent));
        assert!(!descends(10, 20, parent));
        assert!(!descends(40, 10, parent));
    }

    #[test]
    fn our_own_parent() {
        let own = std::process::id();
        assert_eq!(parent(own), Some(std::os::unix::process::parent_id()));
        assert_eq!(parent(u32::MAX), None);
    }
}
