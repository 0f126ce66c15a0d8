//! Senders of a channel without a bound.

use super::super::ends::{Channel, SenderEnd};
use super::error::SendError;
use super::receiver::UnboundedReceiver;
use hotpoll_profile::ResourceKind;
use std::panic::Location;
use std::sync::Arc;
use tokio::sync::mpsc as inner;

/// [`tokio::sync::mpsc::UnboundedSender`].
pub struct UnboundedSender<T> {
    // Before the end: when the channel is told of as closed, it is.
    inner: inner::UnboundedSender<T>,
    end: SenderEnd,
}

/// [`tokio::sync::mpsc::WeakUnboundedSender`].
pub struct WeakUnboundedSender<T> {
    inner: inner::WeakUnboundedSender<T>,
    channel: Arc<Channel>,
}

/// A channel that goes by the place of this call. See [`tokio::sync::mpsc::unbounded_channel`].
#[track_caller]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (sender, receiver) = inner::unbounded_channel();
    let site = Location::caller();
    let (end, receives) = Channel::ends(ResourceKind::UnboundedMpsc, None, site);
    let sender = UnboundedSender { inner: sender, end };
    (sender, UnboundedReceiver::new(receiver, receives))
}

impl<T> UnboundedSender<T> {
    /// Gives the channel a name to go by. Before it is used.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        self.end.channel().resource.rename(name);
        self
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::send`].
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        if self.inner.is_closed() {
            return Err(SendError(message));
        }
        let channel = self.end.channel();
        let so_far = channel.counts_sent(1);
        let sent = self.inner.send(message);
        match sent {
            Ok(()) => channel.has_sent(so_far),
            Err(_) => channel.did_not_send(1),
        }
        sent
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::closed`].
    pub async fn closed(&self) {
        self.inner.closed().await;
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::same_channel`].
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::downgrade`].
    #[must_use = "Downgrade creates a WeakSender without destroying the original non-weak sender."]
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender {
            inner: self.inner.downgrade(),
            channel: Arc::clone(self.end.channel()),
        }
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::strong_count`].
    pub fn strong_count(&self) -> usize {
        self.inner.strong_count()
    }

    /// See [`tokio::sync::mpsc::UnboundedSender::weak_count`].
    pub fn weak_count(&self) -> usize {
        self.inner.weak_count()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            end: self.end.clone(),
        }
    }
}

impl<T> std::fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> WeakUnboundedSender<T> {
    /// See [`tokio::sync::mpsc::WeakUnboundedSender::upgrade`].
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        Some(UnboundedSender {
            inner: self.inner.upgrade()?,
            end: SenderEnd::new(&self.channel),
        })
    }

    /// See [`tokio::sync::mpsc::WeakUnboundedSender::strong_count`].
    pub fn strong_count(&self) -> usize {
        self.inner.strong_count()
    }

    /// See [`tokio::sync::mpsc::WeakUnboundedSender::weak_count`].
    pub fn weak_count(&self) -> usize {
        self.inner.weak_count()
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            channel: Arc::clone(&self.channel),
        }
    }
}

impl<T> std::fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}
