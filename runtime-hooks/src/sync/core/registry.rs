//! Which resources there are: rows for those that were used enough to be worth one, and for each site a row that stands for all others of it.
//!
//! Both are bounded. A resource that finds no room counts in its site's row, and what finds none there is counted.

use super::row::{Identity, Row, Side, TaggedRow, site_word};
use super::uses::Counts;
use hotpoll_sampler::{ForkLock, clock, generation};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, Ordering::Relaxed};

/// Resources with a row of their own.
/// 2.7 KB each when it is waited for or has been timed, so 11 MB when all of them are.
const MAX_ROWS: usize = 4096;
/// Places for sites. Some stay free, so that a search ends soon.
const SITE_PLACES: usize = 2048;
/// Places that a search looks at.
const PROBES: usize = 64;

#[derive(Default)]
struct Registry {
    all: Vec<&'static Row>,
    spare: Vec<&'static Row>,
    made: u64,
    /// Those that found no room anywhere.
    unregistered: u64,
}

static REGISTRY: ForkLock<Registry> = ForkLock::new();
static SITES: [AtomicPtr<Row>; SITE_PLACES] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; SITE_PLACES];
/// Numbers of resources; a child goes on with its parent's.
static IDS: AtomicU64 = AtomicU64::new(1);
/// Resources that ended without a row, because there was none for their site.
static LOST: AtomicU64 = AtomicU64::new(0);

/// What the registry says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub alive: u64,
    pub made: u64,
    pub unregistered: u64,
}

/// A row for a resource. `None`: there is no room.
pub(super) fn register(who: &Identity) -> Option<TaggedRow> {
    let id = IDS.fetch_add(1, Relaxed);
    let mut registry = REGISTRY.lock();
    let registry = &mut *registry;
    let row = match registry.spare.pop() {
        Some(row) => row,
        None if registry.all.len() < MAX_ROWS => {
            let row: &'static Row = Box::leak(Box::new(Row::new(false)));
            registry.all.push(row);
            row
        }
        None => {
            let Some(row) = of_site(who) else {
                registry.unregistered += 1;
                return None;
            };
            row.folded.fetch_add(1, Relaxed);
            return Some(row.tagged());
        }
    };
    registry.made += 1;
    Some(row.begin(id, who, clock::now()))
}

/// A row that was registered is not needed: another thread was first.
pub(super) fn withdraw(tagged: TaggedRow) {
    let Some(row) = Row::serving(tagged) else {
        return;
    };
    if row.is_sites {
        row.folded.fetch_sub(1, Relaxed);
        return;
    }
    row.end();
    let mut registry = REGISTRY.lock();
    registry.made -= 1;
    registry.spare.push(row);
}

/// A resource ends that was given this row: what was counted goes to its site.
pub(super) fn retire(tagged: TaggedRow, who: &Identity) {
    let Some(row) = Row::serving(tagged) else {
        return; // the parent's, in a forked child
    };
    if row.is_sites {
        row.folded.fetch_sub(1, Relaxed);
        row.ended.fetch_add(1, Relaxed);
        return;
    }
    match of_site(who) {
        Some(site) => {
            site.ended.fetch_add(1, Relaxed);
            for side in [Side::Exclusive, Side::Shared] {
                let acquired = row.acquired[side as usize].load(Relaxed);
                site.acquired[side as usize].fetch_add(acquired, Relaxed);
                if let Some(counts) = row.existing_counts(side) {
                    site.counts(side).take_from(counts);
                }
            }
            if let Some(channel) = row.existing_channel() {
                site.channel().take_from(channel);
            }
            if let Some(by_kind) = row.existing_by_kind() {
                site.by_kind().add_all(by_kind);
            }
        }
        None => {
            LOST.fetch_add(1, Relaxed);
            for side in [Side::Exclusive, Side::Shared] {
                if let Some(counts) = row.existing_counts(side) {
                    Counts::default().take_from(counts);
                }
            }
        }
    }
    row.end();
    REGISTRY.lock().spare.push(row);
}

/// A resource ends that never had a row.
/// Returns the site's.
pub(super) fn ended_without(who: &Identity, exclusive: u64) -> Option<&'static Row> {
    let site = of_site(who);
    match site {
        Some(site) => {
            site.ended.fetch_add(1, Relaxed);
            if exclusive != 0 {
                site.acquired[Side::Exclusive as usize].fetch_add(exclusive, Relaxed);
            }
        }
        None => {
            LOST.fetch_add(1, Relaxed);
        }
    }
    site
}

/// The row of a site and a name. Where a site has so many names that there is no room, one without. `None`: there are too many sites.
fn of_site(who: &Identity) -> Option<&'static Row> {
    find(who).or_else(|| match who.name {
        "" => None,
        _ => find(&Identity { name: "", ..*who }),
    })
}

/// The beginning of a name, as a number.
fn beginning(name: &str) -> u64 {
    let bytes = name.bytes().take(size_of::<u64>());
    bytes.fold(name.len() as u64, |word, byte| {
        word.rotate_left(8) ^ u64::from(byte)
    })
}

fn find(who: &Identity) -> Option<&'static Row> {
    let word = site_word(who.site);
    // The address of a place is a multiple of 8; the multiplier spreads them (2^64 by the golden ratio).
    let names = beginning(who.name).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (word ^ who.kind as u64 ^ names).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (0..PROBES).find_map(|probe| {
        let place = &SITES[(hash as usize + probe) % SITE_PLACES];
        let row = match existing(place) {
            Some(row) => row,
            None => make(place, who),
        };
        let same = row.site() == word
            && row.kind() == who.kind
            && row.library() == who.library
            && row.is_sites_named(who.name);
        same.then_some(row)
    })
}

#[allow(unsafe_code)]
fn existing(place: &AtomicPtr<Row>) -> Option<&'static Row> {
    // Acquire: the row is whole.
    // SAFETY: null, or leaked by `make`.
    let row = unsafe { place.load(Ordering::Acquire).as_ref() }?;
    row.is_of(generation()).then_some(row)
}

#[cold]
#[allow(unsafe_code)]
fn make(place: &AtomicPtr<Row>, who: &Identity) -> &'static Row {
    let old = place.load(Ordering::Acquire);
    // Leaked: it may lose to another one's, which happens once for each site at the most; or it takes the place of the parent's in a child.
    let row: &'static Row = Box::leak(Box::new(Row::new(true)));
    row.begin(IDS.fetch_add(1, Relaxed), who, clock::now());
    let pointer = std::ptr::from_ref(row).cast_mut();
    // SAFETY: null or leaked here.
    let old_is_ours = unsafe { old.as_ref() }.is_some_and(|row| row.is_of(generation()));
    if old_is_ours {
        // SAFETY: as above.
        return unsafe { &*old };
    }
    match place.compare_exchange(old, pointer, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => row,
        // SAFETY: another thread of this process was first: leaked here.
        Err(first) => unsafe { &*first },
    }
}

/// The rows in use, those of resources and those of sites.
pub(super) fn rows() -> (Vec<&'static Row>, Vec<&'static Row>) {
    let own = REGISTRY.lock().all.clone();
    let sites = SITES.iter().filter_map(existing).collect();
    (own, sites)
}

pub(super) fn totals() -> Totals {
    let registry = REGISTRY.lock();
    Totals {
        alive: (registry.all.len() - registry.spare.len()) as u64,
        made: registry.made,
        unregistered: registry.unregistered + LOST.load(Relaxed),
    }
}
