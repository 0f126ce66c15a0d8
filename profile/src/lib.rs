//! The nouns of hotpoll, and how they are written down.
//!
//! In: nothing but values. Out: a [`Profile`], which the agent fills, the socket carries, files hold and every view reads.
//! There is no operating system, clock, thread or unsafe code in this crate, so that each part can be tested with literals.

#![forbid(unsafe_code)]

pub mod channel;
mod check;
pub mod counts;
pub mod exact;
pub mod fingerprint;
pub mod histogram;
pub mod location;
pub mod merge;
mod merge_kinds;
mod merge_resources;
pub mod module;
pub mod name;
pub mod pprof;
pub mod process;
pub mod profile;
pub mod protocol;
pub mod reason;
pub mod resource;
pub mod row;
pub mod sample;
pub mod slice;
pub mod snapshot;
pub mod task;
pub mod thread;
mod window;
pub mod work;

pub use channel::{Channel, Closed, Permits};
pub use counts::Counts;
pub use exact::{Exact, PollTotals, WaitTotals};
pub use fingerprint::{Fact, Fingerprint};
pub use histogram::Histogram;
pub use location::{CodeAddress, Function, Line, Location};
pub use merge::Merger;
pub use module::{Module, ModuleKind};
pub use name::{canonical_name, canonical_path, package_version};
pub use process::Process;
pub use profile::Profile;
pub use reason::{CaptureFailure, Engine, EngineReason, Loss, Reason, Truncation};
pub use resource::{
    Holder, KindWaits, Library, Longest, Mode, Party, Resource, ResourceKind, Resources, Since,
    Uses, Waiter,
};
pub use sample::{Sample, State};
pub use slice::{Slice, SliceRow, ThreadSlice};
pub use snapshot::{Snapshot, ThreadNow};
pub use task::{
    LongPoll, NoPollStack, PollStack, Runtime, Site, Suspension, Task, TaskKind, TaskState, Tasks,
    Waker,
};
pub use thread::Thread;
pub use work::{SliceWork, Work, WorkSource};
