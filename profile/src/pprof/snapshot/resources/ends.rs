//! What channels and semaphores have beside other resources.

use super::super::super::DecodeError;
use super::super::super::columns::{column, fill};
use super::parties::PartyColumns;
use super::{Number, fill_table, owner, table_of};
use crate::{Channel, Closed, Party, Permits, Resource};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ChannelColumns {
    /// The places of the resources that are channels.
    #[prost(uint64, repeated, tag = "1")]
    owners: Vec<u64>,
    #[prost(bool, repeated, tag = "9")]
    bounded: Vec<bool>,
    #[prost(uint64, repeated, tag = "2")]
    capacities: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    numbers: Vec<u64>,
    /// One more than the reason; 0 is none.
    #[prost(uint32, repeated, tag = "4")]
    closed: Vec<u32>,
    #[prost(bool, repeated, tag = "5")]
    has_receiver: Vec<bool>,
    #[prost(message, required, tag = "6")]
    receivers: PartyColumns,
    #[prost(bool, repeated, tag = "7")]
    has_sender: Vec<bool>,
    #[prost(message, required, tag = "8")]
    senders: PartyColumns,
    #[prost(bool, repeated, tag = "10")]
    sender_found: Vec<bool>,
    #[prost(bool, repeated, tag = "11")]
    receiver_found: Vec<bool>,
}

const NUMBERS: [Number<Channel>; 7] = [
    (|one| one.length, |one| &mut one.length),
    (|one| one.sent, |one| &mut one.sent),
    (|one| one.received, |one| &mut one.received),
    (|one| one.senders, |one| &mut one.senders),
    (|one| one.receivers, |one| &mut one.receivers),
    (|one| one.last_sent_ns, |one| &mut one.last_sent_ns),
    (|one| one.last_received_ns, |one| &mut one.last_received_ns),
];

impl ChannelColumns {
    pub(super) fn of(resources: &[Resource]) -> Self {
        let channels = (0u64..).zip(resources);
        let (owners, rows): (Vec<u64>, Vec<&Channel>) = channels
            .filter_map(|(at, one)| Some((at, one.channel.as_ref()?)))
            .unzip();
        Self {
            owners,
            bounded: column(&rows, |one| one.capacity.is_some()),
            capacities: column(&rows, |one| one.capacity.unwrap_or(0)),
            numbers: table_of(&rows, &NUMBERS),
            closed: column(&rows, |one| one.closed.map_or(0, |why| why as u32 + 1)),
            has_receiver: column(&rows, |one| one.receiver.is_some()),
            receivers: PartyColumns::of(&rows, |one| one.receiver.unwrap_or_default()),
            has_sender: column(&rows, |one| one.sender.is_some()),
            senders: PartyColumns::of(&rows, |one| one.sender.unwrap_or_default()),
            sender_found: column(&rows, |one| one.sender_found),
            receiver_found: column(&rows, |one| one.receiver_found),
        }
    }

    // There are at most as many as resources, which are counted with room for it.
    pub(super) fn fill(&self, resources: &mut [Resource]) -> Result<(), DecodeError> {
        if self.owners.len() > resources.len() {
            return Err(DecodeError::Malformed("a column's length"));
        }
        let mut rows = vec![Channel::default(); self.owners.len()];
        let rows = rows.as_mut_slice();
        fill(rows, &self.bounded, |one, is| {
            one.capacity = is.then_some(0);
        })?;
        fill(rows, &self.capacities, |one, capacity| {
            one.capacity = one.capacity.map(|_| capacity);
        })?;
        fill_table(rows, &NUMBERS, &self.numbers)?;
        fill(rows, &self.closed, |one, why| {
            let place = why.checked_sub(1);
            // A reason that a later minor version knows is closed all the same.
            one.closed = place.map(|place| {
                let known = Closed::ALL.get(place as usize);
                known.copied().unwrap_or(Closed::Closed)
            });
        })?;
        fill(rows, &self.sender_found, |one, is| one.sender_found = is)?;
        fill(rows, &self.receiver_found, |one, is| {
            one.receiver_found = is;
        })?;
        for (has, parties, place) in [
            (
                &self.has_receiver,
                &self.receivers,
                (|one| &mut one.receiver) as fn(&mut Channel) -> &mut Option<Party>,
            ),
            (&self.has_sender, &self.senders, |one| &mut one.sender),
        ] {
            for one in rows.iter_mut() {
                *place(one) = Some(Party::default());
            }
            parties.fill(rows, |one| place(one).get_or_insert_default())?;
            if has.is_empty() {
                rows.iter_mut().for_each(|one| *place(one) = None);
            }
            fill(rows, has, |one, has| {
                if !has {
                    *place(one) = None;
                }
            })?;
        }
        for (channel, &place) in rows.iter_mut().zip(&self.owners) {
            owner(resources, place)?.channel = Some(std::mem::take(channel));
        }
        Ok(())
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PermitColumns {
    #[prost(uint64, repeated, tag = "1")]
    owners: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    total: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    available: Vec<u64>,
    #[prost(bool, repeated, tag = "4")]
    is_signal: Vec<bool>,
    #[prost(uint64, repeated, tag = "5")]
    last_granted_ns: Vec<u64>,
}

impl PermitColumns {
    pub(super) fn of(resources: &[Resource]) -> Self {
        let all = (0u64..).zip(resources);
        let (owners, rows): (Vec<u64>, Vec<Permits>) =
            all.filter_map(|(at, one)| Some((at, one.permits?))).unzip();
        Self {
            owners,
            total: column(&rows, |one| one.total),
            available: column(&rows, |one| one.available),
            is_signal: column(&rows, |one| one.is_signal),
            last_granted_ns: column(&rows, |one| one.last_granted_ns),
        }
    }

    pub(super) fn fill(&self, resources: &mut [Resource]) -> Result<(), DecodeError> {
        if self.owners.len() > resources.len() {
            return Err(DecodeError::Malformed("a column's length"));
        }
        let mut rows = vec![Permits::default(); self.owners.len()];
        fill(&mut rows, &self.total, |one, total| one.total = total)?;
        fill(&mut rows, &self.available, |one, available| {
            one.available = available;
        })?;
        fill(&mut rows, &self.is_signal, |one, is| one.is_signal = is)?;
        fill(&mut rows, &self.last_granted_ns, |one, ns| {
            one.last_granted_ns = ns;
        })?;
        for (permits, &place) in rows.iter().zip(&self.owners) {
            owner(resources, place)?.permits = Some(*permits);
        }
        Ok(())
    }
}
