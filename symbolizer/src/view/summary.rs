//! The header of every report: what the profile covers, and how far it can be trusted.

use super::frames::has_name;
use super::weight::{Weight, share};
use hotpoll_profile::{Counts, Engine, EngineReason, Loss, Profile, Reason, State, Truncation};
use std::collections::BTreeMap;

/// Fewer expected samples than this say nothing about the delivered rate.
const FEWEST_EXPECTED: f64 = 20.0;

/// What a profile covers, where its CPU time went, and what is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The window.
    pub duration_ns: u64,
    /// CPU time of the process, by its clock; the samples' where the profile has no clocks (other tools' files).
    pub cpu_ns: u64,
    /// Whether `cpu_ns` is a clock's.
    pub clocked: bool,
    /// The samples.
    pub samples: Weight,
    /// CPU time in the kernel that samples stand for: a part of `samples`.
    pub kernel_sampled_ns: u64,
    /// CPU time in the kernel without samples, by the kernel's own count.
    pub kernel_ns: u64,
    /// CPU time of known threads that no sample stands for: the row `[unsampled]`. Never below zero.
    pub unsampled_ns: u64,
    /// What samples stand for beyond the threads' clocks (an expiry weighs a whole interval, at the window's edges too).
    pub oversampled_ns: u64,
    /// CPU time of threads that lived and died unseen.
    pub unseen_ns: u64,
    /// CPU time of hotpoll's own threads.
    pub agent_ns: u64,
    /// Time in the handler.
    pub handler_ns: u64,
    /// Signals times what delivering one costs, as calibrated at start.
    pub delivery_ns: u64,
    /// The rates.
    pub rate: Rate,
    /// Signals that the handler saw.
    pub fired: u64,
    /// Records written.
    pub recorded: u64,
    /// Expiries that the kernel folded into a record's weight.
    pub overrun: u64,
    /// Callchains with a step on the evidence of the stack alone.
    pub guessed: u64,
    /// Expiries without a record, by reason.
    pub lost: Counts<Loss>,
    /// Records by how their callchain ended.
    pub truncated: Counts<Truncation>,
    /// Samples without a stack: folded into "other" to keep the recorder within its memory.
    pub other: Weight,
    /// How many threads ran or were alive, hotpoll's own not among them.
    pub threads: usize,
    /// How many of them block the sampling signal, and the CPU time of these.
    pub signal_blocked: (usize, u64),
    /// How many of them are tick-biased, and the CPU time of these.
    pub tick_biased: (usize, u64),
    /// How many of them were tick-biased and have gone over to perf since, and the CPU time of these.
    pub tick_biased_before: (usize, u64),
    /// Time of samples whose leaf has no name.
    pub unnamed_ns: u64,
}

/// The rate asked and what came of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rate {
    /// What was asked for, in Hz.
    pub asked_hz: f64,
    /// Signals for each second of CPU time on the sampled threads; nothing when there was too little CPU time to say.
    pub delivered_hz: Option<f64>,
    /// CPU time and number of threads by engine and its reason, hotpoll's own threads left out.
    pub engines: BTreeMap<(Engine, EngineReason), (u64, usize)>,
}

impl Summary {
    /// Reads the header off a profile.
    pub fn new(profile: &Profile) -> Self {
        let mut summary = Self::empty(profile);
        let mut sampled_cpu_ns = 0;
        for thread in &profile.threads {
            let totals = &thread.totals;
            summary.handler_ns += totals.handler_ns;
            summary.fired += totals.fired;
            summary.recorded += totals.recorded;
            summary.overrun += totals.overrun;
            summary.guessed += totals.guessed;
            summary.lost.add_all(&totals.lost);
            summary.truncated.add_all(&totals.truncated);
            if thread.own {
                summary.agent_ns += totals.cpu_ns;
                continue;
            }
            summary.threads += 1;
            summary.kernel_ns += totals.kernel_ns;
            if totals.cpu_ns > 0 {
                match u64::try_from(totals.unsampled_ns()) {
                    Ok(unsampled) => summary.unsampled_ns += unsampled,
                    Err(_) => summary.oversampled_ns += totals.unsampled_ns().unsigned_abs(),
                }
            }
            if thread.signal_blocked {
                summary.signal_blocked.0 += 1;
                summary.signal_blocked.1 += totals.cpu_ns;
            }
            if thread.tick_biased {
                let biased = match thread.engine {
                    Engine::Perf => &mut summary.tick_biased_before,
                    _ => &mut summary.tick_biased,
                };
                biased.0 += 1;
                biased.1 += totals.cpu_ns;
            }
            if thread.engine != Engine::None {
                // In the kernel perf has no expiries, so that time cannot count against its rate.
                sampled_cpu_ns += totals.cpu_ns.saturating_sub(totals.kernel_ns);
            }
            let engine = summary
                .rate
                .engines
                .entry((thread.engine, thread.engine_reason))
                .or_default();
            engine.0 += totals.cpu_ns;
            engine.1 += 1;
        }
        let sampled_s = sampled_cpu_ns as f64 / 1e9;
        if sampled_s * summary.rate.asked_hz >= FEWEST_EXPECTED {
            summary.rate.delivered_hz = Some(summary.fired as f64 / sampled_s);
        }
        // The kernel folds overruns into one signal.
        summary.delivery_ns =
            (summary.fired - summary.overrun.min(summary.fired)) * profile.process.delivery_ns;
        for sample in profile.samples.iter().filter(|one| one.state.is_on_cpu()) {
            let weight = Weight::of(sample);
            summary.samples.add(weight);
            if sample.state == State::Kernel {
                summary.kernel_sampled_ns += weight.cpu_ns;
            }
            match sample.stack.first() {
                None => summary.other.add(weight),
                Some(&leaf) => {
                    let named = profile
                        .locations
                        .get(leaf as usize)
                        .is_some_and(|location| has_name(profile, location));
                    if !named {
                        summary.unnamed_ns += weight.cpu_ns;
                    }
                }
            }
        }
        if !summary.clocked {
            summary.cpu_ns = summary.samples.cpu_ns;
        }
        summary
    }

    fn empty(profile: &Profile) -> Self {
        let threads_ns: u64 = profile.threads.iter().map(|t| t.totals.cpu_ns).sum();
        let cpu_ns = if profile.process_cpu_ns > 0 {
            profile.process_cpu_ns
        } else {
            threads_ns
        };
        Self {
            duration_ns: profile.duration_ns,
            cpu_ns,
            clocked: cpu_ns > 0,
            samples: Weight::default(),
            kernel_sampled_ns: 0,
            kernel_ns: 0,
            unsampled_ns: 0,
            oversampled_ns: 0,
            unseen_ns: profile.unseen_cpu_ns,
            agent_ns: 0,
            handler_ns: 0,
            delivery_ns: 0,
            rate: Rate {
                asked_hz: profile.process.asked_hz,
                ..Rate::default()
            },
            fired: 0,
            recorded: 0,
            overrun: 0,
            guessed: 0,
            lost: Counts::ZERO,
            truncated: Counts::ZERO,
            other: Weight::default(),
            threads: 0,
            signal_blocked: (0, 0),
            tick_biased: (0, 0),
            tick_biased_before: (0, 0),
            unnamed_ns: 0,
        }
    }

    /// The part of a core that the process used over the window.
    pub fn cores(&self) -> f64 {
        share(self.cpu_ns, self.duration_ns)
    }

    /// The part of the process's CPU time that profiling its threads took: handler and delivery.
    pub fn overhead(&self) -> f64 {
        share(self.handler_ns + self.delivery_ns, self.cpu_ns)
    }

    /// The part of the records whose callchain reaches its thread's start; nothing without records.
    pub fn complete(&self) -> Option<f64> {
        let all = self.truncated.total();
        (all > 0).then(|| share(self.truncated.get(Truncation::Complete), all))
    }

    /// Records whose callchain is cut short, by reason.
    pub fn cut_short(&self) -> impl Iterator<Item = (Truncation, u64)> + '_ {
        self.truncated
            .iter()
            .filter(|(why, _)| why.index() != Truncation::Complete.index())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;

    #[test]
    fn every_term_of_the_cpu_time() {
        let mut profile = profile(&[("a", "x", 50), ("hotpoll-drain", "y", 0)]);
        profile.threads[0].engine = Engine::Ctimer;
        profile.threads[0].totals.cpu_ns += 30_000_000;
        profile.threads[0].totals.kernel_ns = 10_000_000;
        profile.threads[1].own = true;
        profile.threads[1].totals.cpu_ns = 5_000_000;
        profile.process_cpu_ns = 540_000_000;
        profile.unseen_cpu_ns = 5_000_000;
        let summary = Summary::new(&profile);
        assert_eq!(summary.cpu_ns, 540_000_000);
        assert_eq!(summary.samples.cpu_ns, 500_000_000);
        assert_eq!(summary.kernel_ns, 10_000_000);
        assert_eq!(summary.unsampled_ns, 20_000_000);
        assert_eq!(
            (summary.unseen_ns, summary.agent_ns),
            (5_000_000, 5_000_000)
        );
        assert_eq!(summary.threads, 1);
    }

    #[test]
    fn delivered_is_signals_over_sampled_cpu_time() {
        let mut profile = profile(&[("a", "x", 100)]);
        profile.process.asked_hz = 1000.0;
        profile.threads[0].engine = Engine::Ctimer;
        profile.threads[0].totals.fired = 25;
        profile.threads[0].totals.overrun = 75;
        let summary = Summary::new(&profile);
        assert_eq!(summary.rate.delivered_hz, Some(25.0));
    }

    #[test]
    fn threads_that_went_over_to_perf_are_not_biased_any_more() {
        let mut profile = profile(&[("a", "x", 100), ("b", "x", 50)]);
        for (thread, engine) in profile
            .threads
            .iter_mut()
            .zip([Engine::Ctimer, Engine::Perf])
        {
            thread.tick_biased = true;
            thread.engine = engine;
        }
        let summary = Summary::new(&profile);
        assert_eq!(summary.tick_biased, (1, 1_000_000_000));
        assert_eq!(summary.tick_biased_before, (1, 500_000_000));
    }

    #[test]
    fn too_little_cpu_time_for_a_rate() {
        let mut profile = profile(&[("a", "x", 2)]);
        profile.threads[0].engine = Engine::Ctimer;
        assert_eq!(Summary::new(&profile).rate.delivered_hz, None);
    }

    #[test]
    fn samples_beyond_the_clock_are_not_negative_unsampled_time() {
        let mut profile = profile(&[("a", "x", 2), ("b", "x", 2)]);
        profile.threads[0].totals.cpu_ns -= 3_000_000;
        profile.threads[1].totals.cpu_ns += 4_000_000;
        let summary = Summary::new(&profile);
        assert_eq!(
            (summary.unsampled_ns, summary.oversampled_ns),
            (4_000_000, 3_000_000)
        );
    }

    #[test]
    fn a_profile_without_clocks_has_the_samples_time() {
        let mut profile = profile(&[("a", "x", 2)]);
        profile.process_cpu_ns = 0;
        profile.threads[0].totals = Default::default();
        let summary = Summary::new(&profile);
        assert_eq!((summary.clocked, summary.cpu_ns), (false, 20_000_000));
        assert_eq!(summary.unsampled_ns, 0);
    }

    #[test]
    fn completeness_needs_records() {
        let mut profile = profile(&[("a", "x", 2)]);
        assert_eq!(Summary::new(&profile).complete(), None);
        let truncated = &mut profile.threads[0].totals.truncated;
        truncated.add(Truncation::Complete, 3);
        truncated.add(Truncation::Depth, 1);
        let summary = Summary::new(&profile);
        assert_eq!(summary.complete(), Some(0.75));
        assert_eq!(
            summary.cut_short().collect::<Vec<_>>(),
            [(Truncation::Depth, 1)]
        );
    }
}
