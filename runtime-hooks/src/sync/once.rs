//! `Once`, with parking_lot's API.

use super::GivesUp;
use super::core::{Resource, is_on};
use hotpoll_profile::{Library, Mode, ResourceKind};
use std::fmt;
use std::panic::Location;

pub use parking_lot::OnceState;

/// parking_lot's once, telling who runs it and who waits for that.
pub struct Once {
    told: Resource,
    raw: parking_lot::Once,
}

impl Once {
    /// Something that did not happen yet; it goes by the place of this call, until it is named.
    #[inline]
    #[track_caller]
    pub const fn new() -> Self {
        Self::of(parking_lot::Once::new(), Location::caller())
    }

    /// Something that happened already.
    #[inline]
    #[track_caller]
    pub const fn new_completed() -> Self {
        Self::of(parking_lot::Once::new_completed(), Location::caller())
    }

    const fn of(raw: parking_lot::Once, site: &'static Location<'static>) -> Self {
        Self {
            told: Resource::at(ResourceKind::Once, Library::ParkingLot, site),
            raw,
        }
    }

    /// Gives it a name.
    #[inline]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.told.set_name(name);
        self
    }

    /// Whether it happened, happens, or was given up by a panic.
    #[inline]
    pub fn state(&self) -> OnceState {
        self.raw.state()
    }

    /// Whether it happened.
    #[inline]
    pub fn is_completed(&self) -> bool {
        self.raw.is_completed()
    }

    /// Waits until it happened, without making it happen.
    ///
    /// # Panics
    /// When it was given up by a panic.
    #[inline]
    #[track_caller]
    pub fn wait(&self) {
        self.blocked(Location::caller(), || self.raw.wait());
    }

    /// As [`Once::wait`], and does not mind a panic that gave it up.
    #[inline]
    #[track_caller]
    pub fn wait_force(&self) {
        self.blocked(Location::caller(), || self.raw.wait_force());
    }

    /// Makes it happen, if it did not; waits while another thread does.
    ///
    /// # Panics
    /// When it was given up by a panic.
    #[inline]
    #[track_caller]
    pub fn call_once(&self, run: impl FnOnce()) {
        let site = Location::caller();
        self.blocked(site, || {
            self.raw.call_once(|| {
                let _held = self.told.acquired(Mode::Exclusive, 1, site);
                run();
            });
        });
    }

    /// As [`Once::call_once`], and does not mind a panic that gave it up.
    #[inline]
    #[track_caller]
    pub fn call_once_force(&self, run: impl FnOnce(OnceState)) {
        let site = Location::caller();
        self.blocked(site, || {
            self.raw.call_once_force(|state| {
                let _held = self.told.acquired(Mode::Exclusive, 1, site);
                run(state);
            });
        });
    }

    /// Runs `block`, and tells of a wait if another thread makes it happen just now.
    #[inline(always)]
    fn blocked(&self, site: &'static Location<'static>, block: impl FnOnce()) {
        if !is_on() || self.raw.is_completed() || self.raw.state() != OnceState::InProgress {
            return block();
        }
        (self.told).block_on(Mode::Exclusive, GivesUp::Never, site, || (block(), true));
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
        self.raw.fmt(f)
    }
}
