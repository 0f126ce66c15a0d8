//! What the ends of a channel share: what went through it, how many ends there are, why it is closed. Counted whether sampling runs or not.

use super::super::core::{End, Resource, SoFar, is_on};
use hotpoll_profile::{Closed, Library, ResourceKind};
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, Ordering::Relaxed, fence};

/// How often a length is read again while it changes.
const MOST_READS: usize = 1000;

/// A channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub resource: Resource,
    pub site: &'static Location<'static>,
    capacity: Option<u64>,
    /// A channel of many that live for a moment: it is registered when somebody waits, not before.
    is_short: bool,
    /// There may be many receivers: what was sent and not received is not what is in it.
    many_receive: bool,
    sent: AtomicU64,
    received: AtomicU64,
    dropped: AtomicU64,
    senders_made: AtomicU64,
    senders_gone: AtomicU64,
    receivers_made: AtomicU64,
    receivers_gone: AtomicU64,
    /// 0: it is open; else one more than the place in `Closed::ALL`.
    closed: AtomicU64,
}

impl Channel {
    /// A channel with one sender and one receiver.
    pub fn ends(
        kind: ResourceKind,
        capacity: Option<u64>,
        site: &'static Location<'static>,
    ) -> (SenderEnd, ReceiverEnd) {
        let channel = Self::new(kind, capacity, site, 1);
        (
            SenderEnd::of(Arc::clone(&channel)),
            ReceiverEnd::of(channel),
        )
    }

    /// A channel with one sender alone.
    pub fn sender(
        kind: ResourceKind,
        capacity: Option<u64>,
        site: &'static Location<'static>,
    ) -> SenderEnd {
        SenderEnd::of(Self::new(kind, capacity, site, 0))
    }

    fn new(
        kind: ResourceKind,
        capacity: Option<u64>,
        site: &'static Location<'static>,
        receivers: u64,
    ) -> Arc<Self> {
        let many_receive = matches!(kind, ResourceKind::Watch | ResourceKind::Broadcast);
        Arc::new(Self {
            resource: Resource::at(kind, Library::Tokio, site),
            site,
            capacity,
            is_short: kind == ResourceKind::Oneshot,
            many_receive,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            senders_made: AtomicU64::new(1),
            senders_gone: AtomicU64::new(0),
            receivers_made: AtomicU64::new(receivers),
            receivers_gone: AtomicU64::new(0),
            closed: AtomicU64::new(0),
        })
    }

    fn so_far(&self) -> SoFar {
        let closed = self.closed.load(Relaxed) as usize;
        SoFar {
            capacity: self.capacity,
            sent: self.sent.load(Relaxed),
            received: self.received.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            keeps: !self.many_receive,
            senders_made: self.senders_made.load(Relaxed),
            senders_gone: self.senders_gone.load(Relaxed),
            receivers_made: self.receivers_made.load(Relaxed),
            receivers_gone: self.receivers_gone.load(Relaxed),
            closed: closed
                .checked_sub(1)
                .and_then(|at| Closed::ALL.get(at).copied()),
        }
    }

    /// Tells all of it. `waits`: somebody waits, so that it is worth a row.
    pub fn tell(&self, waits: bool) {
        self.resource
            .so_far(waits || !self.is_short, || self.so_far());
    }

    /// Tells what has changed, if it is told of at all.
    #[inline]
    fn changed(&self) {
        if is_on() && self.resource.is_registered() {
            self.tell_change();
        }
    }

    #[inline(never)]
    fn tell_change(&self) {
        self.resource.so_far(false, || self.so_far());
    }

    /// Values go in. Before they can come out: else the length would be short for a moment.
    #[inline]
    pub fn sends(&self, values: u64) {
        let sent = self.counts_sent(values);
        self.has_sent(sent);
    }

    /// Counts values that may not go in after all: [`Channel::has_sent`] or [`Channel::did_not_send`] follow.
    #[inline]
    pub fn counts_sent(&self, values: u64) -> u64 {
        if self.is_short {
            // Nobody else sends.
            self.sent.store(values, Relaxed);
            return values;
        }
        self.sent.fetch_add(values, Relaxed) + values
    }

    /// Tells that so many went in so far.
    #[inline]
    pub fn has_sent(&self, sent: u64) {
        if is_on() && !self.is_short {
            self.resource.has_sent(sent, || self.so_far());
        }
    }

    /// Values did not go in after all: nothing goes in any more.
    #[cold]
    pub fn did_not_send(&self, values: u64) {
        self.sent.fetch_sub(values, Relaxed);
    }

    /// Values came out.
    #[inline]
    pub fn receives(&self, values: u64) {
        let received = if self.many_receive {
            self.received.fetch_add(values, Relaxed) + values
        } else {
            // Nobody else receives.
            let received = self.received.load(Relaxed) + values;
            self.received.store(received, Relaxed);
            received
        };
        if is_on() && !self.is_short {
            self.resource.has_received(received, || self.so_far());
        }
    }

    /// How many receivers there are.
    pub fn receivers(&self) -> u64 {
        Self::living(&self.receivers_made, &self.receivers_gone)
    }

    /// Tells tokio's own length, read again after it was told: so the last one who changes it tells the last one.
    #[inline]
    pub fn has_length(&self, length: impl Fn() -> usize) {
        if is_on() {
            self.tell_length(length);
        }
    }

    fn tell_length(&self, length: impl Fn() -> usize) {
        for _ in 0..MOST_READS {
            let told = length();
            self.resource.set_length(told as u64);
            // What was told is there before the length is read again.
            fence(Ordering::SeqCst);
            if length() == told {
                break;
            }
        }
    }

    /// It was closed by hand.
    pub fn close(&self) {
        self.closes(Closed::Closed);
    }

    /// The first reason stays.
    fn closes(&self, why: Closed) {
        if self.closed.load(Relaxed) == 0 {
            let _ = (self.closed).compare_exchange(0, why as u64 + 1, Relaxed, Relaxed);
        }
        self.changed();
    }

    /// One end is gone, of those that were made of its kind.
    #[inline]
    fn end_goes(&self, made: &AtomicU64, gone: &AtomicU64, why: Closed) {
        if !self.is_short {
            gone.fetch_add(1, Relaxed);
            match Self::living(made, gone) {
                0 => {
                    self.drops_the_rest(why);
                    self.closes(why);
                }
                _ => self.changed(),
            }
            return;
        }
        self.drops_the_rest(why);
        // There is one of each, so nobody else writes this; and where both go at once, either is why.
        gone.store(1, Relaxed);
        if self.closed.load(Relaxed) == 0 {
            self.closed.store(why as u64 + 1, Relaxed);
        }
        self.changed();
    }

    /// What is in it is dropped with the receiver.
    #[inline]
    fn drops_the_rest(&self, why: Closed) {
        if why != Closed::ReceiverGone {
            return;
        }
        let left = (self.sent.load(Relaxed)).saturating_sub(self.received.load(Relaxed));
        if left > 0 {
            self.dropped.fetch_max(left, Relaxed);
        }
    }

    fn living(made: &AtomicU64, gone: &AtomicU64) -> u64 {
        let gone = gone.load(Relaxed);
        made.load(Relaxed).saturating_sub(gone)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if is_on() {
            self.drops_the_rest(Closed::ReceiverGone);
            self.resource.channel_ends(&self.so_far());
        }
    }
}

/// A sender's part of a channel: there is one sender as long as this lives.
#[derive(Debug)]
pub(super) struct SenderEnd {
    channel: Arc<Channel>,
    /// Who reads the memory of futures knows a sender by it.
    mark: AtomicU64,
}

/// A receiver's part of a channel.
#[derive(Debug)]
pub(super) struct ReceiverEnd {
    channel: Arc<Channel>,
    /// As a sender's.
    mark: AtomicU64,
}

impl SenderEnd {
    fn of(channel: Arc<Channel>) -> Self {
        let mark = AtomicU64::new(End::Sender.mark(&channel.resource));
        Self { channel, mark }
    }

    pub fn new(channel: &Arc<Channel>) -> Self {
        channel.senders_made.fetch_add(1, Relaxed);
        channel.changed();
        Self::of(Arc::clone(channel))
    }

    pub fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }
}

impl ReceiverEnd {
    fn of(channel: Arc<Channel>) -> Self {
        let mark = AtomicU64::new(End::Receiver.mark(&channel.resource));
        Self { channel, mark }
    }

    pub fn new(channel: &Arc<Channel>) -> Self {
        channel.receivers_made.fetch_add(1, Relaxed);
        channel.changed();
        Self::of(Arc::clone(channel))
    }

    pub fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }
}

impl Clone for SenderEnd {
    fn clone(&self) -> Self {
        Self::new(&self.channel)
    }
}

impl Drop for SenderEnd {
    fn drop(&mut self) {
        // No sender is here any more. Nobody reads it but through the kernel.
        self.mark.store(0, Relaxed);
        let channel = &self.channel;
        channel.end_goes(
            &channel.senders_made,
            &channel.senders_gone,
            Closed::SendersGone,
        );
    }
}

impl Drop for ReceiverEnd {
    fn drop(&mut self) {
        self.mark.store(0, Relaxed);
        let channel = &self.channel;
        channel.end_goes(
            &channel.receivers_made,
            &channel.receivers_gone,
            Closed::ReceiverGone,
        );
    }
}
