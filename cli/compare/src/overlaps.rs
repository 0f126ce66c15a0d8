//! Which of the tested functions lie over which in stacks, and what those stacks cost on both sides.

use crate::functions::Functions;
use crate::scale::Scale;
use crate::table::{Table, distinct_functions};
use std::collections::HashMap;

/// Stacks, reduced to the tested functions in them.
pub(crate) struct Overlaps {
    pub stacks: Vec<Overlap>,
    /// Titles of task kinds; the first is none.
    pub tasks: Vec<String>,
    /// By row: the stacks that have it.
    pub of_row: Vec<Vec<u32>>,
}

/// One such stack.
pub(crate) struct Overlap {
    /// Rows, leaf first.
    pub rows: Vec<u32>,
    pub task: u32,
    /// Mean cost of such samples, base and new.
    pub costs: [f64; 2],
}

impl Overlaps {
    pub fn new(table: &Table<'_>, scale: &Scale, functions: &Functions) -> Self {
        let mut places: HashMap<(Vec<u32>, u32), u32> = HashMap::new();
        let mut tasks = vec![String::new()];
        let mut task_places: HashMap<&str, u32> = HashMap::from([("", 0)]);
        let mut costs: Vec<[f64; 2]> = Vec::new();
        let sides = table.sides();
        for (at, &run) in table.runs.iter().enumerate() {
            let side = table.side(at);
            let cpu_ns: f64 = run.stacks.iter().map(|stack| stack.cpu_ns as f64).sum();
            let scale = scale.sampled[at] / cpu_ns.max(1.0) / sides[side] as f64;
            let stacks = distinct_functions(run, &table.function_of[at], table.functions.len());
            for (stack, distinct) in run.stacks.iter().zip(stacks.iter()) {
                let rows = distinct.iter();
                let rows = rows.filter_map(|&function| functions.place[function as usize]);
                let task = *task_places.entry(&stack.task).or_insert_with(|| {
                    tasks.push(stack.task.clone());
                    tasks.len() as u32 - 1
                });
                let next = costs.len() as u32;
                let place = *places.entry((rows.collect(), task)).or_insert(next);
                if place == next {
                    costs.push([0.0; 2]);
                }
                costs[place as usize][side] += stack.cpu_ns as f64 * scale;
            }
        }
        let mut stacks: Vec<(u32, Overlap)> = places
            .into_iter()
            .map(|((rows, task), at)| {
                let costs = costs[at as usize];
                (at, Overlap { rows, task, costs })
            })
            .collect();
        // In the order of the runs' stacks: the same runs give the same sums.
        stacks.sort_unstable_by_key(|(at, _)| *at);
        let stacks: Vec<Overlap> = stacks.into_iter().map(|(_, stack)| stack).collect();
        let mut of_row = vec![Vec::new(); functions.tested.len()];
        for (at, stack) in stacks.iter().enumerate() {
            for &row in &stack.rows {
                of_row[row as usize].push(at as u32);
            }
        }
        Self {
            stacks,
            tasks,
            of_row,
        }
    }

    /// The stacks that have this row.
    pub fn with(&self, row: u32) -> impl Iterator<Item = &Overlap> {
        let stacks = self.of_row.get(row as usize).into_iter().flatten();
        stacks.map(|&at| &self.stacks[at as usize])
    }

    /// The cost of samples that have both rows, base and new.
    pub fn both(&self, one: u32, other: u32) -> [f64; 2] {
        let stacks = self.with(one).filter(|stack| stack.rows.contains(&other));
        sum(stacks)
    }

    /// How many tested callers a row has, on average: the larger, the nearer to the leaf.
    pub fn depth(&self, row: u32) -> f64 {
        let (mut depth, mut weight) = (0.0, 0.0);
        for stack in self.with(row) {
            let at = stack.rows.iter().position(|&other| other == row);
            let above = stack.rows.len() - 1 - at.unwrap_or(0);
            let cost = stack.costs[0] + stack.costs[1];
            depth += above as f64 * cost;
            weight += cost;
        }
        if weight > 0.0 { depth / weight } else { 0.0 }
    }

    /// Its callers, nearest first, of the stacks where it costs most.
    pub fn callers(&self, row: u32, weigh: impl Fn([f64; 2]) -> f64) -> Vec<u32> {
        let mut chains: HashMap<&[u32], [f64; 2]> = HashMap::new();
        for stack in self.with(row) {
            if let Some(at) = stack.rows.iter().position(|&other| other == row) {
                let costs = chains.entry(&stack.rows[at + 1..]).or_default();
                costs[0] += stack.costs[0];
                costs[1] += stack.costs[1];
            }
        }
        let heaviest = chains.into_iter().max_by(|(one, costs), (other, others)| {
            let by_cost = weigh(*costs).total_cmp(&weigh(*others));
            by_cost.then_with(|| other.cmp(one))
        });
        heaviest
            .map(|(chain, _)| chain.to_vec())
            .unwrap_or_default()
    }
}

/// The costs of some stacks together.
pub(crate) fn sum<'a>(stacks: impl Iterator<Item = &'a Overlap>) -> [f64; 2] {
    stacks.fold([0.0; 2], |[base, new], stack| {
        [base + stack.costs[0], new + stack.costs[1]]
    })
}
