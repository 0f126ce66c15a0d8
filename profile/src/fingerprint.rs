//! What a run was made with, so that two runs can be told to be comparable: the machine, the build, the workload.
//!
//! Neither arguments nor the environment are among it, unless whoever recorded named the workload by them.

use std::collections::HashSet;

/// What a run was made with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// What the process was given to do, as whoever recorded named it; empty where nobody did.
    pub workload: String,
    /// Of the machine: `cpu`, `cpus`, `quota`, `kernel`, `hypervisor`, `governor`.
    pub machine: Vec<Fact>,
    /// Of the build: `opt-level`, `debug-assertions`, `panic` and `target-cpu` as the agent was built; `build-id`, `rustc`, `debug-info`, `mangling`, `lto`,
    /// `codegen-units`, `allocator` and `frame-pointers` as the program's file tells.
    pub build: Vec<Fact>,
}

/// One thing that is known; what is not known is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fact {
    /// What it is about.
    pub key: String,
    /// What it is.
    pub value: String,
}

impl Fingerprint {
    /// A fact of the machine.
    pub fn machine(&self, key: &str) -> Option<&str> {
        find(&self.machine, key)
    }

    /// A fact of the build.
    pub fn build(&self, key: &str) -> Option<&str> {
        find(&self.build, key)
    }
}

impl Fingerprint {
    /// Keeps what is the same in both.
    pub fn keep_equal(&mut self, other: &Self) {
        if self.workload != other.workload {
            self.workload.clear();
        }
        for (mine, theirs) in [
            (&mut self.machine, &other.machine),
            (&mut self.build, &other.build),
        ] {
            let theirs: HashSet<&Fact> = theirs.iter().collect();
            mine.retain(|fact| theirs.contains(fact));
        }
    }

    /// Takes over what a later look at the same process knows.
    pub fn update(&mut self, later: Self) {
        if !later.workload.is_empty() {
            self.workload = later.workload;
        }
        for (mine, later) in [
            (&mut self.machine, later.machine),
            (&mut self.build, later.build),
        ] {
            let newer: HashSet<&str> = later.iter().map(|fact| fact.key.as_str()).collect();
            mine.retain(|fact| !newer.contains(fact.key.as_str()));
            mine.extend(later);
        }
    }
}

impl Fact {
    /// A fact.
    pub fn new(key: &str, value: impl Into<String>) -> Self {
        Self {
            key: key.to_owned(),
            value: value.into(),
        }
    }
}

fn find<'a>(facts: &'a [Fact], key: &str) -> Option<&'a str> {
    let fact = facts.iter().find(|fact| fact.key == key)?;
    Some(&fact.value)
}
