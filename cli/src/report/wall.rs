//! `report --wall`, and the task kinds of `report --by task`: what there is to say of waiting, computed from the views.

use super::collect::{counted, path, weigh};
use super::data::{KindData, PlaceData, StateData, WallData, WallThreadData};
use crate::stack;
use hotpoll_profile::{Counts, Profile, Sample, State};
use hotpoll_symbolizer::view::kind_times::{KindTimes, kind_times};
use hotpoll_symbolizer::view::wall_times::{self, WallGroup, WallPlace, WallTimes, wall_times};
use hotpoll_symbolizer::view::{Frames, Grouping, hot_path, weight};

/// Places of each thread or kind, at most, in JSON too.
const PLACES: usize = 10;

/// What the wall clock says of the selected samples.
pub fn wall(
    frames: &Frames,
    grouping: Grouping,
    selects: impl Fn(&Sample) -> bool,
    top: usize,
) -> WallData {
    let profile = frames.profile();
    let groups = wall_times(frames, grouping, selects);
    let total = wall_times::total(&groups);
    let mut failed = Counts::ZERO;
    for thread in profile.threads.iter().filter(|thread| !thread.own) {
        failed.add_all(&thread.totals.capture_failed);
    }
    WallData {
        asked_hz: profile.process.wall_asked_hz,
        delivered_hz: profile.process.wall_delivered_hz,
        looks: total.looks,
        captured: total.captured,
        kept: total.kept,
        failed: counted(failed.iter()),
        lived_ns: total.lived_ns,
        on_cpu_ns: total.on_cpu_ns,
        runnable_ns: total.runnable_ns,
        blocked: states(&total),
        unlooked_ns: total.unlooked_ns(),
        overlap_ns: total.overlap_ns(),
        threads: (groups.iter().take(top))
            .map(|group| thread(frames, group))
            .collect(),
    }
}

/// What the wall clock says of one thread.
pub fn of_thread(frames: &Frames, tid: u32) -> Option<WallThreadData> {
    let profile = frames.profile();
    let is_it =
        |thread: u32| (profile.threads.get(thread as usize)).is_some_and(|one| one.tid == tid);
    let groups = wall_times(frames, Grouping::Each, |sample| is_it(sample.thread));
    let group = (groups.iter()).find(|group| group.threads.iter().any(|&one| is_it(one)))?;
    Some(thread(frames, group))
}

/// States of waiting that looks found, the longest first.
fn states(times: &WallTimes) -> Vec<StateData> {
    let blocked = State::ALL.iter().filter(|state| state.is_blocked());
    let mut states: Vec<StateData> = blocked
        .map(|&state| StateData {
            state: state.label(),
            wall_ns: times.in_state(state),
            share: weight::share(times.in_state(state), times.lived_ns),
        })
        .filter(|state| state.wall_ns > 0)
        .collect();
    states.sort_by_key(|state| std::cmp::Reverse(state.wall_ns));
    states
}

fn thread(frames: &Frames, group: &WallGroup) -> WallThreadData {
    let profile = frames.profile();
    let times = &group.times;
    WallThreadData {
        name: group.label.clone(),
        tids: (group.threads.iter())
            .map(|&thread| profile.threads[thread as usize].tid)
            .collect(),
        lived_ns: times.lived_ns,
        on_cpu_ns: times.on_cpu_ns,
        runnable_ns: times.runnable_ns,
        blocked: states(times),
        unlooked_ns: times.unlooked_ns(),
        overlap_ns: times.overlap_ns(),
        places: places(frames, &group.places, times.lived_ns),
    }
}

fn places(frames: &Frames, places: &[WallPlace], whole_ns: u64) -> Vec<PlaceData> {
    (places.iter().take(PLACES))
        .map(|place| PlaceData {
            state: place.state.label(),
            wait: place.wait.map(|wait| wait.label()),
            wall_ns: place.wall_ns,
            share: weight::share(place.wall_ns, whole_ns),
            folded: stack::folded(frames, &place.stack),
        })
        .collect()
}

/// The task kinds of the selected samples and of the snapshot.
pub fn kinds(
    frames: &Frames,
    selects: impl Fn(&Sample) -> bool,
    whole_ns: u64,
    top: usize,
) -> Vec<KindData> {
    let profile: &Profile = frames.profile();
    (kind_times(profile, selects).iter().take(top))
        .map(|row| kind(frames, row, whole_ns))
        .collect()
}

fn kind(frames: &Frames, row: &KindTimes<'_>, whole_ns: u64) -> KindData {
    let known = row.kind;
    let waits = wall_times::places(frames, &row.wait_samples);
    KindData {
        id: row.id,
        title: known.map_or_else(|| format!("kind {}", row.id), |kind| kind.title()),
        name: known.map_or_else(String::new, |kind| kind.name.clone()),
        site: known.map_or_else(String::new, |kind| kind.site.to_string()),
        alive: known.map_or(0, |kind| kind.alive),
        polls: known.map_or(0, |kind| kind.polls),
        on_cpu: weigh(row.on_cpu, whole_ns),
        blocked_in_poll_ns: row.blocked_ns(),
        runnable_in_poll_ns: row.runnable_ns(),
        busy_ns: row.busy_ns(),
        scheduled_ns: known.map(|kind| kind.scheduled_ns),
        suspended_ns: known.map(|kind| kind.idle_ns),
        hot_path: path(
            frames,
            hot_path::hot_path(frames, row.cpu_samples.iter().copied()),
            row.on_cpu.cpu_ns,
        ),
        waits: places(frames, &waits, row.blocked_ns() + row.runnable_ns()),
    }
}
