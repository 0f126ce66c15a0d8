//! What a program holds while hotpoll runs.

use crate::agent::Agent;
use crate::output;
use crate::{Profile, Report};
use std::io;
use std::path::Path;

/// Keeps hotpoll running. Dropping it stops sampling, after a last write of the output file if there is one.
///
/// A guard may also be leaked (`std::mem::forget`): the output file is then written when the process exits.
/// In a forked child the guard does nothing.
#[derive(Debug)]
#[must_use = "sampling stops when the guard is dropped"]
pub struct Guard {
    /// None: switched off, or not asked for.
    agent: Option<Agent>,
}

impl Guard {
    pub(crate) fn running(agent: Agent) -> Self {
        Self { agent: Some(agent) }
    }

    /// A guard that does nothing.
    pub(crate) fn inert() -> Self {
        Self { agent: None }
    }

    /// Whether sampling runs. False with `HOTPOLL=off`, after [`Guard::stop`], and in a forked child.
    pub fn is_running(&self) -> bool {
        self.agent.as_ref().is_some_and(Agent::is_running)
    }

    /// What the recorder holds, up to this moment, and what every thread and tracked task is doing now: addresses, and with the feature `symbolize` names.
    /// Also after [`Guard::stop`], then without the threads and tasks. Empty for a guard that does nothing.
    pub fn profile(&self) -> Profile {
        let mut profile = self.agent.as_ref().map(Agent::profile).unwrap_or_default();
        symbolize(&mut profile);
        profile
    }

    /// A text for people: where the CPU time went, by thread and function. [`Report`] displays itself. Without the feature
    /// `symbolize` functions are addresses; `hotpoll report` names them from outside.
    pub fn report(&self) -> Report {
        match &self.agent {
            Some(_) => Report::new(self.profile()),
            None => Report::inert(),
        }
    }

    /// Writes [`Guard::profile`] as a gzipped pprof file, replacing what is there.
    ///
    /// # Errors
    /// What the system says, with the path and what to do about it. What was there before is then still there.
    pub fn write_pprof(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        output::write_profile(path, &self.profile()).map_err(|error| output::explain(path, error))
    }

    /// Stops sampling: timers are disarmed, threads end, the socket is gone, the output file is written. What was recorded can
    /// still be asked for until the guard is dropped. Takes at most about two seconds.
    pub fn stop(&self) {
        if let Some(agent) = &self.agent {
            agent.stop();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(feature = "symbolize")]
fn symbolize(profile: &mut Profile) {
    let options = hotpoll_symbolizer::symbolize::Options {
        // Our own files can be read through /proc though they were replaced since we started.
        pid: Some(std::process::id()),
        ..Default::default()
    };
    hotpoll_symbolizer::symbolize::symbolize(profile, &options);
    hotpoll_symbolizer::waits::refine(profile);
}

#[cfg(not(feature = "symbolize"))]
fn symbolize(_: &mut Profile) {}
