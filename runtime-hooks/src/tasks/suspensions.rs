//! Where a task waits, of the places that its record has kept.
//!
//! In: the places where its future has taken the waker, with how many polls ago. Out: those that stand. A place is kept when a leaf takes the waker; nobody
//! says when it lets go of it, or takes it anew elsewhere in its code (tokio's leaves have one place for the first time and another for a waker that is not
//! the same any more, as after a refresh). What is known is how many wakers are held: a task waits in no more places than that.

use super::stacks;
use super::wait::Wait;
use hotpoll_profile::{Suspension, Task, TaskState};
use std::cmp::Reverse;

/// The places of its latest poll that took any; older ones too if more of its wakers are held than that poll gave out: a leaf that keeps its waker leaves
/// an older stack standing.
pub(super) fn suspensions(
    task: &Task,
    held_at_end: u64,
    waits: &[(Wait, u64)],
    mut stack: impl FnMut(u32) -> Vec<u32>,
) -> Vec<Suspension> {
    let standing = standing(task, held_at_end, waits, stacks::stack);
    // Waiting says more than having given way; what is fresh more than what is old; and of several in one poll (a read beside a signal to shut
    // down) the deepest is the work.
    let chosen = standing
        .iter()
        .enumerate()
        .min_by_key(|(_, (wait, ago))| (wait.yielded, *ago, Reverse(stacks::depth(wait.stack))))
        .map(|(index, _)| index);
    standing
        .iter()
        .enumerate()
        .map(|(index, (wait, ago))| Suspension {
            stack: stack(wait.stack),
            polls_ago: *ago,
            representative: Some(index) == chosen,
        })
        .collect()
}

/// The places that stand, the fresh ones first.
fn standing(
    task: &Task,
    held_at_end: u64,
    waits: &[(Wait, u64)],
    addresses: impl Fn(u32) -> Vec<u64>,
) -> Vec<(Wait, u64)> {
    let Some(newest) = waits.iter().map(|(_, ago)| *ago).min() else {
        return Vec::new();
    };
    let (mut fresh, mut older): (Vec<_>, Vec<_>) =
        waits.iter().partition(|(_, ago)| *ago == newest);
    // Of one poll the later ones stand: the futures of a `select!` are gone when the poll goes on to another await.
    fresh.sort_by_key(|(wait, _)| Reverse(wait.order));
    // The waker of who was woken is used up, or is being used up by the poll that runs.
    let keeps_them = !matches!(task.state, TaskState::Polling | TaskState::Scheduled);
    if keeps_them {
        fresh.truncate(held_at_end.max(1) as usize);
    }
    // The waker that has led to the last poll may have been held at its end for a moment still, and one that was dropped since says nothing of the fresh ones.
    let places = held_at_end.min(task.wakers) as usize;
    let left = places.saturating_sub(fresh.len());
    if left < older.len() {
        let taken: Vec<_> = fresh
            .iter()
            .map(|(wait, _)| addresses(wait.stack))
            .collect();
        older.sort_by_cached_key(|(wait, ago)| {
            let own = addresses(wait.stack);
            let taken_anew = taken.iter().any(|fresh| is_same_await(fresh, &own));
            (taken_anew, *ago, Reverse(wait.order))
        });
        older.truncate(left);
    }
    older.sort_by_key(|(_, ago)| *ago);
    fresh.into_iter().chain(older).collect()
}

/// Whether two stacks are of the same await, whose leaf has taken the waker at different places of its own code.
fn is_same_await(a: &[u64], b: &[u64]) -> bool {
    a.len() == b.len() && a.get(1..) == b.get(1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stacks by their numbers: the leaf's place in its code, its await, the task. 11 and 12 are one await.
    fn addresses(stack: u32) -> Vec<u64> {
        vec![u64::from(stack), u64::from(stack) / 10, 99]
    }

    /// Places as (stack, order, polls ago), of a task that was left with so many wakers and has so many.
    #[track_caller]
    fn check(
        state: TaskState,
        (held_at_end, wakers): (u64, u64),
        kept: &[(u32, u32, u64)],
        expected: &[u32],
    ) {
        let task = Task {
            state,
            wakers,
            ..Task::default()
        };
        let waits: Vec<_> = (kept.iter())
            .map(|&(stack, order, ago)| {
                let wait = Wait {
                    stack,
                    poll: 1,
                    order,
                    yielded: false,
                };
                (wait, ago)
            })
            .collect();
        let standing = standing(&task, held_at_end, &waits, addresses);
        let stacks: Vec<u32> = standing.iter().map(|(wait, _)| wait.stack).collect();
        assert_eq!(stacks, expected);
    }

    use TaskState::{LostWaker, NoWaker, Polling, Scheduled, Waiting};

    #[test]
    fn what_keeps_its_waker_stands_beside_what_takes_it_anew() {
        check(Waiting, (2, 2), &[(11, 1, 4), (21, 2, 0)], &[21, 11]);
        check(Waiting, (1, 1), &[(11, 1, 4), (21, 2, 0)], &[21]);
    }

    /// The fault: 11 kept its waker until a refresh, which had it take that anew at 12, and showed as a third place from the next poll on.
    #[test]
    fn what_was_taken_anew_stands_once() {
        let kept = [(11, 1, 9), (12, 1, 1), (21, 2, 0)];
        check(Waiting, (2, 2), &kept, &[21, 12]);
        // The other was taken anew at that time, too, and is made anew since: which of the two is gone is known by its await.
        let kept = [(11, 1, 9), (12, 1, 1), (22, 2, 1), (21, 1, 0)];
        check(Waiting, (2, 2), &kept, &[21, 12]);
        check(Waiting, (3, 3), &kept, &[21, 12, 11]);
    }

    #[test]
    fn what_a_poll_has_left_behind_on_its_way_does_not_stand() {
        let kept = [(11, 1, 0), (21, 2, 0)];
        check(Waiting, (1, 1), &kept, &[21]);
        // One of its wakers is used up.
        check(Scheduled, (2, 1), &kept, &[21, 11]);
        check(Scheduled, (1, 1), &kept, &[21, 11]);
        check(Polling, (1, 1), &kept, &[21, 11]);
    }

    #[test]
    fn where_nobody_holds_a_waker_the_place_is_told() {
        check(NoWaker, (0, 0), &[(11, 1, 0)], &[11]);
        check(
            LostWaker,
            (2, 0),
            &[(11, 1, 0), (21, 2, 0), (31, 1, 3)],
            &[21, 11],
        );
        check(Waiting, (0, 0), &[], &[]);
    }

    /// Who woke it for its last poll had the waker still as that ended.
    #[test]
    fn a_waker_that_was_on_its_way_out_is_no_place() {
        check(Waiting, (2, 1), &[(11, 1, 3), (21, 1, 0)], &[21]);
    }
}
