//! Since when something is held that nobody timed: since the first look that found this very acquisition, at least.
//!
//! The agent looks now and then, a part of all locks at a time, and each snapshot looks anyway. What is held when nobody waits costs its holder no clock; so
//! that is all that is known of it, and it is told as sampled.

use super::look::{Look, SeenHolder, Taken};
use super::registry;
use super::threads;
use hotpoll_profile::Mode;
use hotpoll_sampler::{ForkLock, Memory, clock};
use std::collections::HashMap;

/// Locks that one look reads. A read is a system call.
const ROWS_A_LOOK: usize = 256;
/// Threads whose lines one look reads.
const THREADS_A_LOOK: usize = 128;

/// One acquisition: its resource, its number, mode and thread.
type Acquisition = (u64, u64, Mode, u32);

/// The acquisitions that looks found, and when each was found first.
#[derive(Debug, Default)]
pub(super) struct Found {
    first: HashMap<Acquisition, First>,
    row: usize,
    thread: usize,
    /// How often all were looked at.
    rounds: u64,
}

#[derive(Debug, Clone, Copy)]
struct First {
    at: u64,
    /// The last round in which it was found.
    round: u64,
}

static FOUND: ForkLock<Found> = ForkLock::new();

fn acquisition(holder: &SeenHolder) -> Acquisition {
    let hold = &holder.hold;
    (hold.resource, hold.number, hold.mode, hold.party.tid)
}

impl Found {
    fn take_down<'a>(&mut self, holders: impl Iterator<Item = &'a SeenHolder>, at: u64) {
        for holder in holders.filter(|holder| holder.taken != Taken::At) {
            let found = self.first.entry(acquisition(holder));
            found.or_insert(First { at, round: 0 }).round = self.rounds;
        }
    }

    /// A look that began then found all there is.
    fn known(&mut self, look: &Look, begun: u64, at: u64) -> Known {
        let before = std::mem::take(&mut self.first);
        self.take_down(look.holders.values().flatten(), at);
        for (acquisition, first) in &mut self.first {
            first.at = before.get(acquisition).map_or(at, |before| before.at);
        }
        // Another look may have found meanwhile what was not there yet when this one came by: that is not over.
        let meanwhile = before.into_iter().filter(|(_, first)| first.at >= begun);
        for (acquisition, first) in meanwhile {
            self.first.entry(acquisition).or_insert(first);
        }
        let first = self.first.iter();
        Known(first.map(|(of, first)| (*of, first.at)).collect())
    }

    /// All were looked at: what neither this round nor the one before found is over.
    fn round_ends(&mut self) {
        let rounds = self.rounds;
        self.first.retain(|_, first| first.round + 1 >= rounds);
        self.rounds += 1;
    }
}

/// Looks at the next locks and threads. For a thread of the agent's, now and then.
pub fn look() {
    if !super::is_running() {
        return;
    }
    let (rows, _) = registry::rows();
    let mut found = FOUND.lock();
    let (row, thread) = (found.row, found.thread);
    let part: Vec<_> = rows.iter().copied().skip(row).take(ROWS_A_LOOK).collect();
    let mut look = Look::default();
    look.locks(&part, &mut Memory::default(), &mut |_| {});
    let mut threads_looked = 0;
    for local in threads::all().skip(thread).take(THREADS_A_LOOK) {
        look.lines_of(local);
        threads_looked += 1;
    }
    // After the look: it was held then, or a moment before.
    found.take_down(look.holders.values().flatten(), clock::now());
    // Both go on until both are through.
    found.row += part.len();
    found.thread += threads_looked;
    if part.len() < ROWS_A_LOOK && threads_looked < THREADS_A_LOOK {
        (found.row, found.thread) = (0, 0);
        found.round_ends();
    }
}

/// Since when each of these was held, as far as looks know: this one, which began then and found all there is, and those before it.
pub(super) fn known(look: &Look, begun: u64, at: u64) -> Known {
    FOUND.lock().known(look, begun, at)
}

/// Acquisitions that nobody timed, and when they were first found.
pub(super) struct Known(HashMap<Acquisition, u64>);

impl Known {
    /// When this one was first found.
    pub fn first(&self, holder: &SeenHolder) -> Option<u64> {
        self.0.get(&acquisition(holder)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::holds::SeenHold;
    use super::*;

    fn held() -> Look {
        let holder = SeenHolder {
            hold: SeenHold::default(),
            taken: Taken::BeforeAllWaits,
        };
        Look {
            holders: HashMap::from([(0, vec![holder])]),
            ..Look::default()
        }
    }

    /// Two look at one time: the one that came by before a lock was taken made the other forget since when it is held.
    #[test]
    fn what_another_look_found_meanwhile_stays_known() {
        let mut found = Found::default();
        let holder = held().holders[&0][0];
        // It begins before the other one, and ends after it.
        found.known(&held(), 2, 3);
        found.known(&Look::default(), 1, 4);
        assert_eq!(found.known(&held(), 5, 6).first(&holder), Some(3));
        // What a look does not find that began after it was found is over.
        found.known(&Look::default(), 7, 8);
        assert_eq!(found.known(&held(), 9, 10).first(&holder), Some(10));
    }
}
