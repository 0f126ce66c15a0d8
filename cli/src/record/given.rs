//! What whoever makes a recording says about it: how much work it is, which workload, and that it is for a comparison.

use crate::text::number::{count, counted, hertz};
use clap::Args;
use hotpoll_profile::{Engine, Profile, Work, WorkSource};
use hotpoll_symbolizer::view::Summary;

/// The rate for comparisons. Not 1,000: what a program does a thousand times a second would be met in step, or never.
pub const CI_HZ: &str = "997";
/// The unit of programs that count nothing and run to their end.
const RUNS: &str = "runs";
/// Below this part of the rate that was asked for the difference is worth a sentence.
const FEW: f64 = 0.8;

/// What is said about a recording.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Work and workload.
    pub args: GivenArgs,
    /// It is for a comparison.
    pub ci: bool,
}

/// What is said about a recording, as arguments.
#[derive(Debug, Clone, Default, Args)]
pub struct GivenArgs {
    /// So much work is done in each run, where the program does not count it; may be repeated
    #[arg(long, value_name = "NAME=N", value_parser = work)]
    pub work: Vec<Work>,
    /// What the program is given to do: runs of different workloads are not compared
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    pub workload: String,
}

impl Given {
    /// Puts it into a profile. `ran_through`: it is of a program from its start to its own good end, so that the run itself is a unit, where nobody counts
    /// others.
    pub fn put(&self, profile: &mut Profile, ran_through: bool) {
        profile.work.extend(self.args.work.iter().cloned());
        let is_counted = profile.work.iter().any(|work| work.units > 0);
        if self.ci && ran_through && !is_counted {
            profile.work.push(Work {
                name: RUNS.to_owned(),
                source: WorkSource::Given,
                units: 1,
            });
        }
        let workload = &self.args.workload;
        if !workload.is_empty() {
            profile.fingerprint.workload.clone_from(workload);
        }
    }
}

/// `requests=20000`, as an argument.
pub fn work(text: &str) -> Result<Work, String> {
    let wrong = || format!("“{text}” is not NAME=N: --work requests=20000");
    let (name, units) = text.split_once('=').ok_or_else(wrong)?;
    let units = units.replace(['_', ','], "").parse().map_err(|_| wrong())?;
    if name.trim().is_empty() {
        return Err(wrong());
    }
    Ok(Work {
        name: name.trim().to_owned(),
        source: WorkSource::Given,
        units,
    })
}

/// What was sampled for a comparison, and what work was done meanwhile.
pub fn delivered(profile: &Profile) -> String {
    let rate = Summary::new(profile).rate;
    let mut text = format!("sampled at {} asked", hertz(rate.asked_hz));
    match rate.delivered_hz {
        None => text += "; too little CPU was used to say how many were delivered",
        Some(delivered) => {
            text += &format!(", {} delivered", hertz(delivered));
            let by_tick = (rate.engines.keys()).any(|(engine, _)| *engine == Engine::Ctimer);
            if delivered < rate.asked_hz * FEW && by_tick {
                text += &format!(
                    ": perf events are not to be had here, and without them this kernel samples {} times a second at most; totals are exact all the same, and more runs make up for it",
                    profile.process.tick_hz
                );
            }
        }
    }
    let is_counted_too = |given: &Work| {
        let mut all = profile.work.iter();
        all.any(|work| work.name == given.name && work.source != WorkSource::Given)
    };
    let work: Vec<String> = (profile.work.iter())
        .map(|work| match work.source {
            WorkSource::Given if work.name == RUNS => counted(work.units, "run"),
            WorkSource::Given if is_counted_too(work) => format!(
                "{} {} as --work says, which goes before what the program counted",
                count(work.units),
                work.name
            ),
            _ => format!("{} {}", count(work.units), work.name),
        })
        .collect();
    match work.is_empty() {
        true => {
            text + ". No work was counted: call hotpoll::work(\"requests\", 1) in the program, or give --work requests=N, and costs are compared per request."
        }
        false => text + &format!("; work: {}.", work.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_as_an_argument() {
        let given = work("requests=20_000").unwrap();
        assert_eq!((given.name.as_str(), given.units), ("requests", 20_000));
        assert_eq!(given.source, WorkSource::Given);
        for wrong in [
            "requests",
            "=5",
            "requests=",
            "requests=-1",
            "requests=many",
        ] {
            assert!(work(wrong).unwrap_err().contains("NAME=N"), "{wrong}");
        }
    }

    #[test]
    fn a_run_is_a_unit_where_nothing_else_is() {
        let given = Given {
            ci: true,
            args: GivenArgs {
                workload: "batch".to_owned(),
                ..GivenArgs::default()
            },
        };
        let units = |mut profile: Profile, given: &Given, ran_through| {
            given.put(&mut profile, ran_through);
            assert_eq!(profile.fingerprint.workload, "batch");
            let work = profile.work.into_iter();
            work.map(|work| (work.name, work.units)).collect::<Vec<_>>()
        };
        let own = Profile {
            work: vec![Work {
                name: "requests".to_owned(),
                units: 7,
                ..Work::default()
            }],
            ..Profile::default()
        };
        let run = ("runs".to_owned(), 1);
        assert_eq!(units(Profile::default(), &given, true), [run]);
        assert_eq!(units(Profile::default(), &given, false), []);
        assert_eq!(units(own, &given, true), [("requests".to_owned(), 7)]);
    }
}
