//! Machines: what makes runs of one build differ.

use super::program::KINDS;
use super::{Numbers, Program};
use hotpoll_compare::{Key, Run, Stack};
use hotpoll_profile::{Exact, Histogram, PollTotals, Site, WaitTotals, Work};

/// How runs are made.
#[derive(Debug, Clone)]
pub struct World {
    pub runs: usize,
    /// Samples a run, about.
    pub samples: f64,
    pub slices: usize,
    /// What all costs of a run have in common: the deviation of its logarithm.
    pub common: f64,
    /// What each stack's cost has of its own.
    pub own: f64,
    /// The same for polls, delays and waits; the latter two have three times of it.
    pub counted: f64,
    pub kind: Kind,
    /// Whether the sides' runs are made in random order; else the base's first.
    pub interleaved: bool,
    /// Whether each round has both sides once, as `hotpoll bench` takes turns.
    pub rounds: bool,
    /// Whether the program counts work.
    pub work: bool,
}

/// In which way it is not as the model has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is.
    Plain,
    /// Gets slower from run to run, by this many percent from the first to the last.
    Drifting(u32),
    /// Stacks come in bursts: in each slice some cost several times as much.
    Correlated,
    /// Half of the runs are slower by this many percent.
    Bimodal(u32),
    /// Each leaf function for itself is slower by this many percent in half of the runs, as code and data lie in memory.
    Layout(u32),
    /// One run in ten is slower by half: a neighbour.
    Outliers,
    /// Phases: what is called in the first half of each run is not called in the second.
    Phases,
}

impl Default for World {
    fn default() -> Self {
        Self {
            runs: 5,
            samples: 30_000.0,
            slices: 10,
            common: 0.014,
            own: 0.014,
            counted: 0.03,
            kind: Kind::Plain,
            interleaved: true,
            rounds: false,
            work: true,
        }
    }
}

const INTERVAL_NS: u64 = 1_000_000;

impl World {
    /// Runs of both.
    pub fn runs(&self, base: &Program, new: &Program, seed: u64) -> (Vec<Run>, Vec<Run>) {
        let mut numbers = Numbers::new(seed);
        let mut order: Vec<usize> = (0..2 * self.runs).collect();
        if self.rounds {
            for round in 0..self.runs {
                let first = numbers.below(2);
                order[2 * round + first] = round;
                order[2 * round + 1 - first] = self.runs + round;
            }
        } else if self.interleaved {
            numbers.shuffle(&mut order);
        }
        let mut runs: Vec<Option<Run>> = vec![None; 2 * self.runs];
        for (at, &place) in order.iter().enumerate() {
            let program = if place < self.runs { base } else { new };
            let name = format!("{place}.pb.gz");
            runs[place] = Some(self.run(program, name, at, &mut numbers));
        }
        let mut runs: Vec<Run> = runs.into_iter().flatten().collect();
        let new = runs.split_off(self.runs);
        (runs, new)
    }

    fn run(&self, program: &Program, name: String, at: usize, numbers: &mut Numbers) -> Run {
        let units = self.samples * 10.0;
        let common = numbers.around_one(self.common) * self.slowdown(at, numbers);
        let mut layout = vec![1.0; program.names.len()];
        if let Kind::Layout(percent) = self.kind {
            for factor in &mut layout {
                if numbers.uniform() < 0.5 {
                    *factor += f64::from(percent) / 100.0;
                }
            }
        }
        let mut run = Run {
            name,
            program: "shop".into(),
            start_unix_ns: (at as u64 + 1) * 30_000_000_000,
            duration_ns: self.slices as u64 * 1_000_000_000,
            interval_ns: INTERVAL_NS,
            clock: "ctimer".into(),
            kernel_sampled: Some(true),
            named: true,
            inlines: true,
            keys: program.names.iter().map(|name| key(name)).collect(),
            slices: vec![Vec::new(); self.slices],
            exact: Some(self.exact(program, common, units, numbers)),
            ..Run::default()
        };
        if self.work {
            run.work.push(Work {
                name: "requests".into(),
                units: units as u64,
                ..Work::default()
            });
        }
        let mut cpu_us = 0.0;
        for (place, (frames, cost, kind)) in program.stacks.iter().enumerate() {
            let own = layout[frames[0] as usize] * numbers.around_one(self.own);
            let cost_us = cost * common * own * units;
            let mut stack = Stack {
                frames: frames.clone(),
                task: format!("kind{kind}"),
                ..Stack::default()
            };
            let mean = cost_us * 1e3 / INTERVAL_NS as f64 / self.slices as f64;
            let mut spent = 0.0;
            for slice in 0..self.slices {
                let factor = self.in_slice(slice, place, numbers);
                spent += factor;
                let count = numbers.poisson(mean * factor);
                if count > 0 {
                    run.slices[slice].push((place as u32, count as u32));
                    stack.samples += count;
                }
            }
            cpu_us += cost_us * spent / self.slices as f64;
            stack.cpu_ns = stack.samples * INTERVAL_NS;
            run.samples += stack.samples;
            run.stacks.push(stack);
        }
        run.cpu_ns = (cpu_us * 1e3) as u64;
        run
    }

    /// What all of a run costs more.
    fn slowdown(&self, at: usize, numbers: &mut Numbers) -> f64 {
        let more = |percent: u32| 1.0 + f64::from(percent) / 100.0;
        match self.kind {
            Kind::Drifting(percent) => {
                let part = at as f64 / (2 * self.runs - 1) as f64;
                1.0 + part * (more(percent) - 1.0)
            }
            Kind::Bimodal(percent) if numbers.uniform() < 0.5 => more(percent),
            Kind::Outliers if numbers.uniform() < 0.1 => 1.5,
            _ => 1.0,
        }
    }

    /// What a stack costs in one slice, relative to others.
    fn in_slice(&self, slice: usize, place: usize, numbers: &mut Numbers) -> f64 {
        match self.kind {
            Kind::Correlated if numbers.uniform() < 0.2 => 3.0,
            Kind::Correlated => 0.5,
            Kind::Phases if place.is_multiple_of(2) == (slice < self.slices / 2) => 2.0,
            Kind::Phases => 0.0,
            _ => 1.0,
        }
    }

    fn exact(&self, program: &Program, common: f64, units: f64, numbers: &mut Numbers) -> Exact {
        let mut exact = Exact::default();
        for kind in 0..KINDS {
            let mut spread = |us: f64, deviation: f64, mean_ns: u64| {
                let ns = us * 1e3 * units * common * numbers.around_one(deviation);
                let count = (ns / mean_ns as f64) as u64;
                let mut histogram = Histogram::default();
                histogram.counts = vec![0; hotpoll_profile::histogram::bucket(mean_ns * 4) + 1];
                histogram.counts[hotpoll_profile::histogram::bucket(mean_ns / 2)] =
                    count - count / 8;
                histogram.counts[hotpoll_profile::histogram::bucket(mean_ns * 4)] = count / 8;
                (ns as u64, count, histogram)
            };
            let (poll_ns, polls, poll_time) = spread(program.polls[kind], self.counted, 20_000);
            let (delay_ns, _, wake_delay) = spread(program.delays[kind], 3.0 * self.counted, 3_000);
            exact.polls.push(PollTotals {
                name: format!("kind{kind}"),
                polls,
                poll_ns,
                poll_time,
                delay_ns,
                wake_delay,
                ..PollTotals::default()
            });
            let (wait_ns, contended, wait) =
                spread(program.waits[kind], 3.0 * self.counted, 50_000);
            exact.waits.push(WaitTotals {
                site: Site {
                    file: "src/cache.rs".into(),
                    line: 10 * (kind as u32 + 1),
                    column: 5,
                },
                acquired: contended * 10,
                contended,
                wait_ns,
                wait,
                ..WaitTotals::default()
            });
        }
        exact
    }
}

fn key(name: &str) -> Key {
    Key {
        name: name.to_owned(),
        file: format!("src/{}.rs", name.split("::").nth(1).unwrap_or("main")),
        line: 1,
    }
}
