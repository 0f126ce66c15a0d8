//! Room in a channel that somebody has reserved: it holds a place that others may wait for.

use super::super::super::core::HoldToken;
use super::super::ends::{Channel, SenderEnd};
use super::bounded::Sender;
use hotpoll_profile::Mode;
use std::panic::Location;
use tokio::sync::mpsc as inner;

/// [`tokio::sync::mpsc::Permit`].
pub struct Permit<'a, T> {
    hold: HoldToken,
    permit: inner::Permit<'a, T>,
    channel: &'a Channel,
}

/// [`tokio::sync::mpsc::PermitIterator`].
pub struct PermitIterator<'a, T> {
    hold: HoldToken,
    permits: inner::PermitIterator<'a, T>,
    channel: &'a Channel,
}

/// [`tokio::sync::mpsc::OwnedPermit`].
pub struct OwnedPermit<T> {
    hold: HoldToken,
    permit: inner::OwnedPermit<T>,
    end: SenderEnd,
}

fn held(channel: &Channel, amount: u64, site: &'static Location<'static>) -> HoldToken {
    channel.tell(false);
    channel.resource.held(Mode::Exclusive, amount, site)
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(
        permit: inner::Permit<'a, T>,
        channel: &'a Channel,
        site: &'static Location<'static>,
    ) -> Self {
        Self {
            hold: held(channel, 1, site),
            permit,
            channel,
        }
    }

    /// See [`tokio::sync::mpsc::Permit::send`].
    pub fn send(self, value: T) {
        self.channel.sends(1);
        drop(self.hold);
        self.permit.send(value);
    }
}

impl<'a, T> PermitIterator<'a, T> {
    pub(super) fn new(
        permits: inner::PermitIterator<'a, T>,
        channel: &'a Channel,
        site: &'static Location<'static>,
    ) -> Self {
        Self {
            hold: held(channel, permits.len() as u64, site),
            permits,
            channel,
        }
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        Some(Permit {
            permit: self.permits.next()?,
            hold: self.hold.split(1),
            channel: self.channel,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.permits.size_hint()
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> std::iter::FusedIterator for PermitIterator<'_, T> {}

impl<T> OwnedPermit<T> {
    pub(super) fn new(
        permit: inner::OwnedPermit<T>,
        end: SenderEnd,
        site: &'static Location<'static>,
    ) -> Self {
        Self {
            hold: held(end.channel(), 1, site).movable(),
            permit,
            end,
        }
    }

    /// See [`tokio::sync::mpsc::OwnedPermit::send`].
    pub fn send(self, value: T) -> Sender<T> {
        self.end.channel().sends(1);
        drop(self.hold);
        Sender::new(self.permit.send(value), self.end)
    }

    /// See [`tokio::sync::mpsc::OwnedPermit::release`].
    pub fn release(self) -> Sender<T> {
        drop(self.hold);
        Sender::new(self.permit.release(), self.end)
    }

    /// See [`tokio::sync::mpsc::OwnedPermit::same_channel`].
    pub fn same_channel(&self, other: &Self) -> bool {
        self.permit.same_channel(&other.permit)
    }

    /// See [`tokio::sync::mpsc::OwnedPermit::same_channel_as_sender`].
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.permit.same_channel_as_sender(sender.inner())
    }
}

impl<T> std::fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.permit.fmt(f)
    }
}

impl<T> std::fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.permits.fmt(f)
    }
}

impl<T> std::fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.permit.fmt(f)
    }
}
