//! The atomics of what is also checked by loom, which has its own in the place of these (`model` in `lib.rs`).

pub(super) use std::sync::atomic::{AtomicU64, fence};
