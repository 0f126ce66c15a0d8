//! `report --by lock`: what there is to say of locks, computed from the view.

use super::data::{HoldPartData, LockData, LockHoldData, LockWaitData};
use crate::locks::by_kind;
use crate::stack;
use hotpoll_profile::{Profile, Sample};
use hotpoll_symbolizer::view::lock_times::{LockTimes, Who, lock_times};
use hotpoll_symbolizer::view::{Frames, weight};

/// Places of each lock, at most, in JSON too.
const PLACES: usize = 20;

/// The locks of the selected samples.
pub fn locks(frames: &Frames, selects: impl Fn(&Sample) -> bool, top: usize) -> Vec<LockData> {
    (lock_times(frames, selects).iter().take(top))
        .map(|row| lock(frames, row))
        .collect()
}

fn lock(frames: &Frames, row: &LockTimes<'_>) -> LockData {
    let profile = frames.profile();
    let kinds = profile.snapshot.as_ref();
    let kinds = kinds.map_or(&[][..], |snapshot| &snapshot.tasks.kinds);
    LockData {
        id: row.id,
        suspended_ns: row.suspended_ns,
        by_kind: (row.resource).map_or_else(Vec::new, |one| by_kind(kinds, one)),
        kind: row.resource.map_or("", |one| one.kind.label()),
        title: match row.resource {
            Some(one) => one.title(),
            None => format!("lock {} (it is gone)", row.id),
        },
        waited_ns: row.waited_ns,
        total_wait_ns: row.resource.map_or(0, |one| one.wait_ns()),
        waits: (row.waits.iter().take(PLACES))
            .map(|one| LockWaitData {
                who: who(profile, &one.who),
                kind: kind(&one.who),
                waited_ns: one.waited_ns,
                share: weight::share(one.waited_ns, one.whole_ns),
            })
            .collect(),
        held_ns: row.held_ns,
        holds: (row.holds.iter().take(PLACES))
            .map(|one| LockHoldData {
                who: who(profile, &one.who),
                kind: kind(&one.who),
                ns: one.ns,
                share: weight::share(one.ns, row.held_ns),
                folded: stack::folded(frames, &[one.function]),
                parts: (one.parts.iter().take(PLACES))
                    .map(|part| HoldPartData {
                        state: part.state.label(),
                        ns: part.ns,
                        share: weight::share(part.ns, row.held_ns),
                        folded: stack::folded(frames, &part.place),
                    })
                    .collect(),
            })
            .collect(),
    }
}

fn kind(who: &Who) -> u64 {
    match who {
        Who::Kind(kind) => *kind,
        Who::Threads(_) => 0,
    }
}

fn who(profile: &Profile, who: &Who) -> String {
    match who {
        Who::Kind(id) => {
            let known = (profile.snapshot.iter())
                .flat_map(|snapshot| &snapshot.tasks.kinds)
                .find(|kind| kind.id == *id);
            known.map_or_else(|| format!("kind {id}"), |kind| kind.title())
        }
        Who::Threads(name) if name.is_empty() => "threads without a name".to_owned(),
        Who::Threads(name) => name.clone(),
    }
}
