//! A profile out: pprof's tables for every reader, and the private field for ours.

use super::columns::{ModuleColumns, SampleColumns, SliceMessage};
use super::exact::ExactMessage;
use super::made_with::{FingerprintMessage, WorkMessage};
use super::private::{self, PRIVATE_FIELD, ProcessMessage, ThreadMessage, WindowMessage};
use super::snapshot::SnapshotMessage;
use super::strings::Interner;
use super::wire::{self, field};
use crate::{Fingerprint, Profile, Reason, State, Thread, Truncation, row};
use flate2::{Compression, write::GzEncoder};
use prost::encoding::{bytes, int64, message, string, uint32};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;

/// Writes a profile as a pprof message, not compressed.
///
/// The sum of its `cpu` values is the CPU time by the threads' clocks plus that of [`row::UNSEEN_THREADS`]: what no sample stands for is
/// there as a frame named [`row::KERNEL`] or [`row::UNSAMPLED`], with the thread's labels and no sample count. Where samples stand
/// for more than the clock says, the sum is that much larger, and a comment in the file says so.
///
/// Where threads were looked at by the wall clock too, there is a third value, `wall`: samples of waiting have it alone, and of CPU time it
/// is the same again.
pub fn encode(profile: &Profile) -> Vec<u8> {
    Writer::new(profile).write()
}

/// Writes a profile as a gzipped pprof message: the content of a `.pb.gz` file.
pub fn encode_gzip(profile: &Profile) -> Vec<u8> {
    gzip(&encode(profile))
}

/// Writes a profile of contention, gzipped, in the shape of Go's mutex profiles: each sample's count is how often somebody had to wait, its CPU time for how
/// long, and its lock is a label. Other tools show it; it is no profile of ours any more, and [`crate::pprof::decode`] reads it as another tool's.
pub fn encode_contention_gzip(profile: &Profile) -> Vec<u8> {
    gzip(&Writer::new(profile).write_contention())
}

fn gzip(raw: &[u8]) -> Vec<u8> {
    // No file name and no time in the header: equal profiles give equal files.
    let mut gzip = GzEncoder::new(Vec::with_capacity(raw.len() / 4), Compression::default());
    gzip.write_all(raw)
        .and_then(|()| gzip.finish())
        .expect("writing to a Vec does not fail")
}

struct Writer<'a> {
    profile: &'a Profile,
    strings: Interner<'a>,
    out: Vec<u8>,
    /// Named rows that were used, and their location IDs: after the real ones.
    rows: BTreeMap<&'static str, u64>,
    /// Whether samples have a third value: time by the wall clock.
    has_wall: bool,
    /// What task kinds are called.
    kinds: HashMap<u64, String>,
    /// What resources are called.
    resources: HashMap<u64, String>,
}

/// pprof's IDs start at 1; 0 is none.
fn id(index: usize) -> u64 {
    index as u64 + 1
}

impl<'a> Writer<'a> {
    fn new(profile: &'a Profile) -> Self {
        Self {
            profile,
            strings: Interner::new(),
            out: Vec::new(),
            rows: BTreeMap::new(),
            has_wall: profile.has_wall(),
            kinds: kind_titles(profile),
            resources: resource_titles(profile),
        }
    }

    fn write(mut self) -> Vec<u8> {
        self.sample_types();
        self.samples();
        self.account_rows();
        self.mappings();
        self.locations();
        self.functions();
        self.comments(comments(self.profile));
        self.private();
        self.string_table()
    }

    fn write_contention(mut self) -> Vec<u8> {
        self.has_wall = false;
        let contentions = self.value_type("contentions", "count");
        let delay = self.value_type("delay", "nanoseconds");
        self.types(contentions, contentions, delay);
        int64::encode(field::PERIOD, &1, &mut self.out);
        self.samples();
        self.mappings();
        self.locations();
        self.functions();
        let process = &self.profile.process;
        self.comments(vec![format!(
            "hotpoll {}: process {} ({}), waits for locks since sampling began, on the stacks of holders where samples know them",
            process.hotpoll_version, process.name, process.pid
        )]);
        self.string_table()
    }

    fn string_table(mut self) -> Vec<u8> {
        for text in self.strings.into_table() {
            string::encode(field::STRING_TABLE, &text.into_owned(), &mut self.out);
        }
        self.out
    }

    fn value_type(&mut self, kind: &'static str, unit: &'static str) -> wire::ValueType {
        wire::ValueType {
            kind: self.strings.intern(kind),
            unit: self.strings.intern(unit),
        }
    }

    fn sample_types(&mut self) {
        let samples = self.value_type("samples", "count");
        let cpu = self.value_type("cpu", "nanoseconds");
        self.types(cpu, samples, cpu);
        int64::encode(
            field::PERIOD,
            &self.profile.interval_ns.cast_signed(),
            &mut self.out,
        );
    }

    /// The two types of values that every file has, the second of which is shown unless asked otherwise.
    fn types(&mut self, period: wire::ValueType, count: wire::ValueType, time: wire::ValueType) {
        message::encode(field::SAMPLE_TYPE, &count, &mut self.out);
        message::encode(field::SAMPLE_TYPE, &time, &mut self.out);
        if self.has_wall {
            let wall = self.value_type("wall", "nanoseconds");
            message::encode(field::SAMPLE_TYPE, &wall, &mut self.out);
        }
        message::encode(field::PERIOD_TYPE, &period, &mut self.out);
        for (tag, value) in [
            (field::DEFAULT_SAMPLE_TYPE, time.kind),
            (field::TIME_NANOS, self.profile.start_unix_ns.cast_signed()),
            (
                field::DURATION_NANOS,
                self.profile.duration_ns.cast_signed(),
            ),
        ] {
            int64::encode(tag, &value, &mut self.out);
        }
    }

    fn samples(&mut self) {
        let profile = self.profile;
        for sample in &profile.samples {
            let mut labels = Vec::new();
            if let Some(thread) = profile.threads.get(sample.thread as usize) {
                self.thread_labels(thread, &mut labels);
            }
            if sample.kind != 0 {
                let title = self.kinds.get(&sample.kind).cloned();
                let title = title.unwrap_or_else(|| format!("kind {}", sample.kind));
                labels.push(self.text_label("task_kind", title));
            }
            if sample.task != 0 {
                labels.push(self.number_label("task", sample.task));
            }
            if sample.context != 0 {
                labels.push(self.number_label("context", sample.context));
            }
            for (key, resource) in [("lock", sample.lock), ("holds", sample.holds)] {
                if resource != 0 {
                    let title = self.resources.get(&resource).cloned();
                    let title = title.unwrap_or_else(|| format!("resource {resource}"));
                    labels.push(self.text_label(key, title));
                }
            }
            if sample.state != State::Running {
                labels.push(self.text_label("state", sample.state.label()));
            }
            if sample.truncation != Truncation::Complete as u8 {
                let why = Truncation::from_index(sample.truncation.into())
                    .map_or("not known here", Truncation::label);
                labels.push(self.text_label("truncation", why));
            }
            let location_ids = if sample.stack.is_empty() {
                vec![self.row(row::OTHER)]
            } else {
                sample.stack.iter().map(|&at| id(at as usize)).collect()
            };
            let message = wire::Sample {
                location_ids,
                values: match sample.state.is_on_cpu() {
                    true => self.values(sample.count, sample.cpu_ns, sample.cpu_ns),
                    // Looks are no timer expiries: a reader that divides the two values must not be misled.
                    false => self.values(0, sample.cpu_ns, sample.wall_ns),
                },
                labels,
            };
            message::encode(field::SAMPLE, &message, &mut self.out);
        }
    }

    /// A sample's values, in the order of [`Self::sample_types`].
    fn values(&self, count: u64, cpu_ns: u64, wall_ns: u64) -> Vec<i64> {
        let mut values = vec![count.cast_signed(), cpu_ns.cast_signed()];
        if self.has_wall {
            values.push(wall_ns.cast_signed());
        }
        values
    }

    /// CPU time without samples, so that the file's total is the clocks' total.
    fn account_rows(&mut self) {
        let profile = self.profile;
        for thread in &profile.threads {
            let unsampled = u64::try_from(thread.totals.unsampled_ns()).unwrap_or(0);
            self.account_row(row::KERNEL, thread.totals.kernel_ns, Some(thread));
            self.account_row(row::UNSAMPLED, unsampled, Some(thread));
        }
        self.account_row(row::UNSEEN_THREADS, profile.unseen_cpu_ns, None);
    }

    fn account_row(&mut self, name: &'static str, cpu_ns: u64, thread: Option<&'a Thread>) {
        if cpu_ns == 0 {
            return;
        }
        let mut labels = Vec::new();
        if let Some(thread) = thread {
            self.thread_labels(thread, &mut labels);
        }
        let message = wire::Sample {
            location_ids: vec![self.row(name)],
            values: self.values(0, cpu_ns, cpu_ns),
            labels,
        };
        message::encode(field::SAMPLE, &message, &mut self.out);
    }

    fn thread_labels(&mut self, thread: &'a Thread, labels: &mut Vec<wire::Label>) {
        if !thread.name.is_empty() {
            labels.push(self.text_label("thread", thread.name.as_str()));
        }
        if thread.tid != 0 {
            labels.push(self.number_label("thread_id", thread.tid.into()));
        }
    }

    fn text_label(
        &mut self,
        key: &'static str,
        text: impl Into<std::borrow::Cow<'a, str>>,
    ) -> wire::Label {
        wire::Label {
            key: self.strings.intern(key),
            text: self.strings.intern(text),
            ..wire::Label::default()
        }
    }

    fn number_label(&mut self, key: &'static str, number: u64) -> wire::Label {
        wire::Label {
            key: self.strings.intern(key),
            number: number.cast_signed(),
            ..wire::Label::default()
        }
    }

    /// The location ID of a named row.
    fn row(&mut self, name: &'static str) -> u64 {
        let next = id(self.profile.locations.len() + self.rows.len());
        *self.rows.entry(name).or_insert(next)
    }

    fn mappings(&mut self) {
        let profile = self.profile;
        let mut mappings: Vec<wire::Mapping> = profile
            .modules
            .iter()
            .enumerate()
            .map(|(index, module)| wire::Mapping {
                id: id(index),
                memory_start: module.start,
                memory_limit: module.end,
                file_offset: module.file_offset,
                filename: self.strings.intern(module.path.as_str()),
                build_id: self.strings.intern(hex(&module.build_id)),
                ..wire::Mapping::default()
            })
            .collect();
        // A reader that misses these looks for the binary and names the frames itself, so they say what is truly there.
        for location in &profile.locations {
            let module = location.module.map(|module| module as usize);
            let Some(mapping) = module.and_then(|module| mappings.get_mut(module)) else {
                continue;
            };
            mapping.has_functions |= !location.lines.is_empty();
            mapping.has_inline_frames |= location.lines.len() > 1;
            for line in &location.lines {
                mapping.has_line_numbers |= line.line != 0;
                mapping.has_filenames |= profile
                    .functions
                    .get(line.function as usize)
                    .is_some_and(|function| !function.file.is_empty());
            }
        }
        for mapping in &mappings {
            message::encode(field::MAPPING, mapping, &mut self.out);
        }
    }

    fn locations(&mut self) {
        let profile = self.profile;
        for (index, location) in profile.locations.iter().enumerate() {
            let message = wire::Location {
                id: id(index),
                mapping_id: location.module.map_or(0, |module| id(module as usize)),
                address: location.address,
                lines: location
                    .lines
                    .iter()
                    .map(|line| wire::Line {
                        function_id: id(line.function as usize),
                        line: line.line.into(),
                    })
                    .collect(),
            };
            message::encode(field::LOCATION, &message, &mut self.out);
        }
        let mut rows: Vec<u64> = self.rows.values().copied().collect();
        rows.sort_unstable();
        for (at, location_id) in rows.into_iter().enumerate() {
            let message = wire::Location {
                id: location_id,
                lines: vec![wire::Line {
                    function_id: id(profile.functions.len() + at),
                    line: 0,
                }],
                ..wire::Location::default()
            };
            message::encode(field::LOCATION, &message, &mut self.out);
        }
    }

    fn functions(&mut self) {
        let profile = self.profile;
        for (index, function) in profile.functions.iter().enumerate() {
            let message = wire::Function {
                id: id(index),
                name: self.strings.intern(function.name.as_str()),
                system_name: self.strings.intern(function.system_name.as_str()),
                filename: self.strings.intern(function.file.as_str()),
                start_line: function.start_line.into(),
            };
            message::encode(field::FUNCTION, &message, &mut self.out);
        }
        let mut rows: Vec<(u64, &'static str)> =
            self.rows.iter().map(|(name, id)| (*id, *name)).collect();
        rows.sort_unstable();
        for (at, (_, name)) in rows.into_iter().enumerate() {
            let name = self.strings.intern(name);
            let message = wire::Function {
                id: id(profile.functions.len() + at),
                name,
                system_name: name,
                ..wire::Function::default()
            };
            message::encode(field::FUNCTION, &message, &mut self.out);
        }
    }

    /// Sentences for people who look at the file with another tool (`go tool pprof -comments`).
    fn comments(&mut self, comments: Vec<String>) {
        let comments: Vec<i64> = comments
            .into_iter()
            .map(|comment| self.strings.intern(comment))
            .collect();
        int64::encode_packed(field::COMMENT, &comments, &mut self.out);
    }

    fn private(&mut self) {
        use private::field;
        let profile = self.profile;
        let mut private = Vec::new();
        uint32::encode(field::VERSION, &private::VERSION, &mut private);
        uint32::encode(field::MINOR, &private::MINOR, &mut private);
        let window = WindowMessage {
            process_cpu_ns: profile.process_cpu_ns,
            unseen_cpu_ns: profile.unseen_cpu_ns,
            evicted_slices: profile.evicted_slices,
            folded_stacks: profile.folded_stacks,
            locations: profile.locations.len() as u64,
            functions: profile.functions.len() as u64,
            samples: profile.samples.len() as u64,
        };
        message::encode(field::WINDOW, &window, &mut private);
        let process = ProcessMessage::from(&profile.process);
        message::encode(field::PROCESS, &process, &mut private);
        for thread in &profile.threads {
            message::encode(field::THREAD, &ThreadMessage::from(thread), &mut private);
        }
        let modules = ModuleColumns::of(&profile.modules);
        message::encode(field::MODULE_COLUMNS, &modules, &mut private);
        let samples = SampleColumns::of(&profile.samples);
        message::encode(field::SAMPLE_COLUMNS, &samples, &mut private);
        for slice in &profile.slices {
            let slice = SliceMessage::of(slice, &profile.samples, profile.interval_ns);
            message::encode(field::SLICE, &slice, &mut private);
        }
        for work in &profile.work {
            message::encode(field::WORK, &WorkMessage::from(work), &mut private);
        }
        if profile.fingerprint != Fingerprint::default() {
            let fingerprint = FingerprintMessage::from(&profile.fingerprint);
            message::encode(field::FINGERPRINT, &fingerprint, &mut private);
        }
        if let Some(exact) = &profile.exact {
            let exact = ExactMessage::of(exact, &mut self.strings);
            message::encode(field::EXACT, &exact, &mut private);
        }
        if let Some(snapshot) = &profile.snapshot {
            let snapshot = SnapshotMessage::of(snapshot, &mut self.strings);
            message::encode(field::SNAPSHOT, &snapshot, &mut private);
        }
        bytes::encode(PRIVATE_FIELD, &private, &mut self.out);
    }
}

/// Titles of the task kinds that the snapshot knows.
fn kind_titles(profile: &Profile) -> HashMap<u64, String> {
    let kinds = profile.snapshot.iter();
    kinds
        .flat_map(|snapshot| &snapshot.tasks.kinds)
        .map(|kind| (kind.id, kind.title()))
        .collect()
}

/// Titles of the resources that the snapshot knows.
fn resource_titles(profile: &Profile) -> HashMap<u64, String> {
    let resources = profile.snapshot.iter();
    resources
        .flat_map(|snapshot| &snapshot.resources.resources)
        .map(|one| (one.id, one.title()))
        .collect()
}

fn comments(profile: &Profile) -> Vec<String> {
    let process = &profile.process;
    let totals = profile.totals();
    let mut comments = Vec::new();
    if !process.hotpoll_version.is_empty() {
        comments.push(format!(
            "hotpoll {}: process {} ({}), {} Hz asked",
            process.hotpoll_version,
            process.name,
            process.pid,
            // An interval in whole nanoseconds makes 99 Hz 99.00000099.
            (process.asked_hz * 1e3).round() / 1e3
        ));
    }
    for (reason, count) in totals.lost.iter() {
        comments.push(format!("lost: {count} timer expiries ({})", reason.label()));
    }
    for (reason, count) in totals.truncated.iter() {
        if reason != Truncation::Complete {
            comments.push(format!("truncated: {count} stacks ({})", reason.label()));
        }
    }
    let beyond: u64 = profile
        .threads
        .iter()
        // Threads read from another tool's file have no clock to compare with.
        .filter(|thread| thread.totals.cpu_ns > 0)
        .filter_map(|thread| u64::try_from(thread.totals.unsampled_ns().checked_neg()?).ok())
        .fold(0, u64::saturating_add);
    if beyond > 0 {
        comments.push(format!(
            "samples stand for {beyond} ns more than the threads' clocks say: the total is that much too large"
        ));
    }
    if profile.evicted_slices > 0 {
        comments.push(format!(
            "{} slices had left the flight recorder",
            profile.evicted_slices
        ));
    }
    if profile.folded_stacks > 0 {
        comments.push(format!(
            "{} distinct stacks were folded into {}",
            profile.folded_stacks,
            row::OTHER
        ));
    }
    comments.extend(process.notices.iter().cloned());
    comments
}

/// Lower-case hexadecimal, as build IDs are written everywhere.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
