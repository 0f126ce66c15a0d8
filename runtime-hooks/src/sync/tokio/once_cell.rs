//! tokio's cell that is filled once, told of: who fills it holds it, and others wait meanwhile.

use super::super::core::Resource;
use super::waiting::{For, Wait};
use hotpoll_profile::{Library, Mode, ResourceKind};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Poll;
use tokio::sync::{OnceCell as Inner, SetError};

/// [`tokio::sync::OnceCell`], which tells who fills it and who waits.
pub struct OnceCell<T> {
    resource: Resource,
    inner: Inner<T>,
}

impl<T> OnceCell<T> {
    #[track_caller]
    const fn around(inner: Inner<T>) -> Self {
        Self {
            resource: Resource::new(ResourceKind::OnceCell, Library::Tokio),
            inner,
        }
    }

    /// An empty cell that goes by the place of this call.
    #[track_caller]
    pub fn new() -> Self {
        Self::around(Inner::new())
    }

    /// The same for statics.
    #[track_caller]
    pub const fn const_new() -> Self {
        Self::around(Inner::const_new())
    }

    /// See [`tokio::sync::OnceCell::new_with`].
    #[track_caller]
    pub fn new_with(value: Option<T>) -> Self {
        Self::around(Inner::new_with(value))
    }

    /// See [`tokio::sync::OnceCell::const_new_with`].
    #[track_caller]
    pub const fn const_new_with(value: T) -> Self {
        Self::around(Inner::const_new_with(value))
    }

    /// Gives it a name to go by.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.resource.set_name(name);
        self
    }

    /// See [`tokio::sync::OnceCell::initialized`].
    pub fn initialized(&self) -> bool {
        self.inner.initialized()
    }

    /// See [`tokio::sync::OnceCell::get`].
    pub fn get(&self) -> Option<&T> {
        self.inner.get()
    }

    /// See [`tokio::sync::OnceCell::get_mut`].
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.inner.get_mut()
    }

    /// See [`tokio::sync::OnceCell::set`].
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        let set = self.inner.set(value);
        match set {
            Ok(()) => self.resource.used(Mode::Exclusive),
            Err(_) => self.resource.try_failed(Mode::Exclusive),
        }
        set
    }

    /// See [`tokio::sync::OnceCell::get_or_init`].
    #[track_caller]
    pub fn get_or_init<F, Fut>(&self, f: F) -> impl Future<Output = &T>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let site = Location::caller();
        async move {
            if let Some(value) = self.inner.get() {
                return value;
            }
            let fills = AtomicBool::new(false);
            let fill = || self.filling(&fills, site, f);
            self.told(&fills, site, self.inner.get_or_init(fill), |_| true)
                .await
        }
    }

    /// See [`tokio::sync::OnceCell::get_or_try_init`].
    #[track_caller]
    pub fn get_or_try_init<E, F, Fut>(&self, f: F) -> impl Future<Output = Result<&T, E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let site = Location::caller();
        async move {
            if let Some(value) = self.inner.get() {
                return Ok(value);
            }
            let fills = AtomicBool::new(false);
            let fill = || self.filling(&fills, site, f);
            self.told(
                &fills,
                site,
                self.inner.get_or_try_init(fill),
                Result::is_ok,
            )
            .await
        }
    }

    /// The future that makes the value: as long as it runs, its caller holds the cell.
    async fn filling<F: FnOnce() -> Fut, Fut: Future>(
        &self,
        fills: &AtomicBool,
        site: &'static Location<'static>,
        f: F,
    ) -> Fut::Output {
        fills.store(true, Relaxed);
        let hold = self.resource.acquired(Mode::Exclusive, 1, site);
        let value = f().await;
        drop(hold);
        value
    }

    /// Waits as long as somebody else fills the cell.
    async fn told<F: Future>(
        &self,
        fills: &AtomicBool,
        site: &'static Location<'static>,
        inner: F,
        got: fn(&F::Output) -> bool,
    ) -> F::Output {
        let mut wait = Wait::default();
        let mut inner = pin!(inner);
        std::future::poll_fn(|context| {
            let polled = inner.as_mut().poll(context);
            match &polled {
                Poll::Ready(value) => wait.over(got(value)),
                // It is its turn now.
                Poll::Pending if fills.load(Relaxed) => wait.over(true),
                Poll::Pending => {
                    wait.pending(&For::new(&self.resource, Mode::Exclusive, site), context);
                }
            }
            polled
        })
        .await
    }

    /// See [`tokio::sync::OnceCell::into_inner`].
    pub fn into_inner(self) -> Option<T> {
        self.inner.into_inner()
    }

    /// See [`tokio::sync::OnceCell::take`].
    #[track_caller]
    pub fn take(&mut self) -> Option<T> {
        self.inner.take()
    }
}

impl<T> Default for OnceCell<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        Self::around(self.inner.clone())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T> From<T> for OnceCell<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::around(Inner::from(value))
    }
}
