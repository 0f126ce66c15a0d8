//! What a channel has beside its waits, and a semaphore: what is in it, who is at its ends, its permits.

use super::uses::Clock;
use hotpoll_profile::{Channel, Closed, Party, Permits};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, Ordering::Relaxed};

/// How often what went through is read while more does.
const MOST_READS: usize = 16;

/// Numbers of a channel or a semaphore. Every one is added to by whoever does the thing, when it is done: the length is what was sent and not yet
/// received, and cannot drift.
#[derive(Default)]
pub(super) struct ChannelCounts {
    is_channel: AtomicBool,
    is_semaphore: AtomicBool,
    /// 0: none; else one more than it is.
    capacity: AtomicU64,
    /// 0: what was sent and has not left; else one more than it is.
    pub length: AtomicU64,
    pub sent: AtomicU64,
    pub received: AtomicU64,
    /// Values that left it without anybody receiving them: they were dropped with it, or pushed out by newer ones.
    pub dropped: AtomicU64,
    /// Those that came, or those that there are if nothing is said of those that are gone.
    pub senders: AtomicU64,
    pub senders_gone: AtomicU64,
    pub receivers: AtomicU64,
    pub receivers_gone: AtomicU64,
    closed: AtomicU32,
    pub last_sent: AtomicU64,
    /// Of a semaphore: when somebody last got a permit.
    pub last_received: AtomicU64,
    pub sender: End,
    pub receiver: End,
    permits_total: AtomicU64,
    permits_available: AtomicU64,
    is_signal: AtomicBool,
}

/// Who is at an end of a channel.
#[derive(Default)]
pub(super) struct End {
    tid: AtomicU32,
    task: AtomicU64,
    kind: AtomicU64,
}

impl End {
    pub fn set(&self, party: Party) {
        self.tid.store(party.tid, Relaxed);
        self.task.store(party.task, Relaxed);
        self.kind.store(party.kind, Relaxed);
    }

    fn read(&self) -> Option<Party> {
        let party = Party {
            tid: self.tid.load(Relaxed),
            task: self.task.load(Relaxed),
            kind: self.kind.load(Relaxed),
        };
        (party != Party::default()).then_some(party)
    }
}

impl ChannelCounts {
    /// Whether it was said that it is one.
    pub fn is_known(&self) -> bool {
        self.is_channel.load(Relaxed)
    }

    pub fn is_one(&self, capacity: Option<u64>) {
        let capacity = capacity.map_or(0, |capacity| capacity.saturating_add(1));
        self.capacity.store(capacity, Relaxed);
        self.is_channel.store(true, Relaxed);
    }

    /// Why it is closed: the first reason stays.
    pub fn close(&self, why: Closed) {
        let _ = (self.closed).compare_exchange(0, why as u32 + 1, Relaxed, Relaxed);
    }

    pub fn set_permits(&self, permits: Permits) {
        self.permits_total.store(permits.total, Relaxed);
        self.permits_available.store(permits.available, Relaxed);
        self.is_signal.store(permits.is_signal, Relaxed);
        self.is_semaphore.store(true, Relaxed);
    }

    /// Adds what went through one of the same site that has ended. What was left in it was dropped.
    pub fn take_from(&self, other: &Self) {
        let sent = other.sent.load(Relaxed);
        let received = other.received.load(Relaxed).min(sent);
        self.sent.fetch_add(sent, Relaxed);
        self.received.fetch_add(received, Relaxed);
        self.dropped.fetch_add(sent - received, Relaxed);
        for (mine, theirs) in [
            (&self.last_sent, &other.last_sent),
            (&self.last_received, &other.last_received),
        ] {
            mine.fetch_max(theirs.load(Relaxed), Relaxed);
        }
        self.capacity.store(other.capacity.load(Relaxed), Relaxed);
        if other.is_channel.load(Relaxed) {
            self.is_channel.store(true, Relaxed);
        }
    }

    pub fn clear(&self) {
        for number in [
            &self.capacity,
            &self.length,
            &self.sent,
            &self.received,
            &self.dropped,
            &self.senders,
            &self.senders_gone,
            &self.receivers,
            &self.receivers_gone,
            &self.last_sent,
            &self.last_received,
            &self.permits_total,
            &self.permits_available,
        ] {
            number.store(0, Relaxed);
        }
        self.closed.store(0, Relaxed);
        self.is_channel.store(false, Relaxed);
        self.is_semaphore.store(false, Relaxed);
        self.sender.set(Party::default());
        self.receiver.set(Party::default());
    }

    pub fn channel(&self, clock: &Clock) -> Option<Channel> {
        if !self.is_channel.load(Relaxed) {
            return None;
        }
        let ago = |at: u64| if at == 0 { 0 } else { clock.ago(at).max(1) };
        let capacity = self.capacity.load(Relaxed).checked_sub(1);
        let (sent, received, left) = self.at_once(&mut || {});
        // Who sends counts before the value is in, and who receives after it is out.
        let left = left.min(capacity.unwrap_or(u64::MAX));
        let receivers = living(&self.receivers, &self.receivers_gone);
        let closed = (self.closed.load(Relaxed) as usize)
            .checked_sub(1)
            .and_then(|number| Closed::ALL.get(number).copied())
            // A broadcast or a watch without receivers may get others (`subscribe`).
            .filter(|why| *why != Closed::ReceiverGone || receivers == 0);
        Some(Channel {
            capacity,
            length: (self.length.load(Relaxed).checked_sub(1)).unwrap_or(left),
            sent,
            received,
            senders: living(&self.senders, &self.senders_gone),
            receivers,
            closed,
            last_sent_ns: ago(self.last_sent.load(Relaxed)),
            last_received_ns: ago(self.last_received.load(Relaxed)),
            receiver: self.receiver.read(),
            sender: self.sender.read(),
            sender_found: false,
            receiver_found: false,
        })
    }

    /// What was sent, received, and is left of it, at one time. `meanwhile` runs when a part of it was read.
    fn at_once(&self, meanwhile: &mut dyn FnMut()) -> (u64, u64, u64) {
        let gone = || {
            let received = self.received.load(Ordering::Acquire);
            (received, self.dropped.load(Ordering::Acquire))
        };
        let mut read = (0, 0, 0);
        for _ in 0..MOST_READS {
            // Gone first: what is received does not make it negative.
            let (received, dropped) = gone();
            meanwhile();
            let sent = self.sent.load(Ordering::Acquire);
            read = (sent, received, sent.saturating_sub(received + dropped));
            // Else what went through meanwhile would be in it.
            if gone() == (received, dropped) {
                break;
            }
        }
        read
    }

    pub fn permits(&self, clock: &Clock) -> Option<Permits> {
        self.is_semaphore.load(Relaxed).then(|| Permits {
            total: self.permits_total.load(Relaxed),
            available: self.permits_available.load(Relaxed),
            is_signal: self.is_signal.load(Relaxed),
            last_granted_ns: match self.last_received.load(Relaxed) {
                0 => 0,
                at => clock.ago(at).max(1),
            },
        })
    }
}

/// How many there are. Those gone first: so none seems to be gone that has not come.
fn living(made: &AtomicU64, gone: &AtomicU64) -> u64 {
    let gone = gone.load(Relaxed);
    made.load(Relaxed).saturating_sub(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_through_meanwhile_is_not_in_it() {
        let counts = ChannelCounts::default();
        counts.sent.store(2, Relaxed);
        let mut times = 0;
        let read = counts.at_once(&mut || {
            times += 1;
            if times < 3 {
                counts.sent.fetch_add(5, Relaxed);
                counts.received.fetch_add(5, Relaxed);
            }
        });
        assert_eq!(read, (12, 10, 2));
    }
}
