//! Functions by runs: which part of each run's CPU time each function has, with what it calls and on its own.

use crate::same::{self, Joined};
use crate::variance::{Variance, paired_variance, pooled_variance};
use crate::{Generics, Options, Run, without_trace};
use std::collections::HashMap;

/// All runs of both sides on one list of functions. The base's runs come first.
pub(crate) struct Table<'a> {
    pub runs: Vec<&'a Run>,
    /// How many of the runs are the base's.
    pub base_runs: usize,
    /// The order in which runs are pairs, if they are: for each run of the base the new build's run that was made beside it.
    pub partners: Option<Vec<usize>>,
    pub functions: Vec<Function<'a>>,
    /// By function, then run: the part of the samples' CPU time that has the function in its stack, each sample once.
    inclusive: Vec<f64>,
    /// By function, then run: the part whose leaf it is.
    own: Vec<f64>,
    /// By run: how many equal samples would tell as much as those of different weight do.
    pub effective: Vec<f64>,
    /// By run and key of the run: the function, or [`LEFT_OUT`].
    pub function_of: Vec<Vec<u32>>,
}

/// The frame is left out of stacks: what it costs is its caller's.
pub(crate) const LEFT_OUT: u32 = u32::MAX;

/// What is known of a function whatever the run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Function<'a> {
    pub name: &'a str,
    pub file: &'a str,
    pub line: u32,
    /// Samples with it in the stack, base and new.
    pub samples: [u64; 2],
    /// By how much its counts vary more within a run than independent samples would, at least 1.
    pub dispersion: f64,
}

impl<'a> Table<'a> {
    pub fn new(base: &'a [Run], new: &'a [Run], options: &'a Options) -> Self {
        let runs: Vec<&Run> = base.iter().chain(new).collect();
        let mut table = Self {
            base_runs: base.len(),
            partners: options.pair.then(|| partners(base, new)).flatten(),
            functions: Vec::new(),
            inclusive: Vec::new(),
            own: Vec::new(),
            effective: Vec::with_capacity(runs.len()),
            function_of: Vec::with_capacity(runs.len()),
            runs,
        };
        table.name_functions(options);
        if options.generics != Generics::Keep {
            let without_trace = without_trace::find(&table);
            let mut functions = table.function_of.iter_mut().flatten();
            for function in functions.by_ref() {
                if without_trace[*function as usize] {
                    *function = LEFT_OUT;
                }
            }
        }
        let cells = table.functions.len() * table.runs.len();
        table.inclusive = vec![0.0; cells];
        table.own = vec![0.0; cells];
        table.count();
        table
    }

    /// The side of a run: 0 is the base, 1 the new build.
    pub fn side(&self, run: usize) -> usize {
        usize::from(run >= self.base_runs)
    }

    /// How many runs the sides have.
    pub fn sides(&self) -> [usize; 2] {
        [self.base_runs, self.runs.len() - self.base_runs]
    }

    /// The variance between runs of a side. In pairs it is half of that of the differences: what the two of a pair have in common is not in it.
    pub fn variance(&self, values: &[f64]) -> Variance {
        let (base, new) = values.split_at(self.base_runs);
        match self.differences(values) {
            Some(differences) => paired_variance(&differences),
            None => pooled_variance([base, new]),
        }
    }

    /// What the runs of each pair differ by; `None` where they are no pairs.
    pub fn differences(&self, values: &[f64]) -> Option<Vec<f64>> {
        let (base, new) = values.split_at(self.base_runs);
        let pairs = base.iter().zip(self.partners.as_ref()?);
        Some(pairs.map(|(base, &at)| new[at] - base).collect())
    }

    /// The degrees of freedom of [`Table::variance`].
    pub fn degrees(&self) -> f64 {
        let lost = match &self.partners {
            Some(partners) => partners.len() + 1,
            None => 2,
        };
        (self.runs.len() as f64 - lost as f64).max(0.0)
    }

    /// The function's part of each run.
    pub fn shares(&self, function: usize) -> &[f64] {
        let runs = self.runs.len();
        &self.inclusive[function * runs..][..runs]
    }

    /// Its own part of each run.
    pub fn own_shares(&self, function: usize) -> &[f64] {
        let runs = self.runs.len();
        &self.own[function * runs..][..runs]
    }

    fn name_functions(&mut self, options: &'a Options) {
        let renames = options.renames.iter();
        let renames: HashMap<&str, &str> = renames.map(|(old, new)| (&**old, &**new)).collect();
        // With their type arguments told apart names are what the symbols say.
        let joined = match options.generics {
            Generics::Keep => Joined::default(),
            _ => same::joined(&self.runs),
        };
        let mut places: HashMap<&str, u32> = HashMap::new();
        for (at, run) in self.runs.iter().enumerate() {
            let is_base = at < self.base_runs;
            let mut of_key = Vec::with_capacity(run.keys.len());
            for (place, key) in run.keys.iter().enumerate() {
                // What is renamed is what people read: the name that stands for it.
                let name = joined.name(run, place);
                let renamed = renames.get(&*key.name).or_else(|| renames.get(name));
                let name = match renamed {
                    Some(name) if is_base => name,
                    _ => name,
                };
                let function = *places.entry(name).or_insert_with(|| {
                    self.functions.push(Function {
                        name,
                        dispersion: 1.0,
                        ..Function::default()
                    });
                    self.functions.len() as u32 - 1
                });
                // The new build's definition, where it has one: what is reported lies there.
                let known = &mut self.functions[function as usize];
                if !key.file.is_empty() && (known.file.is_empty() || !is_base) {
                    (known.file, known.line) = (&key.file, key.line);
                }
                of_key.push(function);
            }
            self.function_of.push(of_key);
        }
    }

    fn count(&mut self) {
        let runs = self.runs.len();
        // Per function: the sum over runs of Pearson's statistic, and its degrees of freedom.
        let mut pearson = vec![(0.0f64, 0.0f64); self.functions.len()];
        for (at, &run) in self.runs.iter().enumerate() {
            let side = self.side(at);
            let of_key = &self.function_of[at];
            let stacks = distinct_functions(run, of_key, self.functions.len());
            let weights = Weights::of(run);
            self.effective.push(weights.effective);
            for (stack, functions) in run.stacks.iter().zip(stacks.iter()) {
                let part = weights.part(stack);
                for &function in functions {
                    self.inclusive[function as usize * runs + at] += part;
                    let samples = &mut self.functions[function as usize].samples[side];
                    *samples = samples.saturating_add(stack.samples);
                }
                let mut functions = functions_of(&stack.frames, of_key);
                if let Some(function) = functions.next() {
                    self.own[function as usize * runs + at] += part;
                }
            }
            add_pearson(run, &stacks, self.functions.len(), &mut pearson);
        }
        for (function, (statistic, degrees)) in self.functions.iter_mut().zip(pearson) {
            if degrees > 0.0 && statistic.is_finite() {
                function.dispersion = (statistic / degrees).max(1.0);
            }
        }
    }
}

/// For each run of the base the place of the new build's run that was made beside it. `None` unless they were made in turns: of the first two, the next two
/// and so on each side has one.
pub(crate) fn partners(base: &[Run], new: &[Run]) -> Option<Vec<usize>> {
    let in_order = |runs: &[Run]| {
        let mut order: Vec<usize> = (0..runs.len()).collect();
        order.sort_by_key(|&at| runs[at].start_unix_ns);
        order
    };
    let (of_base, of_new) = (in_order(base), in_order(new));
    let pairs = of_base.iter().zip(&of_new);
    let mut spans = pairs.clone().map(|(&one, &other)| {
        let (one, other) = (base[one].start_unix_ns, new[other].start_unix_ns);
        (one.min(other), one.max(other))
    });
    let mut last = 0;
    let in_turns = spans.all(|(first, second)| {
        let after = first > last;
        last = second;
        after
    });
    if base.len() != new.len() || !in_turns {
        return None;
    }
    let mut partners = vec![0; base.len()];
    for (&one, &other) in pairs {
        partners[one] = other;
    }
    Some(partners)
}

/// How samples of one run weigh.
struct Weights {
    cpu_ns: f64,
    samples: f64,
    effective: f64,
}

impl Weights {
    fn of(run: &Run) -> Self {
        let cpu_ns: f64 = run.stacks.iter().map(|stack| stack.cpu_ns as f64).sum();
        let samples: f64 = run.stacks.iter().map(|stack| stack.samples as f64).sum();
        let squares = run.stacks.iter().filter(|stack| stack.samples > 0);
        let squares = squares.map(|stack| (stack.cpu_ns as f64).powi(2) / stack.samples as f64);
        let squares: f64 = squares.sum();
        let effective = if squares > 0.0 {
            (cpu_ns * cpu_ns / squares).min(samples)
        } else {
            samples
        };
        Self {
            cpu_ns,
            samples,
            effective,
        }
    }

    fn part(&self, stack: &crate::Stack) -> f64 {
        if self.cpu_ns > 0.0 {
            stack.cpu_ns as f64 / self.cpu_ns
        } else if self.samples > 0.0 {
            stack.samples as f64 / self.samples
        } else {
            0.0
        }
    }
}

/// The functions of each stack, each once: recursion counts for no more than one.
pub(crate) struct Distinct {
    ends: Vec<u32>,
    functions: Vec<u32>,
}

impl Distinct {
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.ends.len()).map(|stack| self.get(stack))
    }

    pub fn get(&self, stack: usize) -> &[u32] {
        let start = stack.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.functions[start as usize..self.ends[stack] as usize]
    }
}

/// The functions of a stack, leaf first, but for those that are left out.
pub(crate) fn functions_of<'a>(
    frames: &'a [u32],
    of_key: &'a [u32],
) -> impl DoubleEndedIterator<Item = u32> + 'a {
    let functions = frames.iter().filter_map(|&at| of_key.get(at as usize));
    functions.copied().filter(|&function| function != LEFT_OUT)
}

pub(crate) fn distinct_functions(run: &Run, of_key: &[u32], functions: usize) -> Distinct {
    let mut distinct = Distinct {
        ends: Vec::with_capacity(run.stacks.len()),
        functions: Vec::new(),
    };
    let mut seen_in = vec![u32::MAX; functions];
    for (at, stack) in run.stacks.iter().enumerate() {
        for function in functions_of(&stack.frames, of_key) {
            if seen_in[function as usize] != at as u32 {
                seen_in[function as usize] = at as u32;
                distinct.functions.push(function);
            }
        }
        distinct.ends.push(distinct.functions.len() as u32);
    }
    distinct
}

/// Adds a run's Pearson statistic of each function over its slices: sum of (count - p n)² / (n p (1 - p)), with p the function's part of the run.
/// With that p it is (sum of count²/n - p count) / (p (1 - p)), so slices without the function need no look.
fn add_pearson(run: &Run, stacks: &Distinct, functions: usize, pearson: &mut [(f64, f64)]) {
    let mut sums = vec![(0.0f64, 0.0f64); functions];
    let mut in_slice = vec![0u64; functions];
    let mut touched: Vec<u32> = Vec::new();
    let (mut all, mut slices) = (0.0, 0.0);
    for slice in &run.slices {
        let mut count = 0.0;
        for &(stack, samples) in slice {
            if stack as usize >= stacks.ends.len() {
                continue;
            }
            count += f64::from(samples);
            for &function in stacks.get(stack as usize) {
                let seen = &mut in_slice[function as usize];
                if *seen == 0 {
                    touched.push(function);
                }
                *seen += u64::from(samples);
            }
        }
        if count > 0.0 {
            all += count;
            slices += 1.0;
        }
        for function in touched.drain(..) {
            let seen = std::mem::take(&mut in_slice[function as usize]) as f64;
            if count > 0.0 {
                let sum = &mut sums[function as usize];
                sum.0 += seen * seen / count;
                sum.1 += seen;
            }
        }
    }
    if slices < 2.0 {
        return;
    }
    for ((squares, count), pearson) in sums.into_iter().zip(pearson) {
        let p = count / all;
        if p > 0.0 && p < 1.0 {
            pearson.0 += (squares - p * count) / (p * (1.0 - p));
            pearson.1 += slices - 1.0;
        }
    }
}
