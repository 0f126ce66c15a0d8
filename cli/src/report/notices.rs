//! The sentences of a report that a person should read before she believes a number.

use crate::text::number::{count, counted, duration, hertz, percent_in_words};
use hotpoll_profile::{Engine, EngineReason, Profile};
use hotpoll_symbolizer::symbolize::{Source, Summary as Symbols};
use hotpoll_symbolizer::view::{Frames, Summary, modules, weight::share};

/// Less than this of the CPU time is not worth a sentence.
const WORTH_SAYING: f64 = 0.01;
/// More than this without names is worth a sentence.
const MANY_UNNAMED: f64 = 0.05;
/// Less than this part of the rate asked is worth a sentence.
const FAR_BELOW_ASKED: f64 = 0.95;

/// What the process says itself, then what the numbers say.
pub fn notices(profile: &Profile, summary: &Summary) -> Vec<String> {
    let mut notices = profile.process.notices.clone();
    let (blocking, blocking_ns) = summary.signal_blocked;
    if blocking > 0 && share(blocking_ns, summary.cpu_ns) >= WORTH_SAYING {
        notices.push(format!(
            "{} block{} the sampling signal: {} of CPU without samples; Builder::signal chooses another one",
            counted(blocking as u64, "thread"),
            if blocking == 1 { "s" } else { "" },
            duration(blocking_ns),
        ));
    }
    let out_of_timers = (summary.rate.engines.iter())
        .filter(|((engine, reason), _)| {
            (*engine, *reason) == (Engine::None, EngineReason::PendingSignalLimit)
        })
        .fold((0, 0), |(all_ns, all), (_, (ns, threads))| {
            (all_ns + ns, all + threads)
        });
    if let (blind_ns, blind @ 1..) = out_of_timers {
        notices.push(format!(
            "{} {} no timer, as the pending-signal budget is used up ({} of CPU without samples): raise RLIMIT_SIGPENDING (ulimit -i), and start the program again",
            counted(blind as u64, "thread"),
            if blind == 1 { "has" } else { "have" },
            duration(blind_ns),
        ));
    }
    let (biased, biased_ns) = summary.tick_biased;
    if biased > 0 && share(biased_ns, summary.cpu_ns) >= WORTH_SAYING {
        let why = perf_is_out(summary).unwrap_or("HOTPOLL_ENGINE=perf looks between the ticks");
        notices.push(format!(
            "{} in bursts of a few kernel ticks at most ({} of CPU): the shares inside may be biased; {why}",
            if biased == 1 { "1 thread runs".to_owned() } else { format!("{} threads run", count(biased as u64)) },
            duration(biased_ns),
        ));
    }
    let (biased, biased_ns) = summary.tick_biased_before;
    if biased > 0 && share(biased_ns, summary.cpu_ns) >= WORTH_SAYING {
        notices.push(format!(
            "{} went over to perf for bursts of a few kernel ticks at most: what was sampled before may be biased",
            counted(biased as u64, "thread"),
        ));
    }
    if let Some(delivered) = summary.rate.delivered_hz
        && delivered < summary.rate.asked_hz * FAR_BELOW_ASKED
        && summary.overrun > 0
    {
        notices.push(format!(
            "{} of the expiries came as weights of others, as ctimer cannot look more often than the kernel ticks ({}): totals are right, detail is coarser",
            percent_in_words(share(summary.overrun, summary.overrun + summary.recorded)),
            hertz(f64::from(profile.process.tick_hz)),
        ));
    }
    if summary.other.count > 0 {
        notices.push(format!(
            "{} ({}) have no stack: {} did not fit the recorder's memory",
            counted(summary.other.count, "sample"),
            percent_in_words(summary.other.share_of(summary.cpu_ns)),
            counted(profile.folded_stacks.max(1), "distinct stack"),
        ));
    }
    notices
}

/// Why biased threads are not on perf already, where that is known.
fn perf_is_out(summary: &Summary) -> Option<&'static str> {
    summary
        .rate
        .engines
        .keys()
        .filter(|(engine, _)| *engine == Engine::Ctimer)
        .find_map(|(_, reason)| match reason {
            EngineReason::PerfDenied => {
                Some("perf, which looks between the ticks, is not permitted here")
            }
            EngineReason::SwitchCost => {
                Some("perf, which looks between the ticks, would cost over 1% in switches")
            }
            EngineReason::DescriptorLimit => {
                Some("perf, which looks between the ticks, would need more descriptors")
            }
            _ => None,
        })
}

/// What would give better names, for modules with a part of the time that is worth it.
pub fn about_symbols(profile: &Profile, symbols: &Symbols) -> Vec<String> {
    let frames = Frames::new(profile);
    let summary = Summary::new(profile);
    let rows = modules::modules(&frames, profile.samples.iter());
    let mut notices: Vec<String> = rows
        .iter()
        .filter(|row| row.own.share_of(summary.cpu_ns) > MANY_UNNAMED)
        .filter_map(|row| {
            let path = &profile.modules.get(row.module? as usize)?.path;
            let module = symbols.modules.iter().find(|module| module.path == *path)?;
            let is_poor = match module.source {
                Source::Stripped | Source::NotFound | Source::BuildIdMismatch => true,
                // A C library without its debug package is no news.
                Source::SymbolTable => module.hint.as_ref()?.contains("Cargo"),
                _ => false,
            };
            let hint = module.hint.as_ref().filter(|_| is_poor)?;
            let file = path.rsplit('/').next().unwrap_or(path);
            let share = percent_in_words(row.own.share_of(summary.cpu_ns));
            Some(format!("{file} ({share} of the CPU): {hint}"))
        })
        .collect();
    let unnamed = share(summary.unnamed_ns, summary.samples.cpu_ns);
    if notices.is_empty() && unnamed > MANY_UNNAMED {
        notices.push(format!(
            "{} of the sampled time is in code without names: `hotpoll doctor` says which modules, --binary PATH names them",
            percent_in_words(unnamed),
        ));
    }
    notices
}
