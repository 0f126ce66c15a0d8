//! The modules that are loaded, and the unwind tables that the handler reads. For the agent's module thread.

use crate::module::{ModuleUnwind, Tracker};
use crate::off_cpu::Roster;
use crate::signal;
use hotpoll_profile::Module;
use std::sync::Arc;

/// Keeps the handler's unwind tables in step with the loader.
///
/// It has a thread of its own, because listing modules takes the loader's lock: a `dlopen` that takes long must not delay the drain.
pub struct ModuleWatch {
    tracker: Tracker,
    /// Every module that was ever seen: samples of closed ones still need their names.
    seen: Arc<Vec<Module>>,
    roster: Arc<Roster>,
}

impl ModuleWatch {
    pub(crate) fn new(roster: Arc<Roster>) -> Self {
        Self {
            tracker: Tracker::new(),
            seen: Arc::default(),
            roster,
        }
    }

    /// Looks whether modules came or went; if so, compiles the new ones and gives the handler the new tables. Returns whether that happened.
    /// Costs about a microsecond when nothing changed.
    pub fn refresh(&mut self) -> bool {
        let Some(tables) = self.tracker.refresh() else {
            return false;
        };
        self.roster.set_tables(tables.share());
        signal::publish_tables(tables);
        let new: Vec<Module> = self
            .tracker
            .modules()
            .filter(|module| !self.seen.contains(module))
            .cloned()
            .collect();
        if !new.is_empty() {
            Arc::make_mut(&mut self.seen).extend(new);
        }
        true
    }

    /// How many replaced unwind tables were never freed in this process: a thread left a walk of its own stack by a jump, or stays in a signal handler
    /// that interrupted it.
    pub fn leaked_tables(&self) -> u64 {
        signal::leaked_tables()
    }

    /// Every module seen so far, in the order in which they came.
    pub fn modules(&self) -> Arc<Vec<Module>> {
        Arc::clone(&self.seen)
    }

    /// The loaded modules' unwind tables.
    pub fn unwind(&self) -> Vec<ModuleUnwind> {
        self.tracker.unwind().collect()
    }

    /// Bytes of all unwind tables together.
    pub fn table_bytes(&self) -> u64 {
        self.tracker
            .unwind()
            .map(|module| module.size.bytes as u64)
            .sum()
    }
}

impl std::fmt::Debug for ModuleWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModuleWatch")
            .field("seen", &self.seen.len())
            .finish_non_exhaustive()
    }
}
