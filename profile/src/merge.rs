//! Two profiles become one: consecutive fetches of one process, or files of several.

use crate::merge_kinds::{Highest, add_kinds, kinds_of};
use crate::{
    Exact, Function, Line, Location, Module, Process, Profile, Sample, Slice, Snapshot, State,
    Thread, Work,
};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

impl Profile {
    /// Adds a later fetch of the same process, or a profile of another one.
    ///
    /// *Of the same process* (PID and start time): threads, modules, locations, functions and samples that both know become one; slices that are there already are
    /// ignored, and totals grow by the slices that are new. So fetches may overlap, and one may be merged twice. What was counted for a whole window
    /// is added where all its slices are new, and is not known any more where some are.
    ///
    /// *Of another process*: its threads stay its own, its slices get new sequence numbers, and totals are added. Task
    /// kinds of one title become one, others get numbers of their own, and so do resources; of snapshots nothing else is left.
    ///
    /// To add many, use a [`Merger`].
    pub fn merge(&mut self, newer: Profile) {
        let mut merger = Merger::new(std::mem::take(self));
        merger.add(newer);
        *self = merger.into_profile();
    }
}

/// A profile that others are added to, with the look-up tables for it: adding costs what is added, not what is there.
#[derive(Debug, Default)]
pub struct Merger {
    profile: Profile,
    /// Nothing has been put in yet: the first profile gives the process.
    is_empty: bool,
    threads: HashMap<(u32, u64), u32>,
    modules: HashMap<Module, u32>,
    functions: HashMap<Function, u32>,
    locations: HashMap<Location, u32>,
    /// By module and address: locations that differ in nothing but whether they are symbolized are one.
    addresses: HashMap<(Option<u32>, u64), u32>,
    samples: HashMap<SampleKey, u32>,
    /// Counters, without their units.
    work: HashMap<Work, u32>,
    /// By sequence and start: a process that has replaced itself by exec counts from 1 again.
    slices: HashSet<(u64, u64)>,
}

/// All that tells two samples apart.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SampleKey {
    thread: u32,
    state: State,
    task: u64,
    kind: u64,
    context: u64,
    lock: u64,
    holds: u64,
    truncation: u8,
    stack: Box<[u32]>,
}

impl SampleKey {
    fn of(sample: &Sample) -> Self {
        Self {
            thread: sample.thread,
            state: sample.state,
            task: sample.task,
            kind: sample.kind,
            context: sample.context,
            lock: sample.lock,
            holds: sample.holds,
            truncation: sample.truncation,
            stack: sample.stack.as_slice().into(),
        }
    }
}

/// For each row of the newer profile's tables, its place in the merged one's.
struct Places {
    threads: Vec<u32>,
    samples: Vec<u32>,
    locations: Vec<u32>,
    work: Vec<u32>,
}

impl Merger {
    /// Starts with a profile.
    pub fn new(first: Profile) -> Self {
        let mut merger = Self {
            is_empty: first == Profile::default(),
            ..Self::default()
        };
        let tables = &first;
        for (index, thread) in (0..).zip(&tables.threads) {
            let key = (thread.tid, thread.start_ticks);
            merger.threads.entry(key).or_insert(index);
        }
        for (index, module) in (0..).zip(&tables.modules) {
            merger.modules.entry(module.clone()).or_insert(index);
        }
        for (index, function) in (0..).zip(&tables.functions) {
            merger.functions.entry(function.clone()).or_insert(index);
        }
        for (index, location) in (0..).zip(&tables.locations) {
            let address = (location.module, location.address);
            merger.addresses.entry(address).or_insert(index);
            merger.locations.entry(location.clone()).or_insert(index);
        }
        for (index, sample) in (0..).zip(&tables.samples) {
            let key = SampleKey::of(sample);
            merger.samples.entry(key).or_insert(index);
        }
        for (index, work) in (0..).zip(&tables.work) {
            merger.work.entry(counter(work)).or_insert(index);
        }
        merger.slices = tables.slices.iter().map(slice_key).collect();
        merger.profile = first;
        merger
    }

    /// What has been put together so far.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What has been put together.
    pub fn into_profile(self) -> Profile {
        self.profile
    }

    /// Adds a profile: see [`Profile::merge`].
    pub fn add(&mut self, newer: Profile) {
        if self.is_empty {
            *self = Self::new(newer);
        } else if is_same_process(&self.profile.process, &newer.process) {
            self.add_fetch(newer);
        } else {
            self.add_other(newer);
        }
    }

    /// Adds a later fetch of the same process.
    fn add_fetch(&mut self, newer: Profile) {
        let threads = newer
            .threads
            .iter()
            .map(|thread| {
                let key = (thread.tid, thread.start_ticks);
                let merged = &mut self.profile.threads;
                let place = *self.threads.entry(key).or_insert(merged.len() as u32);
                let mut latest = thread.clone();
                match merged.get_mut(place as usize) {
                    Some(known) => {
                        latest.totals = known.totals;
                        *known = latest;
                    }
                    None => {
                        latest.totals = Default::default();
                        merged.push(latest);
                    }
                }
                place
            })
            .collect();
        let places = self.tables(&newer, threads);
        if newer.slices.is_empty() {
            self.add_totals(&newer, &places);
        }
        let work = newer.work_beside_slices();
        // The later one, which is the newer one's if it has any.
        if let Some(snapshot) = newer.snapshot {
            self.profile.snapshot = Some(places.snapshot(snapshot));
        }
        let mut new_slices = 0;
        for slice in &newer.slices {
            if self.slices.insert(slice_key(slice)) {
                let slice = places.slice(slice);
                self.add_slice_totals(&slice);
                self.profile.slices.push(slice);
                new_slices += 1;
            }
        }
        if new_slices > 0 {
            // Each answer counts what was evicted and folded since the one before it.
            let merged = &mut self.profile;
            merged.evicted_slices = merged.evicted_slices.saturating_add(newer.evicted_slices);
            merged.folded_stacks = merged.folded_stacks.saturating_add(newer.folded_stacks);
            merged
                .slices
                .sort_by_key(|slice| (slice.sequence, slice.start_unix_ns));
            // What is known of their whole window cannot be told of a part of it.
            if new_slices == newer.slices.len() {
                self.add_whole(&work, newer.exact.as_ref(), &places);
            } else {
                merged.forget_whole();
            }
        }
        self.profile.fingerprint.update(newer.fingerprint);
        let mut notices = std::mem::take(&mut self.profile.process.notices);
        self.profile.process = newer.process;
        // A sentence with newer numbers takes the place of the older one.
        let words = |notice: &str| notice.replace(|c: char| c.is_ascii_digit(), "");
        let newest: HashSet<String> = (self.profile.process.notices.iter())
            .map(|notice| words(notice))
            .collect();
        notices.retain(|notice| !newest.contains(&words(notice)));
        self.profile.process.notices.splice(0..0, notices);
        self.profile.interval_ns = newer.interval_ns;
    }

    /// Adds a profile of another process, or one that does not say of which.
    fn add_other(&mut self, mut newer: Profile) {
        self.join_kinds(&mut newer);
        let first = self.profile.threads.len() as u32;
        self.profile
            .threads
            .extend(newer.threads.iter().map(|thread| Thread {
                totals: Default::default(),
                ..thread.clone()
            }));
        let places = self.tables(&newer, (first..).take(newer.threads.len()).collect());
        self.add_totals(&newer, &places);
        self.profile.fingerprint.keep_equal(&newer.fingerprint);
        let mut sequence = self.profile.last_sequence();
        for slice in &newer.slices {
            sequence = sequence.saturating_add(1);
            self.profile.slices.push(Slice {
                sequence,
                ..places.slice(slice)
            });
        }
        let merged = &mut self.profile;
        merged.evicted_slices = merged.evicted_slices.saturating_add(newer.evicted_slices);
        merged.folded_stacks = merged.folded_stacks.saturating_add(newer.folded_stacks);
        if merged.interval_ns != newer.interval_ns {
            let notice = "the profiles joined here have different sampling intervals";
            if !merged.process.notices.iter().any(|known| known == notice) {
                merged.process.notices.push(notice.to_owned());
            }
            merged.interval_ns = merged.interval_ns.max(newer.interval_ns);
        }
        join_processes(&mut merged.process, newer.process);
        // No process has PID 0: what is added next is another one, whichever it is.
        merged.process.pid = 0;
        merged.process.start_ticks = 0;
        self.slices = merged.slices.iter().map(slice_key).collect();
    }

    /// Each process counts its task kinds and resources from 1.
    fn join_kinds(&mut self, newer: &mut Profile) {
        let merged = &mut self.profile;
        let has_kinds =
            |profile: &Profile| profile.snapshot.is_some() || !Highest::of(profile).is_none();
        if !has_kinds(merged) && !has_kinds(newer) {
            return;
        }
        let mut kinds = kinds_of(merged);
        add_kinds(&mut kinds, newer, Highest::of(merged));
        merged.snapshot = Some(kinds);
    }

    /// Puts the rows of all tables but threads and slices into ours, where they are not there yet, with zero totals.
    fn tables(&mut self, newer: &Profile, threads: Vec<u32>) -> Places {
        let merged = &mut self.profile;
        let modules: Vec<u32> = newer
            .modules
            .iter()
            .map(|module| intern(&mut self.modules, &mut merged.modules, module.clone()))
            .collect();
        let functions: Vec<u32> = newer
            .functions
            .iter()
            .map(|function| intern(&mut self.functions, &mut merged.functions, function.clone()))
            .collect();
        let mut locations = Vec::with_capacity(newer.locations.len());
        for location in &newer.locations {
            let location = Location {
                address: location.address,
                module: location.module.map(|module| modules[module as usize]),
                lines: location
                    .lines
                    .iter()
                    .map(|line| Line {
                        function: functions[line.function as usize],
                        line: line.line,
                    })
                    .collect(),
            };
            locations.push(self.location(location));
        }
        let merged = &mut self.profile;
        let mut samples = Vec::with_capacity(newer.samples.len());
        for sample in &newer.samples {
            let stack = sample.stack.iter().map(|&at| locations[at as usize]);
            let sample = Sample {
                thread: threads[sample.thread as usize],
                stack: stack.collect(),
                count: 0,
                cpu_ns: 0,
                wall_ns: 0,
                ..*sample
            };
            samples.push(match self.samples.entry(SampleKey::of(&sample)) {
                Entry::Occupied(place) => *place.get(),
                Entry::Vacant(place) => {
                    merged.samples.push(sample);
                    *place.insert(merged.samples.len() as u32 - 1)
                }
            });
        }
        let counters = newer.work.iter();
        let work = counters
            .map(|work| intern(&mut self.work, &mut merged.work, counter(work)))
            .collect();
        Places {
            threads,
            samples,
            locations,
            work,
        }
    }

    /// A location's place. Its address decides, unless symbols say that the same address is different code: files of tools that give no
    /// modules may come from different programs.
    fn location(&mut self, location: Location) -> u32 {
        if let Some(place) = self.locations.get(&location) {
            return *place;
        }
        let merged = &mut self.profile.locations;
        let address = (location.module, location.address);
        if let Some(&place) = self.addresses.get(&address) {
            let known = &mut merged[place as usize];
            if location.lines.is_empty() {
                return place;
            }
            if known.lines.is_empty() {
                known.lines.clone_from(&location.lines);
                self.locations.insert(location, place);
                return place;
            }
        }
        let place = merged.len() as u32;
        merged.push(location.clone());
        self.addresses.entry(address).or_insert(place);
        self.locations.insert(location, place);
        place
    }

    /// Adds the totals of a profile that is wholly new.
    fn add_totals(&mut self, newer: &Profile, places: &Places) {
        let merged = &mut self.profile;
        for (sample, &place) in newer.samples.iter().zip(&places.samples) {
            merged.samples[place as usize].add(sample.count, sample.cpu_ns, sample.wall_ns);
        }
        for (thread, &place) in newer.threads.iter().zip(&places.threads) {
            merged.threads[place as usize].totals.add(&thread.totals);
        }
        merged.add_stretch(
            newer.start_unix_ns,
            newer.duration_ns,
            newer.process_cpu_ns,
            newer.unseen_cpu_ns,
        );
        let units: Vec<u64> = newer.work.iter().map(|work| work.units).collect();
        // An answer without a window only tells of the moment.
        if newer.duration_ns > 0 || newer.exact.is_some() {
            self.add_whole(&units, newer.exact.as_ref(), places);
        }
    }

    /// Adds what is known of a whole window: the units of each of its counters, and what was counted.
    fn add_whole(&mut self, units: &[u64], exact: Option<&Exact>, places: &Places) {
        let merged = &mut self.profile;
        for (&units, &place) in units.iter().zip(&places.work) {
            let known = &mut merged.work[place as usize].units;
            *known = known.saturating_add(units);
        }
        merged.exact = match (merged.exact.take(), exact) {
            (Some(mut mine), Some(theirs)) => {
                mine.add(theirs);
                Some(mine)
            }
            _ => None,
        };
    }

    /// Adds what a new slice adds to the totals.
    fn add_slice_totals(&mut self, slice: &Slice) {
        let merged = &mut self.profile;
        for row in &slice.rows {
            merged.samples[row.sample as usize].add(row.count, row.cpu_ns, row.wall_ns);
        }
        for thread in &slice.threads {
            let known = &mut merged.threads[thread.thread as usize];
            known.totals.add(&thread.accounts);
        }
        merged.add_slice_work(&slice.work);
        merged.add_stretch(
            slice.start_unix_ns,
            slice.duration_ns,
            slice.process_cpu_ns,
            slice.unseen_cpu_ns,
        );
    }
}

impl Profile {
    /// Makes the window longer by a stretch of time with this much CPU time.
    pub(crate) fn add_stretch(
        &mut self,
        start_unix_ns: u64,
        duration_ns: u64,
        process_cpu_ns: u64,
        unseen_cpu_ns: u64,
    ) {
        // 0 is "not known", not 1970.
        if start_unix_ns != 0 && (self.start_unix_ns == 0 || start_unix_ns < self.start_unix_ns) {
            self.start_unix_ns = start_unix_ns;
        }
        self.duration_ns = self.duration_ns.saturating_add(duration_ns);
        self.process_cpu_ns = self.process_cpu_ns.saturating_add(process_cpu_ns);
        self.unseen_cpu_ns = self.unseen_cpu_ns.saturating_add(unseen_cpu_ns);
    }
}

impl Sample {
    /// Adds to what the sample stands for.
    pub(crate) fn add(&mut self, count: u64, cpu_ns: u64, wall_ns: u64) {
        self.count = self.count.saturating_add(count);
        self.cpu_ns = self.cpu_ns.saturating_add(cpu_ns);
        self.wall_ns = self.wall_ns.saturating_add(wall_ns);
    }
}

impl Places {
    fn snapshot(&self, mut snapshot: Snapshot) -> Snapshot {
        for now in &mut snapshot.threads {
            now.thread = self.threads[now.thread as usize];
        }
        for location in snapshot.stacks_mut().flatten() {
            *location = self.locations[*location as usize];
        }
        snapshot
    }

    fn slice(&self, slice: &Slice) -> Slice {
        let mut slice = slice.clone();
        for row in &mut slice.rows {
            row.sample = self.samples[row.sample as usize];
        }
        for thread in &mut slice.threads {
            thread.thread = self.threads[thread.thread as usize];
        }
        for part in &mut slice.work {
            part.work = self.work[part.work as usize];
        }
        slice
    }
}

/// What tells counters apart.
fn counter(work: &Work) -> Work {
    Work {
        units: 0,
        ..work.clone()
    }
}

fn slice_key(slice: &Slice) -> (u64, u64) {
    (slice.sequence, slice.start_unix_ns)
}

fn intern<T: Clone + Eq + std::hash::Hash>(
    places: &mut HashMap<T, u32>,
    table: &mut Vec<T>,
    row: T,
) -> u32 {
    match places.entry(row) {
        Entry::Occupied(place) => *place.get(),
        Entry::Vacant(place) => {
            table.push(place.key().clone());
            *place.insert(table.len() as u32 - 1)
        }
    }
}

/// Files of other tools have neither PID nor start time: no two are known to be of one process.
fn is_same_process(one: &Process, other: &Process) -> bool {
    one.pid != 0 && one.pid == other.pid && one.start_ticks == other.start_ticks
}

/// Names beyond this many are told by three dots.
const MAX_NAMES: usize = 3;

/// What can be said of several processes together.
fn join_processes(merged: &mut Process, newer: Process) {
    let names: Vec<&str> = merged.name.split(", ").collect();
    if !names.contains(&newer.name.as_str()) {
        if names.len() < MAX_NAMES {
            merged.name = format!("{}, {}", merged.name, newer.name);
        } else if names.last() != Some(&"…") {
            merged.name.push_str(", …");
        }
    }
    let notices = newer.notices.into_iter();
    for notice in notices {
        if !merged.notices.contains(&notice) {
            merged.notices.push(notice);
        }
    }
    merged.start_unix_ns = merged.start_unix_ns.min(newer.start_unix_ns);
    merged.asked_hz = merged.asked_hz.max(newer.asked_hz);
    merged.delivery_ns = merged.delivery_ns.max(newer.delivery_ns);
    merged.self_time_measured &= newer.self_time_measured;
    merged.unwind_table_bytes = merged.unwind_table_bytes.max(newer.unwind_table_bytes);
}
