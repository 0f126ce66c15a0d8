//! CPU by module, and how much of each module has names.

use super::frames::{Frames, has_name};
use super::weight::Weight;
use hotpoll_profile::{Location, Profile, Sample};

/// A loaded file, what it weighs, and how well its addresses are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleRow {
    /// Index into [`Profile::modules`]; nothing for addresses in no known module and for stacks that were not kept.
    pub module: Option<u32>,
    /// Samples with their leaf in it.
    pub own: Weight,
    /// Samples with any frame in it, each counted once.
    pub total: Weight,
    /// Distinct addresses seen in it.
    pub addresses: u64,
    /// Of these, those with a function's name.
    pub named: u64,
    /// Of these, those with a source line.
    pub with_line: u64,
}

/// A row for each module in the samples: most self first. Several mappings of one file are one row.
pub fn modules<'s>(frames: &Frames, samples: impl Iterator<Item = &'s Sample>) -> Vec<ModuleRow> {
    let profile = frames.profile();
    let same_as = first_of_each_file(profile);
    // One row more than modules: the last is for "no module".
    let nowhere = profile.modules.len();
    let mut rows: Vec<ModuleRow> = (0..=nowhere)
        .map(|index| ModuleRow {
            module: (index < nowhere).then_some(index as u32),
            own: Weight::default(),
            total: Weight::default(),
            addresses: 0,
            named: 0,
            with_line: 0,
        })
        .collect();
    let row_of = |location: &Location| match location.module {
        Some(module) if (module as usize) < nowhere => same_as[module as usize],
        _ => nowhere,
    };
    let mut counted_in = vec![0u64; rows.len()];
    let mut seen = vec![false; profile.locations.len()];
    for (number, sample) in (1u64..).zip(samples) {
        let weight = Weight::of(sample);
        if sample.stack.is_empty() {
            rows[nowhere].own.add(weight);
            rows[nowhere].total.add(weight);
        }
        for (depth, &index) in sample.stack.iter().enumerate() {
            let Some(location) = profile.locations.get(index as usize) else {
                continue;
            };
            let at = row_of(location);
            let row = &mut rows[at];
            if depth == 0 {
                row.own.add(weight);
            }
            if counted_in[at] != number {
                counted_in[at] = number;
                row.total.add(weight);
            }
            if !std::mem::replace(&mut seen[index as usize], true) {
                row.addresses += 1;
                row.named += u64::from(has_name(profile, location));
                row.with_line += u64::from(location.lines.iter().any(|line| line.line != 0));
            }
        }
    }
    rows.retain(|row| row.total != Weight::default());
    rows.sort_by_key(|row| (std::cmp::Reverse((row.own, row.total)), row.module));
    rows
}

/// For each module the first one that is the same file.
fn first_of_each_file(profile: &Profile) -> Vec<usize> {
    profile
        .modules
        .iter()
        .map(|module| {
            profile
                .modules
                .iter()
                .position(|other| other.path == module.path && other.build_id == module.build_id)
                .unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;
    use hotpoll_profile::Module;

    #[test]
    fn self_and_total_by_module() {
        let mut profile = profile(&[("t", "main;memcpy", 3), ("t", "main", 1)]);
        profile.modules.push(Module {
            path: "/lib/libc.so.6".to_owned(),
            ..Module::default()
        });
        let memcpy = profile.samples[0].stack[0] as usize;
        profile.locations[memcpy].module = Some(1);
        profile.locations[memcpy].lines.clear();
        let frames = Frames::new(&profile);
        let rows = modules(&frames, profile.samples.iter());
        let short: Vec<_> = rows
            .iter()
            .map(|r| (r.module, r.own.count, r.total.count, r.addresses, r.named))
            .collect();
        assert_eq!(short, [(Some(1), 3, 3, 1, 0), (Some(0), 1, 4, 1, 1)]);
    }

    #[test]
    fn two_mappings_of_one_file_are_one_row() {
        let mut profile = profile(&[("t", "a;b", 3)]);
        profile.modules.push(profile.modules[0].clone());
        let leaf = profile.samples[0].stack[0] as usize;
        profile.locations[leaf].module = Some(1);
        let frames = Frames::new(&profile);
        let rows = modules(&frames, profile.samples.iter());
        assert_eq!(
            (rows.len(), rows[0].total.count, rows[0].addresses),
            (1, 3, 2)
        );
    }
}
