//! `mpsc`, with the standard library's API: channels that tell what is in them, who waits to send and who to receive.
//!
//! Each end counts what went through it when it went through, sampling or not, so that the length is what was sent and not received, and cannot drift; so
//! are those counted that come and go. What is on its way in or out at this moment may be missing.

use crate::sync::GivesUp;
use crate::sync::core::{Resource, SoFar, is_on};
use hotpoll_profile::{Closed, Library, Mode, ResourceKind};
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

/// What both ends tell. Every number only goes up, so that it does not matter in which order, and when, they are told.
struct Told {
    resource: Resource,
    capacity: Option<u64>,
    sent: AtomicU64,
    received: AtomicU64,
    senders_made: AtomicU64,
    senders_gone: AtomicU64,
    receivers_gone: AtomicU64,
    /// What left it with its receiver.
    dropped: AtomicU64,
    /// Who was gone first.
    closed: OnceLock<Closed>,
}

impl Told {
    fn new(
        kind: ResourceKind,
        capacity: Option<u64>,
        name: &'static str,
        site: &'static Location<'static>,
    ) -> Arc<Self> {
        let mut resource = Resource::at(kind, Library::Std, site);
        resource.set_name(name);
        let told = Self {
            resource,
            capacity,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            senders_made: AtomicU64::new(1),
            senders_gone: AtomicU64::new(0),
            receivers_gone: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            closed: OnceLock::new(),
        };
        told.announce();
        Arc::new(told)
    }

    fn so_far(&self) -> SoFar {
        SoFar {
            capacity: self.capacity,
            sent: self.sent.load(Relaxed),
            received: self.received.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            keeps: true,
            senders_made: self.senders_made.load(Relaxed),
            senders_gone: self.senders_gone.load(Relaxed),
            receivers_made: 1,
            receivers_gone: self.receivers_gone.load(Relaxed),
            closed: self.closed.get().copied(),
        }
    }

    /// The resource, which knows all that has happened so far.
    fn announce(&self) -> &Resource {
        self.resource.so_far(true, || self.so_far());
        &self.resource
    }

    fn sent(&self) {
        let sent = self.sent.fetch_add(1, Relaxed) + 1;
        if is_on() {
            self.resource.has_sent(sent, || self.so_far());
        }
    }

    fn received(&self) {
        let received = self.received.fetch_add(1, Relaxed) + 1;
        if is_on() {
            self.resource.has_received(received, || self.so_far());
        }
    }

    fn another_sender(&self) {
        self.senders_made.fetch_add(1, Relaxed);
        self.announce();
    }

    fn sender_gone(&self) {
        // AcqRel: who is the last one sees what all others have made.
        let gone = self.senders_gone.fetch_add(1, Ordering::AcqRel) + 1;
        if gone == self.senders_made.load(Relaxed) {
            let _ = self.closed.set(Closed::SendersGone);
        }
        self.announce();
    }

    fn receiver_gone(&self) {
        let left = (self.sent.load(Relaxed)).saturating_sub(self.received.load(Relaxed));
        self.dropped.store(left, Relaxed);
        self.receivers_gone.store(1, Relaxed);
        let _ = self.closed.set(Closed::ReceiverGone);
        self.announce();
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if is_on() {
            self.resource.channel_ends(&self.so_far());
        }
    }
}

/// A channel without a bound; it goes by the place of this call.
#[must_use]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    unbounded("", Location::caller())
}

/// A channel without a bound, with a name.
#[must_use]
#[track_caller]
pub fn channel_named<T>(name: &'static str) -> (Sender<T>, Receiver<T>) {
    unbounded(name, Location::caller())
}

fn unbounded<T>(name: &'static str, site: &'static Location<'static>) -> (Sender<T>, Receiver<T>) {
    let told = Told::new(ResourceKind::UnboundedMpsc, None, name, site);
    let (sender, receiver) = std::sync::mpsc::channel();
    let sender = Sender {
        inner: sender,
        told: Arc::clone(&told),
    };
    let receiver = Receiver {
        inner: receiver,
        told,
    };
    (sender, receiver)
}

/// A channel that so much fits in; it goes by the place of this call.
#[must_use]
#[track_caller]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    bounded(bound, "", Location::caller())
}

/// A channel that so much fits in, with a name.
#[must_use]
#[track_caller]
pub fn sync_channel_named<T>(bound: usize, name: &'static str) -> (SyncSender<T>, Receiver<T>) {
    bounded(bound, name, Location::caller())
}

fn bounded<T>(
    bound: usize,
    name: &'static str,
    site: &'static Location<'static>,
) -> (SyncSender<T>, Receiver<T>) {
    let told = Told::new(ResourceKind::Mpsc, Some(bound as u64), name, site);
    let (sender, receiver) = std::sync::mpsc::sync_channel(bound);
    let sender = SyncSender {
        inner: sender,
        told: Arc::clone(&told),
    };
    let receiver = Receiver {
        inner: receiver,
        told,
    };
    (sender, receiver)
}

/// Sends without waiting.
pub struct Sender<T> {
    inner: std::sync::mpsc::Sender<T>,
    told: Arc<Told>,
}

impl<T> Sender<T> {
    /// Sends.
    ///
    /// # Errors
    /// With the value, when the receiver is gone.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.inner.send(value)?;
        self.told.sent();
        Ok(())
    }
}

/// Sends, and waits while the channel is full.
pub struct SyncSender<T> {
    inner: std::sync::mpsc::SyncSender<T>,
    told: Arc<Told>,
}

impl<T> SyncSender<T> {
    /// Sends, and waits while the channel is full.
    ///
    /// # Errors
    /// With the value, when the receiver is gone.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if !is_on() {
            self.inner.send(value)?;
            self.told.sent();
            return Ok(());
        }
        let site = Location::caller();
        match self.inner.try_send(value) {
            Ok(()) => {}
            Err(TrySendError::Disconnected(value)) => return Err(SendError(value)),
            Err(TrySendError::Full(value)) => {
                let resource = self.told.announce();
                resource.block_on(Mode::Exclusive, GivesUp::Never, site, || {
                    let sent = self.inner.send(value);
                    let got = sent.is_ok();
                    (sent, got)
                })?;
            }
        }
        self.told.sent();
        Ok(())
    }

    /// Sends, if there is room.
    ///
    /// # Errors
    /// With the value, when there is none or the receiver is gone.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.inner.try_send(value) {
            Ok(()) => {
                self.told.sent();
                Ok(())
            }
            Err(error) => {
                if is_on() && matches!(error, TrySendError::Full(_)) {
                    self.told.announce().try_failed(Mode::Exclusive);
                }
                Err(error)
            }
        }
    }
}

/// Receives.
pub struct Receiver<T> {
    inner: std::sync::mpsc::Receiver<T>,
    told: Arc<Told>,
}

impl<T> Receiver<T> {
    /// A value, if there is one.
    ///
    /// # Errors
    /// When there is none, and whether there may be one.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let value = self.inner.try_recv();
        match &value {
            Ok(_) => self.told.received(),
            Err(TryRecvError::Empty) if is_on() => self.told.announce().try_failed(Mode::Shared),
            Err(_) => {}
        }
        value
    }

    /// A value; waits for it.
    ///
    /// # Errors
    /// When there is none and all senders are gone.
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        if !is_on() {
            return self.counted(self.inner.recv());
        }
        let site = Location::caller();
        match self.inner.try_recv() {
            Ok(value) => self.counted(Ok(value)),
            Err(TryRecvError::Disconnected) => Err(RecvError),
            Err(TryRecvError::Empty) => {
                let resource = self.told.announce();
                resource.receiving();
                let value = resource.block_on(Mode::Shared, GivesUp::Never, site, || {
                    let value = self.inner.recv();
                    let got = value.is_ok();
                    (value, got)
                });
                self.counted(value)
            }
        }
    }

    /// A value; waits for it at most so long.
    ///
    /// # Errors
    /// When none came in time, or all senders are gone.
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        if !is_on() {
            return self.counted(self.inner.recv_timeout(timeout));
        }
        let site = Location::caller();
        match self.inner.try_recv() {
            Ok(value) => self.counted(Ok(value)),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => {
                let resource = self.told.announce();
                resource.receiving();
                let value = resource.block_on(Mode::Shared, GivesUp::In(timeout), site, || {
                    let value = self.inner.recv_timeout(timeout);
                    let got = value.is_ok();
                    (value, got)
                });
                self.counted(value)
            }
        }
    }

    fn counted<E>(&self, value: Result<T, E>) -> Result<T, E> {
        if value.is_ok() {
            self.told.received();
        }
        value
    }

    /// Values, waiting for each, until all senders are gone.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// Values that are there.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }
}

/// See [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// See [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// Values of a receiver that it owns.
#[derive(Debug)]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.told.another_sender();
        Self {
            inner: self.inner.clone(),
            told: Arc::clone(&self.told),
        }
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> Self {
        self.told.another_sender();
        Self {
            inner: self.inner.clone(),
            told: Arc::clone(&self.told),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.told.sender_gone();
    }
}

impl<T> Drop for SyncSender<T> {
    fn drop(&mut self) {
        self.told.sender_gone();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.told.receiver_gone();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> fmt::Debug for SyncSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
