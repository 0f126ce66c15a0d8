//! An executor that spawns tracked tasks, for servers and clients that take one.

use super::{Kind, Tracked};
use std::future::Future;
use std::panic::Location;

/// Spawns what a server or client gives it, tracked. With the feature `hyper` it is a `hyper::rt::Executor`, which hyper, hyper-util, tonic's
/// `Endpoint::executor` and what is built on them take. tonic's own `Server` takes none.
#[derive(Debug, Clone, Copy)]
pub struct Executor {
    name: &'static str,
    site: &'static Location<'static>,
}

impl Executor {
    /// Its tasks' kind is the place of this call.
    #[track_caller]
    #[allow(clippy::new_without_default)] // a default has no place of its own
    pub fn new() -> Self {
        Self::named("")
    }

    /// Its tasks' kind has this name.
    #[track_caller]
    pub fn named(name: &'static str) -> Self {
        Self {
            name,
            site: Location::caller(),
        }
    }

    /// Spawns a task, and lets it run.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn spawn<F>(&self, future: F)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let future = Tracked::new(future, || self.kind(), false);
        let record = future.record();
        super::spawn::set_id(record, tokio::spawn(future).id());
    }

    fn kind(&self) -> &'static Kind {
        match self.name {
            "" => Kind::at(self.site),
            name => Kind::named_at(name, self.site),
        }
    }
}

#[cfg(feature = "hyper")]
impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.spawn(future);
    }
}
