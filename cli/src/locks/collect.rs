//! Computes what is said of a process's locks and channels.

use super::data::{
    ChannelData, Data, HolderData, KindWaitsData, LongestData, PermitsData, ResourceData, UsesData,
    WaiterData,
};
use crate::now::Now;
use crate::stack;
use crate::stuck;
use crate::text::since;
use clap::ValueEnum;
use hotpoll_profile::{Channel, Histogram, Holder, Longest, Resource, TaskKind, Uses, Waiter};
use hotpoll_symbolizer::verdict::{Names, is_held, names, with_inferred};
use hotpoll_symbolizer::view::{Frames, weight};
use regex::Regex;
use std::cmp::Reverse;
use std::collections::HashMap;

/// What resources are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Time waited for it, those that somebody waits for now first.
    #[default]
    Wait,
    /// Who waits now.
    Waiters,
    /// Acquisitions that had to wait.
    Contended,
    /// Acquisitions.
    Acquired,
    /// Time held.
    Hold,
    /// How much is in a channel.
    Length,
}

/// The resources of a process that match, sorted, so many of them.
pub fn collect(now: &Now, filter: Option<&Regex>, by: By, top: Option<usize>) -> Data {
    let profile = now.profile();
    let snapshot = now.snapshot();
    let frames = Frames::new(profile);
    let names = Names::new(&frames, snapshot);
    let mut rows = with_inferred(&frames, snapshot);
    rows.sort_by_key(|one| (Reverse(rank(one, by)), one.id));
    let known = &snapshot.resources;
    let mut notices = profile.process.notices.clone();
    notices.extend(stuck::unlisted(known));
    let mut resources: Vec<ResourceData> = (rows.iter())
        .map(|one| resource(&frames, &names, &snapshot.tasks.kinds, one))
        .filter(|one| filter.is_none_or(|filter| selects(filter, one)))
        .collect();
    let selected = resources.len();
    resources.truncate(top.unwrap_or(usize::MAX));
    Data {
        pid: profile.process.pid,
        name: profile.process.name.clone(),
        taken_unix_ns: snapshot.taken_unix_ns,
        created: known.created,
        alive: known.alive,
        folded: known.folded,
        selected,
        notices,
        resources,
    }
}

/// What a resource is sorted by, larger first.
fn rank(one: &Resource, by: By) -> (u64, u64, u64) {
    let both = |of: fn(&Uses) -> u64| of(&one.exclusive).saturating_add(of(&one.shared));
    let waiters = one.waiters.len() as u64 + one.more_waiters;
    let wait_ns = one.wait_ns();
    match by {
        // Who waits for a message has nothing to do, however long.
        By::Wait => {
            // Open waits are in the sum; who waits for a message has nothing to do, however long.
            let open_ns: u64 = one.waiters.iter().map(|waiter| waiter.since_ns).sum();
            let waited_ns = match is_held(one) {
                true => wait_ns.max(open_ns),
                false => wait_ns.saturating_sub(open_ns),
            };
            (waited_ns, waiters, both(|uses| uses.acquired))
        }
        By::Waiters => (waiters, wait_ns, 0),
        By::Contended => (both(|uses| uses.contended), wait_ns, 0),
        By::Acquired => (both(|uses| uses.acquired), wait_ns, 0),
        By::Hold => (both(|uses| uses.hold_ns), wait_ns, 0),
        By::Length => (
            one.channel.as_ref().map_or(0, |channel| channel.length),
            wait_ns,
            0,
        ),
    }
}

fn selects(filter: &Regex, one: &ResourceData) -> bool {
    let parties = one.holders.iter().map(|holder| (&holder.who, &holder.site));
    let waiters = one.waiters.iter().map(|waiter| (&waiter.who, &waiter.site));
    filter.is_match(&one.name)
        || filter.is_match(&one.site)
        || filter.is_match(one.kind)
        || (parties.chain(waiters)).any(|(who, site)| filter.is_match(who) || filter.is_match(site))
}

/// One resource.
pub fn resource(
    frames: &Frames,
    names: &Names<'_>,
    kinds: &[TaskKind],
    one: &Resource,
) -> ResourceData {
    let uses = |uses: &Uses| uses_data(frames, names, one, uses);
    ResourceData {
        id: one.id,
        kind: one.kind.label(),
        library: one.library.label(),
        name: one.name.clone(),
        site: one.site.to_string(),
        instances: one.instances,
        age_ns: one.age_ns,
        inferred: one.inferred,
        poisoned: one.poisoned,
        exclusive: uses(&one.exclusive),
        shared: uses(&one.shared),
        holders: (one.holders.iter())
            .map(|holder| holder_data(frames, names, one, holder))
            .collect(),
        waiters: (one.waiters.iter())
            .map(|waiter| waiter_data(frames, names, one, waiter))
            .collect(),
        more_holders: one.more_holders,
        more_waiters: one.more_waiters,
        channel: one
            .channel
            .as_ref()
            .map(|channel| channel_data(names, one, channel)),
        permits: one.permits.map(|permits| PermitsData {
            total: permits.total,
            available: permits.available,
            is_signal: permits.is_signal,
        }),
        by_kind: by_kind(kinds, one),
    }
}

fn uses_data(frames: &Frames, names: &Names<'_>, one: &Resource, uses: &Uses) -> UsesData {
    let longest = |longest: &Option<Longest>| {
        longest.as_ref().map(|longest| LongestData {
            ns: longest.ns,
            at_unix_ns: longest.at_unix_ns,
            who: names.party(longest.who, one),
            site: longest.site.to_string(),
            other: longest.other.map(|other| names.party(other, one)),
            other_site: longest.other_site.to_string(),
            folded: stack::fold(frames, &longest.stack),
        })
    };
    UsesData {
        acquired: uses.acquired,
        contended: uses.contended,
        tries_failed: uses.tries_failed,
        timed_out: uses.timed_out,
        cancelled: uses.cancelled,
        wait_ns: uses.wait_ns,
        hold_ns: uses.hold_ns,
        holds_timed: uses.holds_timed,
        wait_p50_ns: quantile(&uses.wait, 0.5, &uses.longest_wait),
        wait_p99_ns: quantile(&uses.wait, 0.99, &uses.longest_wait),
        hold_p50_ns: quantile(&uses.hold, 0.5, &uses.longest_hold),
        hold_p99_ns: quantile(&uses.hold, 0.99, &uses.longest_hold),
        longest_wait: longest(&uses.longest_wait),
        longest_hold: longest(&uses.longest_hold),
    }
}

/// A quantile, which is the end of a bucket, and none took longer than the longest.
fn quantile(histogram: &Histogram, q: f64, longest: &Option<Longest>) -> Option<u64> {
    let end = histogram.quantile(q)?;
    Some(longest.as_ref().map_or(end, |longest| end.min(longest.ns)))
}

fn holder_data(frames: &Frames, names: &Names<'_>, one: &Resource, holder: &Holder) -> HolderData {
    let doing = names.doing_of(holder, one);
    HolderData {
        who: names.holder(holder, one),
        task: holder.party.task,
        tid: holder.party.tid,
        mode: holder.mode.label(),
        site: holder.site.to_string(),
        since_ns: holder.since_ns,
        since: since::label(holder.since),
        amount: holder.amount,
        movable: holder.movable,
        ended: names.has_ended(holder, one),
        confirmed: holder.confirmed,
        doing: doing.words,
        folded: stack::fold(frames, &doing.stack),
    }
}

fn waiter_data(frames: &Frames, names: &Names<'_>, one: &Resource, waiter: &Waiter) -> WaiterData {
    WaiterData {
        who: names.waiter(waiter, one),
        task: waiter.party.task,
        tid: waiter.party.tid,
        mode: waiter.mode.label(),
        site: waiter.site.to_string(),
        since_ns: waiter.since_ns,
        amount: waiter.amount,
        timed: waiter.timed,
        ends_in_ns: waiter.ends_in_ns,
        ends: names::ends(waiter, one),
        confirmed: waiter.confirmed,
        folded: stack::fold(frames, &waiter.stack),
    }
}

/// How long tasks of each kind waited, longest first.
pub fn by_kind(kinds: &[TaskKind], one: &Resource) -> Vec<KindWaitsData> {
    let kinds: HashMap<u64, &TaskKind> = kinds.iter().map(|kind| (kind.id, kind)).collect();
    let mut rows: Vec<KindWaitsData> = (one.by_kind.iter())
        .map(|waits| {
            let kind = kinds.get(&waits.kind);
            let life = kind.map_or(0, |kind| {
                let out_of_polls = kind.scheduled_ns.saturating_add(kind.idle_ns);
                kind.busy_ns.saturating_add(out_of_polls)
            });
            KindWaitsData {
                kind: waits.kind,
                title: kind.map_or_else(|| format!("kind {}", waits.kind), |kind| kind.title()),
                waits: waits.waits,
                wait_ns: waits.wait_ns,
                share: weight::share(waits.wait_ns, life),
            }
        })
        .collect();
    rows.sort_by(|one, other| (other.wait_ns, &one.title).cmp(&(one.wait_ns, &other.title)));
    rows
}

fn channel_data(names: &Names<'_>, one: &Resource, channel: &Channel) -> ChannelData {
    ChannelData {
        capacity: channel.capacity,
        length: channel.length,
        sent: channel.sent,
        received: channel.received,
        senders: channel.senders,
        receivers: channel.receivers,
        closed: channel.closed.map(|why| why.label()),
        last_sent_ns: channel.last_sent_ns,
        last_received_ns: channel.last_received_ns,
        receiver: channel.receiver.map(|party| names.party(party, one)),
        sender: channel.sender.map(|party| names.party(party, one)),
    }
}
