//! `.tracked("name")` on any future.

use super::{Kind, Tracked};
use std::future::IntoFuture;
use std::panic::Location;

/// Adds [`tracked`](Track::tracked) to every future.
pub trait Track: IntoFuture + Sized {
    /// Watches this future by itself: a request, or one of many that a set polls. It counts as a task of this kind, inside the task that polls it.
    ///
    /// A set of futures (`FuturesUnordered`, `buffer_unordered`) gives its children wakers of their own, so that the task's stack ends in the set:
    /// tracked children show where each of them waits.
    #[track_caller]
    fn tracked(self, name: &'static str) -> Tracked<Self::IntoFuture> {
        let site = Location::caller();
        Tracked::new(self.into_future(), || Kind::named_at(name, site), true)
    }
}

impl<F: IntoFuture> Track for F {}
