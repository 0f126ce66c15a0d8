//! Which task has a channel's only sender, where nothing was sent yet, or its receiver, where nothing was received: an end is a value, and says nothing when it
//! goes from task to task.
//!
//! An end carries a word that names its channel ([`End::mark`]), and a suspended task's future lies in memory that is known. So who looks can read the futures,
//! through the kernel, and see in whose that word is. It is evidence, and no proof: bytes stay behind where a value was moved away from, and what lies in a box of
//! its own is not found. Asked for while somebody waits for such a channel, and never else.

use super::Resource;
use hotpoll_profile::{Party, Resources};
use hotpoll_sampler::Memory;
use std::collections::{HashMap, HashSet};

/// Bytes of futures that are read for one snapshot.
const MOST_BYTES: usize = 4 << 20;
/// No address has these bits, nor those of the other one.
const SENDER: u64 = 0xb7e1_0000_0000_0000;
const RECEIVER: u64 = 0xb7e2_0000_0000_0000;
/// Addresses have no others.
const ADDRESS: u64 = (1 << 47) - 1;

/// One of the two ends of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// One that sends.
    Sender,
    /// One that receives.
    Receiver,
}

impl End {
    /// The word that such an end of the channel carries which this resource tells of. Nobody else's data looks like it, but by a very unlikely chance.
    pub fn mark(self, resource: &Resource) -> u64 {
        self.mark_of(std::ptr::from_ref(resource).addr())
    }

    fn mark_of(self, address: usize) -> u64 {
        let tag = match self {
            Self::Sender => SENDER,
            Self::Receiver => RECEIVER,
        };
        // Turned about, so that an address with a tag is not taken for one.
        tag | (address as u64 ^ ADDRESS) & ADDRESS
    }
}

/// A suspended task's future.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Future {
    /// The task.
    pub party: Party,
    /// Where it lies.
    pub address: usize,
    /// Its bytes, or a little more.
    pub size: usize,
}

/// What is looked for: an end of the resource at this place.
type Wanted = (usize, End);

/// Says of channels that are waited for who has an end that was not used yet; `addresses` are those of their resources, by number.
pub(super) fn find(all: &mut Resources, addresses: &HashMap<u64, usize>, memory: &mut Memory) {
    let mut wanted: HashMap<u64, Wanted> = HashMap::new();
    for (place, one) in all.resources.iter().enumerate() {
        let waits = one.waiters.iter().any(|waiter| waiter.party.task != 0);
        let (Some(channel), Some(&address)) = (&one.channel, addresses.get(&one.id)) else {
            continue;
        };
        if !waits || address == 0 {
            continue;
        }
        if channel.sender.is_none() && channel.senders == 1 {
            wanted.insert(End::Sender.mark_of(address), (place, End::Sender));
        }
        if channel.receiver.is_none() && channel.receivers == 1 {
            wanted.insert(End::Receiver.mark_of(address), (place, End::Receiver));
        }
    }
    if wanted.is_empty() {
        return;
    }
    let suspended = futures();
    let found = search(&suspended, &wanted, memory);
    // One that has ended meanwhile may have had others' bytes in its place.
    for ((place, end), party) in still_there(found, &suspended, &futures()) {
        if let Some(channel) = &mut all.resources[place].channel {
            match end {
                End::Sender => {
                    (channel.sender, channel.sender_found) = (Some(party), true);
                }
                End::Receiver => {
                    (channel.receiver, channel.receiver_found) = (Some(party), true);
                }
            }
        }
    }
}

#[cfg(feature = "tokio")]
fn futures() -> Vec<Future> {
    crate::tasks::futures()
}

#[cfg(not(feature = "tokio"))]
fn futures() -> Vec<Future> {
    Vec::new()
}

/// Of what was found what is of tasks whose future was there before and after.
fn still_there(
    found: HashMap<Wanted, Party>,
    before: &[Future],
    after: &[Future],
) -> impl Iterator<Item = (Wanted, Party)> {
    let after: HashMap<(u64, usize), &Future> = (after.iter())
        .map(|future| ((future.party.task, future.address), future))
        .collect();
    let stays = |future: &&Future| {
        let then = after.get(&(future.party.task, future.address));
        then.is_some_and(|then| then == future)
    };
    let stay: HashSet<u64> = (before.iter().filter(stays))
        .map(|future| future.party.task)
        .collect();
    (found.into_iter()).filter(move |(_, party)| stay.contains(&party.task))
}

/// Who has what is wanted, where one has it and no other.
fn search(
    futures: &[Future],
    wanted: &HashMap<u64, Wanted>,
    memory: &mut Memory,
) -> HashMap<Wanted, Party> {
    // A future that is a part of another one lies in that: it is the smaller one's.
    let mut sorted = futures.to_vec();
    sorted.sort_by_key(|future| future.size);
    let mut met: HashMap<usize, Wanted> = HashMap::new();
    let mut found: HashMap<Wanted, Option<Party>> = HashMap::new();
    let mut left = MOST_BYTES;
    for future in &sorted {
        let size = future.size.min(left) & !7;
        left -= size;
        let mut bytes = vec![0; size];
        let copied = memory.copy(future.address as u64, &mut bytes);
        let words = bytes[..copied].as_chunks::<8>().0;
        for (at, word) in words.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            if !matches!(word & !ADDRESS, SENDER | RECEIVER) {
                continue;
            }
            let Some(&end) = wanted.get(&word) else {
                continue;
            };
            let address = future.address + at * 8;
            if met.insert(address, end).is_some() {
                continue;
            }
            let party = found.entry(end).or_insert(Some(future.party));
            // In two: in one of them it was once.
            if party.is_some_and(|party| party.task != future.party.task) {
                *party = None;
            }
        }
    }
    (found.into_iter())
        .filter_map(|(end, party)| Some((end, party?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    /// Its task has ended since, and another one's future is in that place.
    #[test]
    fn what_was_found_in_another_ones_place_is_nobodys() {
        let party = |task| Party {
            task,
            ..Party::default()
        };
        let future = |task| Future {
            party: party(task),
            address: 4096,
            size: 64,
        };
        let found = HashMap::from([((3, End::Sender), party(1))]);
        let is_told = |after: &[Future]| still_there(found.clone(), &[future(1)], after).count();
        assert_eq!((is_told(&[future(1)]), is_told(&[future(2)])), (1, 0));
    }

    // Miri has no such system call.
    #[cfg(not(miri))]
    #[test]
    fn a_word_is_the_smallest_futures() {
        let mark = End::Sender.mark_of(0x7f00_1234_5678);
        let memory = [const { AtomicU64::new(0) }; 64];
        memory[9].store(mark, Relaxed);
        let future = |task, from: usize, words: usize| Future {
            party: Party {
                task,
                ..Party::default()
            },
            address: (&raw const memory).addr() + from * 8,
            size: words * 8,
        };
        let wanted = HashMap::from([(mark, (3, End::Sender))]);
        let has = |futures: &[Future]| {
            let found = search(futures, &wanted, &mut Memory::default());
            found.get(&(3, End::Sender)).map(|party| party.task)
        };
        assert_eq!(has(&[future(1, 0, 64), future(2, 8, 4)]), Some(2));
        assert_eq!(has(&[future(1, 0, 9), future(2, 10, 4)]), None);
        // Where nothing can be read nothing is found.
        assert_eq!(
            has(&[Future {
                address: 4096,
                ..future(1, 0, 9)
            }]),
            None
        );
        memory[40].store(mark, Relaxed);
        assert_eq!(has(&[future(1, 0, 20), future(2, 32, 20)]), None);
        assert_eq!(has(&[future(1, 0, 64)]), Some(1));
    }
}
