//! What a channel has beside its uses, and a semaphore: what is in it, who is at its ends, its permits.

use crate::Party;

/// What is in a channel, and who is at its ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channel {
    /// How much fits in; `None`: no bound.
    pub capacity: Option<u64>,
    /// How much is in it.
    pub length: u64,
    /// Values ever put in.
    pub sent: u64,
    /// Values ever taken out.
    pub received: u64,
    /// Senders alive.
    pub senders: u64,
    /// Receivers alive.
    pub receivers: u64,
    /// Why nothing goes through any more.
    pub closed: Option<Closed>,
    /// How long ago the last value was put in; 0 when not known.
    pub last_sent_ns: u64,
    /// How long ago the last value was taken out; 0 when not known.
    pub last_received_ns: u64,
    /// Who received last, or has the receiver.
    pub receiver: Option<Party>,
    /// Who sent last, or has the sender.
    pub sender: Option<Party>,
    /// Whether nothing was sent, and the sender was found in the memory of the task that `sender` names: it may have been there once.
    pub sender_found: bool,
    /// The same of the receiver, where nothing was received.
    pub receiver_found: bool,
}

/// Why a channel is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Closed {
    /// The last sender was dropped.
    SendersGone,
    /// The receiver was dropped.
    ReceiverGone,
    /// Somebody closed it.
    Closed,
}

impl Closed {
    /// All of them, in the order of the numbers that are written to files.
    pub const ALL: &'static [Self] = &[Self::SendersGone, Self::ReceiverGone, Self::Closed];

    /// A few words for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::SendersGone => "all senders are gone",
            Self::ReceiverGone => "the receiver is gone",
            Self::Closed => "closed",
        }
    }
}

/// A semaphore's permits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permits {
    /// How many there are.
    pub total: u64,
    /// How many nobody holds.
    pub available: u64,
    /// Whether it was made without any: who waits for some waits for others to add them, as for a signal.
    pub is_signal: bool,
    /// How long ago somebody last got some; 0 when nobody did, or that is not known.
    pub last_granted_ns: u64,
}
