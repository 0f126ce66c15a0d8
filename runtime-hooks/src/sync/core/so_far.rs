//! Channels that count for themselves, sampling or not: what they say is taken over as it is, so that nothing drifts.
//!
//! Every number only goes up, and the larger one stays: it does not matter in which order two threads bring theirs.

use super::channel::ChannelCounts;
use super::resource::Resource;
use super::row::{Row, Side};
use super::{is_on, registry, threads};
use hotpoll_profile::Closed;
use hotpoll_sampler::clock;
use std::sync::atomic::Ordering::Relaxed;

/// What has happened in a channel since it was made.
#[derive(Debug, Clone, Copy, Default)]
pub struct SoFar {
    /// `None`: it has no bound.
    pub capacity: Option<u64>,
    /// Values that went in.
    pub sent: u64,
    /// Values that came out.
    pub received: u64,
    /// Values that left it with nobody receiving them.
    pub dropped: u64,
    /// Whether what was sent and not received is in it. Else its length is told apart: [`Resource::set_length`].
    pub keeps: bool,
    /// Senders that were made.
    pub senders_made: u64,
    /// Senders that are gone.
    pub senders_gone: u64,
    /// Receivers that were made.
    pub receivers_made: u64,
    /// Receivers that are gone.
    pub receivers_gone: u64,
    /// Why nothing goes through any more.
    pub closed: Option<Closed>,
}

impl ChannelCounts {
    fn take_over(&self, so_far: &SoFar) {
        for (mine, theirs) in [
            (&self.sent, so_far.sent),
            (&self.received, so_far.received),
            (&self.dropped, so_far.dropped),
            (&self.senders, so_far.senders_made),
            (&self.senders_gone, so_far.senders_gone),
            (&self.receivers, so_far.receivers_made),
            (&self.receivers_gone, so_far.receivers_gone),
        ] {
            mine.fetch_max(theirs, Relaxed);
        }
        if let Some(why) = so_far.closed {
            self.close(why);
        }
        if !so_far.keeps {
            // No length yet: none, and not the difference.
            let _ = self.length.compare_exchange(0, 1, Relaxed, Relaxed);
        }
        self.is_one(so_far.capacity);
    }

    /// A channel of this site has ended.
    fn add(&self, so_far: &SoFar) {
        let left = so_far.sent.saturating_sub(so_far.received);
        for (number, more) in [
            (&self.sent, so_far.sent),
            (&self.received, so_far.received),
            (&self.dropped, left),
        ] {
            if more != 0 {
                number.fetch_add(more, Relaxed);
            }
        }
        if !self.is_known() {
            self.is_one(so_far.capacity);
        }
    }
}

fn take_over(row: &Row, so_far: &SoFar) {
    row.channel().take_over(so_far);
    row.acquired[Side::Exclusive as usize].fetch_max(so_far.sent, Relaxed);
    row.acquired[Side::Shared as usize].fetch_max(so_far.received, Relaxed);
}

impl Resource {
    /// All that the channel knows of itself. Where it is not registered yet it is now, if `register` says so.
    pub fn so_far(&self, register: bool, so_far: impl FnOnce() -> SoFar) {
        if !is_on() {
            return;
        }
        let row = if register {
            self.row()
        } else {
            self.known_row()
        };
        if let Some(row) = row
            && !row.is_sites
        {
            // Read after the row can be seen: what others count meanwhile they bring themselves.
            take_over(row, &so_far());
        }
    }

    /// So many values are in it now. For channels whose values are received by many or by nobody.
    pub fn set_length(&self, length: u64) {
        if let Some(row) = self.row()
            && !row.is_sites
        {
            row.channel()
                .length
                .store(length.saturating_add(1), Relaxed);
        }
    }

    /// Somebody sent: so many values went in so far. `all` is asked for where the channel was not registered.
    #[inline]
    pub fn has_sent(&self, sent: u64, all: impl FnOnce() -> SoFar) {
        let Some(channel) = self.told_channel(all) else {
            return;
        };
        let (row, channel) = channel;
        channel.sent.fetch_max(sent, Relaxed);
        channel.last_sent.store(clock::now(), Relaxed);
        if let Some(local) = threads::local() {
            channel.sender.set(local.party());
        }
        row.acquired[Side::Exclusive as usize].fetch_max(sent, Relaxed);
    }

    /// Somebody received: so many values came out so far.
    #[inline]
    pub fn has_received(&self, received: u64, all: impl FnOnce() -> SoFar) {
        let Some((row, channel)) = self.told_channel(all) else {
            return;
        };
        channel.received.fetch_max(received, Relaxed);
        channel.last_received.store(clock::now(), Relaxed);
        if let Some(local) = threads::local() {
            channel.receiver.set(local.party());
        }
        row.acquired[Side::Shared as usize].fetch_max(received, Relaxed);
    }

    #[inline]
    fn told_channel(
        &self,
        all: impl FnOnce() -> SoFar,
    ) -> Option<(&'static Row, &'static ChannelCounts)> {
        let row = self.row()?;
        if row.is_sites {
            return None;
        }
        let channel = row.channel();
        if !channel.is_known() {
            take_over(row, &all());
        }
        Some((row, channel))
    }

    /// The channel ends. What it did is its site's from now on, whether it had a row or not.
    pub fn channel_ends(&self, so_far: &SoFar) {
        match self.known_row() {
            Some(row) if row.is_sites => {
                row.channel().add(so_far);
                row.acquired[Side::Exclusive as usize].fetch_add(so_far.sent, Relaxed);
                row.acquired[Side::Shared as usize].fetch_add(so_far.received, Relaxed);
            }
            Some(row) => take_over(row, so_far),
            None if is_on() && !self.is_registered() => {
                if let Some(site) = registry::ended_without(&self.identity(), so_far.sent) {
                    site.channel().add(so_far);
                    if so_far.received != 0 {
                        let received = &site.acquired[Side::Shared as usize];
                        received.fetch_add(so_far.received, Relaxed);
                    }
                }
            }
            None => {}
        }
    }
}
