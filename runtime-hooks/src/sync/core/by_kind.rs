//! How long tasks of each kind waited for one resource.
//!
//! A place for each of the first few kinds that waited; later ones have none, and their waits are in the resource's own sum alone.

use super::uses::Clock;
use hotpoll_profile::KindWaits;
use std::sync::atomic::{AtomicU64, Ordering, Ordering::Relaxed};

/// Kinds that are told apart.
const KINDS: usize = 8;

#[derive(Default)]
struct OfKind {
    /// 0: nobody's yet.
    kind: AtomicU64,
    waits: AtomicU64,
    ticks: AtomicU64,
}

/// The times of the kinds that waited.
#[derive(Default)]
pub(super) struct ByKind([OfKind; KINDS]);

impl ByKind {
    /// A task of this kind waited for so long. 0 is no kind.
    pub fn add(&self, kind: u64, waits: u64, ticks: u64) {
        if kind == 0 {
            return;
        }
        let place = self.0.iter().find(|place| {
            let known = place.kind.load(Relaxed);
            known == kind
                || known == 0
                    && match (place.kind).compare_exchange(0, kind, Ordering::Relaxed, Relaxed) {
                        Ok(_) => true,
                        Err(first) => first == kind,
                    }
        });
        if let Some(place) = place {
            place.waits.fetch_add(waits, Relaxed);
            place.ticks.fetch_add(ticks, Relaxed);
        }
    }

    /// Adds another's numbers.
    pub fn add_all(&self, other: &Self) {
        for place in &other.0 {
            let number = |number: &AtomicU64| number.load(Relaxed);
            self.add(
                number(&place.kind),
                number(&place.waits),
                number(&place.ticks),
            );
        }
    }

    /// Forgets all. Nobody else uses it.
    pub fn clear(&self) {
        for place in &self.0 {
            place.kind.store(0, Relaxed);
            place.waits.store(0, Relaxed);
            place.ticks.store(0, Relaxed);
        }
    }

    pub fn read(&self, clock: &Clock) -> Vec<KindWaits> {
        let used = self.0.iter().filter(|place| place.kind.load(Relaxed) != 0);
        let read = used.map(|place| KindWaits {
            kind: place.kind.load(Relaxed),
            waits: place.waits.load(Relaxed),
            wait_ns: clock.ns(place.ticks.load(Relaxed)),
        });
        read.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_kinds_have_no_place() {
        let by_kind = ByKind::default();
        for kind in 0..=KINDS as u64 + 2 {
            by_kind.add(kind, 1, 0);
            by_kind.add(kind, 1, 0);
        }
        let read = by_kind.read(&Clock::read());
        let read: Vec<_> = read.iter().map(|one| (one.kind, one.waits)).collect();
        let expected: Vec<_> = (1..=KINDS as u64).map(|kind| (kind, 2)).collect();
        assert_eq!(read, expected);
        let sum = ByKind::default();
        sum.add_all(&by_kind);
        sum.add_all(&by_kind);
        assert!(sum.read(&Clock::read()).iter().all(|one| one.waits == 4));
        by_kind.clear();
        assert_eq!(by_kind.read(&Clock::read()), []);
    }
}
