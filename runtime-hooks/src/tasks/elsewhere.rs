//! What stands in for tracking on platforms without a sampler: futures are spawned as they are.
#![allow(unsafe_code)] // It projects a pin.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Nothing is told apart here.
pub struct Kind(());

static KIND: Kind = Kind(());

impl Kind {
    pub(super) fn at(_: &'static Location<'static>) -> &'static Self {
        &KIND
    }

    pub(super) fn named_at(_: &'static str, _: &'static Location<'static>) -> &'static Self {
        &KIND
    }
}

/// A record; never made.
pub(super) enum Handle {}

impl Handle {
    pub fn set_id(&self, _: tokio::task::Id) {
        match *self {}
    }

    pub fn set_local(&self) {
        match *self {}
    }
}

/// A thread inside of `block_on`; never told.
pub(super) enum Inside {}

impl Inside {
    pub fn enter(_: &tokio::runtime::Handle) {}
}

/// A future that hotpoll would watch if it could.
#[must_use = "futures do nothing unless polled"]
pub struct Tracked<F> {
    future: F,
}

impl<F> Tracked<F> {
    pub(super) fn new(future: F, _: impl FnOnce() -> &'static Kind, _: bool) -> Self {
        Self { future }
    }

    pub(super) fn is_program(&self) {}

    pub(super) fn record(&self) -> Option<Handle> {
        None
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the future is pinned with the wrapper: it is never moved out, and the wrapper has no Drop of its own.
        unsafe { self.map_unchecked_mut(|this| &mut this.future) }.poll(context)
    }
}

/// Nothing is known of wakers here.
pub(crate) fn is_a_sets(_: &Waker) -> bool {
    false
}

/// The closure as it is.
pub(super) fn blocking<F: FnOnce() -> R, R>(
    _: Option<&'static str>,
    _: &'static Location<'static>,
    closure: F,
) -> (Option<Handle>, F) {
    (None, closure)
}
