//! What a profile says: the computations behind every report, as plain functions of a [`hotpoll_profile::Profile`].
//!
//! In: a profile, symbolized or not, and which of its samples to look at. Out: rows, groups and trees of numbers and frame
//! names. Nothing here formats, reads a file or knows the time; the command's text, JSON and Markdown are written from these.

pub mod await_stack;
pub mod contention;
pub mod focus;
pub mod frames;
pub mod functions;
pub mod hot_path;
pub mod kind_times;
pub mod live_tasks;
pub mod live_threads;
pub mod lock_times;
pub mod modules;
pub mod origin;
pub mod own_code;
pub mod summary;
pub mod tasks;
pub mod threads;
pub mod tree;
pub mod wall;
pub mod wall_times;
pub mod weight;

#[cfg(test)]
pub(crate) mod fixture;

pub use focus::Focus;
pub use frames::{Frame, FrameAt, FrameId, Frames};
pub use functions::{FunctionRow, SourceLine};
pub use hot_path::HotPath;
pub use modules::ModuleRow;
pub use origin::Origin;
pub use own_code::OwnRow;
pub use summary::{Rate, Summary};
pub use tasks::TaskRow;
pub use threads::{Grouping, ThreadGroup};
pub use tree::{CallTree, NodeId};
pub use weight::Weight;
