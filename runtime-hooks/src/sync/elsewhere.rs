//! What `core` has, where nobody samples: everything compiles, and nothing is told.

use super::GivesUp;
use hotpoll_profile::{Closed, Library, Mode, Permits, ResourceKind, Resources};
use std::panic::Location;

type Site = &'static Location<'static>;

/// Whether acquisitions leave their hints: never here.
#[inline(always)]
pub fn is_on() -> bool {
    false
}

/// Nothing begins here.
pub fn begin() {}

/// Nothing ends here.
pub fn end() {}

/// How much a snapshot lists.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Resources.
    pub resources: usize,
    /// Waiters of one resource.
    pub waiters: usize,
    /// Holders of one resource.
    pub holders: usize,
}

/// Nothing.
pub fn snapshot(_intern: &mut dyn FnMut(&[u64]) -> Vec<u32>, _limits: Limits) -> Resources {
    Resources::default()
}

/// Nothing.
pub fn look() {}

/// What a lock carries: nothing.
#[derive(Debug)]
pub struct LockWords;

/// What a shared acquisition has to give back: nothing.
#[derive(Debug)]
pub struct SharedHold;

impl SharedHold {
    /// Of an acquisition that nothing is told of.
    pub const fn untold() -> Self {
        Self
    }
}

#[allow(missing_docs)] // as in `core`
impl LockWords {
    pub const fn new(_kind: ResourceKind, _library: Library, _site: Site) -> Self {
        Self
    }

    pub const fn set_name(&mut self, _name: &'static str) {}

    pub fn id(&self) -> u64 {
        0
    }

    pub fn set_poisoned(&self, _poisoned: bool) {}

    pub fn taken(&self, _site: Site) {}

    pub fn taken_upgradable(&self, _site: Site) {}

    pub fn released(&self) {}

    pub fn changed(&self, _mode: Mode, _site: Site) {}

    pub fn has_waiters(&self) -> bool {
        false
    }

    pub fn try_failed(&self, _mode: Mode) {}

    pub fn retaken(&self, _site: Site, _waited: u64) {}

    pub fn wait_for<G>(
        &self,
        _mode: Mode,
        _ends: GivesUp,
        _site: Site,
        _again: impl Fn() -> Option<G>,
        block: impl FnOnce() -> Option<G>,
    ) -> Option<G> {
        block()
    }

    pub fn wait_to_upgrade<G>(
        &self,
        _ends: GivesUp,
        _site: Site,
        block: impl FnOnce() -> Option<G>,
    ) -> Option<G> {
        block()
    }

    pub fn taken_shared(&self, _site: Site) -> SharedHold {
        SharedHold
    }

    pub fn released_shared(&self, _hold: SharedHold) {}

    pub fn wait_for_shared<G>(
        &self,
        _ends: GivesUp,
        _site: Site,
        _again: impl Fn() -> Option<G>,
        block: impl FnOnce() -> Option<G>,
    ) -> Option<(G, SharedHold)> {
        Some((block()?, SharedHold))
    }
}

/// What stands beside a condition variable: nothing.
#[derive(Debug)]
pub struct Notified;

#[allow(missing_docs)] // as in `core`
impl Notified {
    pub const fn new(_kind: ResourceKind, _library: Library, _site: Site) -> Self {
        Self
    }

    pub const fn set_name(&mut self, _name: &'static str) {}

    pub fn notified(&self, _count: u64) {}

    pub fn wait(
        &self,
        _mutex: &LockWords,
        _ends: GivesUp,
        _site: Site,
        wait: impl FnOnce() -> bool,
    ) -> bool {
        wait()
    }
}

/// A resource: nothing.
#[derive(Debug)]
pub struct Resource;

/// A thread that blocks and is not told of.
#[derive(Debug)]
pub struct Blocking;

impl Blocking {
    /// Nothing ends.
    pub fn got(self) {}
}

/// What has happened in a channel: see `core`.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs)]
pub struct SoFar {
    pub capacity: Option<u64>,
    pub sent: u64,
    pub received: u64,
    pub dropped: u64,
    pub keeps: bool,
    pub senders_made: u64,
    pub senders_gone: u64,
    pub receivers_made: u64,
    pub receivers_gone: u64,
    pub closed: Option<Closed>,
}

/// A wait that is not told of.
#[derive(Debug, Default)]
pub struct WaitToken;

/// A hold that is not told of.
#[derive(Debug, Default)]
pub struct HoldToken;

#[allow(missing_docs)] // as in `core`
impl Resource {
    pub const fn new(_kind: ResourceKind, _library: Library) -> Self {
        Self
    }

    pub const fn at(_kind: ResourceKind, _library: Library, _site: Site) -> Self {
        Self
    }

    pub const fn set_name(&mut self, _name: &'static str) {}

    pub fn rename(&self, _name: &'static str) {}

    pub fn id(&self) -> u64 {
        0
    }

    pub fn is_registered(&self) -> bool {
        false
    }

    pub fn begin_block(&self, _mode: Mode, _ends: GivesUp, _site: Site) -> Blocking {
        Blocking
    }

    pub fn held(&self, _mode: Mode, _amount: u64, _site: Site) -> HoldToken {
        HoldToken
    }

    pub fn so_far(&self, _register: bool, _so_far: impl FnOnce() -> SoFar) {}

    pub fn set_length(&self, _length: u64) {}

    pub fn has_sent(&self, _sent: u64, _all: impl FnOnce() -> SoFar) {}

    pub fn has_received(&self, _received: u64, _all: impl FnOnce() -> SoFar) {}

    pub fn channel_ends(&self, _so_far: &SoFar) {}

    pub fn begin_wait(
        &self,
        _mode: Mode,
        _amount: u64,
        _timed: bool,
        _in_set: bool,
        _site: Site,
    ) -> WaitToken {
        WaitToken
    }

    pub fn block_on<T>(
        &self,
        _mode: Mode,
        _ends: GivesUp,
        _site: Site,
        block: impl FnOnce() -> (T, bool),
    ) -> T {
        block().0
    }

    pub fn acquired(&self, _mode: Mode, _amount: u64, _site: Site) -> HoldToken {
        HoldToken
    }

    pub fn used(&self, _mode: Mode) {}

    pub fn try_failed(&self, _mode: Mode) {}

    pub fn set_poisoned(&self, _poisoned: bool) {}

    pub fn set_permits(&self, _permits: Permits) {}

    pub fn has_granted(&self) {}

    pub fn receiving(&self) {}
}

#[allow(missing_docs)] // as in `core`
impl WaitToken {
    pub fn ends_in(&self, _time: std::time::Duration) {}

    pub fn polled(&self, _in_set: bool) {}

    pub fn got(self) {}

    pub fn timed_out(self) {}

    pub fn is_told(&self) -> bool {
        false
    }
}

#[allow(missing_docs)] // as in `core`
impl HoldToken {
    pub fn split(&self, _amount: u64) -> Self {
        Self
    }

    pub fn movable(self) -> Self {
        self
    }

    pub fn in_set(self) -> Self {
        self
    }

    pub fn is_in_set(&self) -> bool {
        false
    }

    pub fn by_thread(self) -> Self {
        self
    }

    pub fn set_amount(&self, _amount: u64) {}
}

/// Which end of a channel it is. Nobody looks for them.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// One that sends.
    Sender,
    /// One that receives.
    Receiver,
}

impl End {
    /// None.
    pub fn mark(self, _resource: &Resource) -> u64 {
        0
    }
}
