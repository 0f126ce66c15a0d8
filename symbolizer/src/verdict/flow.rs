//! Locks that change hands while somebody waits all the same, and semaphores that move.

use super::names::{self, Names};
use super::problem::{Confidence, Owner, Problem, ProblemKind};
use super::wait::stands_in_the_way;
use hotpoll_profile::{Histogram, Holder, Mode, Resource, ResourceKind, Since, Waiter};

/// So many in a queue are a convoy, if the queue never ends.
const CONVOY: usize = 3;
/// A convoy costs as much as so many threads that only wait for it, all the time since it was made: however short each wait is, that matters.
const WAITING_ON_AVERAGE: u64 = 2;
/// Fewer contended acquisitions than this are no habit.
const HABIT: u64 = 50;
/// All that wait for a resource.
pub(super) fn waiters(resource: &Resource) -> usize {
    resource.waiters.len() + resource.more_waiters as usize
}

/// Those who hold it in a way that the waiter cannot have it meanwhile.
pub(super) fn in_the_way<'r>(
    resource: &'r Resource,
    waiter: &'r Waiter,
) -> impl Iterator<Item = &'r Holder> {
    (resource.holders.iter()).filter(|holder| {
        resource.kind != ResourceKind::RwLock || stands_in_the_way(holder.mode, waiter.mode)
    })
}

/// Whether the holders that are there came after the waiter, so that it was passed over.
pub(super) fn is_passed_over(resource: &Resource, waiter: &Waiter) -> bool {
    let mut holders = in_the_way(resource, waiter).peekable();
    holders.peek().is_some()
        && holders.all(|holder| {
            // What is held for at least so long may have been held for longer.
            holder.since == Since::Exact && holder.since_ns < waiter.since_ns
        })
}

/// The verdict on a lock whose holders change, and one who waits for longer than `older_than_ns`.
pub(super) fn passed_over(
    resource: &Resource,
    waiter: &Waiter,
    evidence: Vec<String>,
) -> (ProblemKind, Vec<String>) {
    let mut evidence = evidence;
    let read = in_the_way(resource, waiter).all(|holder| holder.mode != Mode::Exclusive);
    let youngest = in_the_way(resource, waiter)
        .map(|holder| holder.since_ns)
        .min();
    if let Some(youngest) = youngest {
        evidence.push(format!(
            "who holds it now has held it for {}: it was taken {} after the wait began",
            names::duration(youngest),
            names::duration(waiter.since_ns.saturating_sub(youngest))
        ));
    }
    if resource.kind == ResourceKind::RwLock
        && matches!(waiter.mode, Mode::Exclusive | Mode::Upgrading)
        && read
    {
        evidence.push(format!(
            "{} by readers so far, {} by writers",
            names::counted(resource.shared.acquired as usize, "acquisition"),
            resource.exclusive.acquired
        ));
        return (ProblemKind::WriterStarvation, evidence);
    }
    (ProblemKind::StarvedWaiter, evidence)
}

/// Whether more permits are wanted than there are, held or free: holders that let go are of no help.
pub(super) fn is_short(resource: &Resource, waiter: &Waiter) -> bool {
    (resource.permits).is_some_and(|permits| permits.total < waiter.amount.max(1))
}

/// Whether it is waited for as for a signal: it was made without permits, and nobody holds any of those that were added.
pub(super) fn is_signal(resource: &Resource) -> bool {
    resource.permits.is_some_and(|permits| permits.is_signal)
        && resource.holders.is_empty()
        && resource.more_holders == 0
}

/// A wait that takes up to so many times as long as the longest so far is as waits for it are.
const RHYTHM: u64 = 2;
/// Fewer waits than this say nothing of how long one takes.
const WAITS: u64 = 3;

/// Whether a semaphore moves, however slowly: somebody got permits just now, or while the first in the queue waited and no long time ago. Where nobody
/// has any, and others add them (a timer, say), as long as waits take as long as they did.
pub(super) fn moves(resource: &Resource, waiter: &Waiter, older_than_ns: u64) -> bool {
    let Some(permits) = resource.permits else {
        return false;
    };
    let ago = permits.last_granted_ns;
    if ago == 0 {
        return false;
    }
    let while_it_waits = ago.saturating_mul(3) < waiter.since_ns.saturating_mul(2);
    let as_ever = resource.holders.is_empty() && takes_as_ever(resource, waiter);
    ago < older_than_ns || while_it_waits || as_ever
}

/// Whether waits like this one take so long.
pub(super) fn takes_as_ever(resource: &Resource, waiter: &Waiter) -> bool {
    let uses = &resource.exclusive;
    let longest = uses.longest_wait.as_ref().map_or(0, |longest| longest.ns);
    uses.contended >= WAITS && waiter.since_ns <= longest.saturating_mul(RHYTHM)
}

/// One line on a semaphore with too few permits.
pub(super) fn short(resource: &Resource, waiter: &Waiter, what: &str) -> String {
    let total = resource.permits.map_or(0, |permits| permits.total);
    let wait = match waiters(resource) {
        1 => "one waits".to_owned(),
        n => format!("{n} wait"),
    };
    match (total, resource.exclusive.acquired) {
        (0, 0) => format!("{wait} for permits of {what}, which has none yet"),
        // Some were acquired: there were some.
        (0, _) => format!("{wait} for permits of {what}, all of them forgotten"),
        _ => format!(
            "{wait} for permits of {what}, {} wanted of {total} there are",
            waiter.amount.max(1)
        ),
    }
}

/// A lock that nearly everybody queues for, where that matters: one waits for longer than `older_than_ns`, or the queue has cost whole threads, for so long.
pub(super) fn convoy(
    names: &Names<'_>,
    resource: &Resource,
    older_than_ns: u64,
) -> Option<Problem> {
    let uses = &resource.exclusive;
    let acquired = uses.acquired + resource.shared.acquired;
    let contended = uses.contended + resource.shared.contended;
    let is_convoy = resource.kind.is_lock()
        && waiters(resource) >= CONVOY
        && contended >= HABIT
        && contended.saturating_mul(2) >= acquired;
    if !is_convoy {
        return None;
    }
    let first = resource.waiters.iter().max_by_key(|one| one.since_ns)?;
    let lasted_ns = resource.age_ns;
    let on_average = resource.wait_ns() as f64 / lasted_ns.max(1) as f64;
    let (age_ns, matters) = if first.since_ns >= older_than_ns {
        let longest = format!(
            "one of them has waited for {}",
            names::duration(first.since_ns)
        );
        (first.since_ns, longest)
    } else if lasted_ns >= older_than_ns && on_average >= WAITING_ON_AVERAGE as f64 {
        let share = format!(
            "since it was made, {} ago, {on_average:.1} waited for it on average (fewer than {WAITING_ON_AVERAGE} are no problem, unless one waits for {})",
            names::duration(lasted_ns),
            names::duration(older_than_ns)
        );
        (lasted_ns, share)
    } else {
        return None;
    };
    let mut evidence = vec![format!(
        "{} wait in a queue now; {} of {} acquisitions had to wait",
        waiters(resource),
        contended,
        acquired
    )];
    let half = |histogram: &Histogram| histogram.quantile(0.5);
    if let Some(wait) = half(&uses.wait) {
        let hold = match half(&uses.hold) {
            Some(hold) => format!(
                ", and half of the holds no longer than {}",
                names::duration(hold)
            ),
            None => String::new(),
        };
        evidence.push(format!(
            "half of the waits took up to {}{hold}",
            names::duration(wait)
        ));
    }
    evidence.push(format!(
        "{} were spent waiting for it so far, by all together",
        names::duration(resource.wait_ns())
    ));
    if let Some(holder) = resource.holders.first() {
        evidence.push(format!(
            "{} has it now ({}), taken{}",
            names.holder(holder, resource),
            names::held(holder.since_ns, holder.since),
            names::at(&holder.site)
        ));
    }
    evidence.push(matters);
    Some(Problem {
        kind: ProblemKind::LockConvoy,
        confidence: Confidence::Likely,
        age_ns,
        headline: format!(
            "{} wait for {}, and so do most who come",
            waiters(resource),
            names::resource(resource)
        ),
        evidence,
        resource: Some(resource.id),
        owner: (resource.holders.first()).map(|holder| Owner::holds(names, holder, resource)),
        subject: None,
        cycle: Vec::new(),
        victims: (resource.waiters.iter())
            .map(|waiter| super::finder::victim(names, resource, waiter))
            .collect(),
        site: first.site.clone(),
        stack: first.stack.clone(),
        threads: Vec::new(),
    })
}
