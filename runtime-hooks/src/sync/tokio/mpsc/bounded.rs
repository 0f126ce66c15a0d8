//! Senders of a channel with a bound.

use super::super::ends::{Channel, SenderEnd};
use super::super::waiting::{For, Within, unblocked};
use super::error::{SendError, SendTimeoutError, TrySendError};
use super::permit::{OwnedPermit, Permit, PermitIterator};
use super::receiver::Receiver;
use hotpoll_profile::{Mode, ResourceKind};
use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc as inner;

/// [`tokio::sync::mpsc::Sender`].
pub struct Sender<T> {
    // Before the end: when the channel is told of as closed, it is.
    inner: inner::Sender<T>,
    end: SenderEnd,
}

/// [`tokio::sync::mpsc::WeakSender`].
pub struct WeakSender<T> {
    inner: inner::WeakSender<T>,
    channel: Arc<Channel>,
}

/// A channel that goes by the place of this call. See [`tokio::sync::mpsc::channel`].
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = inner::channel(buffer);
    let capacity = Some(buffer as u64);
    let (end, receives) = Channel::ends(ResourceKind::Mpsc, capacity, Location::caller());
    let sender = Sender { inner: sender, end };
    (sender, Receiver::new(receiver, receives))
}

impl<T> Sender<T> {
    pub(super) fn new(inner: inner::Sender<T>, end: SenderEnd) -> Self {
        Self { inner, end }
    }

    pub(super) fn inner(&self) -> &inner::Sender<T> {
        &self.inner
    }

    /// Gives the channel a name to go by. Before it is used.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        self.end.channel().resource.rename(name);
        self
    }

    fn waits(&self, amount: u64, site: &'static Location<'static>) -> For<'_> {
        For::sending(self.end.channel(), site).amount(amount)
    }

    async fn room_at(
        &self,
        site: &'static Location<'static>,
    ) -> Result<inner::Permit<'_, T>, SendError<()>> {
        self.waits(1, site)
            .wait(self.inner.reserve(), Result::is_ok)
            .await
    }

    fn put(&self, permit: inner::Permit<'_, T>, value: T) {
        self.end.channel().sends(1);
        permit.send(value);
    }

    /// See [`tokio::sync::mpsc::Sender::send`].
    #[track_caller]
    pub fn send(&self, value: T) -> impl Future<Output = Result<(), SendError<T>>> {
        let site = Location::caller();
        async move {
            match self.room_at(site).await {
                Ok(permit) => {
                    self.put(permit, value);
                    Ok(())
                }
                Err(SendError(())) => Err(SendError(value)),
            }
        }
    }

    /// See [`tokio::sync::mpsc::Sender::closed`].
    pub async fn closed(&self) {
        self.inner.closed().await;
    }

    /// See [`tokio::sync::mpsc::Sender::try_send`].
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.inner.try_reserve() {
            Ok(permit) => {
                self.put(permit, message);
                Ok(())
            }
            Err(TrySendError::Full(())) => {
                self.failed();
                Err(TrySendError::Full(message))
            }
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(message)),
        }
    }

    fn failed(&self) {
        self.end.channel().resource.try_failed(Mode::Exclusive);
    }

    /// See [`tokio::sync::mpsc::Sender::send_timeout`].
    #[track_caller]
    pub fn send_timeout(
        &self,
        value: T,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), SendTimeoutError<T>>> {
        let site = Location::caller();
        async move {
            let deadline = tokio::time::Instant::now().checked_add(timeout);
            let mut room = pin!(
                self.waits(1, site)
                    .wait(self.inner.reserve(), Result::is_ok)
            );
            let timed = std::future::poll_fn(|context| {
                let _timed = Within::a_timeout(deadline);
                room.as_mut().poll(context)
            });
            match tokio::time::timeout(timeout, timed).await {
                Ok(Ok(permit)) => {
                    self.put(permit, value);
                    Ok(())
                }
                Ok(Err(_)) => Err(SendTimeoutError::Closed(value)),
                Err(_) => {
                    room.timed_out();
                    Err(SendTimeoutError::Timeout(value))
                }
            }
        }
    }

    /// See [`tokio::sync::mpsc::Sender::blocking_send`].
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        let site = Location::caller();
        let free = || self.inner.capacity() > 0 || self.inner.is_closed();
        let wait = self.waits(1, site).blocks(free);
        self.inner.blocking_send(value)?;
        unblocked(wait);
        // Not before: nobody knows when it goes in. It may be out by now, and the length be short for a moment.
        self.end.channel().sends(1);
        Ok(())
    }

    /// See [`tokio::sync::mpsc::Sender::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// See [`tokio::sync::mpsc::Sender::reserve`].
    #[track_caller]
    pub fn reserve(&self) -> impl Future<Output = Result<Permit<'_, T>, SendError<()>>> {
        let site = Location::caller();
        async move {
            Ok(Permit::new(
                self.room_at(site).await?,
                self.end.channel(),
                site,
            ))
        }
    }

    /// See [`tokio::sync::mpsc::Sender::reserve_many`].
    #[track_caller]
    pub fn reserve_many(
        &self,
        n: usize,
    ) -> impl Future<Output = Result<PermitIterator<'_, T>, SendError<()>>> {
        let site = Location::caller();
        async move {
            let reserve = self.inner.reserve_many(n);
            let permits = self
                .waits(n as u64, site)
                .wait(reserve, Result::is_ok)
                .await?;
            Ok(PermitIterator::new(permits, self.end.channel(), site))
        }
    }

    /// See [`tokio::sync::mpsc::Sender::reserve_owned`].
    #[track_caller]
    pub fn reserve_owned(self) -> impl Future<Output = Result<OwnedPermit<T>, SendError<()>>> {
        let site = Location::caller();
        async move {
            let Self { inner, end } = self;
            let what = For::sending(end.channel(), site);
            let permit = what.wait(inner.reserve_owned(), Result::is_ok).await?;
            Ok(OwnedPermit::new(permit, end, site))
        }
    }

    /// See [`tokio::sync::mpsc::Sender::try_reserve`].
    #[track_caller]
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        match self.inner.try_reserve() {
            Ok(permit) => Ok(Permit::new(permit, self.end.channel(), Location::caller())),
            Err(why) => {
                if matches!(why, TrySendError::Full(())) {
                    self.failed();
                }
                Err(why)
            }
        }
    }

    /// See [`tokio::sync::mpsc::Sender::try_reserve_many`].
    #[track_caller]
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        match self.inner.try_reserve_many(n) {
            Ok(permits) => {
                let site = Location::caller();
                Ok(PermitIterator::new(permits, self.end.channel(), site))
            }
            Err(why) => {
                if matches!(why, TrySendError::Full(())) {
                    self.failed();
                }
                Err(why)
            }
        }
    }

    /// See [`tokio::sync::mpsc::Sender::try_reserve_owned`].
    #[track_caller]
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        let Self { inner, end } = self;
        match inner.try_reserve_owned() {
            Ok(permit) => Ok(OwnedPermit::new(permit, end, Location::caller())),
            Err(TrySendError::Full(inner)) => {
                end.channel().resource.try_failed(Mode::Exclusive);
                Err(TrySendError::Full(Self { inner, end }))
            }
            Err(TrySendError::Closed(inner)) => Err(TrySendError::Closed(Self { inner, end })),
        }
    }

    /// See [`tokio::sync::mpsc::Sender::same_channel`].
    pub fn same_channel(&self, other: &Self) -> bool {
        self.inner.same_channel(&other.inner)
    }

    /// See [`tokio::sync::mpsc::Sender::capacity`].
    pub fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    /// See [`tokio::sync::mpsc::Sender::downgrade`].
    #[must_use = "Downgrade creates a WeakSender without destroying the original non-weak sender."]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender {
            inner: self.inner.downgrade(),
            channel: Arc::clone(self.end.channel()),
        }
    }

    /// See [`tokio::sync::mpsc::Sender::max_capacity`].
    pub fn max_capacity(&self) -> usize {
        self.inner.max_capacity()
    }

    /// See [`tokio::sync::mpsc::Sender::strong_count`].
    pub fn strong_count(&self) -> usize {
        self.inner.strong_count()
    }

    /// See [`tokio::sync::mpsc::Sender::weak_count`].
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

impl<T> std::fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> WeakSender<T> {
    /// See [`tokio::sync::mpsc::WeakSender::upgrade`].
    pub fn upgrade(&self) -> Option<Sender<T>> {
        Some(Sender {
            inner: self.inner.upgrade()?,
            end: SenderEnd::new(&self.channel),
        })
    }

    /// See [`tokio::sync::mpsc::WeakSender::strong_count`].
    pub fn strong_count(&self) -> usize {
        self.inner.strong_count()
    }

    /// See [`tokio::sync::mpsc::WeakSender::weak_count`].
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

impl<T> std::fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}
