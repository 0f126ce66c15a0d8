//! `Once`, with the standard library's API.

use crate::sync::GivesUp;
use crate::sync::core::{Resource, is_on};
use hotpoll_profile::{Library, Mode, ResourceKind};
use std::fmt;
use std::panic::Location;
use std::sync::OnceState;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The standard library's once, telling who runs it and who waits for that.
pub struct Once {
    told: Told,
    inner: std::sync::Once,
}

/// What stands beside something that happens once: whether it happens now, which the standard library does not say.
pub(super) struct Told {
    resource: Resource,
    running: AtomicBool,
}

impl Told {
    pub const fn new(kind: ResourceKind, site: &'static Location<'static>) -> Self {
        Self {
            resource: Resource::at(kind, Library::Std, site),
            running: AtomicBool::new(false),
        }
    }

    pub fn set_name(&mut self, name: &'static str) {
        self.resource.set_name(name);
    }

    /// Runs what happens, told of as held.
    pub fn run<R>(&self, site: &'static Location<'static>, run: impl FnOnce() -> R) -> R {
        /// Also when it panics.
        struct Ends<'a>(&'a AtomicBool);
        impl Drop for Ends<'_> {
            fn drop(&mut self) {
                self.0.store(false, Relaxed);
            }
        }
        self.running.store(true, Relaxed);
        let _ends = Ends(&self.running);
        let _held = self.resource.acquired(Mode::Exclusive, 1, site);
        run()
    }

    /// Runs `block`, which waits if it happens now.
    pub fn block<R>(&self, site: &'static Location<'static>, block: impl FnOnce() -> R) -> R {
        if !is_on() || !self.running.load(Relaxed) {
            return block();
        }
        (self.resource).block_on(Mode::Exclusive, GivesUp::Never, site, || (block(), true))
    }

    /// Runs `block`, which waits until it has happened.
    pub fn wait<R>(&self, site: &'static Location<'static>, block: impl FnOnce() -> R) -> R {
        (self.resource).block_on(Mode::Exclusive, GivesUp::Never, site, || (block(), true))
    }
}

impl Once {
    /// Something that did not happen yet; it goes by the place of this call, until it is named.
    #[inline]
    #[must_use]
    #[track_caller]
    pub const fn new() -> Self {
        Self {
            told: Told::new(ResourceKind::Once, Location::caller()),
            inner: std::sync::Once::new(),
        }
    }

    /// Gives it a name.
    #[inline]
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.told.set_name(name);
        self
    }

    /// Makes it happen, if it did not; waits while another thread does.
    ///
    /// # Panics
    /// When it was given up by a panic.
    #[inline]
    #[track_caller]
    pub fn call_once(&self, run: impl FnOnce()) {
        if self.inner.is_completed() {
            return;
        }
        let site = Location::caller();
        self.told.block(site, || {
            self.inner.call_once(|| self.told.run(site, run));
        });
    }

    /// As [`Once::call_once`], and does not mind a panic that gave it up.
    #[inline]
    #[track_caller]
    pub fn call_once_force(&self, run: impl FnOnce(&OnceState)) {
        if self.inner.is_completed() {
            return;
        }
        let site = Location::caller();
        self.told.block(site, || {
            self.inner
                .call_once_force(|state| self.told.run(site, || run(state)));
        });
    }

    /// Whether it happened.
    #[inline]
    pub fn is_completed(&self) -> bool {
        self.inner.is_completed()
    }

    /// Waits until it happened, without making it happen.
    ///
    /// # Panics
    /// When it was given up by a panic.
    #[track_caller]
    pub fn wait(&self) {
        if !self.inner.is_completed() {
            self.told.wait(Location::caller(), || self.inner.wait());
        }
    }

    /// As [`Once::wait`], and does not mind a panic that gave it up.
    #[track_caller]
    pub fn wait_force(&self) {
        if !self.inner.is_completed() {
            self.told
                .wait(Location::caller(), || self.inner.wait_force());
        }
    }
}

impl Default for Once {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
