//! Kinds of task: those of one name, or of one spawn site.
//!
//! In: a name, or the place of a call. Out: one `&'static Kind` for it, found without a lock once it is known. Kinds are few and stay; those that find no
//! room share the first one. A forked child keeps its parent's kinds, whose futures may live on in it, but not its locks.
#![allow(unsafe_code)] // Entries are leaked behind pointers.

use hotpoll_sampler::ForkLock;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::Location;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// Kinds, the shared one included. Each polling thread has a pointer for each.
pub(super) const MAX_KINDS: usize = if cfg!(miri) { 64 } else { 512 };
/// Places in the look-up table. The compiler may keep one place of the source at several addresses.
const PLACES: usize = 2048;
/// How far a look-up goes from place to place.
const MAX_PROBES: usize = 16;
/// Long polls that a kind keeps.
const MAX_LONG_POLLS: usize = hotpoll_profile::task::MAX_LONG_POLLS;
/// Kinds without room that are told apart, to count them.
const MAX_FOLDED: usize = 4096;

/// A poll that took long.
#[derive(Debug, Clone, Copy)]
pub(super) struct LongPoll {
    pub task: u64,
    /// Clock ticks.
    pub start: u64,
    pub took: u64,
}

#[derive(Debug, Default)]
pub(super) struct LongPolls {
    pub longest: Option<LongPoll>,
    /// The newest last.
    pub recent: VecDeque<LongPoll>,
}

/// One kind.
#[derive(Debug)]
pub struct Kind {
    index: usize,
    /// `None` for the shared one.
    key: Option<Key>,
    name: &'static str,
    site: Option<&'static Location<'static>>,
    /// The longest poll so far, in clock ticks: polls that are shorter need not lock.
    longest: AtomicU64,
    long_polls: ForkLock<LongPolls>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Name(&'static str),
    /// The place itself: the same one may have several addresses.
    Site(&'static str, u32, u32),
}

/// A place in the look-up table: an address, and the kind that it stands for.
struct Entry {
    address: usize,
    length: usize,
    kind: &'static Kind,
}

struct Registry {
    by_key: HashMap<Key, &'static Kind>,
    all: Vec<&'static Kind>,
    folded: HashSet<Key>,
}

impl Default for Registry {
    /// What the process begins with: in a forked child, the kinds that its parent had.
    fn default() -> Self {
        let mut registry = Self {
            by_key: HashMap::new(),
            all: Vec::new(),
            folded: HashSet::new(),
        };
        for place in &ALL {
            // Acquire: pairs with the Release in `Registry::keep`: the kind is whole.
            // SAFETY: null, or leaked in `leak`.
            let Some(kind) = (unsafe { place.load(Ordering::Acquire).as_ref() }) else {
                break;
            };
            // Its long polls are gone with the parent's lock.
            kind.longest.store(0, Ordering::Relaxed);
            registry.all.push(kind);
            registry.by_key.extend(kind.key.map(|key| (key, kind)));
        }
        registry
    }
}

static REGISTRY: ForkLock<Registry> = ForkLock::new();

/// Every kind by its index. Written under the registry's lock, and read without by a forked child, which has no registry yet.
static ALL: [AtomicPtr<Kind>; MAX_KINDS] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_KINDS];

static TABLE: [AtomicPtr<Entry>; PLACES] = [const { AtomicPtr::new(std::ptr::null_mut()) }; PLACES];

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock()
}

/// Makes the kinds this process's own, if they were its parent's so far. Called on each thread before its first poll.
pub(super) fn begin() {
    drop(registry());
}

impl Kind {
    /// The kind of this name, of no place.
    #[cfg(test)]
    pub(super) fn named(name: &'static str) -> &'static Self {
        find(name.as_ptr() as usize, name.len(), || {
            (Key::Name(name), name, None)
        })
    }

    /// The kind of tasks spawned here.
    #[inline]
    pub(super) fn at(site: &'static Location<'static>) -> &'static Self {
        find(std::ptr::from_ref(site) as usize, 0, || {
            let key = Key::Site(site.file(), site.line(), site.column());
            (key, "", Some(site))
        })
    }

    /// The kind of this name, whose first task is spawned here.
    pub(super) fn named_at(name: &'static str, site: &'static Location<'static>) -> &'static Self {
        find(name.as_ptr() as usize, name.len(), || {
            (Key::Name(name), name, Some(site))
        })
    }

    /// What samples carry; never 0.
    #[inline(always)]
    pub(super) fn id(&self) -> u64 {
        self.index as u64 + 1
    }

    #[inline(always)]
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Empty when it goes by its site.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn site(&self) -> Option<&'static Location<'static>> {
        self.site
    }

    /// Looks whether a poll was a long one, or the longest.
    #[inline(always)]
    pub(super) fn look_at(&self, task: u64, start: u64, took: u64, threshold: u64) {
        if took > self.longest.load(Ordering::Relaxed) || took >= threshold {
            self.keep(LongPoll { task, start, took }, threshold);
        }
    }

    #[cold]
    fn keep(&self, poll: LongPoll, threshold: u64) {
        let mut polls = self.long_polls();
        if polls.longest.is_none_or(|longest| longest.took < poll.took) {
            polls.longest = Some(poll);
            self.longest.store(poll.took, Ordering::Relaxed);
        }
        if poll.took >= threshold {
            if polls.recent.len() == MAX_LONG_POLLS {
                polls.recent.pop_front();
            }
            polls.recent.push_back(poll);
        }
    }

    pub(super) fn long_polls(&self) -> MutexGuard<'static, LongPolls> {
        self.long_polls.lock()
    }
}

/// Every kind, and how many share the first one for want of room.
pub(super) fn all() -> (Vec<&'static Kind>, usize) {
    let registry = registry();
    (registry.all.clone(), registry.folded.len())
}

/// The first kind, once there is one.
pub(super) fn any() -> Option<&'static Kind> {
    // SAFETY: null, or leaked in `leak`; Acquire pairs with the Release in `Registry::keep`: the kind is whole.
    unsafe { ALL[0].load(Ordering::Acquire).as_ref() }
}

#[inline]
fn find(
    address: usize,
    length: usize,
    describe: impl FnOnce() -> (Key, &'static str, Option<&'static Location<'static>>),
) -> &'static Kind {
    let first = place(address, length);
    for probe in 0..MAX_PROBES {
        // Acquire: pairs with the Release in `remember`: the entry is whole.
        let pointer = TABLE[(first + probe) % PLACES].load(Ordering::Acquire);
        // SAFETY: entries come from Box::leak in `remember` and are never freed.
        let Some(entry) = (unsafe { pointer.as_ref() }) else {
            break;
        };
        if entry.address == address && entry.length == length {
            return entry.kind;
        }
    }
    let (key, name, site) = describe();
    add(address, length, key, name, site)
}

fn place(address: usize, length: usize) -> usize {
    (address ^ length).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - PLACES.ilog2())
}

#[cold]
fn add(
    address: usize,
    length: usize,
    key: Key,
    name: &'static str,
    site: Option<&'static Location<'static>>,
) -> &'static Kind {
    let mut registry = registry();
    if registry.all.is_empty() {
        registry.keep(leak(0, None, "(other kinds)", None));
    }
    let kind = match registry.by_key.get(&key) {
        Some(known) => known,
        None if registry.all.len() < MAX_KINDS => {
            let kind = leak(registry.all.len(), Some(key), name, site);
            registry.keep(kind)
        }
        None => {
            if registry.folded.len() < MAX_FOLDED {
                registry.folded.insert(key);
            }
            registry.all[0]
        }
    };
    remember(address, length, kind);
    kind
}

impl Registry {
    fn keep(&mut self, kind: &'static Kind) -> &'static Kind {
        self.all.push(kind);
        self.by_key.extend(kind.key.map(|key| (key, kind)));
        if let Some(place) = ALL.get(kind.index) {
            // Release: whoever finds the kind sees what is in it. A fork between the lines leaves a child that does not know it, or one that does.
            place.store(std::ptr::from_ref(kind).cast_mut(), Ordering::Release);
        }
        kind
    }
}

fn leak(
    index: usize,
    key: Option<Key>,
    name: &'static str,
    site: Option<&'static Location<'static>>,
) -> &'static Kind {
    Box::leak(Box::new(Kind {
        index,
        key,
        name,
        site,
        longest: AtomicU64::new(0),
        long_polls: ForkLock::new(),
    }))
}

/// Puts an entry into the table if there is room. The registry's lock is held.
fn remember(address: usize, length: usize, kind: &'static Kind) {
    let first = place(address, length);
    for probe in 0..MAX_PROBES {
        let place = &TABLE[(first + probe) % PLACES];
        if place.load(Ordering::Relaxed).is_null() {
            let entry = Box::leak(Box::new(Entry {
                address,
                length,
                kind,
            }));
            // Release: whoever finds the entry sees what is in it.
            place.store(entry, Ordering::Release);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// A name that stays; Miri sees that it is not forgotten.
    fn kept(name: String) -> &'static str {
        static NAMES: Mutex<Vec<&str>> = Mutex::new(Vec::new());
        let name = name.leak();
        NAMES.lock().unwrap().push(name);
        name
    }

    #[test]
    fn a_name_is_one_kind_and_a_site_another() {
        let a = Kind::named("kind-test-a");
        assert!(std::ptr::eq(a, Kind::named("kind-test-a")));
        // The same name at another address.
        let copy = kept("kind-test-a".into());
        assert!(std::ptr::eq(a, Kind::named(copy)));
        assert!(!std::ptr::eq(a, Kind::named("kind-test-b")));
        let here = Location::caller();
        let site = Kind::at(here);
        assert!(std::ptr::eq(site, Kind::at(here)));
        assert_eq!(site.name(), "");
        assert_ne!(site.id(), a.id());
    }

    /// In a process of its own: the other tests' kinds find no room any more while this runs.
    #[test]
    fn too_many_kinds_share_one_and_are_counted() {
        const ALONE: &str = "HOTPOLL_TEST_KINDS_ALONE";
        if cfg!(miri) || std::env::var_os(ALONE).is_some() {
            return fill_up();
        }
        let this = "tasks::kind::tests::too_many_kinds_share_one_and_are_counted";
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", this])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("1 passed"), "{run:?}");
    }

    fn fill_up() {
        let folded_before = all().1;
        let kinds: Vec<&Kind> = (0..MAX_KINDS + 10)
            .map(|number| Kind::named(kept(format!("kind-test-many-{number}"))))
            .collect();
        let (all, folded) = all();
        assert_eq!(all.len(), MAX_KINDS);
        assert!(folded - folded_before >= 10);
        assert_eq!(kinds.last().unwrap().index(), 0);
        assert!(std::ptr::eq(
            *kinds.last().unwrap(),
            Kind::named("kind-test-one-more")
        ));
    }

    #[test]
    fn the_newest_long_polls_and_the_longest_are_kept() {
        let kind = Kind::named("kind-test-long");
        for number in 0..20 {
            kind.look_at(number, 0, if number == 3 { 900 } else { 100 + number }, 100);
        }
        kind.look_at(99, 0, 50, 100);
        let polls = kind.long_polls();
        assert_eq!(polls.longest.unwrap().task, 3);
        assert_eq!(polls.recent.len(), MAX_LONG_POLLS);
        assert_eq!(polls.recent.back().unwrap().task, 19);
        assert_eq!(polls.recent.front().unwrap().task, 12);
    }
}
