//! One look at everything: who waits for what, who holds what. A snapshot takes two.
//!
//! No lock of the program is taken. Records and lines stay where they are for ever; the words inside of locks may go away while they are read, so the
//! kernel reads them.
#![allow(unsafe_code)] // The bytes of a head.

use super::holds::{self, SeenHold};
use super::lock::{Head, UPGRADABLE};
use super::readers::Held;
use super::registry;
use super::row::{ADDRESS, Row, TaggedRow};
use super::threads::{self, Local, NUMBER_SHIFT};
use super::waits::{self, Seen};
use hotpoll_profile::{Mode, Party, ResourceKind};
use hotpoll_sampler::Memory;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;

/// Somebody who holds something.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeenHolder {
    pub hold: SeenHold,
    /// What `hold.since` is.
    pub taken: Taken,
}

/// When something was taken, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Then.
    At,
    /// When nobody waited: what is taken while somebody waits is timed.
    BeforeAllWaits,
    /// Several times, the last of which is timed: it is held for longer than that.
    Unknown,
}

/// Rows in use.
pub(super) struct Rows {
    /// Those of resources.
    pub all: Vec<&'static Row>,
    /// Those of sites.
    pub sites: Vec<&'static Row>,
}

/// How far a snapshot is. The program goes on meanwhile, and tests do here what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A look knows who waits, and not yet what is held.
    Waits,
    /// The words of this lock were read, and not yet whose number stands in them.
    Words(u64),
    /// The first look has ended.
    Looked,
    /// The numbers of the resource were read, and not yet who waits for it and who holds it.
    Numbers(u64),
}

/// What one look found, by resource.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub waits: HashMap<u64, Vec<Seen>>,
    pub holders: HashMap<u64, Vec<SeenHolder>>,
    /// Exclusive acquisitions, of locks whose words could be read.
    pub acquired: HashMap<u64, u64>,
}

impl Look {
    /// Looks, and returns the rows in use. After a first look only those matter that it found busy, and those that somebody waits for by now: a lock
    /// that was taken, or got its row, between the two looks would have a waiter and no holder. `meanwhile` runs where the program goes on.
    pub fn take(
        memory: &mut Memory,
        first: Option<&Self>,
        meanwhile: &mut dyn FnMut(Step),
    ) -> (Self, Rows) {
        let mut look = Self::default();
        let own = threads::all().map(|local| &local.wait);
        let pooled = waits::pooled();
        for seen in own.chain(pooled).filter_map(waits::Wait::read) {
            let waits = look.waits.entry(seen.about.resource).or_default();
            waits.push(seen);
        }
        for waits in look.waits.values_mut() {
            // In the order of arrival: one clock for all.
            waits.sort_by_key(|seen| seen.about.since);
        }
        meanwhile(Step::Waits);
        // After the waits: whatever is waited for has its row by now, the mutex of a condition variable too.
        let (all, sites) = registry::rows();
        let matters = |row: &&&'static Row| first.is_none_or(|first| first.is_busy(row));
        let waited_for = |row: &&'static Row| look.waits.contains_key(&row.id.load(Relaxed));
        let rows: Vec<&'static Row> = (all.iter())
            .filter(|row| matters(row) || waited_for(row))
            .copied()
            .collect();
        let rows = &rows[..];
        look.hand_over(rows);
        look.locks(rows, memory, meanwhile);
        look.readers();
        look.left_by_readers(rows);
        let own = rows.iter().filter_map(|row| row.existing_holds()).flatten();
        for hold in own.chain(holds::pooled()).filter_map(holds::Hold::read) {
            let taken = Taken::At;
            look.add(SeenHolder { hold, taken });
        }
        (look, Rows { all, sites })
    }

    /// Whether somebody holds it or waits for it, or it is no lock.
    fn is_busy(&self, row: &Row) -> bool {
        let id = row.id.load(Relaxed);
        self.holders.contains_key(&id)
            || self.waits.contains_key(&id)
            || row.words.load(Relaxed) == 0
    }

    fn add(&mut self, holder: SeenHolder) {
        let holders = self.holders.entry(holder.hold.resource);
        holders.or_default().push(holder);
    }

    /// Who was notified and has not come back waits for the mutex: see `notified.rs`.
    fn hand_over(&mut self, rows: &[&'static Row]) {
        for row in rows {
            if row.kind() != ResourceKind::Condvar {
                continue;
            }
            let Some(counts) = row.existing_channel() else {
                continue;
            };
            let back = counts.received.load(Relaxed);
            let woken = counts.sent.load(Relaxed).saturating_sub(back) as usize;
            let since = counts.last_sent.load(Relaxed);
            let id = row.id.load(Relaxed);
            let Some(waits) = self.waits.get_mut(&id).filter(|_| woken > 0) else {
                continue;
            };
            let handed: Vec<Seen> = waits.drain(..woken.min(waits.len())).collect();
            for mut seen in handed {
                seen.about.resource = seen.about.then;
                seen.about.since = seen.about.since.max(since);
                // It will have the mutex, late or not.
                seen.about.timed = false;
                let waits = self.waits.entry(seen.about.resource).or_default();
                let at = waits.partition_point(|other| other.about.since <= seen.about.since);
                waits.insert(at, seen);
            }
        }
    }

    /// Exclusive holders: the owners' words.
    pub fn locks(
        &mut self,
        rows: &[&'static Row],
        memory: &mut Memory,
        meanwhile: &mut dyn FnMut(Step),
    ) {
        for row in rows {
            let tagged = row.tagged();
            let (id, address) = (row.id.load(Relaxed), row.words.load(Relaxed));
            if tagged == 0 || row.is_sites {
                continue;
            }
            // A waiter knows better where the lock is: it cannot move while one waits.
            let waits = self.waits.get(&id).into_iter().flatten();
            let known = waits.map(|seen| seen.about.words).find(|&words| words != 0);
            let address = known.unwrap_or(address);
            let Some((head, party)) = settled(memory, address, tagged, &mut || {
                meanwhile(Step::Words(id));
            }) else {
                continue;
            };
            // Another resource has the row by now.
            if row.tagged() != tagged {
                continue;
            }
            // A lock's words that nobody has taken yet tell of none, and those of freed memory of nobody.
            if head.is_whole() {
                self.acquired.insert(id, head.count);
            }
            let owner = head.owner();
            if owner == 0 {
                continue;
            }
            let upgradable = owner & UPGRADABLE != 0;
            self.add(SeenHolder {
                hold: SeenHold {
                    resource: id,
                    number: head.count,
                    since: head.since,
                    party: party.unwrap_or_default(),
                    site: owner & ADDRESS & !UPGRADABLE,
                    mode: if upgradable {
                        Mode::Upgradable
                    } else {
                        Mode::Exclusive
                    },
                    amount: 1,
                    movable: cfg!(feature = "send_guard"),
                    // It had a number, and nobody living has it. Where guards may be sent another thread may have this one.
                    gone: party.is_none()
                        && owner >> NUMBER_SHIFT != 0
                        && !cfg!(feature = "send_guard"),
                    ..SeenHold::default()
                },
                taken: match head.is_timed() {
                    true => Taken::At,
                    false => Taken::BeforeAllWaits,
                },
            });
        }
    }

    /// What threads that have ended hold for reading: one holder for all of them.
    fn left_by_readers(&mut self, rows: &[&'static Row]) {
        for row in rows.iter().filter(|row| is_left_for_good(row)) {
            let amount = row.left_shared.load(Relaxed);
            if amount == 0 || row.tagged() == 0 {
                continue;
            }
            self.add(SeenHolder {
                hold: SeenHold {
                    resource: row.id.load(Relaxed),
                    number: amount,
                    site: row.left_site.load(Relaxed),
                    mode: Mode::Shared,
                    amount,
                    gone: true,
                    ..SeenHold::default()
                },
                taken: Taken::Unknown,
            });
        }
    }

    fn readers(&mut self) {
        for local in threads::all() {
            self.lines_of(local);
        }
    }

    /// What a thread holds for reading.
    pub fn lines_of(&mut self, local: &Local) {
        for line in &local.lines {
            let Some(held) = line.read() else { continue };
            let Held {
                row,
                site,
                acquisition,
                amount,
                since,
            } = held;
            let Some(row) = Row::serving(row) else {
                continue;
            };
            self.add(SeenHolder {
                hold: SeenHold {
                    resource: row.id.load(Relaxed),
                    number: acquisition,
                    since,
                    party: local.party(),
                    site,
                    mode: Mode::Shared,
                    amount,
                    movable: cfg!(feature = "send_guard"),
                    ..SeenHold::default()
                },
                taken: match since {
                    0 => Taken::BeforeAllWaits,
                    _ if amount == 1 => Taken::At,
                    _ => Taken::Unknown,
                },
            });
        }
    }
}

/// Whether it is known that nobody gives back what the row says that ended threads took with them.
pub(super) fn is_left_for_good(row: &Row) -> bool {
    !row.is_sites && !cfg!(feature = "send_guard")
}

/// How often the words of a lock are read that changes hands just then.
const MOST_READS: usize = 8;

/// The words of the lock with this row, and who the thread is that they name: `None` where it has ended. Nothing where another lock is there now, or none.
fn settled(
    memory: &mut Memory,
    address: usize,
    tagged: TaggedRow,
    meanwhile: &mut dyn FnMut(),
) -> Option<(Head, Option<Party>)> {
    let mut found = None;
    for _ in 0..MOST_READS {
        let head = read(memory, address).filter(|head| head.row == tagged)?;
        meanwhile();
        let owner = head.owner();
        let party = match owner {
            0 => None,
            owner => threads::by_word(owner).and_then(|local| local.party_of(owner)),
        };
        found = Some((head, party));
        if owner == 0 || party.is_some() {
            // Words that do not belong together: one gives it back and another takes it, unless this is memory that was freed.
            if head.is_whole() {
                break;
            }
            continue;
        }
        // It has ended: with the lock, or it gave it back before.
        let again = read(memory, address).filter(|head| head.row == tagged)?;
        if (again.owner(), again.count) == (owner, head.count) {
            break;
        }
    }
    found
}

/// The words at an address, if there is memory. Whether they are a lock's the caller finds out.
fn read(memory: &mut Memory, address: usize) -> Option<Head> {
    // Miri has no such system call.
    if cfg!(miri) || address == 0 || !address.is_multiple_of(align_of::<Head>()) {
        return None;
    }
    let mut bytes = [0; size_of::<Head>()];
    let copied = memory.copy(address as u64, &mut bytes);
    // SAFETY: any bytes are a head: it has integers only, and the array is as long. Read unaligned.
    (copied == bytes.len()).then(|| unsafe { bytes.as_ptr().cast::<Head>().read_unaligned() })
}
