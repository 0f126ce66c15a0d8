//! The modules that the process has loaded: which they are, where they lie, and what they say about unwinding.
//!
//! In: the loader's list. Out: [`hotpoll_profile::Module`] values, and [`crate::unwind::Tables`] whenever the list has changed
//! ([`Tracker::refresh`]). For ordinary code only: listing modules takes the loader's lock, and a `dlopen` in progress holds it.

mod headers;
mod note;
mod path;
mod snapshot;
mod tracker;
mod vdso;

pub use tracker::{ModuleUnwind, Tracker, loaded};
