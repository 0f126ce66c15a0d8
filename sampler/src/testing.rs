//! What the tests and benchmarks of this repository need beside the public API. It may change at any time.

use crate::sampler::{Sampler, ThreadKey};
use crate::signal::source::{self, Scope};

pub use crate::signal::{ROOM_FOR_LEAF, ROOM_FOR_WALK, ROOM_TO_LOOK};

/// The cookie that a CPU timer's signals to this thread carry, while it is attached: a process that sends itself such a signal runs the whole
/// handler.
pub fn timer_cookie(sampler: &Sampler, thread: ThreadKey) -> Option<u64> {
    let (id, tag) = sampler.slot_id(thread)?;
    Some(source::cookie(id, tag, Scope::All))
}
