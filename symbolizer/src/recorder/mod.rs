//! The flight recorder: the last minutes of samples in bounded memory.
//!
//! In: [`Observation`]s as they come out of the rings, and once a second the exact clocks ([`SliceClocks`]). Out: a
//! [`hotpoll_profile::Profile`] for a [`Query`]. Everything here is a value: no clock, no thread, no lock, no file.
//!
//! ```text
//! observation ─▶ open slice ──close──▶ packed slices, oldest first ──▶ snapshot ─▶ profile
//!                 │  ids of                     │ numbers into
//!                 ▼                             ▼
//!          open dictionary ──seal──▶ sealed dictionaries (callchains as a tree, sample keys)
//! ```
//! A slice refers to one dictionary, and a dictionary lives as long as its slices: that is how evicted slices free
//! their stacks without a reference count for each stack. Sealed dictionaries never change, so an answer is built from
//! shared references while the drain goes on.

mod answer;
mod answer_threads;
mod callchains;
mod dictionary;
mod heavy_tasks;
mod id_index;
mod modules;
mod observation;
mod open_slice;
mod packed_slice;
mod query;
#[allow(clippy::module_inception)]
mod recorder;
mod row_table;
mod settings;
mod task_pairs;
mod threads;
mod varint;

pub use answer::{Snapshot, Totals};
pub use modules::attach_modules;
pub use observation::{Observation, Seen, SliceClocks, ThreadFacts, ThreadKey, Weight};
pub use query::Query;
pub use recorder::Recorder;
pub use settings::Settings;
