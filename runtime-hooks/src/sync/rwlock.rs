//! `RwLock` and `RecursiveRwLock`, with parking_lot's API.
#![allow(unsafe_code)] // parking_lot's own unsafe methods, and an Arc of the same memory.

use super::raw_rwlock::{Inner as Library, RawRwLock, SharedGuard};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The lock without where it was made.
type Inner<R, T> = lock_api::RwLock<RawRwLock<R>, T>;
type Exclusive<R> = <RawRwLock<R> as lock_api::RawRwLock>::ExclusiveGuard;
type Upgradable<R> = <RawRwLock<R> as lock_api::RawRwLockUpgrade>::UpgradableGuard;
type Recursive = parking_lot::RawRwLockRecursive;

/// A reader's guard of an [`RwLock`].
pub type RwLockReadGuard<'a, T, R = parking_lot::RawRwLock> =
    lock_api::RwLockReadGuard<'a, RawRwLock<R>, T>;
/// A writer's guard of an [`RwLock`].
pub type RwLockWriteGuard<'a, T, R = parking_lot::RawRwLock> =
    lock_api::RwLockWriteGuard<'a, RawRwLock<R>, T>;
/// The guard of a reader who may become a writer.
pub type RwLockUpgradableReadGuard<'a, T, R = parking_lot::RawRwLock> =
    lock_api::RwLockUpgradableReadGuard<'a, RawRwLock<R>, T>;
/// A reader's guard of a part of what an [`RwLock`] protects.
pub type MappedRwLockReadGuard<'a, T, R = parking_lot::RawRwLock> =
    lock_api::MappedRwLockReadGuard<'a, RawRwLock<R>, T>;
/// A writer's guard of a part of what an [`RwLock`] protects.
pub type MappedRwLockWriteGuard<'a, T, R = parking_lot::RawRwLock> =
    lock_api::MappedRwLockWriteGuard<'a, RawRwLock<R>, T>;
/// A reader's guard that has the [`RwLock`]'s `Arc`.
pub type ArcRwLockReadGuard<T, R = parking_lot::RawRwLock> =
    lock_api::ArcRwLockReadGuard<RawRwLock<R>, T>;
/// A writer's guard that has the [`RwLock`]'s `Arc`.
pub type ArcRwLockWriteGuard<T, R = parking_lot::RawRwLock> =
    lock_api::ArcRwLockWriteGuard<RawRwLock<R>, T>;
/// The guard of a reader who may become a writer, and has the [`RwLock`]'s `Arc`.
pub type ArcRwLockUpgradableReadGuard<T, R = parking_lot::RawRwLock> =
    lock_api::ArcRwLockUpgradableReadGuard<RawRwLock<R>, T>;
/// A reader's guard of a [`RecursiveRwLock`].
pub type RecursiveRwLockReadGuard<'a, T> = RwLockReadGuard<'a, T, Recursive>;
/// A writer's guard of a [`RecursiveRwLock`].
pub type RecursiveRwLockWriteGuard<'a, T> = RwLockWriteGuard<'a, T, Recursive>;
/// The guard of a reader who may become a writer.
pub type RecursiveRwLockUpgradableReadGuard<'a, T> = RwLockUpgradableReadGuard<'a, T, Recursive>;
/// A reader's guard of a part of what a [`RecursiveRwLock`] protects.
pub type MappedRecursiveRwLockReadGuard<'a, T> = MappedRwLockReadGuard<'a, T, Recursive>;
/// A writer's guard of a part of what a [`RecursiveRwLock`] protects.
pub type MappedRecursiveRwLockWriteGuard<'a, T> = MappedRwLockWriteGuard<'a, T, Recursive>;

/// parking_lot's reader-writer lock, telling who reads, who writes and who waits. Readers wait behind writers that wait.
///
/// Readers are known by their thread, up to 16 locks at once.
pub type RwLock<T> = ToldRwLock<parking_lot::RawRwLock, T>;
/// parking_lot's recursive reader-writer lock, telling who reads, who writes and who waits. Readers come before writers that wait, so who reads may read
/// again.
pub type RecursiveRwLock<T> = ToldRwLock<Recursive, T>;

/// One of parking_lot's reader-writer locks, telling who reads, who writes and who waits.
#[repr(transparent)]
pub struct ToldRwLock<R, T: ?Sized>(Inner<R, T>);

impl<R: Library, T> ToldRwLock<R, T> {
    /// A lock that goes by the place of this call, until it is named.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> Self {
        let raw = RawRwLock::of_site(Location::caller());
        Self(lock_api::RwLock::from_raw(raw, value))
    }

    /// A lock with a name, for statics.
    #[inline]
    #[track_caller]
    pub const fn new_named(value: T, name: &'static str) -> Self {
        let mut raw = RawRwLock::of_site(Location::caller());
        raw.words.set_name(name);
        Self(lock_api::RwLock::from_raw(raw, value))
    }

    /// Gives it a name.
    #[inline]
    pub fn named(self, name: &'static str) -> Self {
        let (mut raw, value) = self.0.into_inner_with_raw();
        raw.words.set_name(name);
        Self(lock_api::RwLock::from_raw(raw, value))
    }

    /// Takes the value out.
    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

/// As [`RwLock::new`](ToldRwLock::new).
#[inline]
#[track_caller]
pub const fn const_rwlock<T>(value: T) -> RwLock<T> {
    RwLock::new(value)
}

/// Methods that the lock inside has, and those of an `Arc` of it.
macro_rules! passed_on {
    ($($(#[$about:meta])* $name:ident, $arc_name:ident: $guard:ident, $arc_guard:ident;)*) => {$(
        $(#[$about])*
        #[inline]
        #[track_caller]
        pub fn $name(&self) -> $guard<'_, T, R> {
            self.0.$name()
        }

        $(#[$about])*
        ///
        /// The guard has the `Arc`.
        #[inline]
        #[track_caller]
        pub fn $arc_name(self: &Arc<Self>) -> $arc_guard<T, R> {
            inner(self).$arc_name()
        }
    )*};
    (try: $($(#[$about:meta])* $name:ident($($argument:ident: $type:ty)?), $arc_name:ident:
        $guard:ident, $arc_guard:ident;)*) => {$(
        $(#[$about])*
        #[inline]
        #[track_caller]
        pub fn $name(&self $(, $argument: $type)?) -> Option<$guard<'_, T, R>> {
            self.0.$name($($argument)?)
        }

        $(#[$about])*
        ///
        /// The guard has the `Arc`.
        #[inline]
        #[track_caller]
        pub fn $arc_name(self: &Arc<Self> $(, $argument: $type)?) -> Option<$arc_guard<T, R>> {
            inner(self).$arc_name($($argument)?)
        }
    )*};
}

/// Unsafe methods that the lock inside has, about acquisitions without a guard.
macro_rules! forced {
    (of an Arc: $($(#[$about:meta])* $name:ident($state:ty) -> $made:ty;)*) => {$(
        $(#[$about])*
        ///
        /// # Safety
        /// As parking_lot's: the caller has it locked in that way, and no other guard gives it back.
        #[inline]
        pub unsafe fn $name(self: &Arc<Self>, guard: $state) -> $made {
            // SAFETY: the caller's word.
            unsafe { inner(self).$name(guard) }
        }
    )*};
    ($($(#[$about:meta])* $name:ident($state:ty) $(-> $made:ty)?;)*) => {$(
        $(#[$about])*
        ///
        /// # Safety
        /// As parking_lot's: the caller has it locked in that way, and no other guard gives it back.
        #[inline]
        pub unsafe fn $name(&self, guard: $state) $(-> $made)? {
            // SAFETY: the caller's word.
            unsafe { self.0.$name(guard) }
        }
    )*};
}

impl<R: Library, T: ?Sized> ToldRwLock<R, T> {
    passed_on! {
        /// Locks to read, and waits for that as long as it takes.
        read, read_arc: RwLockReadGuard, ArcRwLockReadGuard;
        /// Locks to write, and waits for that as long as it takes.
        write, write_arc: RwLockWriteGuard, ArcRwLockWriteGuard;
        /// Locks to read, and to write later, and waits for that as long as it takes.
        upgradable_read, upgradable_read_arc: RwLockUpgradableReadGuard, ArcRwLockUpgradableReadGuard;
    }

    passed_on! { try:
        /// Locks to read, if no writer has it.
        try_read(), try_read_arc: RwLockReadGuard, ArcRwLockReadGuard;
        /// Locks to read, and waits for that at most so long.
        try_read_for(timeout: Duration), try_read_arc_for: RwLockReadGuard, ArcRwLockReadGuard;
        /// Locks to read, and waits for that at most until then.
        try_read_until(timeout: Instant), try_read_arc_until: RwLockReadGuard, ArcRwLockReadGuard;
        /// Locks to write, if nobody has it.
        try_write(), try_write_arc: RwLockWriteGuard, ArcRwLockWriteGuard;
        /// Locks to write, and waits for that at most so long.
        try_write_for(timeout: Duration), try_write_arc_for: RwLockWriteGuard, ArcRwLockWriteGuard;
        /// Locks to write, and waits for that at most until then.
        try_write_until(timeout: Instant), try_write_arc_until: RwLockWriteGuard, ArcRwLockWriteGuard;
        /// Locks to read, and to write later, if nobody has it so and no writer.
        try_upgradable_read(), try_upgradable_read_arc: RwLockUpgradableReadGuard, ArcRwLockUpgradableReadGuard;
        /// Locks to read, and to write later, and waits for that at most so long.
        try_upgradable_read_for(timeout: Duration), try_upgradable_read_arc_for: RwLockUpgradableReadGuard, ArcRwLockUpgradableReadGuard;
        /// Locks to read, and to write later, and waits for that at most until then.
        try_upgradable_read_until(timeout: Instant), try_upgradable_read_arc_until: RwLockUpgradableReadGuard, ArcRwLockUpgradableReadGuard;
    }

    /// The value: nobody else can have it.
    #[inline]
    pub const fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// Whether somebody has it locked in any way, at this moment.
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// Whether a writer has it locked, at this moment.
    #[inline]
    pub fn is_locked_exclusive(&self) -> bool {
        self.0.is_locked_exclusive()
    }

    /// Where the value is.
    #[inline]
    pub const fn data_ptr(&self) -> *mut T {
        self.0.data_ptr()
    }

    /// Gives a read lock back, though there is no guard.
    ///
    /// # Safety
    /// As parking_lot's: the caller has it, and gave the guard away to `mem::forget`.
    #[inline]
    pub unsafe fn force_unlock_read(&self, guard: SharedGuard<R>) {
        // SAFETY: the caller's word.
        unsafe { self.0.force_unlock_read(guard) }
    }

    /// Gives the write lock back, though there is no guard.
    ///
    /// # Safety
    /// As parking_lot's: the caller has it, and gave the guard away to `mem::forget`.
    #[inline]
    pub unsafe fn force_unlock_write(&self, guard: Exclusive<R>) {
        // SAFETY: the caller's word.
        unsafe { self.0.force_unlock_write(guard) }
    }

    forced! {
        /// As [`Self::force_unlock_read`], and hands it to who waits longest.
        force_unlock_read_fair(SharedGuard<R>);
        /// As [`Self::force_unlock_write`], and hands it to who waits longest.
        force_unlock_write_fair(Exclusive<R>);
        /// A reader's guard for a lock that the caller has.
        make_read_guard_unchecked(SharedGuard<R>) -> RwLockReadGuard<'_, T, R>;
        /// A writer's guard for a lock that the caller has.
        make_write_guard_unchecked(Exclusive<R>) -> RwLockWriteGuard<'_, T, R>;
        /// The guard of a reader who may become a writer, for a lock that the caller has.
        make_upgradable_guard_unchecked(Upgradable<R>) -> RwLockUpgradableReadGuard<'_, T, R>;
    }

    forced! { of an Arc:
        /// As [`Self::make_read_guard_unchecked`]; the guard has the `Arc`.
        make_arc_read_guard_unchecked(SharedGuard<R>) -> ArcRwLockReadGuard<T, R>;
        /// As [`Self::make_write_guard_unchecked`]; the guard has the `Arc`.
        make_arc_write_guard_unchecked(Exclusive<R>) -> ArcRwLockWriteGuard<T, R>;
        /// As [`Self::make_upgradable_guard_unchecked`]; the guard has the `Arc`.
        make_upgradable_arc_guard_unchecked(Upgradable<R>) -> ArcRwLockUpgradableReadGuard<T, R>;
    }

    /// The raw lock.
    ///
    /// # Safety
    /// As parking_lot's: no guard is used while its lock is given back.
    #[inline]
    pub unsafe fn raw(&self) -> &RawRwLock<R> {
        // SAFETY: the caller's word.
        unsafe { self.0.raw() }
    }

    /// The number that samples carry for it.
    pub fn id(&self) -> u64 {
        // SAFETY: only the words beside the lock are read.
        unsafe { self.0.raw() }.words.id()
    }
}

/// The same `Arc`, seen as what it is made of.
#[inline]
fn inner<R, T: ?Sized>(arc: &Arc<ToldRwLock<R, T>>) -> Arc<Inner<R, T>> {
    let pointer = Arc::into_raw(Arc::clone(arc)) as *const Inner<R, T>;
    // SAFETY: the types are one another's memory (`transparent`), so size, alignment and destructor agree.
    unsafe { Arc::from_raw(pointer) }
}

impl<R: Library, T: ?Sized + fmt::Debug> fmt::Debug for ToldRwLock<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<R: Library, T: Default> Default for ToldRwLock<R, T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<R: Library, T> From<T> for ToldRwLock<R, T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}
