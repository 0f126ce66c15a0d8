//! Reads runs, names their functions, and reduces each to what comparing asks for.

use super::sides::{Source, twice};
use crate::exit::Failure;
use crate::live::{Client, Held};
use crate::source;
use hotpoll_compare::{Options, Run};
use hotpoll_profile::protocol::Fetch;
use hotpoll_profile::{Profile, pprof};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

/// What was read so far: contents and the name and side they had.
#[derive(Debug, Default)]
pub struct Seen {
    contents: HashMap<u64, (String, &'static str)>,
}

/// Reads the runs of one side.
pub fn runs(
    sources: &[Source],
    side: &'static str,
    options: &Options,
    seen: &mut Seen,
) -> Result<Vec<Run>, Failure> {
    sources
        .iter()
        .map(|source| run(source, side, options, seen))
        .collect()
}

fn run(
    source: &Source,
    side: &'static str,
    options: &Options,
    seen: &mut Seen,
) -> Result<Run, Failure> {
    let name = source.name();
    let profile = match source {
        Source::File(path) => {
            let bytes = std::fs::read(path).map_err(|error| Failure::reading(path, &error))?;
            once(&bytes, &name, side, seen)?;
            named(decode(&bytes, &name)?)
        }
        Source::Kept(_, bytes) => {
            once(bytes, &name, side, seen)?;
            named(decode(bytes, &name)?)
        }
        Source::Live(endpoint) => {
            let mut client = Client::connect(endpoint).map_err(|error| error.failure(endpoint))?;
            let held = Held::open(endpoint.process.pid);
            let fetch = Fetch {
                snapshot: true,
                ..Fetch::default()
            };
            let mut profile = client
                .fetch(fetch)
                .map_err(|error| error.failure(endpoint))?;
            source::name_held(&mut profile, &held, &[]);
            source::know_build(&mut profile, Some(&held), &[]);
            profile
        }
    };
    if profile.samples.is_empty() {
        return Err(Failure::new(format!("{name} has no samples{}", how_long(&profile))).next(
            "a run has to use the CPU for a while: let the workload go round for 10 seconds and more, or sample faster (`hotpoll record --ci`)",
        ));
    }
    Ok(Run::of(&profile, &name, options))
}

fn how_long(profile: &Profile) -> String {
    match profile.duration_ns {
        0 => String::new(),
        ns => format!(": it lasted {}", crate::text::number::duration(ns)),
    }
}

fn named(mut profile: Profile) -> Profile {
    source::name(&mut profile, None, &[]);
    // Files that a process wrote by itself say nothing of what only its program's file tells.
    if profile.fingerprint.build("debug-info").is_none() {
        source::know_build(&mut profile, None, &[]);
    }
    profile
}

/// A profile from a file's bytes.
pub fn decode(bytes: &[u8], name: &str) -> Result<Profile, Failure> {
    pprof::decode(bytes).map_err(|error| {
        Failure::new(format!("cannot read {name}: {error}"))
            .next("record it anew, or leave it out; one bad run is not worth a wrong verdict")
    })
}

/// Refuses what was read before under another name, too.
fn once(bytes: &[u8], name: &str, side: &'static str, seen: &mut Seen) -> Result<(), Failure> {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    match seen
        .contents
        .insert(hasher.finish(), (name.to_owned(), side))
    {
        None => Ok(()),
        Some((other, other_side)) => Err(twice(name, &other, side, other_side)),
    }
}
