//! What earlier runs found, kept on disk by build ID.
//!
//! One small file a build, written beside and renamed, so that two commands at once do no harm: the worst that happens is that
//! one of them looks something up again. Nothing here is an error: without a cache the answer only takes longer.

mod key;
mod record;
mod store;

pub(super) use key::Key;
pub(super) use record::Record;
pub(super) use store::Cache;

#[cfg(fuzzing)]
pub(super) use record::check;
