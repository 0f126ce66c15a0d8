//! Files that hotpoll wrote: pprof's tables and the private field together give the profile as it was.

use super::DecodeError;
use super::columns::{ModuleColumns, SampleColumns, SliceMessage};
use super::decode::{Raw, unhex};
use super::exact::ExactMessage;
use super::limits::Budget;
use super::made_with::{FingerprintMessage, WorkMessage};
use super::private::{self, ProcessMessage, ThreadMessage, VERSION, WindowMessage};
use super::snapshot::SnapshotMessage;
use super::wire::{self, Field, columns, entry, fields};
use crate::{Function, Line, Location, Module, Process, Profile, Sample, Thread, Work};

/// The private message taken apart.
#[derive(Default)]
struct Private<'a> {
    window: WindowMessage,
    process: ProcessMessage,
    threads: Vec<&'a [u8]>,
    modules: ModuleColumns,
    samples: SampleColumns,
    slices: Vec<&'a [u8]>,
    snapshot: Option<SnapshotMessage>,
    work: Vec<&'a [u8]>,
    fingerprint: FingerprintMessage,
    exact: Option<ExactMessage>,
}

impl<'a> Private<'a> {
    fn parse(message: &'a [u8], budget: &mut Budget) -> Result<Self, DecodeError> {
        use private::field;
        // The version is looked for first: a later one may have changed what the other fields are.
        let mut version = 0;
        for one in fields(message, "hotpoll's fields") {
            if let Field::Varint(field::VERSION, value) = one? {
                version = u32::try_from(value).unwrap_or(u32::MAX);
                break;
            }
        }
        match version {
            0 => return Err(DecodeError::Malformed("hotpoll's version")),
            1..=VERSION => {}
            found => {
                return Err(DecodeError::NewerVersion {
                    found,
                    known: VERSION,
                });
            }
        }
        let mut private = Self::default();
        for one in fields(message, "hotpoll's fields") {
            let Field::Bytes(tag, bytes) = one? else {
                continue;
            };
            match tag {
                field::WINDOW => private.window = entry(bytes, "window")?,
                field::PROCESS => {
                    // Notices are strings of 24 bytes that may be empty: two bytes here.
                    budget.take(bytes.len().saturating_mul(12))?;
                    private.process = entry(bytes, "process")?;
                }
                field::MODULE_COLUMNS => {
                    private.modules = columns(bytes, "module columns", budget)?
                }
                field::SAMPLE_COLUMNS => {
                    private.samples = columns(bytes, "sample columns", budget)?
                }
                field::SNAPSHOT => {
                    private.snapshot = Some(columns(bytes, "the snapshot", budget)?);
                }
                field::WORK => {
                    budget.take_many::<&[u8]>(1)?;
                    private.work.push(bytes);
                }
                field::FINGERPRINT => {
                    // Four lists of strings, which may be empty: two bytes here. They are taken over as they are, behind a list of facts.
                    budget.take(bytes.len().saturating_mul(36))?;
                    private.fingerprint = entry(bytes, "the fingerprint")?;
                }
                field::EXACT => private.exact = Some(columns(bytes, "exact totals", budget)?),
                field::THREAD => {
                    budget.take_many::<&[u8]>(1)?;
                    private.threads.push(bytes);
                }
                field::SLICE => {
                    budget.take_many::<&[u8]>(1)?;
                    private.slices.push(bytes);
                }
                _ => {}
            }
        }
        Ok(private)
    }
}

pub(super) fn read(
    raw: &Raw<'_>,
    private: &[u8],
    budget: &mut Budget,
) -> Result<Profile, DecodeError> {
    let private = Private::parse(private, budget)?;
    let mut profile = Profile {
        start_unix_ns: raw.time_ns.cast_unsigned(),
        duration_ns: raw.duration_ns.cast_unsigned(),
        interval_ns: raw.period.cast_unsigned(),
        process_cpu_ns: private.window.process_cpu_ns,
        unseen_cpu_ns: private.window.unseen_cpu_ns,
        evicted_slices: private.window.evicted_slices,
        folded_stacks: private.window.folded_stacks,
        modules: modules(raw, budget)?,
        functions: functions(raw, &private.window, budget)?,
        locations: locations(raw, &private.window, budget)?,
        samples: samples(raw, &private.window, budget)?,
        ..Profile::default()
    };
    private.modules.fill(&mut profile.modules)?;
    private.samples.fill(&mut profile.samples)?;
    profile.process = Process::from(private.process);
    for bytes in private.threads {
        budget.take_many::<Thread>(1)?;
        budget.take(bytes.len())?;
        profile
            .threads
            .push(entry::<ThreadMessage>(bytes, "a thread")?.into());
    }
    for bytes in private.slices {
        let slice = entry::<SliceMessage>(bytes, "a slice")?;
        profile
            .slices
            .push(slice.into_slice(profile.interval_ns, budget)?);
    }
    for bytes in private.work {
        budget.take_many::<Work>(1)?;
        budget.take(bytes.len())?;
        let work = entry::<WorkMessage>(bytes, "a counter of work")?;
        profile.work.push(work.into());
    }
    profile.fingerprint = private.fingerprint.into();
    if let Some(exact) = private.exact {
        profile.exact = Some(exact.exact(raw, budget)?);
    }
    if let Some(snapshot) = private.snapshot {
        profile.snapshot = Some(snapshot.into_snapshot(raw, budget)?);
    }
    profile.check().map_err(DecodeError::DanglingIndex)?;
    Ok(profile)
}

/// The real entries of a table: those before hotpoll's named rows.
fn real<'a, 'b>(
    table: &'b [&'a [u8]],
    count: u64,
    what: &'static str,
) -> Result<&'b [&'a [u8]], DecodeError> {
    usize::try_from(count)
        .ok()
        .and_then(|count| table.get(..count))
        .ok_or(DecodeError::Malformed(what))
}

/// The index that a pprof ID stands for: ours are places in the table, counted from 1. `None` for 0.
fn index(id: u64, what: &'static str) -> Result<Option<u32>, DecodeError> {
    match id.checked_sub(1) {
        None => Ok(None),
        Some(index) => u32::try_from(index)
            .map(Some)
            .map_err(|_| DecodeError::DanglingIndex(what)),
    }
}

/// Our IDs count up from 1. A tool that renumbered entries and kept the private field would have us join the wrong ones.
fn expect_id(found: u64, expected: u64, what: &'static str) -> Result<(), DecodeError> {
    if found == expected {
        Ok(())
    } else {
        Err(DecodeError::Malformed(what))
    }
}

fn number(value: i64, what: &'static str) -> Result<u32, DecodeError> {
    u32::try_from(value).map_err(|_| DecodeError::Malformed(what))
}

fn modules(raw: &Raw<'_>, budget: &mut Budget) -> Result<Vec<Module>, DecodeError> {
    budget.take_many::<Module>(raw.mappings.len())?;
    raw.mappings
        .iter()
        .zip(1..)
        .map(|(bytes, id)| {
            let mapping: wire::Mapping = entry(bytes, "a mapping")?;
            expect_id(mapping.id, id, "a mapping's ID")?;
            let build_id = raw.text(mapping.build_id)?;
            budget.take(build_id.len())?;
            Ok(Module {
                path: raw.owned(mapping.filename, budget)?,
                build_id: unhex(&build_id),
                start: mapping.memory_start,
                end: mapping.memory_limit,
                file_offset: mapping.file_offset,
                ..Module::default()
            })
        })
        .collect()
}

fn functions(
    raw: &Raw<'_>,
    window: &WindowMessage,
    budget: &mut Budget,
) -> Result<Vec<Function>, DecodeError> {
    let table = real(&raw.functions, window.functions, "functions")?;
    budget.take_many::<Function>(table.len())?;
    table
        .iter()
        .zip(1..)
        .map(|(bytes, id)| {
            let function: wire::Function = entry(bytes, "a function")?;
            expect_id(function.id, id, "a function's ID")?;
            Ok(Function {
                name: raw.owned(function.name, budget)?,
                system_name: raw.owned(function.system_name, budget)?,
                file: raw.owned(function.filename, budget)?,
                start_line: number(function.start_line, "a function's line")?,
            })
        })
        .collect()
}

fn locations(
    raw: &Raw<'_>,
    window: &WindowMessage,
    budget: &mut Budget,
) -> Result<Vec<Location>, DecodeError> {
    let table = real(&raw.locations, window.locations, "locations")?;
    budget.take_many::<Location>(table.len())?;
    table
        .iter()
        .zip(1..)
        .map(|(bytes, id)| {
            let location: wire::Location = entry(bytes, "a location")?;
            expect_id(location.id, id, "a location's ID")?;
            budget.take_many::<Line>(location.lines.len())?;
            let lines = location.lines.iter().map(|line| {
                let function = index(line.function_id, "a line")?;
                Ok(Line {
                    function: function.ok_or(DecodeError::DanglingIndex("a line"))?,
                    line: number(line.line, "a line's number")?,
                })
            });
            Ok(Location {
                address: location.address,
                module: index(location.mapping_id, "a location")?,
                lines: lines.collect::<Result<_, DecodeError>>()?,
            })
        })
        .collect()
}

fn samples(
    raw: &Raw<'_>,
    window: &WindowMessage,
    budget: &mut Budget,
) -> Result<Vec<Sample>, DecodeError> {
    let (count_column, cpu_column) = value_columns(raw)?;
    let table = real(&raw.samples, window.samples, "samples")?;
    budget.take_many::<Sample>(table.len())?;
    table
        .iter()
        .map(|bytes| {
            let sample: wire::Sample = entry(bytes, "a sample")?;
            budget.take_many::<u32>(sample.location_ids.len())?;
            let mut stack = Vec::with_capacity(sample.location_ids.len());
            for id in &sample.location_ids {
                let location =
                    index(*id, "a stack")?.ok_or(DecodeError::DanglingIndex("a stack"))?;
                // A location after the real ones is the row "[other]": the stack is not known any more.
                if u64::from(location) < window.locations {
                    stack.push(location);
                }
            }
            let value = |column: usize| {
                let value = sample.values.get(column).copied();
                value
                    .map(i64::cast_unsigned)
                    .ok_or(DecodeError::Malformed("a sample's values"))
            };
            Ok(Sample {
                stack,
                count: value(count_column)?,
                cpu_ns: value(cpu_column)?,
                ..Sample::default()
            })
        })
        .collect()
}

/// Which values are the count and the CPU time: found by name, so that columns may be added anywhere.
fn value_columns(raw: &Raw<'_>) -> Result<(usize, usize), DecodeError> {
    let mut count = None;
    let mut cpu = None;
    for (column, bytes) in raw.sample_types.iter().enumerate() {
        let kind: wire::ValueType = entry(bytes, "a sample type")?;
        match &*raw.text(kind.kind)? {
            "samples" => count = count.or(Some(column)),
            "cpu" => cpu = cpu.or(Some(column)),
            _ => {}
        }
    }
    count
        .zip(cpu)
        .ok_or(DecodeError::Malformed("the sample types"))
}
