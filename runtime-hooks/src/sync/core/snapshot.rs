//! What the registry says to the world: each resource with its numbers, its holders and its waiters, confirmed by a second look.
//!
//! The second look begins after the first has ended. What both found (the same wait, the same acquisition, by number) was there during all the time
//! between them; so everything that is confirmed was there at one time, and a cycle of confirmed edges is real.

use super::ends;
use super::lock::side;
use super::look::{Look, SeenHolder, Step, Taken, is_left_for_good};
use super::looks::{self, Known};
use super::readers;
use super::registry;
use super::row::{Row, Side, TaggedRow, site};
use super::statics::Statics;
use super::tallies::{self, Sum};
use super::uses::Clock;
use super::waits::Seen;
use hotpoll_profile::{Holder, KindWaits, Resource, ResourceKind, Resources, Since, Uses, Waiter};
use hotpoll_sampler::{Memory, clock};
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;

/// How often numbers are read again that are brought meanwhile.
const MOST_READS: usize = 16;

/// How much a snapshot lists.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Resources with a row of their own. Those that somebody waits for come first, then those that were waited for longest.
    pub resources: usize,
    /// Waiters of one resource.
    pub waiters: usize,
    /// Holders of one resource.
    pub holders: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            resources: 500,
            waiters: 100,
            holders: 100,
        }
    }
}

/// All resources, as the moment finds them. `intern` turns a callchain of addresses, leaf first, into places of a profile.
pub fn snapshot(intern: &mut dyn FnMut(&[u64]) -> Vec<u32>, limits: Limits) -> Resources {
    snapshot_in_steps(intern, limits, &mut |_| {})
}

/// The same; `meanwhile` is called wherever what was read may have changed before the rest is.
pub(super) fn snapshot_in_steps(
    intern: &mut dyn FnMut(&[u64]) -> Vec<u32>,
    limits: Limits,
    meanwhile: &mut dyn FnMut(Step),
) -> Resources {
    let mut memory = Memory::default();
    let begun = clock::now();
    let (first, _) = Look::take(&mut memory, None, meanwhile);
    let known = looks::known(&first, begun, clock::now());
    meanwhile(Step::Looked);
    // Only what the first found can be confirmed, or can be waited for; reading the words of idle locks again would say nothing.
    let (mut second, rows) = Look::take(&mut memory, Some(&first), meanwhile);
    for (id, acquired) in &first.acquired {
        second.acquired.entry(*id).or_insert(*acquired);
    }
    let clock = Clock::read();
    let totals = registry::totals();
    let mut all = Resources {
        alive: totals.alive,
        unregistered: totals.unregistered,
        ..Resources::default()
    };
    let mut described = Describe {
        first,
        second,
        known,
        clock,
        statics: Statics::default(),
        tallied: HashMap::new(),
        tallied_at: None,
        limits,
        intern,
        meanwhile,
    };
    let mut addresses = HashMap::new();
    for row in rows.all {
        let own = described.own(row);
        if let Some(channel) = own.as_ref().filter(|one| one.kind.is_channel()) {
            addresses.insert(channel.id, row.address.load(Relaxed));
        }
        all.resources.extend(own);
    }
    cut(&mut all, limits.resources);
    ends::find(&mut all, &addresses, &mut memory);
    let mut ended = 0;
    for row in rows.sites {
        let folded = row.folded.load(Relaxed);
        all.folded += folded;
        ended += row.ended.load(Relaxed);
        all.resources.extend(described.site(row));
    }
    all.created = totals.made + all.folded + ended;
    all
}

/// Keeps so many, the ones that matter.
fn cut(all: &mut Resources, most: usize) {
    let list = &mut all.resources;
    list.sort_by_key(|resource| {
        let waits = resource.waiters.len() + usize::from(resource.poisoned);
        let used = resource.exclusive.acquired + resource.shared.acquired;
        std::cmp::Reverse((waits, resource.wait_ns(), resource.holders.len(), used))
    });
    let beyond = list.len().saturating_sub(most);
    all.folded += beyond as u64;
    list.truncate(most);
}

struct Describe<'a> {
    first: Look,
    second: Look,
    /// Since when the first look's holders hold what nobody timed.
    known: Known,
    clock: Clock,
    statics: Statics,
    /// What is with threads, and when that was read: as long as no more was brought to rows it is what they lack.
    tallied: HashMap<TaggedRow, Sum>,
    tallied_at: Option<u64>,
    limits: Limits,
    intern: &'a mut dyn FnMut(&[u64]) -> Vec<u32>,
    meanwhile: &'a mut dyn FnMut(Step),
}

impl Describe<'_> {
    /// A resource with a row of its own.
    fn own(&mut self, row: &'static Row) -> Option<Resource> {
        let tagged = row.tagged();
        if tagged == 0 {
            return None;
        }
        let mut resource = self.numbers(row)?;
        resource.instances = 1;
        if let Some(&acquired) = self.second.acquired.get(&resource.id) {
            resource.exclusive.acquired = acquired;
        }
        self.parties(row, &mut resource);
        // Another resource has the row by now.
        (row.tagged() == tagged).then_some(resource)
    }

    /// What stands for all others of a site.
    fn site(&mut self, row: &'static Row) -> Option<Resource> {
        let (ended, folded) = (row.ended.load(Relaxed), row.folded.load(Relaxed));
        if ended + folded == 0 {
            return None;
        }
        let mut resource = self.numbers(row)?;
        resource.instances = ended + folded;
        self.parties(row, &mut resource);
        let channel = row.existing_channel();
        resource.channel = channel.and_then(|channel| channel.channel(&self.clock));
        Some(resource)
    }

    fn numbers(&mut self, row: &'static Row) -> Option<Resource> {
        let tagged = row.tagged();
        let mut resource = Resource {
            id: row.id.load(Relaxed),
            kind: row.kind(),
            library: row.library(),
            name: row.name(tagged)?,
            site: site(row.site()),
            age_ns: self.clock.ago(row.made()),
            poisoned: row.poisoned.load(Relaxed),
            ..Resource::default()
        };
        for (side, uses) in [
            (Side::Exclusive, &mut resource.exclusive),
            (Side::Shared, &mut resource.shared),
        ] {
            *uses = self.uses(row, side, tagged);
            uses.acquired = row.acquired[side as usize].load(Relaxed);
        }
        if resource.kind == ResourceKind::RwLock {
            resource.shared.acquired = readers::acquired(row, tagged);
        }
        if let Some(channel) = row.existing_channel() {
            resource.channel = channel.channel(&self.clock);
            resource.permits = channel.permits(&self.clock);
        }
        if let Some(by_kind) = row.existing_by_kind() {
            resource.by_kind = by_kind.read(&self.clock);
        }
        Some(resource)
    }

    /// What the row has, and what is with threads.
    fn uses(&mut self, row: &'static Row, side: Side, tagged: TaggedRow) -> Uses {
        let Some(counts) = row.existing_counts(side) else {
            return Uses::default();
        };
        if side == Side::Shared {
            return counts.read(&self.clock, self.intern);
        }
        for _ in 0..MOST_READS {
            if self.tallied_at.is_some() {
                let mut uses = counts.read(&self.clock, self.intern);
                if let Some(sum) = self.tallied.get(&tagged) {
                    sum.add_to(&mut uses, &self.clock);
                }
                if tallies::brought() == self.tallied_at {
                    return uses;
                }
            }
            // Something was brought meanwhile: it would be here twice, or not at all.
            self.tallied_at = tallies::brought();
            self.tallied = tallies::sums();
        }
        counts.read(&self.clock, self.intern)
    }

    fn parties(&mut self, row: &'static Row, resource: &mut Resource) {
        let id = resource.id;
        (self.meanwhile)(Step::Numbers(id));
        let mut waits = self.second.waits.remove(&id).unwrap_or_default();
        // One that has ended meanwhile may have got what the numbers, or the words of the lock, say.
        waits.retain(Seen::lasts);
        let first_wait = waits.first().map(|seen| seen.about.since);
        self.add_open(&waits, resource);
        let before = self.first.waits.get(&id).map_or(&[][..], Vec::as_slice);
        let confirmed: Vec<bool> = waits
            .iter()
            .map(|seen| before.iter().any(|other| other.number == seen.number))
            .collect();
        resource.more_waiters = waits.len().saturating_sub(self.limits.waiters) as u64;
        for (seen, confirmed) in waits.iter().zip(confirmed).take(self.limits.waiters) {
            resource.waiters.push(self.waiter(seen, confirmed));
        }
        let holders = self.second.holders.remove(&id).unwrap_or_default();
        let before = self.first.holders.get(&id).map_or(&[][..], Vec::as_slice);
        let same = |one: &SeenHolder, other: &SeenHolder| {
            (one.hold.number, one.hold.mode, one.hold.party.tid)
                == (other.hold.number, other.hold.mode, other.hold.party.tid)
        };
        resource.more_holders = holders.len().saturating_sub(self.limits.holders) as u64;
        if !is_left_for_good(row) {
            resource.more_holders += row.left_shared.load(Relaxed);
        }
        for holder in holders.iter().take(self.limits.holders) {
            let confirmed = before.iter().any(|other| same(holder, other));
            let mut described = self.holder(holder, confirmed, first_wait);
            // A guard that borrows from a static may be sent as an owned one may.
            let address = row.address.load(Relaxed) as u64;
            described.movable = described.movable || self.statics.contain(address);
            resource.holders.push(described);
        }
    }

    /// Waits that have not ended have lasted, too: who waits for ever would be told as nobody who waited.
    fn add_open(&self, waits: &[Seen], resource: &mut Resource) {
        for seen in waits {
            let about = &seen.about;
            let ns = self.clock.ago(about.since);
            let uses = match side(about.mode) {
                Side::Exclusive => &mut resource.exclusive,
                Side::Shared => &mut resource.shared,
            };
            uses.wait_ns += ns;
            let kind = about.party.kind;
            if kind == 0 {
                continue;
            }
            let known = resource.by_kind.iter().position(|of| of.kind == kind);
            let at = known.unwrap_or_else(|| {
                resource.by_kind.push(KindWaits {
                    kind,
                    ..KindWaits::default()
                });
                resource.by_kind.len() - 1
            });
            resource.by_kind[at].waits += 1;
            resource.by_kind[at].wait_ns += ns;
        }
    }

    fn waiter(&mut self, seen: &Seen, confirmed: bool) -> Waiter {
        let about = &seen.about;
        Waiter {
            party: about.party,
            site: site(about.site),
            mode: about.mode,
            since_ns: self.clock.ago(about.since),
            wait: seen.number,
            amount: about.amount,
            timed: about.timed,
            ends_in_ns: self.clock.until(about.ends),
            confirmed,
            in_set: about.in_set,
            by_thread: about.by_thread,
            stack: (self.intern)(&seen.stack),
        }
    }

    fn holder(&self, holder: &SeenHolder, confirmed: bool, first_wait: Option<u64>) -> Holder {
        let hold = &holder.hold;
        let (since, at) = match holder.taken {
            Taken::At => (Since::Exact, hold.since),
            taken => {
                let waited = first_wait.filter(|_| taken == Taken::BeforeAllWaits);
                let looked = self.known.first(holder);
                match (waited, looked) {
                    // The longer of both.
                    (Some(first), None) => (Since::AtLeast, first),
                    (Some(first), Some(look)) if first <= look => (Since::AtLeast, first),
                    (_, Some(look)) => (Since::Sampled, look),
                    (None, None) => (Since::Unknown, self.clock.now),
                }
            }
        };
        Holder {
            party: hold.party,
            site: site(hold.site),
            mode: hold.mode,
            since_ns: self.clock.ago(at),
            since,
            amount: hold.amount,
            acquisition: hold.number,
            movable: hold.movable,
            confirmed,
            in_set: hold.in_set,
            by_thread: hold.by_thread,
            gone: hold.gone,
        }
    }
}
