//! Computes what is stuck in a process.

use super::data::{Data, OwnerData, ProblemData, WaitData};
use crate::now::Now;
use crate::source;
use crate::stack;
use crate::text::since;
use hotpoll_profile::Resources;
use hotpoll_symbolizer::verdict::{self, Actor, Link, Owner, Problem, Settings, Victim};
use hotpoll_symbolizer::view::Frames;
use std::time::Duration;

/// What is stuck in a process for at least so long; with `all` those who wait with nothing wrong with that, too.
pub fn collect(now: &Now, older_than: Duration, all: bool) -> Data {
    let profile = now.profile();
    let snapshot = now.snapshot();
    let frames = Frames::new(profile);
    let resources = verdict::with_inferred(&frames, snapshot);
    let settings = Settings {
        older_than_ns: source::nanoseconds(older_than),
        quiet: all,
    };
    let verdicts = verdict::find(&frames, snapshot, &resources, settings);
    let mut notices = profile.process.notices.clone();
    notices.extend(unlisted(&snapshot.resources));
    Data {
        pid: profile.process.pid,
        name: profile.process.name.clone(),
        taken_unix_ns: snapshot.taken_unix_ns,
        older_than_ns: settings.older_than_ns,
        idle: verdicts.idle,
        external: verdicts.external,
        notices,
        problems: (verdicts.problems.iter())
            .map(|one| problem(&frames, one))
            .collect(),
        waits: (verdicts.quiet.iter())
            .map(|one| problem(&frames, one))
            .collect(),
    }
}

/// What the snapshot could not list.
pub fn unlisted(resources: &Resources) -> Option<String> {
    (resources.unregistered > 0).then(|| {
        format!(
            "{} locks or channels found no room in the registry: what waits for them is not seen",
            resources.unregistered
        )
    })
}

fn problem(frames: &Frames, one: &Problem) -> ProblemData {
    ProblemData {
        kind: one.kind.label(),
        confidence: one.confidence.label(),
        age_ns: one.age_ns,
        headline: one.headline.clone(),
        evidence: one.evidence.clone(),
        resource: one.resource,
        owner: one.owner.as_ref().map(|one| owner(frames, one)),
        cycle: one.cycle.iter().map(|one| link(frames, one)).collect(),
        victims: one.victims.iter().map(|one| victim(frames, one)).collect(),
        site: one.site.to_string(),
        folded: stack::fold(frames, &one.stack),
        stack: stack::whole(frames, &one.stack),
    }
}

/// The numbers of a task and of a thread, one of them 0.
pub fn numbers(actor: Option<Actor>) -> (u64, u32) {
    match actor {
        Some(Actor::Task(task)) => (task, 0),
        Some(Actor::Thread(tid)) => (0, tid),
        None => (0, 0),
    }
}

fn owner(frames: &Frames, one: &Owner) -> OwnerData {
    let (task, tid) = numbers(one.actor);
    OwnerData {
        who: one.who.clone(),
        task,
        tid,
        site: one.site.to_string(),
        since_ns: one.since_ns,
        since: since::label(one.since),
        doing: one.doing.clone(),
        folded: stack::fold(frames, &one.stack),
    }
}

fn link(frames: &Frames, one: &Link) -> WaitData {
    let (task, tid) = numbers(Some(one.actor));
    WaitData {
        who: one.who.clone(),
        task,
        tid,
        resource: one.resource,
        what: one.what.clone(),
        site: one.site.to_string(),
        since_ns: one.since_ns,
        held_site: one.held_site.to_string(),
        folded: stack::fold(frames, &one.stack),
    }
}

fn victim(frames: &Frames, one: &Victim) -> WaitData {
    let (task, tid) = numbers(one.actor);
    WaitData {
        who: one.who.clone(),
        task,
        tid,
        resource: Some(one.resource),
        what: one.what.clone(),
        site: one.site.to_string(),
        since_ns: one.since_ns,
        held_site: String::new(),
        folded: stack::fold(frames, &one.stack),
    }
}
