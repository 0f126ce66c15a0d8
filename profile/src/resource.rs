//! Resources: what is waited for or held. Locks, channels, semaphores and the like, each with who holds it and who waits for it.
//!
//! Only what was made through hotpoll's wrappers is here; what nobody wrapped is inferred from stacks, after they were named.

use crate::{Channel, Histogram, Permits, Site};

/// The resources of a process, as the moment found them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// Live ones one by one; those that stand for many have [`Resource::instances`] above 1.
    pub resources: Vec<Resource>,
    /// Resources ever made.
    pub created: u64,
    /// Resources that are registered and alive.
    pub alive: u64,
    /// Live ones without a row of their own; the rows of their sites count them.
    pub folded: u64,
    /// Resources that found no room in the registry: neither listed nor counted by a site.
    pub unregistered: u64,
}

/// One resource, or all of one site that have no row of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    /// What [`crate::Sample::lock`] and [`crate::Sample::holds`] say.
    pub id: u64,
    /// What it is.
    pub kind: ResourceKind,
    /// Whose it is.
    pub library: Library,
    /// The name it was given; empty: it goes by its site.
    pub name: String,
    /// Where it was made.
    pub site: Site,
    /// How many this row stands for: 1, or more for a site's row.
    pub instances: u64,
    /// How long ago it was made.
    pub age_ns: u64,
    /// Exclusive uses: writing, and everything that knows one mode only. Of a channel: sending.
    pub exclusive: Uses,
    /// Shared uses: reading. Of a channel: receiving.
    pub shared: Uses,
    /// Who holds it.
    pub holders: Vec<Holder>,
    /// Who waits for it, in the order of arrival.
    pub waiters: Vec<Waiter>,
    /// Holders that are not listed.
    pub more_holders: u64,
    /// Waiters that are not listed.
    pub more_waiters: u64,
    /// Whether a panic left it poisoned.
    pub poisoned: bool,
    /// What a channel has beside that.
    pub channel: Option<Channel>,
    /// What a semaphore has beside that.
    pub permits: Option<Permits>,
    /// Whether nobody wrapped it, and stacks of waiting threads alone tell of it.
    pub inferred: bool,
    /// How long tasks of each kind waited for it; tasks that are not tracked and threads are not in it, nor kinds beyond the first few.
    pub by_kind: Vec<KindWaits>,
}

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum ResourceKind {
    /// A lock for one.
    #[default]
    Mutex,
    /// A lock for one, who may take it again.
    ReentrantMutex,
    /// A lock for one writer or many readers.
    RwLock,
    /// A condition variable.
    Condvar,
    /// Something that happens once, while others wait for it.
    Once,
    /// A number of permits.
    Semaphore,
    /// A call to those who wait.
    Notify,
    /// A channel with a bound.
    Mpsc,
    /// A channel without one.
    UnboundedMpsc,
    /// A channel for one value.
    Oneshot,
    /// A value that others see change.
    Watch,
    /// A channel that each receiver gets all of.
    Broadcast,
    /// A value that is made once.
    OnceCell,
    /// A place where some wait until all have come.
    Barrier,
    /// A time to come.
    Timer,
    /// Something else.
    Other,
}

impl ResourceKind {
    /// Every kind, in the order of the numbers that are written to files.
    pub const ALL: &'static [Self] = &[
        Self::Mutex,
        Self::ReentrantMutex,
        Self::RwLock,
        Self::Condvar,
        Self::Once,
        Self::Semaphore,
        Self::Notify,
        Self::Mpsc,
        Self::UnboundedMpsc,
        Self::Oneshot,
        Self::Watch,
        Self::Broadcast,
        Self::OnceCell,
        Self::Barrier,
        Self::Timer,
        Self::Other,
    ];

    /// A word or two for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::Mutex => "mutex",
            Self::ReentrantMutex => "reentrant mutex",
            Self::RwLock => "rwlock",
            Self::Condvar => "condvar",
            Self::Once => "once",
            Self::Semaphore => "semaphore",
            Self::Notify => "notify",
            Self::Mpsc => "mpsc",
            Self::UnboundedMpsc => "unbounded mpsc",
            Self::Oneshot => "oneshot",
            Self::Watch => "watch",
            Self::Broadcast => "broadcast",
            Self::OnceCell => "once cell",
            Self::Barrier => "barrier",
            Self::Timer => "timer",
            Self::Other => "resource",
        }
    }

    /// Whether it is owned between acquisition and release, so that only its holders can end a wait for it.
    pub fn is_lock(self) -> bool {
        matches!(self, Self::Mutex | Self::ReentrantMutex | Self::RwLock)
    }

    /// Whether values go through it.
    pub fn is_channel(self) -> bool {
        matches!(
            self,
            Self::Mpsc | Self::UnboundedMpsc | Self::Oneshot | Self::Watch | Self::Broadcast
        )
    }
}

/// Whose resource it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum Library {
    /// parking_lot's.
    ParkingLot,
    /// The standard library's.
    Std,
    /// tokio's.
    Tokio,
    /// Somebody else's.
    #[default]
    Other,
}

impl Library {
    /// Every library, in the order of the numbers that are written to files.
    pub const ALL: &'static [Self] = &[Self::ParkingLot, Self::Std, Self::Tokio, Self::Other];

    /// A word for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::ParkingLot => "parking_lot",
            Self::Std => "std",
            Self::Tokio => "tokio",
            Self::Other => "other",
        }
    }
}

/// How a resource was used, in one mode.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// Acquisitions that succeeded.
    pub acquired: u64,
    /// Those of them that had to wait.
    pub contended: u64,
    /// Tries that found it taken.
    pub tries_failed: u64,
    /// Waits that gave up when their time was over.
    pub timed_out: u64,
    /// Waits that were dropped before their end.
    pub cancelled: u64,
    /// Time waited, by all that waited.
    pub wait_ns: u64,
    /// Time held, by those acquisitions that were timed.
    pub hold_ns: u64,
    /// How many acquisitions `hold_ns` and `hold` are of: all that others waited for, and a sample of the rest.
    pub holds_timed: u64,
    /// How long waits took.
    pub wait: Histogram,
    /// How long it was held.
    pub hold: Histogram,
    /// The longest wait so far.
    pub longest_wait: Option<Longest>,
    /// The longest hold so far.
    pub longest_hold: Option<Longest>,
}

/// The longest wait or hold of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Longest {
    /// How long it took.
    pub ns: u64,
    /// When it ended, nanoseconds since 1970.
    pub at_unix_ns: u64,
    /// Who waited, or held.
    pub who: Party,
    /// Indices into [`crate::Profile::locations`], leaf first.
    pub stack: Vec<u32>,
    /// The acquisition.
    pub site: Site,
    /// Of a wait: who held it meanwhile, if known.
    pub other: Option<Party>,
    /// That one's acquisition.
    pub other_site: Site,
}

/// Who waits or holds: a task, or a thread that polls none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Party {
    /// The thread, by its ID: for a task, the one that polled it then.
    pub tid: u32,
    /// What [`crate::Sample::task`] says; 0: the thread itself.
    pub task: u64,
    /// The task's kind.
    pub kind: u64,
}

/// Shared or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mode {
    /// Alone: a write lock, a mutex, a sender.
    #[default]
    Exclusive,
    /// With others: a read lock, a receiver.
    Shared,
    /// With others, and alone one day.
    Upgradable,
    /// Alone from now on, by the one who holds it upgradable, and keeps it so meanwhile: what a waiter wants, and never how it is held.
    Upgrading,
}

impl Mode {
    /// Every mode, in the order of the numbers that are written to files.
    pub const ALL: &'static [Self] = &[
        Self::Exclusive,
        Self::Shared,
        Self::Upgradable,
        Self::Upgrading,
    ];

    /// A word for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::Exclusive => "exclusive",
            Self::Shared => "shared",
            Self::Upgradable => "upgradable",
            Self::Upgrading => "upgrading",
        }
    }
}

/// One who holds a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    /// Who.
    pub party: Party,
    /// The acquisition.
    pub site: Site,
    /// In which mode.
    pub mode: Mode,
    /// How long it has been held; see `since`.
    pub since_ns: u64,
    /// What `since_ns` is.
    pub since: Since,
    /// Permits, or how many times it was taken again.
    pub amount: u64,
    /// The number of the acquisition: equal in two looks, it is the same one.
    pub acquisition: u64,
    /// Whether the guard may be in other hands by now: an owned one, or one that may be sent and borrows from a static. One that borrows from memory
    /// that was leaked may be too, and is not known.
    pub movable: bool,
    /// Whether both looks of the snapshot found it: it was held all the time between them.
    pub confirmed: bool,
    /// Whether it was taken in one of several futures that its task drives with wakers of its own making: the others go on while that one waits.
    pub in_set: bool,
    /// Whether it was surely taken by the thread itself, outside of any task: a blocking call outside of a runtime.
    pub by_thread: bool,
    /// Whether the thread that took it has ended since, and did not give it back.
    pub gone: bool,
}

/// What is known of how long something has been held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[repr(u8)]
pub enum Since {
    /// It was timed when taken.
    Exact,
    /// It has been held for at least so long: since the first waiter came.
    AtLeast,
    /// It was seen held so long ago by a look, and has been held for at least so long: nobody waited when it was taken, or waits now.
    Sampled,
    /// Nothing is known.
    #[default]
    Unknown,
}

impl Since {
    /// All of them, in the order of the numbers that are written to files.
    pub const ALL: &'static [Self] = &[Self::Exact, Self::AtLeast, Self::Sampled, Self::Unknown];
}

/// One who waits for a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiter {
    /// Who.
    pub party: Party,
    /// The call that waits.
    pub site: Site,
    /// In which mode.
    pub mode: Mode,
    /// For how long.
    pub since_ns: u64,
    /// The number of the wait: equal in two looks, it is the same one.
    pub wait: u64,
    /// How much is wanted: permits. 0 is not said, and 1.
    pub amount: u64,
    /// Whether it gives up after a time.
    pub timed: bool,
    /// In how long it gives up, or what it waits for is due; 0 when not known.
    pub ends_in_ns: u64,
    /// Whether both looks of the snapshot found it: it waited all the time between them.
    pub confirmed: bool,
    /// Whether it waits in one of several futures that its task drives with wakers of its own making: the task and the others of them go on meanwhile.
    pub in_set: bool,
    /// Whether it surely blocks the thread, whoever's the resource is: a task that nobody tracks does not wait so.
    pub by_thread: bool,
    /// Indices into [`crate::Profile::locations`], leaf first.
    pub stack: Vec<u32>,
}

/// How long tasks of one kind waited for a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KindWaits {
    /// [`crate::TaskKind::id`].
    pub kind: u64,
    /// Waits that have ended, in vain or not.
    pub waits: u64,
    /// How long they took, all together.
    pub wait_ns: u64,
}

impl Resources {
    /// The resource with this ID.
    pub fn resource(&self, id: u64) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    /// Leaves what is of no moment and of no profile: names and counts, without holders, waiters and stacks.
    pub fn keep_counts(&mut self) {
        for one in &mut self.resources {
            one.holders.clear();
            one.waiters.clear();
            (one.more_holders, one.more_waiters) = (0, 0);
        }
        self.stacks_mut().for_each(Vec::clear);
    }

    /// Every stack in it.
    pub fn stacks(&self) -> impl Iterator<Item = &Vec<u32>> {
        self.resources.iter().flat_map(|resource| {
            let uses = [&resource.exclusive, &resource.shared].into_iter();
            let longest = uses.flat_map(|uses| uses.longest_wait.iter().chain(&uses.longest_hold));
            let waits = resource.waiters.iter().map(|waiter| &waiter.stack);
            longest.map(|longest| &longest.stack).chain(waits)
        })
    }

    /// Every stack in it, to be rewritten.
    pub fn stacks_mut(&mut self) -> impl Iterator<Item = &mut Vec<u32>> {
        self.resources.iter_mut().flat_map(|resource| {
            let uses = [&mut resource.exclusive, &mut resource.shared].into_iter();
            let longest =
                uses.flat_map(|uses| uses.longest_wait.iter_mut().chain(&mut uses.longest_hold));
            let waits = resource.waiters.iter_mut().map(|waiter| &mut waiter.stack);
            longest.map(|longest| &mut longest.stack).chain(waits)
        })
    }
}

impl Resource {
    /// What to call it: its name, or its site.
    pub fn title(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        if self.site.file.is_empty() {
            return format!("{} {}", self.kind.label(), self.id);
        }
        self.site.to_string()
    }

    /// Time waited for it in both modes.
    pub fn wait_ns(&self) -> u64 {
        (self.exclusive.wait_ns).saturating_add(self.shared.wait_ns)
    }
}

impl Uses {
    /// Adds what another one of the same sort saw.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.acquired, other.acquired),
            (&mut self.contended, other.contended),
            (&mut self.tries_failed, other.tries_failed),
            (&mut self.timed_out, other.timed_out),
            (&mut self.cancelled, other.cancelled),
            (&mut self.wait_ns, other.wait_ns),
            (&mut self.hold_ns, other.hold_ns),
            (&mut self.holds_timed, other.holds_timed),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        self.wait.add(&other.wait);
        self.hold.add(&other.hold);
        for (mine, theirs) in [
            (&mut self.longest_wait, &other.longest_wait),
            (&mut self.longest_hold, &other.longest_hold),
        ] {
            let longer = theirs
                .as_ref()
                .is_some_and(|theirs| mine.as_ref().is_none_or(|mine| theirs.ns > mine.ns));
            if longer {
                mine.clone_from(theirs);
            }
        }
    }
}
