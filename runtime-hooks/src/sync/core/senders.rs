//! Which task has a channel's only sender, where nothing was sent yet: a sender is a value, and says nothing when it goes from task to task.
//!
//! A sender carries a word that names its channel ([`mark`]), and a suspended task's future lies in memory that is known. So who looks can read the futures,
//! through the kernel, and see in whose that word is. It is evidence, and no proof: bytes stay behind where a value was moved away from, and what lies in a box of
//! its own is not found. Asked for while somebody waits for such a channel, and never else.

use super::Resource;
use hotpoll_profile::{Party, Resources};
use hotpoll_sampler::Memory;
use std::collections::HashMap;

/// Bytes of futures that are read for one snapshot.
const MOST_BYTES: usize = 4 << 20;
/// No address has these bits.
const MARK: u64 = 0xb7e1_0000_0000_0000;
/// Addresses have no others.
const ADDRESS: u64 = (1 << 47) - 1;

/// The word that a sender of the channel carries which this resource tells of. Nobody else's data looks like it, but by a very unlikely chance.
pub fn mark(resource: &Resource) -> u64 {
    mark_of(std::ptr::from_ref(resource).addr())
}

fn mark_of(address: usize) -> u64 {
    // Turned about, so that an address with a tag is not taken for one.
    MARK | (address as u64 ^ ADDRESS) & ADDRESS
}

/// A suspended task's future.
#[derive(Debug, Clone, Copy)]
pub struct Future {
    /// The task.
    pub party: Party,
    /// Where it lies.
    pub address: usize,
    /// Its bytes, or a little more.
    pub size: usize,
}

/// Says of channels in which nothing was sent, and which are waited for, who has the sender; `addresses` are those of their resources, by number.
pub(super) fn find(all: &mut Resources, addresses: &HashMap<u64, usize>, memory: &mut Memory) {
    let mut wanted: HashMap<u64, usize> = HashMap::new();
    for (place, one) in all.resources.iter().enumerate() {
        let waits = one.waiters.iter().any(|waiter| waiter.party.task != 0);
        let unknown = (one.channel.as_ref())
            .is_some_and(|channel| channel.sender.is_none() && channel.senders == 1);
        if let Some(&address) = addresses.get(&one.id)
            && waits
            && unknown
            && address != 0
        {
            wanted.insert(mark_of(address), place);
        }
    }
    if wanted.is_empty() {
        return;
    }
    for (place, party) in search(&futures(), &wanted, memory) {
        if let Some(channel) = &mut all.resources[place].channel {
            channel.sender = Some(party);
            channel.sender_found = true;
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

/// Who has what is wanted, where one has it and no other.
fn search(
    futures: &[Future],
    wanted: &HashMap<u64, usize>,
    memory: &mut Memory,
) -> HashMap<usize, Party> {
    // A future that is a part of another one lies in that: it is the smaller one's.
    let mut sorted = futures.to_vec();
    sorted.sort_by_key(|future| future.size);
    let mut met: HashMap<usize, usize> = HashMap::new();
    let mut found: HashMap<usize, Option<Party>> = HashMap::new();
    let mut left = MOST_BYTES;
    for future in &sorted {
        let size = future.size.min(left) & !7;
        left -= size;
        let mut bytes = vec![0; size];
        let copied = memory.copy(future.address as u64, &mut bytes);
        let words = bytes[..copied].as_chunks::<8>().0;
        for (at, word) in words.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            if word & !ADDRESS != MARK {
                continue;
            }
            let Some(&place) = wanted.get(&word) else {
                continue;
            };
            let address = future.address + at * 8;
            if met.insert(address, place).is_some() {
                continue;
            }
            let party = found.entry(place).or_insert(Some(future.party));
            // In two: in one of them it was once.
            if party.is_some_and(|party| party.task != future.party.task) {
                *party = None;
            }
        }
    }
    (found.into_iter())
        .filter_map(|(place, party)| Some((place, party?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    // Miri has no such system call.
    #[cfg(not(miri))]
    #[test]
    fn a_word_is_the_smallest_futures() {
        let mark = mark_of(0x7f00_1234_5678);
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
        let wanted = HashMap::from([(mark, 3)]);
        let has = |futures: &[Future]| {
            let found = search(futures, &wanted, &mut Memory::default());
            found.get(&3).map(|party| party.task)
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
