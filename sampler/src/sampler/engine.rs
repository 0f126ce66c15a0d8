//! Which timer a thread gets, and why.
//!
//! ctimer is the rule: it costs nothing while nothing fires, and its total is exact. perf is for what ctimer cannot see: rates above the tick,
//! and threads whose bursts fall between ticks. perf makes each context switch dearer, so it must stay under 1 % of the thread's time.

use super::entry::Entry;
use super::{Sampler, ThreadKey};
use crate::broken::{self, Defect};
use crate::settings::{EngineSetting, Settings};
use crate::timer::Timer;
use hotpoll_profile::{Engine, EngineReason};

/// What a perf event adds to a context switch, measured: about 0.8 µs at 100 Hz, 2.9 µs at 1 kHz.
fn switch_cost_ns(hz: f64) -> f64 {
    800.0 + 2_100.0 * ((hz - 100.0) / 900.0).clamp(0.0, 1.0)
}

/// The largest share of a thread's CPU time that dearer switches may take.
const SWITCH_SHARE: f64 = 0.01;
/// A perf thread goes back to ctimer above this: twice the limit, so that it does not swing.
const SWITCH_SHARE_TO_LEAVE: f64 = 0.02;
/// Threads are judged when they have used this much CPU time since they were last, however many slices that takes: a burst of 1.2 ms every
/// 100 ms, which is 12 ms in a slice, was never judged when it counted within one.
const LEAST_CPU_NS: u64 = 20_000_000;
/// Bursts that last this many ticks on the average can be biased. A burst locked to the tick is looked at once in each, always at the same
/// places: of 3 ms in one function and 3 ms in another, one and a half ticks, the first got 96 %. At five ticks at most a fifth can be amiss.
const TICKS_OF_SHORT_BURSTS: u64 = 5;
/// So many bursts are a habit. A thread that waits twice at a barrier after 25 ms has none, and was taken for one that runs in bursts of 12.
const LEAST_BURSTS: u64 = 8;
/// The share of a thread's CPU time that may go unsampled before perf is tried.
const UNSAMPLED_SHARE: f64 = 0.05;
/// Unsampled time is judged over at least this many intervals.
const LEAST_INTERVALS: u64 = 40;

/// The engine that a new thread begins with.
pub(super) fn first(
    settings: &Settings,
    tick_hz: u32,
    perf_errno: Option<i32>,
) -> (Engine, EngineReason) {
    match settings.engine {
        EngineSetting::Ctimer => (Engine::Ctimer, EngineReason::Asked),
        EngineSetting::Perf => (Engine::Perf, EngineReason::Asked),
        EngineSetting::Auto if above_tick(settings, tick_hz) => match perf_errno {
            None => (Engine::Perf, EngineReason::RateAboveTick),
            Some(_) => (Engine::Ctimer, EngineReason::PerfDenied),
        },
        EngineSetting::Auto => (Engine::Ctimer, EngineReason::Default),
    }
}

fn above_tick(settings: &Settings, tick_hz: u32) -> bool {
    // A little slack, so that 250 Hz on a 250 Hz kernel is within the tick.
    1e9 / settings.interval_ns as f64 > f64::from(tick_hz) * 1.01
}

/// What a thread did since it was last judged.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Behaviour {
    pub cpu_ns: u64,
    pub voluntary_switches: u64,
    pub switches: u64,
    /// CPU time and unsampled time since it was first seen.
    pub total_cpu_ns: u64,
    pub total_unsampled_ns: i64,
}

/// What should happen to a thread's engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    Change(Engine, EngineReason),
    /// It would be better off with another engine, and cannot have it.
    Stay(EngineReason),
}

/// What the machine permits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    pub tick_hz: u32,
    pub interval_ns: u64,
    pub perf_permitted: bool,
    pub descriptors_left: bool,
}

/// Shorter bursts on the average are short.
fn limit_ns(tick_hz: u32) -> u64 {
    TICKS_OF_SHORT_BURSTS * 1_000_000_000 / u64::from(tick_hz.max(1))
}

/// Whether so much was seen that the thread can be judged: that its bursts are short, or that they cannot be.
fn is_enough(behaviour: &Behaviour, tick_hz: u32) -> bool {
    behaviour.cpu_ns >= LEAST_CPU_NS
        && (behaviour.voluntary_switches >= LEAST_BURSTS
            || behaviour.cpu_ns >= LEAST_BURSTS * limit_ns(tick_hz))
}

/// Whether the thread ran in bursts of which the tick may see always the same part.
pub(super) fn has_short_bursts(behaviour: &Behaviour, tick_hz: u32) -> bool {
    !broken::is(Defect::MissesBursts)
        && is_enough(behaviour, tick_hz)
        && behaviour.voluntary_switches > 0
        && behaviour.cpu_ns / behaviour.voluntary_switches < limit_ns(tick_hz)
}

/// Whether ctimer has missed more of a thread than the promise allows: 1 %, an interval and a tick; and the thread ran in bursts, so that this
/// is the tick's doing and not a blocked signal's.
fn has_missed_bursts(behaviour: &Behaviour, interval_ns: u64, tick_hz: u32) -> bool {
    let tick_ns = 1_000_000_000 / u64::from(tick_hz.max(1));
    let promise = behaviour.total_cpu_ns / 100 + interval_ns + tick_ns;
    !broken::is(Defect::MissesBursts)
        && behaviour.voluntary_switches >= LEAST_BURSTS
        && behaviour.total_unsampled_ns > promise as i64
}

/// Decides for a thread under `auto`. Pure.
pub(super) fn decide(
    engine: Engine,
    reason: EngineReason,
    behaviour: &Behaviour,
    means: &Means,
) -> Verdict {
    let hz = 1e9 / means.interval_ns as f64;
    let cost = behaviour.switches as f64 * switch_cost_ns(hz);
    let share = cost / behaviour.cpu_ns.max(1) as f64;
    match engine {
        Engine::Perf if behaviour.cpu_ns >= LEAST_CPU_NS && share > SWITCH_SHARE_TO_LEAVE => {
            Verdict::Change(Engine::Ctimer, EngineReason::SwitchCost)
        }
        Engine::Ctimer => {
            let wanted = if hz > f64::from(means.tick_hz) * 1.01 {
                EngineReason::RateAboveTick
            } else if has_short_bursts(behaviour, means.tick_hz) {
                EngineReason::ShortBursts
            } else if is_unsampled(behaviour, means.interval_ns) {
                EngineReason::Unsampled
            } else {
                return Verdict::Keep;
            };
            if behaviour.cpu_ns < LEAST_CPU_NS {
                Verdict::Keep
            } else if !means.perf_permitted {
                stay(reason, EngineReason::PerfDenied)
            } else if !means.descriptors_left {
                stay(reason, EngineReason::DescriptorLimit)
            } else if share > SWITCH_SHARE {
                stay(reason, EngineReason::SwitchCost)
            } else {
                Verdict::Change(Engine::Perf, wanted)
            }
        }
        _ => Verdict::Keep,
    }
}

fn stay(now: EngineReason, because: EngineReason) -> Verdict {
    if now == because {
        Verdict::Keep
    } else {
        Verdict::Stay(because)
    }
}

fn is_unsampled(behaviour: &Behaviour, interval_ns: u64) -> bool {
    behaviour.total_cpu_ns >= LEAST_INTERVALS * interval_ns
        && behaviour.total_unsampled_ns as f64
            > behaviour.total_cpu_ns as f64 * UNSAMPLED_SHARE + 2.0 * interval_ns as f64
}

impl Sampler {
    /// Applies the decision to a thread at the close of a slice.
    pub(super) fn reconsider(&mut self, key: ThreadKey, behaviour: &Behaviour) {
        let means = Means {
            tick_hz: self.tick_hz,
            interval_ns: self.settings.interval_ns,
            perf_permitted: self.perf_errno.is_none(),
            descriptors_left: self.budget.may_open_descriptor(),
        };
        let Some(mut entry) = self.entries.remove(&key) else {
            return;
        };
        self.judge(&mut entry, behaviour, &means);
        self.vary_period(&mut entry);
        self.entries.insert(key, entry);
    }

    fn judge(&mut self, entry: &mut Entry, behaviour: &Behaviour, means: &Means) {
        if is_enough(behaviour, means.tick_hz) {
            entry.unjudged = Behaviour::default();
        }
        if entry.info.exited || entry.attached.is_none() || self.replaced {
            return;
        }
        if let Some(Timer::Perf(event, _)) = &entry.timer
            && !event.is_open()
        {
            self.arm(entry, Engine::Perf);
        }
        if entry.info.engine == Engine::Ctimer && has_short_bursts(behaviour, means.tick_hz) {
            entry.info.tick_biased = true;
        }
        if self.settings.engine != EngineSetting::Auto {
            return;
        }
        match decide(
            entry.info.engine,
            entry.info.engine_reason,
            behaviour,
            means,
        ) {
            Verdict::Keep => {}
            Verdict::Stay(reason) => entry.info.engine_reason = reason,
            Verdict::Change(engine, reason) => {
                entry.info.engine_reason = reason;
                self.arm(entry, engine);
            }
        }
    }
}

impl Entry {
    /// A thread that has ended gets no other engine, but the mark that it deserves: one that lives for less than two slices was never judged,
    /// and a third of its time could be missing without a word.
    pub(super) fn judge_at_end(&mut self, tick_hz: u32, interval_ns: u64) {
        if self.info.engine != Engine::Ctimer || self.info.signal_blocked {
            return;
        }
        // Its switches were last read a little before its clock was.
        let since_ns = self.cpu_ns.saturating_sub(self.switches_cpu_ns);
        let lost_ns = self.reported.lost.total() * interval_ns;
        let behaviour = Behaviour {
            cpu_ns: self.unjudged.cpu_ns.saturating_sub(since_ns),
            total_unsampled_ns: self.unjudged.total_unsampled_ns
                - (self.unarmed_ns + lost_ns) as i64,
            ..self.unjudged
        };
        if has_short_bursts(&behaviour, tick_hz)
            || has_missed_bursts(&behaviour, interval_ns, tick_hz)
        {
            self.info.tick_biased = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEANS: Means = Means {
        tick_hz: 250,
        interval_ns: 10_101_010,
        perf_permitted: true,
        descriptors_left: true,
    };
    const BUSY: Behaviour = Behaviour {
        cpu_ns: 900_000_000,
        voluntary_switches: 0,
        switches: 100,
        total_cpu_ns: 900_000_000,
        total_unsampled_ns: 0,
    };

    fn check(behaviour: Behaviour, means: Means, expected: Verdict) {
        assert_eq!(
            decide(Engine::Ctimer, EngineReason::Default, &behaviour, &means),
            expected
        );
    }

    #[test]
    fn a_busy_thread_keeps_ctimer() {
        check(BUSY, MEANS, Verdict::Keep);
    }

    #[test]
    fn bursts_shorter_than_a_tick_get_perf() {
        // 1.2 ms every 4 ms.
        let bursts = Behaviour {
            cpu_ns: 300_000_000,
            voluntary_switches: 250,
            switches: 250,
            ..BUSY
        };
        check(
            bursts,
            MEANS,
            Verdict::Change(Engine::Perf, EngineReason::ShortBursts),
        );
        check(
            bursts,
            Means {
                perf_permitted: false,
                ..MEANS
            },
            Verdict::Stay(EngineReason::PerfDenied),
        );
        check(
            bursts,
            Means {
                descriptors_left: false,
                ..MEANS
            },
            Verdict::Stay(EngineReason::DescriptorLimit),
        );
    }

    #[test]
    fn bursts_of_one_and_a_half_ticks_are_short_and_of_ten_are_not() {
        let bursts = |cpu_ns, voluntary_switches| Behaviour {
            cpu_ns,
            voluntary_switches,
            switches: voluntary_switches,
            ..BUSY
        };
        assert!(has_short_bursts(&bursts(300_000_000, 50), 250));
        assert!(!has_short_bursts(&bursts(400_000_000, 10), 250));
        // Once for all that is too little to tell.
        assert!(!has_short_bursts(&bursts(1_200_000, 1), 250));
    }

    #[test]
    fn a_few_waits_are_no_habit() {
        let seen = |cpu_ns, voluntary_switches| Behaviour {
            cpu_ns,
            voluntary_switches,
            ..BUSY
        };
        let two = seen(25_000_000, 2);
        assert!(!has_short_bursts(&two, 250) && !is_enough(&two, 250));
        let many = seen(25_000_000, 20);
        assert!(has_short_bursts(&many, 250) && is_enough(&many, 250));
        // They are kept until they are enough, or until what was seen is too long for short bursts.
        let more = seen(100_000_000, 8);
        assert!(has_short_bursts(&more, 250) && is_enough(&more, 250));
        let longer = seen(200_000_000, 7);
        assert!(!has_short_bursts(&longer, 250) && is_enough(&longer, 250));
    }

    #[test]
    fn what_the_tick_missed_is_more_than_the_promise() {
        // 300 ms of CPU: 3 + 10.1 + 4 ms may be unsampled.
        let missed = |total_unsampled_ns, voluntary_switches| {
            let behaviour = Behaviour {
                total_cpu_ns: 300_000_000,
                total_unsampled_ns,
                voluntary_switches,
                ..BUSY
            };
            has_missed_bursts(&behaviour, MEANS.interval_ns, MEANS.tick_hz)
        };
        assert!(!missed(17_000_000, 100));
        assert!(missed(18_000_000, 100));
        assert!(!missed(100_000_000, 0), "a thread that never waits");
        assert!(!missed(-50_000_000, 100));
    }

    #[test]
    fn a_thread_that_switches_all_the_time_stays() {
        // 20 µs between switches: 0.8 µs each would be 4 %.
        let pingpong = Behaviour {
            cpu_ns: 500_000_000,
            voluntary_switches: 25_000,
            switches: 25_000,
            ..BUSY
        };
        check(pingpong, MEANS, Verdict::Stay(EngineReason::SwitchCost));
    }

    #[test]
    fn a_rate_above_the_tick_gets_perf() {
        check(
            BUSY,
            Means {
                interval_ns: 1_000_000,
                ..MEANS
            },
            Verdict::Change(Engine::Perf, EngineReason::RateAboveTick),
        );
    }

    #[test]
    fn unsampled_time_gets_perf() {
        check(
            Behaviour {
                total_unsampled_ns: 200_000_000,
                ..BUSY
            },
            MEANS,
            Verdict::Change(Engine::Perf, EngineReason::Unsampled),
        );
    }

    #[test]
    fn perf_is_left_when_switches_cost_too_much() {
        let pingpong = Behaviour {
            cpu_ns: 500_000_000,
            switches: 25_000,
            ..BUSY
        };
        assert_eq!(
            decide(Engine::Perf, EngineReason::Unsampled, &pingpong, &MEANS),
            Verdict::Change(Engine::Ctimer, EngineReason::SwitchCost)
        );
    }
}
