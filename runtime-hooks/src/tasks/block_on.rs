//! `block_on`, with the future tracked and the runtime known while it runs.

use super::{Inside, Kind, Tracked};
use std::future::Future;
use std::panic::Location;
use tokio::runtime::{Handle, Runtime};

/// What can block on a future: a runtime, or a handle of one.
pub trait BlockOn: sealed::Sealed {
    #[doc(hidden)]
    fn block_on_future<F: Future>(&self, future: F) -> F::Output;
    #[doc(hidden)]
    fn runtime_handle(&self) -> &Handle;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for tokio::runtime::Runtime {}
    impl Sealed for tokio::runtime::Handle {}
}

impl BlockOn for Runtime {
    #[track_caller]
    fn block_on_future<F: Future>(&self, future: F) -> F::Output {
        self.block_on(future)
    }

    fn runtime_handle(&self) -> &Handle {
        self.handle()
    }
}

impl BlockOn for Handle {
    #[track_caller]
    fn block_on_future<F: Future>(&self, future: F) -> F::Output {
        self.block_on(future)
    }

    fn runtime_handle(&self) -> &Handle {
        self
    }
}

/// Runs a future on this thread to its end; its kind is the place of this call.
///
/// # Panics
/// As tokio's `block_on`: inside of a runtime, or when the future panics.
#[track_caller]
pub fn block_on<F: Future>(runtime: &impl BlockOn, future: F) -> F::Output {
    let site = Location::caller();
    run(runtime, || Kind::at(site), future)
}

/// Runs a future of this kind on this thread to its end.
///
/// # Panics
/// As tokio's `block_on`: inside of a runtime, or when the future panics.
#[track_caller]
pub fn block_on_named<F: Future>(
    runtime: &impl BlockOn,
    name: &'static str,
    future: F,
) -> F::Output {
    let site = Location::caller();
    run(runtime, || Kind::named_at(name, site), future)
}

#[track_caller]
fn run<F: Future>(
    runtime: &impl BlockOn,
    kind: impl FnOnce() -> &'static Kind,
    future: F,
) -> F::Output {
    let future = Tracked::new(future, kind, false);
    future.is_program();
    let _inside = future
        .record()
        .map(|_| Inside::enter(runtime.runtime_handle()));
    runtime.block_on_future(future)
}
