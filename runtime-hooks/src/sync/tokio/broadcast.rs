//! tokio's channel that each receiver gets all of, told of. Names and behaviour are those of [`tokio::sync::broadcast`].
//!
//! `received` adds up what all receivers got. The length is that of the last sending, or of the last receiving where there is one receiver.

use super::ends::{Channel, ReceiverEnd, SenderEnd};
use super::waiting::{For, unblocked};
use hotpoll_profile::{Mode, ResourceKind};
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use tokio::sync::broadcast as inner;

pub use tokio::sync::broadcast::error;

/// [`tokio::sync::broadcast::Sender`].
pub struct Sender<T> {
    // Before the end: when the channel is told of as closed, it is.
    inner: inner::Sender<T>,
    end: SenderEnd,
}

/// [`tokio::sync::broadcast::WeakSender`].
pub struct WeakSender<T> {
    inner: inner::WeakSender<T>,
    channel: Arc<Channel>,
}

/// [`tokio::sync::broadcast::Receiver`].
pub struct Receiver<T> {
    inner: inner::Receiver<T>,
    end: ReceiverEnd,
}

/// A channel that goes by the place of this call. See [`tokio::sync::broadcast::channel`].
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = inner::channel(capacity);
    let sender = Sender::around(sender, capacity, Location::caller());
    let receiver = Receiver {
        inner: receiver,
        end: ReceiverEnd::new(sender.end.channel()),
    };
    (sender, receiver)
}

impl<T> Sender<T> {
    fn around(inner: inner::Sender<T>, capacity: usize, site: &'static Location<'static>) -> Self {
        // What tokio makes of it.
        let capacity = Some(capacity.next_power_of_two() as u64);
        Self {
            inner,
            end: Channel::sender(ResourceKind::Broadcast, capacity, site),
        }
    }

    /// See [`tokio::sync::broadcast::Sender::new`].
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Self::around(inner::Sender::new(capacity), capacity, Location::caller())
    }

    /// Gives the channel a name to go by. Before it is used.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        self.end.channel().resource.rename(name);
        self
    }

    /// See [`tokio::sync::broadcast::Sender::send`].
    pub fn send(&self, value: T) -> Result<usize, error::SendError<T>> {
        let channel = self.end.channel();
        let so_far = channel.counts_sent(1);
        let sent = self.inner.send(value);
        match sent {
            Ok(_) => {
                channel.has_sent(so_far);
                channel.has_length(|| self.inner.len());
            }
            Err(_) => channel.did_not_send(1),
        }
        sent
    }

    /// See [`tokio::sync::broadcast::Sender::subscribe`].
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver {
            inner: self.inner.subscribe(),
            end: ReceiverEnd::new(self.end.channel()),
        }
    }

    /// See [`tokio::sync::broadcast::Sender::downgrade`].
    #[must_use = "Downgrade creates a WeakSender without destroying the original non-weak sender."]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender {
            inner: self.inner.downgrade(),
            channel: Arc::clone(self.end.channel()),
        }
    }

    /// See [`tokio::sync::broadcast::Sender::len`].
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// See [`tokio::sync::broadcast::Sender::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// See [`tokio::sync::broadcast::Sender::receiver_count`].
    pub fn receiver_count(&self) -> usize {
        self.inner.receiver_count()
    }

    /// See [`tokio::sync::broadcast::Sender::same_channel`].
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }

    /// See [`tokio::sync::broadcast::Sender::closed`].
    pub async fn closed(&self) {
        self.inner.closed().await;
    }

    /// See [`tokio::sync::broadcast::Sender::strong_count`].
    pub fn strong_count(&self) -> usize {
        self.inner.strong_count()
    }

    /// See [`tokio::sync::broadcast::Sender::weak_count`].
    pub fn weak_count(&self) -> usize {
        self.inner.weak_count()
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

impl<T> WeakSender<T> {
    /// See [`tokio::sync::broadcast::WeakSender::upgrade`].
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        Some(Sender {
            inner: self.inner.upgrade()?,
            end: SenderEnd::new(&self.channel),
        })
    }

    /// See [`tokio::sync::broadcast::WeakSender::strong_count`].
    pub fn strong_count(&self) -> usize {
        self.inner.strong_count()
    }

    /// See [`tokio::sync::broadcast::WeakSender::weak_count`].
    pub fn weak_count(&self) -> usize {
        self.inner.weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            channel: Arc::clone(&self.channel),
        }
    }
}

impl<T> Receiver<T> {
    /// Gives the channel a name to go by. Before it is used.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        self.end.channel().resource.rename(name);
        self
    }

    /// See [`tokio::sync::broadcast::Receiver::len`].
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// See [`tokio::sync::broadcast::Receiver::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// See [`tokio::sync::broadcast::Receiver::same_channel`].
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }

    /// See [`tokio::sync::broadcast::Receiver::sender_strong_count`].
    pub fn sender_strong_count(&self) -> usize {
        self.inner.sender_strong_count()
    }

    /// See [`tokio::sync::broadcast::Receiver::sender_weak_count`].
    pub fn sender_weak_count(&self) -> usize {
        self.inner.sender_weak_count()
    }

    /// See [`tokio::sync::broadcast::Receiver::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn received(&self) {
        let channel = self.end.channel();
        channel.receives(1);
        if channel.receivers() == 1 {
            channel.has_length(|| self.inner.len());
        }
    }
}

impl<T: Clone> Receiver<T> {
    /// See [`tokio::sync::broadcast::Receiver::resubscribe`].
    #[must_use]
    pub fn resubscribe(&self) -> Self {
        Self {
            inner: self.inner.resubscribe(),
            end: ReceiverEnd::new(self.end.channel()),
        }
    }

    /// See [`tokio::sync::broadcast::Receiver::recv`].
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Result<T, error::RecvError>> {
        let site = Location::caller();
        async move {
            let what = For::receiving(self.end.channel(), site);
            let value = what.wait(self.inner.recv(), Result::is_ok).await?;
            self.received();
            Ok(value)
        }
    }

    /// See [`tokio::sync::broadcast::Receiver::try_recv`].
    pub fn try_recv(&mut self) -> Result<T, error::TryRecvError> {
        let tried = self.inner.try_recv();
        match tried {
            Ok(_) => self.received(),
            Err(error::TryRecvError::Empty) => {
                (self.end.channel().resource).try_failed(Mode::Shared);
            }
            Err(_) => {}
        }
        tried
    }

    /// See [`tokio::sync::broadcast::Receiver::blocking_recv`].
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, error::RecvError> {
        let what = For::receiving(self.end.channel(), Location::caller());
        let wait = what.blocks(|| !self.inner.is_empty() || self.inner.is_closed());
        let value = self.inner.blocking_recv()?;
        unblocked(wait);
        self.received();
        Ok(value)
    }
}

impl<T> std::fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> std::fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> std::fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}
