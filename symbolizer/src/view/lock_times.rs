//! Locks and channels with what samples say of them: who waited for each, and what its holders did meanwhile.
//!
//! A sample carries what its thread waited for, and what it, or the task that it polled, held while others waited. A task that is suspended while it waits, or
//! while it holds, has no samples; how long tasks waited the resource itself has counted, by their kinds, since sampling began.

use super::await_stack::{self, Level};
use super::frames::Frames;
use crate::verdict::is_held;
use crate::waits::{WaitKind, wait_of};
use hotpoll_profile::{Library, Profile, Resource, Sample, State};
use std::collections::{BTreeMap, HashMap};

/// A resource, and the time that samples stand for.
#[derive(Debug, Clone)]
pub struct LockTimes<'p> {
    /// What samples call it.
    pub id: u64,
    /// The resource, where the snapshot knows it.
    pub resource: Option<&'p Resource>,
    /// Threads blocked in waiting for it, all together.
    pub waited_ns: u64,
    /// The same by who waited, longest first.
    pub waits: Vec<LockWaits>,
    /// It was held while others waited; a lower bound where holders had no samples.
    pub held_ns: u64,
    /// What holders did in that time, most of it first.
    pub holds: Vec<LockHold>,
    /// Tasks were suspended in waits for it so long, since sampling began, those that still wait included; of locks that block threads nothing, as samples have that.
    pub suspended_ns: u64,
}

/// How long one kind of tasks, or the threads of one name, waited for a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct LockWaits {
    /// Who.
    pub who: Who,
    /// For how long.
    pub waited_ns: u64,
    /// The time of its polls that samples stand for: on a processor, blocked, or waiting for a processor. Of threads: their lives.
    pub whole_ns: u64,
}

/// In which of its functions a holder was while others waited.
#[derive(Debug, Clone)]
pub struct LockHold {
    /// Who.
    pub who: Who,
    /// The program's innermost function; its line where all samples have the same.
    pub function: Level,
    /// For how long.
    pub ns: u64,
    /// What it did in there, most of it first.
    pub parts: Vec<HoldPart>,
}

/// What a holder did in one of its functions.
#[derive(Debug, Clone)]
pub struct HoldPart {
    /// Whether it ran, waited for a processor, or was blocked, and in what.
    pub state: State,
    /// The function, and before it what that called.
    pub place: Vec<Level>,
    /// For how long.
    pub ns: u64,
}

/// Who waits or holds: the tasks of a kind, or the threads of a name that poll none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// A kind of tasks, by its number.
    Kind(u64),
    /// Threads, by their name without the digits at its end.
    Threads(String),
}

/// The resources in a profile's samples: those that were waited for longest first.
pub fn lock_times<'p>(
    frames: &Frames<'p>,
    selects: impl Fn(&Sample) -> bool,
) -> Vec<LockTimes<'p>> {
    let profile: &'p Profile = frames.profile();
    let known: HashMap<u64, &Resource> = (profile.snapshot.iter())
        .flat_map(|snapshot| &snapshot.resources.resources)
        .map(|resource| (resource.id, resource))
        .collect();
    let whole = whole(profile, &selects);
    let mut waits: BTreeMap<u64, BTreeMap<Who, u64>> = BTreeMap::new();
    let mut holds: BTreeMap<u64, Vec<LockHold>> = BTreeMap::new();
    for sample in profile.samples.iter().filter(|sample| selects(sample)) {
        if sample.lock != 0
            && sample.state.is_blocked()
            && is_held_up(profile, known.get(&sample.lock).copied(), sample)
        {
            let who = waits.entry(sample.lock).or_default();
            let ns = who.entry(who_of(profile, sample)).or_default();
            *ns = ns.saturating_add(sample.wall_ns);
        }
        if sample.holds != 0 {
            add(holds.entry(sample.holds).or_default(), frames, sample);
        }
    }
    let suspends = known
        .values()
        .filter(|one| suspended_ns(one) > 0 && is_held(one));
    let suspends = suspends.map(|one| one.id);
    let sampled = waits.keys().chain(holds.keys()).copied();
    let mut ids: Vec<u64> = sampled.chain(suspends).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut rows: Vec<LockTimes> = (ids.into_iter())
        .map(|id| {
            let waits = waits.remove(&id).unwrap_or_default().into_iter();
            let mut waits: Vec<LockWaits> = waits
                .map(|(who, waited_ns)| LockWaits {
                    waited_ns,
                    whole_ns: whole.get(&who).copied().unwrap_or(0),
                    who,
                })
                .collect();
            waits.sort_by_key(|one| std::cmp::Reverse(one.waited_ns));
            let mut holds = holds.remove(&id).unwrap_or_default();
            holds.sort_by_key(|one| std::cmp::Reverse(one.ns));
            for hold in &mut holds {
                hold.parts.sort_by_key(|part| std::cmp::Reverse(part.ns));
            }
            LockTimes {
                id,
                resource: known.get(&id).copied(),
                waited_ns: sum(waits.iter().map(|one| one.waited_ns)),
                waits,
                held_ns: sum(holds.iter().map(|one| one.ns)),
                holds,
                suspended_ns: known.get(&id).map_or(0, |one| suspended_ns(one)),
            }
        })
        .collect();
    rows.sort_by_key(|row| {
        let waited_ns = row.waited_ns.max(row.suspended_ns);
        (std::cmp::Reverse((waited_ns, row.held_ns)), row.id)
    });
    rows
}

fn suspended_ns(one: &Resource) -> u64 {
    match one.library {
        Library::Tokio => sum(one.by_kind.iter().map(|waits| waits.wait_ns)),
        _ => 0,
    }
}

/// Whether somebody holds a thread up. Who waits for a message, a call or a time has nothing to do, for as long as the program lives.
fn is_held_up(profile: &Profile, one: Option<&Resource>, sample: &Sample) -> bool {
    match one {
        Some(one) if one.kind.is_channel() => {
            let wait = wait_of(profile, &sample.stack);
            wait.is_some_and(|wait| wait.kind == WaitKind::ChannelSend)
        }
        Some(one) => is_held(one),
        None => true,
    }
}

fn sum(times: impl Iterator<Item = u64>) -> u64 {
    times.fold(0, u64::saturating_add)
}

/// The time that a sample stands for, on a processor or off it.
fn time(sample: &Sample) -> u64 {
    match sample.state.is_on_cpu() {
        true => sample.cpu_ns,
        false => sample.wall_ns,
    }
}

fn who_of(profile: &Profile, sample: &Sample) -> Who {
    match sample.kind {
        0 => {
            let name = (profile.threads.get(sample.thread as usize))
                .map_or("", |thread| thread.name.as_str());
            Who::Threads(
                name.trim_end_matches(|c: char| c.is_ascii_digit())
                    .to_owned(),
            )
        }
        kind => Who::Kind(kind),
    }
}

fn whole(profile: &Profile, selects: impl Fn(&Sample) -> bool) -> HashMap<Who, u64> {
    let mut whole: HashMap<Who, u64> = HashMap::new();
    for sample in profile.samples.iter().filter(|sample| selects(sample)) {
        let ns = whole.entry(who_of(profile, sample)).or_default();
        *ns = ns.saturating_add(time(sample));
    }
    whole
}

fn add(holds: &mut Vec<LockHold>, frames: &Frames, sample: &Sample) {
    let levels = await_stack::fold(frames, &sample.stack);
    // The innermost own function, and what it called.
    let own = levels
        .iter()
        .position(|level| matches!(level, Level::Own(_)));
    let place: Vec<Level> = levels[..own.map_or(levels.len().min(1), |own| own + 1)].to_vec();
    let Some(&function) = place.last() else {
        return;
    };
    let who = who_of(frames.profile(), sample);
    let ns = time(sample);
    let of_function =
        |one: &LockHold| one.who == who && one.function.frame().frame == function.frame().frame;
    let at = holds.iter().position(of_function).unwrap_or_else(|| {
        holds.push(LockHold {
            who,
            function,
            ns: 0,
            parts: Vec::new(),
        });
        holds.len() - 1
    });
    let hold = &mut holds[at];
    hold.ns = hold.ns.saturating_add(ns);
    hold.function = hold.function.of_line(function.frame().line);
    let names = |place: &[Level]| {
        let frames = place.iter().map(Level::frame);
        frames.map(|at| at.frame).collect::<Vec<_>>()
    };
    let of_place = names(&place);
    let mut parts = hold.parts.iter_mut();
    match parts.find(|one| one.state == sample.state && names(&one.place) == of_place) {
        Some(known) => known.ns = known.ns.saturating_add(ns),
        None => hold.parts.push(HoldPart {
            state: sample.state,
            place,
            ns,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{INTERVAL_NS, profile};
    use super::*;
    use hotpoll_profile::{ResourceKind, Resources, Snapshot};

    /// Idle receivers, and a pool that waits for work, were what was waited for longest.
    #[test]
    fn who_has_nothing_to_do_waits_for_no_lock() {
        let send = "shop::feed;std::sync::mpsc::SyncSender::send;std::sync::mpmc::Sender::send";
        let receive = "shop::serve;std::sync::mpsc::Receiver::recv;std::sync::mpmc::Receiver::recv";
        let mut profile = profile(&[("a", send, 2), ("b", receive, 50), ("c", "shop::pool", 50)]);
        for sample in &mut profile.samples {
            sample.lock = if sample.thread == 2 { 8 } else { 7 };
            sample.state = State::Futex;
            (sample.wall_ns, sample.cpu_ns) = (sample.cpu_ns, 0);
        }
        let resource = |id, kind| Resource {
            id,
            kind,
            ..Resource::default()
        };
        let both = [(7, ResourceKind::Mpsc), (8, ResourceKind::Condvar)];
        profile.snapshot = Some(Snapshot {
            resources: Resources {
                resources: both.map(|(id, kind)| resource(id, kind)).into(),
                ..Resources::default()
            },
            ..Snapshot::default()
        });
        let rows = lock_times(&Frames::new(&profile), |_| true);
        let rows: Vec<_> = rows.iter().map(|row| (row.id, row.waited_ns)).collect();
        assert_eq!(rows, [(7, 2 * INTERVAL_NS)]);
    }

    #[test]
    fn waits_and_what_holders_did_meanwhile() {
        let mut profile = profile(&[
            ("pool-1", "shop::save;std::io::copy", 6),
            ("pool-1", "shop::save;std::fs::write", 2),
            ("pool-2", "shop::load;std::sync::Mutex::lock", 5),
            ("pool-3", "shop::load;std::sync::Mutex::lock", 3),
            ("pool-3", "shop::other", 9),
        ]);
        profile.snapshot = Some(Snapshot {
            resources: Resources {
                resources: vec![Resource {
                    id: 7,
                    name: "cache".to_owned(),
                    ..Resource::default()
                }],
                ..Resources::default()
            },
            ..Snapshot::default()
        });
        let blocked = |sample: &mut Sample, state| {
            sample.state = state;
            (sample.wall_ns, sample.cpu_ns) = (sample.cpu_ns, 0);
        };
        for at in [0, 1] {
            (profile.samples[at].holds, profile.samples[at].kind) = (7, 3);
        }
        blocked(&mut profile.samples[1], State::Io);
        for at in [2, 3] {
            profile.samples[at].lock = 7;
            blocked(&mut profile.samples[at], State::Lock);
        }
        let frames = Frames::new(&profile);
        let rows = lock_times(&frames, |_| true);
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!(row.resource.map(|one| one.name.as_str()), Some("cache"));
        assert_eq!(
            (row.waited_ns, row.held_ns),
            (8 * INTERVAL_NS, 8 * INTERVAL_NS)
        );
        let waits = LockWaits {
            who: Who::Threads("pool-".to_owned()),
            waited_ns: 8 * INTERVAL_NS,
            whole_ns: 17 * INTERVAL_NS,
        };
        assert_eq!(row.waits, [waits]);
        let name = |level: &Level| frames.get(level.frame().frame).name.as_str();
        // One row a function, whatever it did and called.
        let holds: Vec<_> = (row.holds.iter())
            .map(|hold| {
                let part = |part: &HoldPart| {
                    let place: Vec<&str> = part.place.iter().map(name).collect();
                    (part.state, place, part.ns / INTERVAL_NS)
                };
                let parts: Vec<_> = hold.parts.iter().map(part).collect();
                let function = name(&hold.function);
                (hold.who.clone(), function, hold.ns / INTERVAL_NS, parts)
            })
            .collect();
        let save = Who::Kind(3);
        assert_eq!(
            holds,
            [(
                save,
                "shop::save",
                8,
                vec![
                    (State::Running, vec!["std::io::copy", "shop::save"], 6),
                    (State::Io, vec!["std::fs::write", "shop::save"], 2),
                ]
            )]
        );
    }
}
