//! From a profile to a run: functions by their canonical names, stacks with inlined frames expanded, slices by stack.

use crate::glue::Glue;
use crate::run::{Key, Run, Stack};
use crate::{Generics, Options};
use hotpoll_profile::name::{canonical_name, canonical_name_with};
use hotpoll_profile::{
    Engine, Function, Line, Location, Profile, Reason, Sample, State, Truncation, canonical_path,
    package_version,
};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

impl Run {
    /// Reduces a profile, whose addresses have been named. Works for any that can be decoded, of other tools too.
    pub fn of(profile: &Profile, name: &str, options: &Options) -> Self {
        let mut run = Self {
            name: name.to_owned(),
            program: profile.process.name.clone(),
            fingerprint: profile.fingerprint.clone(),
            start_unix_ns: profile.start_unix_ns,
            duration_ns: profile.duration_ns,
            interval_ns: profile.interval_ns,
            work: profile.work.clone(),
            exact: profile.exact.clone(),
            ..Self::default()
        };
        let places = Stacks::new(profile, options).fill(&mut run);
        fill_slices(profile, &places, &mut run);
        fill_clocks(profile, &mut run);
        run
    }
}

/// The samples that count: on a processor, and not of hotpoll's own threads.
fn counts(profile: &Profile, sample: &Sample) -> bool {
    let thread = profile.threads.get(sample.thread as usize);
    sample.state.is_on_cpu() && !thread.is_some_and(|thread| thread.own)
}

struct Stacks<'a> {
    profile: &'a Profile,
    /// Key of each function, once it was asked for.
    of_function: Vec<Option<u32>>,
    generics: Generics,
    keys: Vec<Key>,
    by_module: BTreeSet<u32>,
    /// Met inlined, and met as functions of their own.
    inlined: BTreeSet<u32>,
    outlined: BTreeSet<u32>,
    /// By name, and whether that is made of the file's module.
    key_places: HashMap<(String, bool), u32>,
    glue: Glue,
    titles: HashMap<u64, String>,
    packages: BTreeSet<(String, String)>,
}

impl<'a> Stacks<'a> {
    fn new(profile: &'a Profile, options: &Options) -> Self {
        let mut titles = HashMap::new();
        let snapshot = profile.snapshot.as_ref();
        let kinds = snapshot
            .into_iter()
            .flat_map(|snapshot| &snapshot.tasks.kinds);
        for kind in kinds {
            titles.insert(kind.id, kind.title());
        }
        Self {
            profile,
            of_function: vec![None; profile.functions.len()],
            generics: options.generics,
            keys: Vec::new(),
            by_module: BTreeSet::new(),
            inlined: BTreeSet::new(),
            outlined: BTreeSet::new(),
            key_places: HashMap::new(),
            glue: Glue::default(),
            titles,
            packages: BTreeSet::new(),
        }
    }

    /// Fills the run's keys and stacks; returns the stack of each sample.
    fn fill(mut self, run: &mut Run) -> Vec<Option<u32>> {
        let profile = self.profile;
        let mut places: HashMap<(Vec<u32>, u64), u32> = HashMap::new();
        let mut of_sample = Vec::with_capacity(profile.samples.len());
        let (mut named, mut all) = (0u64, 0u64);
        for sample in &profile.samples {
            if !counts(profile, sample) {
                of_sample.push(None);
                continue;
            }
            let mut frames = Vec::with_capacity(sample.stack.len());
            for &location in &sample.stack {
                if let Some(location) = profile.locations.get(location as usize) {
                    run.inlines |= location.lines.len() > 1;
                    self.push_frames(location, &mut frames);
                }
            }
            self.glue.leave_out(&mut frames);
            let leaf = sample.stack.first();
            let leaf = leaf.and_then(|&leaf| profile.locations.get(leaf as usize));
            all = all.saturating_add(sample.count);
            if leaf.is_some_and(|leaf| !leaf.lines.is_empty()) {
                named = named.saturating_add(sample.count);
            }
            if usize::from(sample.truncation) != Truncation::Complete.index() {
                run.truncated = run.truncated.saturating_add(sample.count);
            }
            run.samples = run.samples.saturating_add(sample.count);
            let place = match places.entry((frames, sample.kind)) {
                Entry::Occupied(place) => *place.get(),
                Entry::Vacant(place) => {
                    let at = run.stacks.len() as u32;
                    run.stacks.push(Stack {
                        frames: place.key().0.clone(),
                        task: self.titles.get(&sample.kind).cloned().unwrap_or_default(),
                        ..Stack::default()
                    });
                    *place.insert(at)
                }
            };
            let stack = &mut run.stacks[place as usize];
            stack.samples = stack.samples.saturating_add(sample.count);
            stack.cpu_ns = stack.cpu_ns.saturating_add(sample.cpu_ns);
            of_sample.push(Some(place));
        }
        run.named = named > all / 2;
        run.keys = self.keys;
        run.by_module = self.by_module;
        run.inlined = &self.inlined - &self.outlined;
        run.packages = self.packages;
        of_sample
    }

    /// The frames of one address, innermost first. Where nothing has a name: the file and the address in it, so that runs of one build match.
    fn push_frames(&mut self, location: &Location, frames: &mut Vec<u32>) {
        let begin = frames.len();
        if location.lines.is_empty() {
            let modules = &self.profile.modules;
            let module = location.module.and_then(|at| modules.get(at as usize));
            let name = match module {
                Some(module) => format!(
                    "{}+{:#x}",
                    module.file_name(),
                    module.relative_address(location.address)
                ),
                None => "[unknown]".to_owned(),
            };
            frames.push(self.key(name, false, String::new, 0));
        }
        for line in &location.lines {
            let key = self.function(line.function);
            self.saw_line(key, line);
            frames.push(key);
        }
        // The outermost is the function whose code it is.
        if let Some((own, inlined)) = frames[begin..].split_last() {
            self.inlined.extend(inlined);
            self.outlined.insert(*own);
        }
    }

    /// Line tables alone do not tell where a function begins: the first line that was seen in it is the nearest to it.
    fn saw_line(&mut self, key: u32, line: &Line) {
        let function = self.profile.functions.get(line.function as usize);
        if line.line == 0 || function.is_none_or(|function| function.start_line > 0) {
            return;
        }
        if let Some(key) = self.keys.get_mut(key as usize)
            && (key.line == 0 || line.line < key.line)
        {
            key.line = line.line;
        }
    }

    fn function(&mut self, at: u32) -> u32 {
        let Some(function) = self.profile.functions.get(at as usize) else {
            return self.key("[unknown]".to_owned(), false, String::new, 0);
        };
        if let Some(key) = self.of_function[at as usize] {
            return key;
        }
        let name = match self.generics {
            Generics::Keep if !function.system_name.is_empty() => {
                let kept = canonical_name_with(&function.system_name, Generics::Keep);
                format!("{}{kept}", module_of(function))
            }
            _ => function.name.clone(),
        };
        // The standard library's glue has one name, however it is called in this build.
        let glue = self.glue.name(&function.name);
        let name = glue.map_or(name, str::to_owned);
        let key = self.key(
            name,
            !module_of(function).is_empty(),
            || canonical_path(&function.file),
            function.start_line,
        );
        self.glue.note(glue.unwrap_or(&function.name), key);
        if let Some((package, version)) = package_version(&function.file) {
            self.packages
                .insert((package.to_owned(), version.to_owned()));
        }
        self.of_function[at as usize] = Some(key);
        key
    }

    fn key(
        &mut self,
        name: String,
        by_module: bool,
        file: impl FnOnce() -> String,
        line: u32,
    ) -> u32 {
        match self.key_places.entry((name, by_module)) {
            Entry::Occupied(place) => *place.get(),
            Entry::Vacant(place) => {
                let at = self.keys.len() as u32;
                let name = place.key().0.clone();
                self.keys.push(Key {
                    name,
                    file: file(),
                    line,
                });
                if by_module {
                    self.by_module.insert(at);
                }
                *place.insert(at)
            }
        }
    }
}

/// The module in front of a bare name, `alloc::vec::`, where that is made of its file's (`symbolizer/src/symbolize/scope.rs`): debug info without paths, and no
/// symbol. Else empty.
fn module_of(function: &Function) -> &str {
    let symbol = &function.system_name;
    let is_mangled = symbol.starts_with("_R") || symbol.starts_with("_Z");
    if symbol.is_empty() || is_mangled || function.file.is_empty() {
        return "";
    }
    let module = function.name.strip_suffix(&canonical_name(symbol));
    let module = module.filter(|module| module.ends_with("::"));
    module.unwrap_or_default()
}

fn fill_slices(profile: &Profile, places: &[Option<u32>], run: &mut Run) {
    for slice in &profile.slices {
        let mut rows: HashMap<u32, u32> = HashMap::new();
        for row in &slice.rows {
            if let Some(Some(place)) = places.get(row.sample as usize) {
                let count = u32::try_from(row.count).unwrap_or(u32::MAX);
                let sum = rows.entry(*place).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_unstable();
        run.slices.push(rows);
    }
}

fn fill_clocks(profile: &Profile, run: &mut Run) {
    let (mut own_ns, mut kernel_ns) = (0u64, 0u64);
    let mut by_engine = [0u64; 3];
    for thread in &profile.threads {
        if thread.own {
            own_ns = own_ns.saturating_add(thread.totals.cpu_ns);
            continue;
        }
        let lost = thread.totals.lost.iter().map(|(_, count)| count);
        run.lost = lost.fold(run.lost, u64::saturating_add);
        kernel_ns = kernel_ns.saturating_add(thread.totals.kernel_ns);
        let engine = &mut by_engine[thread.engine.index().min(2)];
        *engine = engine.saturating_add(thread.totals.cpu_ns);
    }
    let sampled = run.stacks.iter();
    let sampled = sampled.fold(0u64, |sum, stack| sum.saturating_add(stack.cpu_ns));
    run.cpu_ns = match profile.process_cpu_ns {
        0 => sampled,
        clock => clock.saturating_sub(own_ns),
    };
    run.kernel_ns = kernel_ns.min(run.cpu_ns);
    run.unseen_ns = profile.unseen_cpu_ns.min(run.cpu_ns - run.kernel_ns);
    let by_perf = by_engine[Engine::Perf.index()] > by_engine[Engine::Ctimer.index()];
    run.kernel_sampled = match by_perf {
        true => by_perf_in_kernel(profile, run),
        false => Some(true),
    };
    run.clock = clock(profile, by_engine);
}

/// Below this part of the CPU time it does not matter whether time in the kernel has samples, and cannot be told.
const KERNEL_MATTERS: f64 = 0.05;
/// Nor below this, three of the slowest ticks: in a run of 60 ms a single tick, or three samples, would be such a part.
const KERNEL_TICKS_NS: u64 = 30_000_000;

/// Whether perf events met time in the kernel. Where they may not, the timer beside them meets some of it, and the kernel's count of the rest wavers by a tick:
/// short runs of one and the same engine were refused for that, as one had such a tick and the other had none.
fn by_perf_in_kernel(profile: &Profile, run: &Run) -> Option<bool> {
    let part =
        |ns: u64| ns >= KERNEL_TICKS_NS && ns as f64 >= KERNEL_MATTERS * run.cpu_ns.max(1) as f64;
    let kernel = profile.samples.iter();
    let kernel = kernel.filter(|sample| sample.state == State::Kernel);
    let sampled = kernel.fold(0u64, |sum, sample| sum.saturating_add(sample.cpu_ns));
    match (part(run.kernel_ns), part(sampled)) {
        (true, _) => Some(false),
        (false, true) => Some(true),
        (false, false) => None,
    }
}

/// A thread that is sampled otherwise than the others counts from this part of the CPU time on.
const PART_OF_THE_CLOCK: f64 = 0.1;

fn clock(profile: &Profile, by_engine: [u64; 3]) -> String {
    let sum: f64 = by_engine.iter().map(|&ns| ns as f64).sum();
    if sum == 0.0 {
        // Another tool's file: what it measures is in the notice that reading it left, if that is no CPU time.
        let other = profile.process.notices.iter();
        let other = other.filter_map(|notice| notice.strip_prefix("the file measures "));
        let other = other.filter_map(|notice| notice.split(':').next()).next();
        return other.unwrap_or("cpu").to_owned();
    }
    let words = [Engine::Ctimer, Engine::Perf].into_iter();
    let words = words.filter(|engine| by_engine[engine.index()] as f64 >= PART_OF_THE_CLOCK * sum);
    let words: Vec<&str> = words.map(Reason::label).collect();
    words.join("+")
}
