//! tokio's channel of a value that others see change, told of. Names and behaviour are those of [`tokio::sync::watch`].
//!
//! Each change counts as sent, and each change that a receiver waited for as received; nothing is ever in it.

use super::ends::{Channel, ReceiverEnd, SenderEnd};
use super::waiting::For;
use hotpoll_profile::ResourceKind;
use std::future::Future;
use std::panic::Location;
use tokio::sync::watch as inner;

pub use tokio::sync::watch::{Ref, error};

/// [`tokio::sync::watch::Sender`].
#[derive(Debug)]
pub struct Sender<T> {
    // Before the end: when the channel is told of as closed, it is.
    inner: inner::Sender<T>,
    end: SenderEnd,
}

/// [`tokio::sync::watch::Receiver`].
#[derive(Debug)]
pub struct Receiver<T> {
    inner: inner::Receiver<T>,
    end: ReceiverEnd,
}

/// A channel that goes by the place of this call. See [`tokio::sync::watch::channel`].
#[track_caller]
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(init);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Sender<T> {
    /// See [`tokio::sync::watch::Sender::new`].
    #[track_caller]
    pub fn new(init: T) -> Self {
        Self {
            inner: inner::Sender::new(init),
            end: Channel::sender(ResourceKind::Watch, None, Location::caller()),
        }
    }

    /// Gives the channel a name to go by. Before it is used.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        self.end.channel().resource.rename(name);
        self
    }

    /// See [`tokio::sync::watch::Sender::send`].
    pub fn send(&self, value: T) -> Result<(), error::SendError<T>> {
        self.inner.send(value)?;
        self.end.channel().sends(1);
        Ok(())
    }

    /// See [`tokio::sync::watch::Sender::send_modify`].
    pub fn send_modify<F: FnOnce(&mut T)>(&self, modify: F) {
        self.inner.send_modify(modify);
        self.end.channel().sends(1);
    }

    /// See [`tokio::sync::watch::Sender::send_if_modified`].
    pub fn send_if_modified<F: FnOnce(&mut T) -> bool>(&self, modify: F) -> bool {
        let modified = self.inner.send_if_modified(modify);
        if modified {
            self.end.channel().sends(1);
        }
        modified
    }

    /// See [`tokio::sync::watch::Sender::send_replace`].
    pub fn send_replace(&self, value: T) -> T {
        let before = self.inner.send_replace(value);
        self.end.channel().sends(1);
        before
    }

    /// See [`tokio::sync::watch::Sender::borrow`].
    pub fn borrow(&self) -> Ref<'_, T> {
        self.inner.borrow()
    }

    /// See [`tokio::sync::watch::Sender::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// See [`tokio::sync::watch::Sender::closed`].
    pub async fn closed(&self) {
        self.inner.closed().await;
    }

    /// See [`tokio::sync::watch::Sender::subscribe`].
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver {
            inner: self.inner.subscribe(),
            end: ReceiverEnd::new(self.end.channel()),
        }
    }

    /// See [`tokio::sync::watch::Sender::receiver_count`].
    pub fn receiver_count(&self) -> usize {
        self.inner.receiver_count()
    }

    /// See [`tokio::sync::watch::Sender::sender_count`].
    pub fn sender_count(&self) -> usize {
        self.inner.sender_count()
    }

    /// See [`tokio::sync::watch::Sender::same_channel`].
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            end: self.end.clone(),
        }
    }
}

impl<T: Default> Default for Sender<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Receiver<T> {
    /// Gives the channel a name to go by. Before it is used.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        self.end.channel().resource.rename(name);
        self
    }

    /// See [`tokio::sync::watch::Receiver::borrow`].
    pub fn borrow(&self) -> Ref<'_, T> {
        self.inner.borrow()
    }

    /// See [`tokio::sync::watch::Receiver::borrow_and_update`].
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        self.inner.borrow_and_update()
    }

    /// See [`tokio::sync::watch::Receiver::has_changed`].
    pub fn has_changed(&self) -> Result<bool, error::RecvError> {
        self.inner.has_changed()
    }

    /// See [`tokio::sync::watch::Receiver::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// See [`tokio::sync::watch::Receiver::mark_changed`].
    pub fn mark_changed(&mut self) {
        self.inner.mark_changed();
    }

    /// See [`tokio::sync::watch::Receiver::mark_unchanged`].
    pub fn mark_unchanged(&mut self) {
        self.inner.mark_unchanged();
    }

    /// See [`tokio::sync::watch::Receiver::changed`].
    #[track_caller]
    pub fn changed(&mut self) -> impl Future<Output = Result<(), error::RecvError>> {
        let site = Location::caller();
        async move {
            let channel = self.end.channel();
            let what = For::receiving(channel, site);
            what.wait(self.inner.changed(), Result::is_ok).await?;
            channel.receives(1);
            Ok(())
        }
    }

    /// See [`tokio::sync::watch::Receiver::wait_for`].
    #[track_caller]
    pub fn wait_for<F>(
        &mut self,
        f: F,
    ) -> impl Future<Output = Result<Ref<'_, T>, error::RecvError>>
    where
        F: FnMut(&T) -> bool,
    {
        let site = Location::caller();
        async move {
            let channel = self.end.channel();
            let what = For::receiving(channel, site);
            let value = what.wait(self.inner.wait_for(f), Result::is_ok).await?;
            channel.receives(1);
            Ok(value)
        }
    }

    /// See [`tokio::sync::watch::Receiver::same_channel`].
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            end: ReceiverEnd::new(self.end.channel()),
        }
    }
}
