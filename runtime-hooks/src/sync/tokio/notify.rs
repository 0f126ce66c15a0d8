//! tokio's notification, told of: who calls (`exclusive`), and who waits to be called (`shared`).
#![allow(unsafe_code)] // An owned future borrows from what it owns.

use super::super::core::Resource;
use super::waiting::{For, Wait};
use hotpoll_profile::{Library, Mode, ResourceKind};
use pin_project_lite::pin_project;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{Notify as Inner, futures as inner};

/// [`tokio::sync::Notify`], which tells who waits.
#[derive(Debug)]
pub struct Notify {
    resource: Resource,
    inner: Inner,
}

impl Notify {
    /// One that goes by the place of this call.
    #[track_caller]
    pub fn new() -> Self {
        Self::const_new()
    }

    /// The same for statics.
    #[must_use]
    #[track_caller]
    pub const fn const_new() -> Self {
        Self {
            resource: Resource::new(ResourceKind::Notify, Library::Tokio),
            inner: Inner::const_new(),
        }
    }

    /// Gives it a name to go by.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.resource.set_name(name);
        self
    }

    /// See [`tokio::sync::Notify::notified`].
    #[track_caller]
    pub fn notified(&self) -> Notified<'_> {
        Notified {
            wait: Wait::default(),
            notified: self.inner.notified(),
            notify: self,
            site: Location::caller(),
        }
    }

    /// See [`tokio::sync::Notify::notified_owned`].
    #[track_caller]
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        let notified = self.inner.notified();
        // SAFETY: only the lifetime changes. The future borrows the one that the Arc beside it keeps where it is, and is dropped before the Arc is
        // (order of the fields); it never leaves its place.
        let notified = unsafe {
            std::mem::transmute::<inner::Notified<'_>, inner::Notified<'static>>(notified)
        };
        OwnedNotified {
            wait: Wait::default(),
            notified,
            notify: self,
            site: Location::caller(),
        }
    }

    /// See [`tokio::sync::Notify::notify_one`].
    pub fn notify_one(&self) {
        self.resource.used(Mode::Exclusive);
        self.inner.notify_one();
    }

    /// See [`tokio::sync::Notify::notify_last`].
    pub fn notify_last(&self) {
        self.resource.used(Mode::Exclusive);
        self.inner.notify_last();
    }

    /// See [`tokio::sync::Notify::notify_waiters`].
    pub fn notify_waiters(&self) {
        self.resource.used(Mode::Exclusive);
        self.inner.notify_waiters();
    }

    fn polled(
        &self,
        polled: Poll<()>,
        wait: &mut Wait,
        site: &'static Location<'static>,
        context: &Context<'_>,
    ) {
        match polled {
            Poll::Ready(()) => {
                wait.over(true);
                self.resource.used(Mode::Shared);
            }
            Poll::Pending => wait.pending(&For::new(&self.resource, Mode::Shared, site), context),
        }
    }
}

impl Default for Notify {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl std::panic::UnwindSafe for Notify {}
impl std::panic::RefUnwindSafe for Notify {}

pin_project! {
    /// [`tokio::sync::futures::Notified`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct Notified<'a> {
        wait: Wait,
        #[pin]
        notified: inner::Notified<'a>,
        notify: &'a Notify,
        site: &'static Location<'static>,
    }
}

pin_project! {
    /// [`tokio::sync::futures::OwnedNotified`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct OwnedNotified {
        wait: Wait,
        // Before what it borrows from.
        #[pin]
        notified: inner::Notified<'static>,
        notify: Arc<Notify>,
        site: &'static Location<'static>,
    }
}

impl Notified<'_> {
    /// See [`tokio::sync::futures::Notified::enable`].
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.project().notified.enable()
    }
}

impl OwnedNotified {
    /// See [`tokio::sync::futures::OwnedNotified::enable`].
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.project().notified.enable()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let polled = this.notified.poll(context);
        this.notify.polled(polled, this.wait, this.site, context);
        polled
    }
}

impl Future for OwnedNotified {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let polled = this.notified.poll(context);
        this.notify.polled(polled, this.wait, this.site, context);
        polled
    }
}
