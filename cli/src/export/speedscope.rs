//! speedscope's JSON: one sampled profile a thread, weights in nanoseconds of CPU.
//!
//! With slices the samples come second by second, so "time order" is right to one slice; within one their order means nothing.

use super::ExportError;
use super::folded::thread_name;
use super::rows::{self, Row};
use super::stacks::{Stacks, UNSEEN_THREADS};
use super::text;
use hotpoll_profile::Profile;
use serde::Serialize;

/// The format's only identity: a name, not something to fetch.
const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";

#[derive(Serialize)]
struct File<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    exporter: String,
    name: String,
    #[serde(rename = "activeProfileIndex")]
    active_profile_index: usize,
    shared: Shared<'a>,
    profiles: Vec<Sampled>,
}

#[derive(Serialize)]
struct Shared<'a> {
    frames: Vec<Frame<'a>>,
}

#[derive(Serialize)]
struct Frame<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    file: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    line: u32,
}

fn is_zero(line: &u32) -> bool {
    *line == 0
}

#[derive(Serialize)]
struct Sampled {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    unit: &'static str,
    #[serde(rename = "startValue")]
    start: u64,
    #[serde(rename = "endValue")]
    end: u64,
    samples: Vec<Vec<usize>>,
    weights: Vec<u64>,
}

/// The profile as speedscope reads it.
pub fn speedscope(profile: &Profile) -> Result<String, ExportError> {
    let stacks = Stacks::new(profile);
    let rows = if profile.slices.is_empty() {
        rows::of_window(profile, &stacks)
    } else {
        rows::of_slices(profile, &stacks).concat()
    };
    let mut profiles: Vec<Sampled> = profile
        .threads
        .iter()
        .map(|thread| Sampled::new(format!("{} ({})", thread_name(Some(thread)), thread.tid)))
        .collect();
    for row in &rows {
        if let Some(of_thread) = profiles.get_mut(row.thread as usize) {
            of_thread.push(&stacks, row);
        }
    }
    profiles.retain(|of_thread| !of_thread.samples.is_empty());

    let mut frames: Vec<Frame> = stacks
        .frames
        .iter()
        .map(|frame| Frame {
            name: &frame.name,
            file: &frame.file,
            line: frame.start_line,
        })
        .collect();
    if profile.unseen_cpu_ns > 0 {
        let mut unseen = Sampled::new(UNSEEN_THREADS.into());
        unseen.push_weight(vec![frames.len()], profile.unseen_cpu_ns);
        profiles.push(unseen);
        frames.push(Frame {
            name: UNSEEN_THREADS,
            file: "",
            line: 0,
        });
    }
    let busiest = (0..profiles.len())
        .rev()
        .max_by_key(|&index| profiles[index].end);
    let file = File {
        schema: SCHEMA,
        exporter: format!("hotpoll {}", env!("CARGO_PKG_VERSION")),
        name: text::process(&profile.process),
        active_profile_index: busiest.ok_or(ExportError::Empty)?,
        shared: Shared { frames },
        profiles,
    };
    Ok(serde_json::to_string(&file)?)
}

impl Sampled {
    fn new(name: String) -> Self {
        Self {
            kind: "sampled",
            name,
            unit: "nanoseconds",
            start: 0,
            end: 0,
            samples: Vec::new(),
            weights: Vec::new(),
        }
    }

    fn push(&mut self, stacks: &Stacks, row: &Row) {
        let levels = &stacks.stacks[row.stack];
        self.push_weight(
            levels.iter().map(|level| level.frame as usize).collect(),
            row.cpu_ns,
        );
    }

    fn push_weight(&mut self, sample: Vec<usize>, cpu_ns: u64) {
        self.samples.push(sample);
        self.weights.push(cpu_ns);
        self.end += cpu_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::golden;

    #[test]
    fn service() {
        let profile = fixture::service();
        let value: serde_json::Value =
            serde_json::from_str(&speedscope(&profile).unwrap()).unwrap();
        golden::check(
            "service.speedscope.json",
            &serde_json::to_string_pretty(&value).unwrap(),
        );
        let total: u64 = value["profiles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|of_thread| of_thread["endValue"].as_u64().unwrap())
            .sum();
        assert_eq!(total, profile.process_cpu_ns);
    }

    #[test]
    fn without_slices_the_totals_stay() {
        let mut profile = fixture::service();
        let sliced: serde_json::Value =
            serde_json::from_str(&speedscope(&profile).unwrap()).unwrap();
        profile.slices.clear();
        let whole: serde_json::Value =
            serde_json::from_str(&speedscope(&profile).unwrap()).unwrap();
        for (sliced, whole) in sliced["profiles"]
            .as_array()
            .unwrap()
            .iter()
            .zip(whole["profiles"].as_array().unwrap())
        {
            assert_eq!(sliced["endValue"], whole["endValue"], "{}", whole["name"]);
        }
    }
}
