//! Root tasks that ran to their end: the unit of work of a program that counts none itself.
//!
//! A root is a task that no tracked task has spawned; what `block_on` polls is the program itself, and no task that anybody handed in.

use super::record::Record;
use super::thread::Local;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Threads that count beside each other.
const SHARDS: usize = 16;

/// A line of memory, and the one that processors fetch with it.
#[repr(align(128))]
struct Line(AtomicU64);

static COMPLETED: [Line; SHARDS] = [const { Line(AtomicU64::new(0)) }; SHARDS];

/// Whether a task that is made on this thread now is a root.
pub(super) fn is_root(around: Option<&Record>) -> bool {
    around.is_none_or(Record::is_program)
}

/// A root has ended well.
pub(super) fn completed(local: &Local) {
    COMPLETED[local.index % SHARDS].0.fetch_add(1, Relaxed);
}

/// How many have since the process began; a forked child goes on from its parent's number.
pub fn completed_roots() -> u64 {
    let lines = COMPLETED.iter();
    lines.fold(0, |sum, line| sum.wrapping_add(line.0.load(Relaxed)))
}
