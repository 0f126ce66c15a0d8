//! A resource's row in the registry: who it is, and what is counted of it.
//!
//! Rows are never freed. One that is given back goes to another resource, under another tag: who refers to it by a tagged word finds out.
#![allow(unsafe_code)] // References that live for ever, as words.

use super::by_kind::ByKind;
use super::channel::ChannelCounts;
use super::holds::{Hold, OWN};
use super::uses::Counts;
use hotpoll_profile::{Library, ResourceKind, Site};
use hotpoll_sampler::{Published, generation};
use std::panic::Location;
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    Ordering::Relaxed, fence,
};

/// A place in the source as a word: the address of what the compiler made of it. 0 is not known.
pub(super) type SiteWord = u64;

/// The bits of an address.
pub(super) const ADDRESS: u64 = (1 << 48) - 1;
const TAG_SHIFT: u32 = 48;

/// A row, and which of its uses.
pub(super) type TaggedRow = u64;

#[inline(always)]
pub(super) fn site_word(site: &'static Location<'static>) -> SiteWord {
    std::ptr::from_ref(site).expose_provenance() as u64
}

/// The place that a word stands for.
pub(super) fn site(word: SiteWord) -> Site {
    location(word).map_or_else(Site::default, |location| Site {
        file: location.file().to_owned(),
        line: location.line(),
        column: location.column(),
    })
}

fn location(word: SiteWord) -> Option<&'static Location<'static>> {
    let pointer = std::ptr::with_exposed_provenance::<Location<'static>>(word as usize);
    // SAFETY: 0, or made by `site_word` from a reference that lives for ever: words come from atomics that only it fills, and those that were read from
    // where a lock may have been freed were written by a lock's own `Owner`, as the word beside them says (`Head::owner`).
    unsafe { pointer.as_ref() }
}

/// Who a resource is: what it says of itself when it is registered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub kind: ResourceKind,
    pub library: Library,
    pub site: &'static Location<'static>,
    pub name: &'static str,
}

/// The two modes that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Exclusive,
    Shared,
}

#[repr(align(64))]
pub(super) struct Row {
    /// This row and its present tag; 0 while no resource has it.
    tagged: AtomicU64,
    pub id: AtomicU64,
    /// The process that it was made in: see `hotpoll_sampler::generation`.
    generation: u32,
    kind: AtomicU8,
    library: AtomicU8,
    /// It stands for all resources of a site that have no row of their own.
    pub is_sites: bool,
    pub poisoned: AtomicBool,
    site: AtomicU64,
    name: AtomicPtr<u8>,
    name_length: AtomicUsize,
    made: AtomicU64,
    /// Where the resource was when it was registered; 0 where its guards go nowhere. What lies in a module's data stays there.
    pub address: AtomicUsize,
    /// Where the lock's words were seen last.
    pub words: AtomicUsize,
    /// When somebody began to wait whom nobody was before.
    pub first_wait: AtomicU64,
    /// How many wait for it, as tokens and blocked threads tell.
    pub waiting: AtomicU32,
    /// Some thread has a tally of it: see `tallies.rs`.
    pub is_tallied: AtomicBool,
    /// Whose `holds` names this resource.
    pub holds_on: AtomicPtr<Published>,
    /// Acquisitions, as far as they were brought here.
    pub acquired: [AtomicU64; 2],
    /// Of a site: resources that ended.
    pub ended: AtomicU64,
    /// Of a site: living ones that have no row of their own.
    pub folded: AtomicU64,
    /// How many read locks ended threads took with them.
    pub left_shared: AtomicU64,
    /// Where one of them was taken.
    pub left_site: AtomicU64,
    counts: [AtomicPtr<Counts>; 2],
    channel: AtomicPtr<ChannelCounts>,
    holds: AtomicPtr<[Hold; OWN]>,
    by_kind: AtomicPtr<ByKind>,
    tag: AtomicU64,
}

impl Row {
    pub fn new(is_sites: bool) -> Self {
        Self {
            tagged: AtomicU64::new(0),
            id: AtomicU64::new(0),
            generation: generation(),
            kind: AtomicU8::new(0),
            library: AtomicU8::new(0),
            is_sites,
            poisoned: AtomicBool::new(false),
            site: AtomicU64::new(0),
            name: AtomicPtr::new(std::ptr::null_mut()),
            name_length: AtomicUsize::new(0),
            made: AtomicU64::new(0),
            address: AtomicUsize::new(0),
            words: AtomicUsize::new(0),
            first_wait: AtomicU64::new(0),
            waiting: AtomicU32::new(0),
            is_tallied: AtomicBool::new(false),
            holds_on: AtomicPtr::new(std::ptr::null_mut()),
            acquired: [const { AtomicU64::new(0) }; 2],
            ended: AtomicU64::new(0),
            folded: AtomicU64::new(0),
            left_shared: AtomicU64::new(0),
            left_site: AtomicU64::new(0),
            counts: [const { AtomicPtr::new(std::ptr::null_mut()) }; 2],
            channel: AtomicPtr::new(std::ptr::null_mut()),
            holds: AtomicPtr::new(std::ptr::null_mut()),
            by_kind: AtomicPtr::new(std::ptr::null_mut()),
            tag: AtomicU64::new(0),
        }
    }

    /// The row that a word stands for, if it was made in this process. It may serve another resource by now.
    #[inline]
    pub fn of(tagged: TaggedRow) -> Option<&'static Self> {
        let pointer = std::ptr::with_exposed_provenance::<Self>((tagged & ADDRESS) as usize);
        // SAFETY: 0, or made by `begin` from a row that is never freed.
        let row = unsafe { pointer.as_ref() }?;
        (row.generation == generation()).then_some(row)
    }

    /// Whether it was made in this process.
    pub fn is_of(&self, generation: u32) -> bool {
        self.generation == generation
    }

    /// The row, if it still serves the resource that this word was given to.
    pub fn serving(tagged: TaggedRow) -> Option<&'static Self> {
        let row = Self::of(tagged)?;
        (row.tagged() == tagged).then_some(row)
    }

    /// Begins to serve a resource. Nobody else has the row.
    pub fn begin(&'static self, id: u64, who: &Identity, now: u64) -> TaggedRow {
        // Release fence: whoever reads any of what follows finds the tag gone that was there before (`name`).
        fence(Ordering::Release);
        self.id.store(id, Relaxed);
        self.kind.store(who.kind as u8, Relaxed);
        self.library.store(who.library as u8, Relaxed);
        self.site.store(site_word(who.site), Relaxed);
        self.name.store(who.name.as_ptr().cast_mut(), Relaxed);
        self.name_length.store(who.name.len(), Relaxed);
        self.made.store(now, Relaxed);
        let tag = self.tag.load(Relaxed).wrapping_add(1) & 0xffff;
        self.tag.store(tag, Relaxed);
        let address = std::ptr::from_ref(self).expose_provenance() as u64;
        let tagged = address | tag << TAG_SHIFT;
        // Release: publishes the words above to the Acquire in `tagged`.
        self.tagged.store(tagged, Ordering::Release);
        tagged
    }

    /// The word that stands for it now; 0 while it serves nobody.
    pub fn tagged(&self) -> TaggedRow {
        self.tagged.load(Ordering::Acquire)
    }

    /// Serves nobody from now on. What was counted is to be taken by then.
    pub fn end(&self) {
        self.tagged.store(0, Ordering::Release);
        self.id.store(0, Relaxed);
        self.address.store(0, Relaxed);
        self.words.store(0, Relaxed);
        self.first_wait.store(0, Relaxed);
        self.waiting.store(0, Relaxed);
        self.left_shared.store(0, Relaxed);
        self.left_site.store(0, Relaxed);
        self.poisoned.store(false, Relaxed);
        self.is_tallied.store(false, Relaxed);
        self.clear_holds(std::ptr::null_mut());
        for acquired in &self.acquired {
            acquired.store(0, Relaxed);
        }
        if let Some(channel) = self.existing_channel() {
            channel.clear();
        }
        if let Some(by_kind) = self.existing_by_kind() {
            by_kind.clear();
        }
    }

    pub fn kind(&self) -> ResourceKind {
        let kind = ResourceKind::ALL.get(usize::from(self.kind.load(Relaxed)));
        kind.copied().unwrap_or(ResourceKind::Other)
    }

    pub fn library(&self) -> Library {
        let library = Library::ALL.get(usize::from(self.library.load(Relaxed)));
        library.copied().unwrap_or_default()
    }

    pub fn site(&self) -> SiteWord {
        self.site.load(Relaxed)
    }

    pub fn made(&self) -> u64 {
        self.made.load(Relaxed)
    }

    /// Its name, as it is while the row serves whom `tagged` was given to.
    pub fn name(&self, tagged: TaggedRow) -> Option<String> {
        let (pointer, length) = (self.name.load(Relaxed), self.name_length.load(Relaxed));
        // Acquire fence: with the one in `begin`, pointer and length are of one name if the tag is still there.
        fence(Ordering::Acquire);
        if self.tagged.load(Relaxed) != tagged || pointer.is_null() {
            return None;
        }
        // SAFETY: both were stored in one `begin` from a `&'static str`, as the tag has not changed.
        let bytes = unsafe { std::slice::from_raw_parts(pointer.cast_const(), length) };
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Whether it is a site's, of resources with this name.
    pub fn is_sites_named(&self, name: &str) -> bool {
        let (pointer, length) = (self.name.load(Relaxed), self.name_length.load(Relaxed));
        if !self.is_sites || pointer.is_null() || length != name.len() {
            return false;
        }
        // Most have none, or the very same. A comparison of no bytes reads no byte, but of an address where there is no memory that takes 100 ns: vectors
        // whose lanes are all masked, at an address that would fault.
        if length == 0 || std::ptr::eq(pointer, name.as_ptr()) {
            return true;
        }
        // SAFETY: a site's row begins once, before anybody else has it, and stays: both are of one `&'static str`.
        let bytes = unsafe { std::slice::from_raw_parts(pointer.cast_const(), length) };
        bytes == name.as_bytes()
    }

    /// What is counted of one mode. Made at the first use.
    pub fn counts(&self, side: Side) -> &Counts {
        match self.existing_counts(side) {
            Some(counts) => counts,
            None => make(&self.counts[side as usize]),
        }
    }

    pub fn existing_counts(&self, side: Side) -> Option<&Counts> {
        // SAFETY: null, or leaked by `make`.
        unsafe { self.counts[side as usize].load(Ordering::Acquire).as_ref() }
    }

    /// What a channel or a semaphore has beside that. Made at the first use.
    pub fn channel(&self) -> &ChannelCounts {
        match self.existing_channel() {
            Some(channel) => channel,
            None => make(&self.channel),
        }
    }

    pub fn existing_channel(&self) -> Option<&ChannelCounts> {
        // SAFETY: null, or leaked by `make`.
        unsafe { self.channel.load(Ordering::Acquire).as_ref() }
    }

    /// Room for holds that tokens tell of. Made at the first use.
    pub fn holds(&self) -> &[Hold; OWN] {
        match self.existing_holds() {
            Some(holds) => holds,
            None => make(&self.holds),
        }
    }

    pub fn existing_holds(&self) -> Option<&[Hold; OWN]> {
        // SAFETY: null, or leaked by `make`.
        unsafe { self.holds.load(Ordering::Acquire).as_ref() }
    }

    /// A task of this kind waited for so long; 0: it was none. The place for that is made at the first such wait.
    pub fn waited(&self, kind: u64, ticks: u64) {
        if kind != 0 {
            self.by_kind().add(kind, 1, ticks);
        }
    }

    /// How long tasks of each kind waited. Made at the first use.
    pub fn by_kind(&self) -> &ByKind {
        match self.existing_by_kind() {
            Some(by_kind) => by_kind,
            None => make(&self.by_kind),
        }
    }

    pub fn existing_by_kind(&self) -> Option<&ByKind> {
        // SAFETY: null, or leaked by `make`.
        unsafe { self.by_kind.load(Ordering::Acquire).as_ref() }
    }

    /// The thread with these words holds the resource while others wait for it; null: nobody does. What was said before is taken back.
    pub fn clear_holds(&self, now_on: *mut Published) {
        let before = self.holds_on.swap(now_on, Ordering::AcqRel);
        if before == now_on {
            return;
        }
        // SAFETY: null, or from a reference that lives for ever (`set_holds`).
        if let Some(words) = unsafe { before.as_ref() } {
            let id = self.id.load(Relaxed);
            // Only what is this resource's: the thread may be another one by now, or hold something else.
            let _ = words.holds.compare_exchange(id, 0, Relaxed, Relaxed);
        }
    }

    /// Nobody says any more that the thread with these words holds this.
    pub fn clear_holds_of(&self, words: &'static Published) {
        let told = std::ptr::from_ref(words).cast_mut();
        let now_on = std::ptr::null_mut();
        let _ = (self.holds_on).compare_exchange(told, now_on, Ordering::AcqRel, Relaxed);
        // The words may say so though the row tells of another holder by now.
        let id = self.id.load(Relaxed);
        let _ = words.holds.compare_exchange(id, 0, Relaxed, Relaxed);
    }

    /// The samples of the thread with these words say from now on that it holds this resource while others wait.
    pub fn set_holds(&self, words: &'static Published) {
        let id = self.id.load(Relaxed);
        // Looked at first: who holds what others wait for says so itself, and its words are its own.
        if words.holds.load(Relaxed) == 0
            && words
                .holds
                .compare_exchange(0, id, Relaxed, Relaxed)
                .is_ok()
        {
            self.clear_holds(std::ptr::from_ref(words).cast_mut());
        }
    }
}

/// Makes what a pointer stands for; whoever is first does.
fn make<T: Default>(place: &AtomicPtr<T>) -> &'static T {
    let fresh = Box::into_raw(Box::<T>::default());
    match place.compare_exchange(
        std::ptr::null_mut(),
        fresh,
        Ordering::AcqRel,
        Ordering::Acquire,
    ) {
        // SAFETY: just made, and never freed.
        Ok(_) => unsafe { &*fresh },
        Err(first) => {
            // SAFETY: nobody else has seen ours.
            drop(unsafe { Box::from_raw(fresh) });
            // SAFETY: made here by another thread, and never freed.
            unsafe { &*first }
        }
    }
}
