//! Files that another tool wrote (Go, pprof-rs, perf converters …), as far as they go: which value to show, what its threads are
//! called, which names need to be made canonical.

use super::DecodeError;
use super::decode::{Raw, unhex};
use super::limits::Budget;
use super::wire::{self, entry};
use crate::name::canonical_name;
use crate::thread::Accounts;
use crate::{Function, Line, Location, Module, ModuleKind, Profile, Sample, Thread};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

pub(super) fn read(raw: &Raw<'_>, budget: &mut Budget) -> Result<Profile, DecodeError> {
    let values = Values::choose(raw)?;
    let mut profile = Profile {
        start_unix_ns: u64::try_from(raw.time_ns).unwrap_or(0),
        duration_ns: u64::try_from(raw.duration_ns).unwrap_or(0),
        interval_ns: interval_ns(raw)?,
        ..Profile::default()
    };
    let modules = modules(raw, &mut profile, budget)?;
    let functions = functions(raw, &mut profile, budget)?;
    let locations = locations(raw, &mut profile, &modules, &functions, budget)?;
    let clamped = samples(raw, &values, &locations, &mut profile, budget)?;

    profile.process.name = profile
        .modules
        .first()
        .map(|module| module.file_name().to_owned())
        .unwrap_or_default();
    profile.process.notices.extend(values.notice);
    if clamped > 0 {
        profile.process.notices.push(format!(
            "samples with negative values (a difference of two profiles?), counted as zero: {clamped}"
        ));
    }
    if profile.interval_ns > 0 {
        profile.process.asked_hz = 1e9 / profile.interval_ns as f64;
    }
    profile.check().map_err(DecodeError::DanglingIndex)?;
    Ok(profile)
}

/// Which of a sample's values to read, and how.
struct Values {
    /// The column of the value that is shown as CPU time.
    value: usize,
    /// What it has to be multiplied with to become nanoseconds; 1 for what is no time.
    scale: i64,
    count: Option<usize>,
    notice: Option<String>,
}

impl Values {
    fn choose(raw: &Raw<'_>) -> Result<Self, DecodeError> {
        let mut types = Vec::new();
        for bytes in &raw.sample_types {
            let kind: wire::ValueType = entry(bytes, "a sample type")?;
            types.push((raw.text(kind.kind)?, raw.text(kind.unit)?));
        }
        let named = |name: &str| types.iter().position(|(kind, _)| kind == name);
        let default = match raw.default_sample_type {
            0 => None,
            index => named(&raw.text(index)?),
        };
        // Raw::parse() has seen at least one sample type.
        let value = named("cpu").or(default).unwrap_or(types.len() - 1);
        let (kind, unit) = &types[value];

        let counts = |column: usize| types[column].1 == "count";
        let count = named("samples")
            .filter(|&column| counts(column))
            // Pairs like `alloc_objects, alloc_space` and `contentions, delay` have the count before the value.
            .or_else(|| value.checked_sub(1).filter(|&before| counts(before)))
            .or_else(|| (0..types.len()).find(|&column| counts(column)));

        let period: wire::ValueType = raw.period_type;
        let period_is_cpu =
            raw.text(period.kind)? == "cpu" && scale_to_ns(&raw.text(period.unit)?).is_some();
        let (scale, notice) = match scale_to_ns(unit) {
            Some(scale) if kind == "cpu" => (scale, None),
            // Only sample counts, and each stands for one period of CPU time.
            None if counts(value) && kind == "samples" && period_is_cpu && raw.period > 0 => {
                (interval_ns(raw)?.cast_signed(), None)
            }
            scale => (
                scale.unwrap_or(1),
                Some(format!(
                    "the file measures {kind} in {unit}: that is shown where CPU time would be{}",
                    if scale.is_some() {
                        ""
                    } else {
                        ", one unit as one nanosecond"
                    }
                )),
            ),
        };
        Ok(Self {
            value,
            scale,
            count,
            notice,
        })
    }
}

fn scale_to_ns(unit: &str) -> Option<i64> {
    Some(match unit {
        "nanoseconds" | "nanosecond" | "ns" => 1,
        "microseconds" | "microsecond" | "us" => 1_000,
        "milliseconds" | "millisecond" | "ms" => 1_000_000,
        "seconds" | "second" | "s" => 1_000_000_000,
        _ => return None,
    })
}

/// The period, where it is a time.
fn interval_ns(raw: &Raw<'_>) -> Result<u64, DecodeError> {
    let scale = scale_to_ns(&raw.text(raw.period_type.unit)?).unwrap_or(0);
    Ok(u64::try_from(raw.period.saturating_mul(scale)).unwrap_or(0))
}

/// Other tools' IDs are any numbers but 0.
type Ids = HashMap<u64, u32>;

fn insert(ids: &mut Ids, id: u64, what: &'static str) -> Result<(), DecodeError> {
    let index = u32::try_from(ids.len()).map_err(|_| DecodeError::Malformed(what))?;
    match ids.insert(id, index) {
        None if id != 0 => Ok(()),
        _ => Err(DecodeError::Malformed(what)),
    }
}

/// The rough size of a hash map's entry, its spare room included.
const ID_BYTES: usize = 32;

fn modules(raw: &Raw<'_>, profile: &mut Profile, budget: &mut Budget) -> Result<Ids, DecodeError> {
    let mut ids = Ids::new();
    for bytes in &raw.mappings {
        budget.take(size_of::<Module>() + ID_BYTES)?;
        let mapping: wire::Mapping = entry(bytes, "a mapping")?;
        insert(&mut ids, mapping.id, "a mapping's ID")?;
        let path = raw.owned(mapping.filename, budget)?;
        let build_id = raw.text(mapping.build_id)?;
        budget.take(build_id.len())?;
        profile.modules.push(Module {
            kind: match path.as_str() {
                "[vdso]" => ModuleKind::Vdso,
                _ => ModuleKind::File,
            },
            path,
            build_id: unhex(&build_id),
            start: mapping.memory_start,
            end: mapping.memory_limit,
            // True of files whose sections lie in memory as in the file; pprof says no more.
            load_bias: mapping.memory_start.wrapping_sub(mapping.file_offset),
            file_offset: mapping.file_offset,
        });
    }
    Ok(ids)
}

fn functions(
    raw: &Raw<'_>,
    profile: &mut Profile,
    budget: &mut Budget,
) -> Result<Ids, DecodeError> {
    let mut ids = Ids::new();
    for bytes in &raw.functions {
        budget.take(size_of::<Function>() + ID_BYTES)?;
        let function: wire::Function = entry(bytes, "a function")?;
        insert(&mut ids, function.id, "a function's ID")?;
        let given = raw.owned(function.name, budget)?;
        let mut system_name = raw.owned(function.system_name, budget)?;
        budget.take(given.len())?;
        let name = canonical(&given, &system_name);
        if system_name.is_empty() && name != given {
            system_name = given;
        }
        profile.functions.push(Function {
            name,
            system_name,
            file: raw.owned(function.filename, budget)?,
            start_line: u32::try_from(function.start_line).unwrap_or(0),
        });
    }
    Ok(ids)
}

/// The name to show. The symbol knows more than what a tool made of it; names of other languages stay as they are.
fn canonical(given: &str, system_name: &str) -> String {
    let is_symbol = |name: &str| name.starts_with("_R") || name.starts_with("_ZN");
    if is_symbol(system_name) {
        let name = canonical_name(system_name);
        if !is_symbol(&name) {
            return name;
        }
    }
    if is_symbol(given) || given.contains("::") {
        canonical_name(given)
    } else {
        given.to_owned()
    }
}

fn locations(
    raw: &Raw<'_>,
    profile: &mut Profile,
    modules: &Ids,
    functions: &Ids,
    budget: &mut Budget,
) -> Result<Ids, DecodeError> {
    let mut ids = Ids::new();
    for bytes in &raw.locations {
        let location: wire::Location = entry(bytes, "a location")?;
        budget.take(size_of::<Location>() + ID_BYTES)?;
        budget.take_many::<Line>(location.lines.len())?;
        insert(&mut ids, location.id, "a location's ID")?;
        let lines = location.lines.iter().filter(|line| line.function_id != 0);
        let lines = lines.map(|line| {
            let function = functions.get(&line.function_id);
            Ok(Line {
                function: *function.ok_or(DecodeError::DanglingIndex("a line"))?,
                line: u32::try_from(line.line).unwrap_or(0),
            })
        });
        profile.locations.push(Location {
            address: location.address,
            // Some writers name mappings that they do not list: the address is still worth showing.
            module: modules.get(&location.mapping_id).copied(),
            lines: lines.collect::<Result<_, DecodeError>>()?,
        });
    }
    Ok(ids)
}

/// Reads the samples, and the threads that their labels name. Returns how many values were negative.
fn samples(
    raw: &Raw<'_>,
    values: &Values,
    locations: &Ids,
    profile: &mut Profile,
    budget: &mut Budget,
) -> Result<u64, DecodeError> {
    let mut threads = Threads::default();
    let mut places: HashMap<(u32, Vec<u32>), usize> = HashMap::new();
    let mut clamped = 0;
    for bytes in &raw.samples {
        let sample: wire::Sample = entry(bytes, "a sample")?;
        if sample.values.len() != raw.sample_types.len() {
            return Err(DecodeError::Malformed("a sample's values"));
        }
        let mut read = |column: usize| {
            u64::try_from(sample.values[column]).unwrap_or_else(|_| {
                clamped += 1;
                0
            })
        };
        let cpu_ns = read(values.value).saturating_mul(values.scale.unsigned_abs());
        // Each row stands for one sample at least when nothing was counted.
        let count = values.count.map_or(1, &mut read);
        let thread = threads.find(raw, &sample.labels, &mut profile.threads, budget)?;
        let stack = sample
            .location_ids
            .iter()
            .map(|id| locations.get(id).copied());
        let stack: Option<Vec<u32>> = stack.collect();
        let stack = stack.ok_or(DecodeError::DanglingIndex("a stack"))?;

        let totals = &mut profile.threads[thread as usize].totals;
        totals.add(&Accounts {
            sampled_ns: cpu_ns,
            fired: count,
            recorded: count,
            ..Accounts::default()
        });
        // The stack is kept twice while rows are joined that differ in labels we do not know.
        budget.take_many::<u32>(2 * stack.len())?;
        budget.take(2 * size_of::<Sample>())?;
        match places.entry((thread, stack)) {
            Entry::Occupied(place) => {
                let row: &mut Sample = &mut profile.samples[*place.get()];
                row.count = row.count.saturating_add(count);
                row.cpu_ns = row.cpu_ns.saturating_add(cpu_ns);
            }
            Entry::Vacant(place) => {
                profile.samples.push(Sample {
                    thread,
                    stack: place.key().1.clone(),
                    count,
                    cpu_ns,
                    ..Sample::default()
                });
                place.insert(profile.samples.len() - 1);
            }
        }
    }
    Ok(clamped)
}

/// The threads seen in labels so far.
#[derive(Default)]
struct Threads {
    places: HashMap<(String, u32), u32>,
}

impl Threads {
    fn find(
        &mut self,
        raw: &Raw<'_>,
        labels: &[wire::Label],
        threads: &mut Vec<Thread>,
        budget: &mut Budget,
    ) -> Result<u32, DecodeError> {
        let mut name = "".into();
        let mut tid = 0;
        for label in labels {
            match &*raw.text(label.key)? {
                "thread" | "thread_name" | "thread name" | "comm" => {
                    name = raw.text(label.text)?;
                }
                "thread_id" | "thread id" | "tid" => {
                    let text = raw.text(label.text)?;
                    tid = text
                        .parse()
                        .ok()
                        .or_else(|| u32::try_from(label.number).ok())
                        .unwrap_or(0);
                }
                _ => {}
            }
        }
        let next = threads.len() as u32;
        match self.places.entry((name.into_owned(), tid)) {
            Entry::Occupied(place) => Ok(*place.get()),
            Entry::Vacant(place) => {
                let name = &place.key().0;
                budget.take(size_of::<Thread>() + ID_BYTES + 2 * name.len())?;
                threads.push(Thread {
                    tid,
                    name: name.clone(),
                    ..Thread::default()
                });
                Ok(*place.insert(next))
            }
        }
    }
}
