//! Which waiting tasks nobody can wake any more.
//!
//! In: what the records said, at one moment each. Out: the state of those that wait forever. The verdict is given only where it is known:
//!
//! - A task whose waker was held when its last poll ended, and is held by nobody now though it was not woken, has lost its waker.
//! - One whose last poll left its waker with nobody waits on purpose (`pending()`) or forgot to ask: it cannot be told which, and that is a state of its
//!   own.
//! - A future tracked inside of a task is polled whenever the task is, so the two are judged together. The clone of the task's waker that it has
//!   is no way to be woken; one that a set of futures has may be, so a task with such a clone is not judged.
//! - Inside of something that nobody tracks it is not known what else can wake that: no verdict.

use super::row::Row;
use hotpoll_profile::TaskState;
use std::collections::HashMap;

/// Futures inside of one another that are followed.
pub(super) const DEEPEST: usize = 64;

/// Marks the tasks that wait forever. A task and the futures inside of it were read one after the other, each at a moment of its own: `is_still` is asked for
/// each of them whether the row is true still. If all are there was a moment, after the last of them was read first, at which all were true.
pub(super) fn mark(rows: &mut [Row], is_still: &dyn Fn(usize, &Row) -> bool) {
    let mut family = Family {
        children: HashMap::new(),
        rows,
        is_still,
    };
    for (at, row) in (0..).zip(family.rows.iter()).filter(|(_, row)| row.nested) {
        family.children.entry(row.task.parent).or_default().push(at);
    }
    let mut verdicts = Vec::new();
    for (at, row) in (0..).zip(family.rows.iter()) {
        if !row.nested && !row.blocking && row.task.state == TaskState::Waiting {
            family.judge(at, &mut verdicts);
        }
    }
    for (at, state) in verdicts {
        rows[at].task.state = state;
    }
}

struct Family<'r> {
    rows: &'r [Row],
    /// Futures by the task that polls them.
    children: HashMap<u64, Vec<usize>>,
    is_still: &'r dyn Fn(usize, &Row) -> bool,
}

impl Family<'_> {
    fn children(&self, of: usize) -> &[usize] {
        let children = self.children.get(&self.rows[of].task.id);
        children.map_or(&[], Vec::as_slice)
    }

    /// Judges a task and the futures inside of it.
    fn judge(&self, task: usize, verdicts: &mut Vec<(usize, TaskState)>) {
        let mut all = Vec::new();
        if !self.is_silent(task, &mut all, 0) {
            return;
        }
        if !(all.iter()).all(|&one| (self.is_still)(one, &self.rows[one])) {
            return;
        }
        let had_one = |&one: &usize| self.rows[one].held_at_end > self.clones_inside(one);
        if all.iter().any(had_one) {
            verdicts.extend(all.into_iter().map(|one| (one, TaskState::LostWaker)));
        } else {
            verdicts.push((task, TaskState::NoWaker));
        }
    }

    /// Clones of a task's waker that the futures inside of it have: nobody else will wake it by these.
    fn clones_inside(&self, task: usize) -> u64 {
        let children = self.children(task).iter();
        children
            .filter(|child| self.rows[**child].holds_parents)
            .count() as u64
    }

    /// Whether nobody can wake this one or anything inside of it, which are collected.
    fn is_silent(&self, one: usize, all: &mut Vec<usize>, depth: usize) -> bool {
        let row = &self.rows[one];
        all.push(one);
        row.task.state == TaskState::Waiting
            && depth < DEEPEST
            && row.task.wakers <= self.clones_inside(one)
            && (self.children(one).iter()).all(|child| self.is_silent(*child, all, depth + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotpoll_profile::Task;
    use hotpoll_profile::TaskState::{LostWaker, NoWaker, Scheduled, Waiting};

    fn row(id: u64, wakers: u64, held_at_end: u64) -> Row {
        Row {
            task: Task {
                id,
                wakers,
                state: Waiting,
                ..Task::default()
            },
            nested: false,
            blocking: false,
            of_runtime: true,
            held_at_end,
            holds_parents: false,
            waits: Vec::new(),
            ended_polls: 1,
        }
    }

    /// Inside of a task, with a clone of its waker or with a set's.
    fn inside(parent: u64, holds_parents: bool, mut row: Row) -> Row {
        row.nested = true;
        row.task.parent = parent;
        row.holds_parents = holds_parents;
        row
    }

    #[track_caller]
    fn check(mut rows: Vec<Row>, expected: &[TaskState]) {
        mark(&mut rows, &|_, _| true);
        let states: Vec<TaskState> = rows.iter().map(|row| row.task.state).collect();
        assert_eq!(states, expected);
    }

    #[test]
    fn held_and_lost() {
        check(vec![row(1, 0, 1)], &[LostWaker]);
        check(vec![row(1, 1, 1)], &[Waiting]);
    }

    /// The task was read before its other await took a waker, the future inside of it after its own had let go of it: both rows were true, and at no time
    /// together.
    #[test]
    fn rows_that_are_not_true_at_one_time_say_nothing() {
        let mut rows = vec![row(1, 1, 1), inside(1, true, row(2, 0, 0))];
        mark(&mut rows, &|at, _| at != 0);
        assert!(rows.iter().all(|row| row.task.state == Waiting));
        mark(&mut rows, &|_, _| true);
        assert_eq!(rows[0].task.state, NoWaker);
    }

    #[test]
    fn pending_on_purpose_cannot_be_told_from_having_forgotten() {
        check(vec![row(1, 0, 0)], &[NoWaker]);
    }

    #[test]
    fn a_future_that_is_awaited_is_judged_with_its_task() {
        let around = |wakers| row(1, wakers, 1);
        let child = |wakers, held| inside(1, true, row(2, wakers, held));
        check(vec![around(1), child(0, 1)], &[LostWaker, LostWaker]);
        check(vec![around(1), child(1, 1)], &[Waiting, Waiting]);
        // The task waits for something else, too.
        check(vec![around(2), child(0, 1)], &[Waiting, Waiting]);
        check(vec![around(1), child(0, 0)], &[NoWaker, Waiting]);
        let mut woken = child(0, 1);
        woken.task.state = Scheduled;
        check(vec![around(1), woken], &[Waiting, Scheduled]);
    }

    #[test]
    fn futures_inside_of_one_another() {
        let rows = |deepest| {
            vec![
                row(1, 1, 1),
                inside(1, true, row(2, 1, 1)),
                inside(2, true, row(3, deepest, 1)),
            ]
        };
        check(rows(0), &[LostWaker; 3]);
        check(rows(1), &[Waiting; 3]);
    }

    /// The set holds one waker of the task's, whatever its futures wait for; and so does the channel beside it.
    #[test]
    fn a_set_of_silent_futures_beside_something_that_wakes() {
        let silent = |id| inside(1, false, row(id, 0, 0));
        check(
            vec![row(1, 2, 2), silent(2), silent(3), silent(4)],
            &[Waiting; 4],
        );
        check(vec![row(1, 1, 1), silent(2), silent(3)], &[Waiting; 3]);
    }

    #[test]
    fn inside_of_what_nobody_tracks_nothing_is_known() {
        check(vec![inside(77, false, row(2, 0, 1))], &[Waiting]);
        check(vec![inside(0, false, row(2, 0, 1))], &[Waiting]);
    }
}
