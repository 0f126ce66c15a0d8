//! parking_lot's raw reader-writer locks, told of: `lock_api` makes every guard from them.
#![allow(unsafe_code)] // The raw lock's contract is parking_lot's own, passed on.

use super::GivesUp;
use super::core::{LockWords, SharedHold, is_on};
use hotpoll_profile::{Library, Mode, ResourceKind};
use lock_api::{
    RawRwLock as Raw, RawRwLockDowngrade, RawRwLockFair, RawRwLockTimed, RawRwLockUpgrade,
    RawRwLockUpgradeDowngrade, RawRwLockUpgradeFair, RawRwLockUpgradeTimed,
};
use std::panic::Location;
use std::time::{Duration, Instant};

/// What parking_lot's raw reader-writer locks can do, both of them.
pub trait Inner:
    RawRwLockUpgradeDowngrade
    + RawRwLockUpgradeFair
    + RawRwLockUpgradeTimed
    + RawRwLockTimed<Duration = Duration, Instant = Instant>
{
}

impl Inner for parking_lot::RawRwLock {}
impl Inner for parking_lot::RawRwLockRecursive {}

type Exclusive<R> = <R as Raw>::ExclusiveGuard;
type Upgradable<R> = <R as RawRwLockUpgrade>::UpgradableGuard;
type Site = &'static Location<'static>;

/// What a read guard has: parking_lot's own state, which is nothing, and what tells of the reader.
pub struct SharedGuard<R: Raw = parking_lot::RawRwLock> {
    raw: R::SharedGuard,
    hold: SharedHold,
}

/// parking_lot's raw reader-writer lock, and the words that tell of it.
pub struct RawRwLock<R = parking_lot::RawRwLock> {
    pub(super) words: LockWords,
    raw: R,
}

impl<R: Inner> RawRwLock<R> {
    /// A raw lock that goes by this place.
    #[track_caller]
    pub const fn new() -> Self {
        Self::of_site(Location::caller())
    }

    pub(super) const fn of_site(site: Site) -> Self {
        Self {
            words: LockWords::new(ResourceKind::RwLock, Library::ParkingLot, site),
            raw: R::INIT,
        }
    }

    /// Takes it exclusive: at once, or told of.
    #[inline(always)]
    fn exclusive(
        &self,
        ends: GivesUp,
        site: Site,
        block: impl FnOnce() -> Option<Exclusive<R>>,
    ) -> Option<Exclusive<R>> {
        if !is_on() {
            return block();
        }
        if let Some(guard) = self.raw.try_lock_exclusive() {
            self.words.taken(site);
            return Some(guard);
        }
        let again = || self.raw.try_lock_exclusive();
        (self.words).wait_for(Mode::Exclusive, ends, site, again, block)
    }

    #[inline(always)]
    fn upgradable(
        &self,
        ends: GivesUp,
        site: Site,
        block: impl FnOnce() -> Option<Upgradable<R>>,
    ) -> Option<Upgradable<R>> {
        if !is_on() {
            return block();
        }
        if let Some(guard) = self.raw.try_lock_upgradable() {
            self.words.taken_upgradable(site);
            return Some(guard);
        }
        let again = || self.raw.try_lock_upgradable();
        (self.words).wait_for(Mode::Upgradable, ends, site, again, block)
    }

    #[inline(always)]
    fn shared(
        &self,
        ends: GivesUp,
        site: Site,
        block: impl FnOnce() -> Option<R::SharedGuard>,
    ) -> Option<SharedGuard<R>> {
        if !is_on() {
            return Some(SharedGuard {
                raw: block()?,
                hold: SharedHold::untold(),
            });
        }
        if let Some(raw) = self.raw.try_lock_shared() {
            let hold = self.words.taken_shared(site);
            return Some(SharedGuard { raw, hold });
        }
        let again = || self.raw.try_lock_shared();
        let (raw, hold) = (self.words).wait_for_shared(ends, site, again, block)?;
        Some(SharedGuard { raw, hold })
    }

    /// The reader that a writer has become.
    #[inline]
    fn now_shared(&self, site: Site, raw: R::SharedGuard) -> SharedGuard<R> {
        let hold = if is_on() {
            self.words.taken_shared(site)
        } else {
            SharedHold::untold()
        };
        SharedGuard { raw, hold }
    }
}

impl<R: Inner> Default for RawRwLock<R> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// What a wait without a time-out comes back with.
#[inline(always)]
fn certain<G>(guard: Option<G>) -> G {
    match guard {
        Some(guard) => guard,
        None => unreachable!("parking_lot's lock comes back with the lock"),
    }
}

// SAFETY: exclusion is parking_lot's; the words beside it decide nothing. Here and below.
unsafe impl<R: Inner> Raw for RawRwLock<R> {
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = Self::new();

    type SharedGuard = SharedGuard<R>;
    type ExclusiveGuard = Exclusive<R>;

    #[inline]
    #[track_caller]
    fn lock_shared(&self) -> SharedGuard<R> {
        let block = || Some(self.raw.lock_shared());
        certain(self.shared(GivesUp::Never, Location::caller(), block))
    }

    #[inline]
    #[track_caller]
    fn try_lock_shared(&self) -> Option<SharedGuard<R>> {
        match self.raw.try_lock_shared() {
            Some(raw) => Some(self.now_shared(Location::caller(), raw)),
            None => {
                self.words.try_failed(Mode::Shared);
                None
            }
        }
    }

    #[inline]
    unsafe fn unlock_shared(&self, guard: SharedGuard<R>) {
        self.words.released_shared(guard.hold);
        // SAFETY: the caller's word.
        unsafe { self.raw.unlock_shared(guard.raw) };
    }

    #[inline]
    #[track_caller]
    fn lock_exclusive(&self) -> Exclusive<R> {
        let block = || Some(self.raw.lock_exclusive());
        certain(self.exclusive(GivesUp::Never, Location::caller(), block))
    }

    #[inline]
    #[track_caller]
    fn try_lock_exclusive(&self) -> Option<Exclusive<R>> {
        let guard = self.raw.try_lock_exclusive();
        match guard {
            Some(_) if is_on() => self.words.taken(Location::caller()),
            Some(_) => {}
            None => self.words.try_failed(Mode::Exclusive),
        }
        guard
    }

    #[inline]
    unsafe fn unlock_exclusive(&self, guard: Exclusive<R>) {
        self.words.released();
        // SAFETY: the caller's word.
        unsafe { self.raw.unlock_exclusive(guard) };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    #[inline]
    fn is_locked_exclusive(&self) -> bool {
        self.raw.is_locked_exclusive()
    }
}

// SAFETY: as above.
unsafe impl<R: Inner> RawRwLockFair for RawRwLock<R> {
    #[inline]
    unsafe fn unlock_shared_fair(&self, guard: SharedGuard<R>) {
        self.words.released_shared(guard.hold);
        // SAFETY: the caller's word.
        unsafe { self.raw.unlock_shared_fair(guard.raw) };
    }

    #[inline]
    unsafe fn unlock_exclusive_fair(&self, guard: Exclusive<R>) {
        self.words.released();
        // SAFETY: the caller's word.
        unsafe { self.raw.unlock_exclusive_fair(guard) };
    }

    #[inline]
    #[track_caller]
    unsafe fn bump_shared(&self, guard: &mut SharedGuard<R>) {
        if !self.words.has_waiters() {
            // SAFETY: the caller's word.
            return unsafe { self.raw.bump_shared(&mut guard.raw) };
        }
        // SAFETY: the caller's word: the state is an acquisition's, has no drop, and is replaced by the next one's.
        unsafe {
            self.unlock_shared_fair(std::ptr::read(guard));
            std::ptr::write(guard, self.lock_shared());
        }
    }

    #[inline]
    #[track_caller]
    unsafe fn bump_exclusive(&self, guard: &mut Exclusive<R>) {
        if !self.words.has_waiters() {
            // SAFETY: the caller's word.
            return unsafe { self.raw.bump_exclusive(guard) };
        }
        // SAFETY: as in `bump_shared`.
        unsafe {
            self.unlock_exclusive_fair(std::ptr::read(guard));
            std::ptr::write(guard, self.lock_exclusive());
        }
    }
}

// SAFETY: as above.
unsafe impl<R: Inner> RawRwLockDowngrade for RawRwLock<R> {
    #[inline]
    #[track_caller]
    unsafe fn downgrade(&self, guard: Exclusive<R>) -> SharedGuard<R> {
        self.words.released();
        // SAFETY: the caller's word.
        let raw = unsafe { self.raw.downgrade(guard) };
        self.now_shared(Location::caller(), raw)
    }
}

// SAFETY: as above.
unsafe impl<R: Inner> RawRwLockTimed for RawRwLock<R> {
    type Duration = Duration;
    type Instant = Instant;

    #[inline]
    #[track_caller]
    fn try_lock_shared_for(&self, timeout: Duration) -> Option<SharedGuard<R>> {
        let block = || self.raw.try_lock_shared_for(timeout);
        self.shared(GivesUp::In(timeout), Location::caller(), block)
    }

    #[inline]
    #[track_caller]
    fn try_lock_shared_until(&self, timeout: Instant) -> Option<SharedGuard<R>> {
        let block = || self.raw.try_lock_shared_until(timeout);
        self.shared(GivesUp::At(timeout), Location::caller(), block)
    }

    #[inline]
    #[track_caller]
    fn try_lock_exclusive_for(&self, timeout: Duration) -> Option<Exclusive<R>> {
        let block = || self.raw.try_lock_exclusive_for(timeout);
        self.exclusive(GivesUp::In(timeout), Location::caller(), block)
    }

    #[inline]
    #[track_caller]
    fn try_lock_exclusive_until(&self, timeout: Instant) -> Option<Exclusive<R>> {
        let block = || self.raw.try_lock_exclusive_until(timeout);
        self.exclusive(GivesUp::At(timeout), Location::caller(), block)
    }
}

// SAFETY: as above.
unsafe impl<R: Inner> RawRwLockUpgrade for RawRwLock<R> {
    type UpgradableGuard = Upgradable<R>;

    #[inline]
    #[track_caller]
    fn lock_upgradable(&self) -> Upgradable<R> {
        let block = || Some(self.raw.lock_upgradable());
        certain(self.upgradable(GivesUp::Never, Location::caller(), block))
    }

    #[inline]
    #[track_caller]
    fn try_lock_upgradable(&self) -> Option<Upgradable<R>> {
        let guard = self.raw.try_lock_upgradable();
        match guard {
            Some(_) if is_on() => self.words.taken_upgradable(Location::caller()),
            Some(_) => {}
            None => self.words.try_failed(Mode::Upgradable),
        }
        guard
    }

    #[inline]
    unsafe fn unlock_upgradable(&self, guard: Upgradable<R>) {
        self.words.released();
        // SAFETY: the caller's word.
        unsafe { self.raw.unlock_upgradable(guard) };
    }

    #[inline]
    #[track_caller]
    unsafe fn upgrade(&self, guard: Upgradable<R>) -> Exclusive<R> {
        let site = Location::caller();
        // SAFETY: the caller's word, here and below.
        match unsafe { self.try_upgrade(guard) } {
            Ok(guard) => guard,
            Err(guard) => {
                // SAFETY: as above.
                let block = || Some(unsafe { self.raw.upgrade(guard) });
                certain((self.words).wait_to_upgrade(GivesUp::Never, site, block))
            }
        }
    }

    #[inline]
    #[track_caller]
    unsafe fn try_upgrade(&self, guard: Upgradable<R>) -> Result<Exclusive<R>, Upgradable<R>> {
        // SAFETY: the caller's word.
        let upgraded = unsafe { self.raw.try_upgrade(guard) };
        if upgraded.is_ok() {
            self.words.changed(Mode::Exclusive, Location::caller());
        }
        upgraded
    }
}

// SAFETY: as above.
unsafe impl<R: Inner> RawRwLockUpgradeFair for RawRwLock<R> {
    #[inline]
    unsafe fn unlock_upgradable_fair(&self, guard: Upgradable<R>) {
        self.words.released();
        // SAFETY: the caller's word.
        unsafe { self.raw.unlock_upgradable_fair(guard) };
    }

    #[inline]
    #[track_caller]
    unsafe fn bump_upgradable(&self, guard: &mut Upgradable<R>) {
        if !self.words.has_waiters() {
            // SAFETY: the caller's word.
            return unsafe { self.raw.bump_upgradable(guard) };
        }
        // SAFETY: as in `bump_shared`.
        unsafe {
            self.unlock_upgradable_fair(std::ptr::read(guard));
            std::ptr::write(guard, self.lock_upgradable());
        }
    }
}

// SAFETY: as above.
unsafe impl<R: Inner> RawRwLockUpgradeDowngrade for RawRwLock<R> {
    #[inline]
    #[track_caller]
    unsafe fn downgrade_upgradable(&self, guard: Upgradable<R>) -> SharedGuard<R> {
        self.words.released();
        // SAFETY: the caller's word.
        let raw = unsafe { self.raw.downgrade_upgradable(guard) };
        self.now_shared(Location::caller(), raw)
    }

    #[inline]
    #[track_caller]
    unsafe fn downgrade_to_upgradable(&self, guard: Exclusive<R>) -> Upgradable<R> {
        self.words.changed(Mode::Upgradable, Location::caller());
        // SAFETY: the caller's word.
        unsafe { self.raw.downgrade_to_upgradable(guard) }
    }
}

// SAFETY: as above.
unsafe impl<R: Inner> RawRwLockUpgradeTimed for RawRwLock<R> {
    #[inline]
    #[track_caller]
    fn try_lock_upgradable_for(&self, timeout: Duration) -> Option<Upgradable<R>> {
        let block = || self.raw.try_lock_upgradable_for(timeout);
        self.upgradable(GivesUp::In(timeout), Location::caller(), block)
    }

    #[inline]
    #[track_caller]
    fn try_lock_upgradable_until(&self, timeout: Instant) -> Option<Upgradable<R>> {
        let block = || self.raw.try_lock_upgradable_until(timeout);
        self.upgradable(GivesUp::At(timeout), Location::caller(), block)
    }

    #[inline]
    #[track_caller]
    unsafe fn try_upgrade_for(
        &self,
        guard: Upgradable<R>,
        timeout: Duration,
    ) -> Result<Exclusive<R>, Upgradable<R>> {
        let site = Location::caller();
        // SAFETY: the caller's word, here and below.
        match unsafe { self.try_upgrade(guard) } {
            Ok(guard) => Ok(guard),
            Err(guard) => self.upgrade_within(GivesUp::In(timeout), site, guard, |guard| {
                // SAFETY: as above.
                unsafe { self.raw.try_upgrade_for(guard, timeout) }
            }),
        }
    }

    #[inline]
    #[track_caller]
    unsafe fn try_upgrade_until(
        &self,
        guard: Upgradable<R>,
        timeout: Instant,
    ) -> Result<Exclusive<R>, Upgradable<R>> {
        let site = Location::caller();
        // SAFETY: the caller's word, here and below.
        match unsafe { self.try_upgrade(guard) } {
            Ok(guard) => Ok(guard),
            Err(guard) => self.upgrade_within(GivesUp::At(timeout), site, guard, |guard| {
                // SAFETY: as above.
                unsafe { self.raw.try_upgrade_until(guard, timeout) }
            }),
        }
    }
}

impl<R: Inner> RawRwLock<R> {
    /// Waits to upgrade, for a time.
    fn upgrade_within(
        &self,
        ends: GivesUp,
        site: Site,
        guard: Upgradable<R>,
        wait: impl FnOnce(Upgradable<R>) -> Result<Exclusive<R>, Upgradable<R>>,
    ) -> Result<Exclusive<R>, Upgradable<R>> {
        let mut kept = None;
        let upgraded = (self.words).wait_to_upgrade(ends, site, || match wait(guard) {
            Ok(guard) => Some(guard),
            Err(guard) => {
                kept = Some(guard);
                None
            }
        });
        match (upgraded, kept) {
            (Some(guard), _) => Ok(guard),
            (None, Some(guard)) => Err(guard),
            (None, None) => unreachable!("the wait comes back with one of them"),
        }
    }
}
