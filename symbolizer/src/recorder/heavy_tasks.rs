//! Which tasks are worth telling apart: those that used most CPU lately, found in bounded memory.

/// The tasks with most expiries, by the space-saving method (Metwally, Agrawal, El Abbadi 2005): a new task takes the
/// place of the smallest and inherits its count as its possible error, so `count - error` is certain.
#[derive(Debug)]
pub(super) struct HeavyTasks {
    tasks: Vec<HeavyTask>,
    kept: usize,
    slices: u32,
}

#[derive(Debug, Clone, Copy)]
struct HeavyTask {
    task: u64,
    count: u64,
    error: u64,
}

/// How many tasks are counted for each that is kept.
const COUNTED_FOR_EACH_KEPT: usize = 4;
/// After so many slices all counts are halved: "lately" is a minute or two.
const HALVED_EVERY_SLICES: u32 = 64;
/// A task seen once is chance, not weight.
const LEAST_EXPIRIES: u64 = 2;

impl HeavyTasks {
    /// Keeps at most `kept` tasks.
    pub fn new(kept: usize) -> Self {
        Self {
            tasks: Vec::with_capacity(kept * COUNTED_FOR_EACH_KEPT),
            kept,
            slices: 0,
        }
    }

    /// Counts a task's expiries.
    pub fn add(&mut self, task: u64, expiries: u64) {
        if let Some(known) = self.tasks.iter_mut().find(|known| known.task == task) {
            known.count += expiries;
            return;
        }
        if self.tasks.len() < self.kept * COUNTED_FOR_EACH_KEPT {
            self.tasks.push(HeavyTask {
                task,
                count: expiries,
                error: 0,
            });
        } else if let Some(least) = self.tasks.iter_mut().min_by_key(|known| known.count) {
            *least = HeavyTask {
                task,
                count: least.count + expiries,
                error: least.count,
            };
        }
    }

    /// The tasks worth a row, in ascending order, and one slice passes.
    pub fn close_slice(&mut self) -> Vec<u64> {
        let mut certain: Vec<(u64, u64)> = self
            .tasks
            .iter()
            .map(|known| (known.count - known.error, known.task))
            .filter(|&(expiries, _)| expiries >= LEAST_EXPIRIES)
            .collect();
        certain.sort_unstable_by(|a, b| b.cmp(a));
        certain.truncate(self.kept);
        let mut kept: Vec<u64> = certain.into_iter().map(|(_, task)| task).collect();
        kept.sort_unstable();

        self.slices += 1;
        if self.slices == HALVED_EVERY_SLICES {
            self.slices = 0;
            for known in &mut self.tasks {
                known.count -= known.count / 2;
                known.error -= known.error / 2;
            }
        }
        kept
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.tasks.capacity() * size_of::<HeavyTask>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_tasks_survive_a_stream_of_single_ones() {
        let mut heavy = HeavyTasks::new(2);
        for round in 0..1_000 {
            heavy.add(1, 3);
            heavy.add(2, 2);
            heavy.add(1_000 + round, 1);
        }
        assert_eq!(heavy.close_slice(), [1, 2]);
    }

    #[test]
    fn a_task_seen_once_is_not_kept() {
        let mut heavy = HeavyTasks::new(4);
        heavy.add(9, 1);
        assert!(heavy.close_slice().is_empty());
        heavy.add(9, 1);
        assert_eq!(heavy.close_slice(), [9]);
    }

    #[test]
    fn what_was_heavy_long_ago_makes_room() {
        let mut heavy = HeavyTasks::new(1);
        heavy.add(1, 1_000);
        for _ in 0..HALVED_EVERY_SLICES * 12 {
            heavy.close_slice();
        }
        heavy.add(2, 3);
        assert_eq!(heavy.close_slice(), [2]);
    }

    #[test]
    fn none_kept_is_no_memory() {
        let mut heavy = HeavyTasks::new(0);
        heavy.add(1, 5);
        assert!(heavy.close_slice().is_empty());
        assert_eq!(heavy.bytes(), 0);
    }
}
