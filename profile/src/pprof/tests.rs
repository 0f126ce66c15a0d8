//! Files as other tools write them, made by hand: what the fixtures in `tests/data` do not show.

use super::wire::{self, field};
use super::{DecodeError, PRIVATE_FIELD, VERSION, decode, encode};
use crate::{Profile, State};
use prost::encoding::{bytes, int64, message, string, uint32};

/// A pprof file of another tool.
struct File {
    out: Vec<u8>,
    strings: Vec<String>,
    types: usize,
}

impl File {
    fn new(types: &[(&str, &str)]) -> Self {
        let mut file = Self {
            out: Vec::new(),
            strings: vec![String::new()],
            types: types.len(),
        };
        for (kind, unit) in types {
            let value_type = file.value_type(kind, unit);
            message::encode(field::SAMPLE_TYPE, &value_type, &mut file.out);
        }
        file
    }

    fn text(&mut self, text: &str) -> i64 {
        let known = self.strings.iter().position(|known| known == text);
        known.unwrap_or_else(|| {
            self.strings.push(text.to_owned());
            self.strings.len() - 1
        }) as i64
    }

    fn value_type(&mut self, kind: &str, unit: &str) -> wire::ValueType {
        wire::ValueType {
            kind: self.text(kind),
            unit: self.text(unit),
        }
    }

    fn period(mut self, kind: &str, unit: &str, period: i64) -> Self {
        let value_type = self.value_type(kind, unit);
        message::encode(field::PERIOD_TYPE, &value_type, &mut self.out);
        int64::encode(field::PERIOD, &period, &mut self.out);
        self
    }

    fn default(mut self, kind: &str) -> Self {
        let kind = self.text(kind);
        int64::encode(field::DEFAULT_SAMPLE_TYPE, &kind, &mut self.out);
        self
    }

    /// A function with a location of its own, both with this ID.
    fn function(mut self, id: u64, name: &str) -> Self {
        let function = wire::Function {
            id,
            name: self.text(name),
            ..wire::Function::default()
        };
        message::encode(field::FUNCTION, &function, &mut self.out);
        let location = wire::Location {
            id,
            mapping_id: 99,
            address: id,
            lines: vec![wire::Line {
                function_id: id,
                line: -1,
            }],
        };
        message::encode(field::LOCATION, &location, &mut self.out);
        self
    }

    fn sample(mut self, stack: &[u64], values: &[i64], labels: &[(&str, &str, i64)]) -> Self {
        let labels = labels
            .iter()
            .map(|(key, text, number)| wire::Label {
                key: self.text(key),
                text: self.text(text),
                number: *number,
                number_unit: 0,
            })
            .collect();
        let sample = wire::Sample {
            location_ids: stack.to_vec(),
            values: values.to_vec(),
            labels,
        };
        message::encode(field::SAMPLE, &sample, &mut self.out);
        self
    }

    fn finish(mut self) -> Vec<u8> {
        for text in &self.strings {
            string::encode(field::STRING_TABLE, text, &mut self.out);
        }
        self.out
    }

    fn read(self) -> Profile {
        decode(&self.finish()).unwrap()
    }

    /// One sample with the values 1, 2, 3 …: its count, its CPU time, and what the reader says about it.
    fn chosen(mut self) -> (u64, u64, Vec<String>) {
        let values: Vec<i64> = (1..).take(self.types).collect();
        self = self.sample(&[], &values, &[]);
        let profile = self.read();
        let sample = &profile.samples[0];
        (sample.count, sample.cpu_ns, profile.process.notices)
    }
}

/// Which values are taken from a file with these sample types.
fn check(file: File, count: u64, cpu_ns: u64, notice: Option<&str>) {
    let notices: Vec<String> = notice.into_iter().map(str::to_owned).collect();
    assert_eq!(file.chosen(), (count, cpu_ns, notices));
}

#[test]
fn cpu_is_found_by_name() {
    let types = [
        ("wall", "nanoseconds"),
        ("cpu", "nanoseconds"),
        ("samples", "count"),
    ];
    check(File::new(&types), 3, 2, None);
    // Also when another is the default.
    check(File::new(&types).default("wall"), 3, 2, None);
}

#[test]
fn cpu_in_other_units() {
    let types = [("samples", "count"), ("cpu", "microseconds")];
    check(File::new(&types), 1, 2_000, None);
}

#[test]
fn counts_alone_are_multiplied_with_the_period() {
    let file = File::new(&[("samples", "count")]).period("cpu", "milliseconds", 10);
    check(file, 1, 10_000_000, None);
}

#[test]
fn counts_alone_without_a_period() {
    check(
        File::new(&[("samples", "count")]),
        1,
        1,
        Some(
            "the file measures samples in count: that is shown where CPU time would be, one unit as one nanosecond",
        ),
    );
}

#[test]
fn the_default_is_taken_when_there_is_no_cpu() {
    let types = [
        ("contentions", "count"),
        ("delay", "nanoseconds"),
        ("other", "bytes"),
    ];
    check(
        File::new(&types).default("delay"),
        1,
        2,
        Some("the file measures delay in nanoseconds: that is shown where CPU time would be"),
    );
}

#[test]
fn the_last_is_taken_when_nothing_else_is_said() {
    // As the converter from perf.data has it.
    let types = [("cycles_sample", "count"), ("cycles_event", "count")];
    check(
        File::new(&types),
        1,
        2,
        Some(
            "the file measures cycles_event in count: that is shown where CPU time would be, one unit as one nanosecond",
        ),
    );
}

#[test]
fn nothing_was_counted() {
    check(File::new(&[("cpu", "nanoseconds")]), 1, 1, None);
}

#[test]
fn threads_by_name_and_number() {
    let file = File::new(&[("cpu", "nanoseconds")])
        .sample(&[], &[1], &[("thread", "a", 0)])
        .sample(&[], &[2], &[("thread", "a", 0), ("request", "x", 0)])
        .sample(&[], &[4], &[("thread_name", "a", 0), ("tid", "", 7)])
        .sample(&[], &[8], &[("tid", "7", 0), ("comm", "a", 0)])
        .sample(&[], &[16], &[]);
    let profile = file.read();
    let threads: Vec<_> = profile
        .threads
        .iter()
        .map(|thread| (&*thread.name, thread.tid, thread.totals.sampled_ns))
        .collect();
    assert_eq!(threads, [("a", 0, 3), ("a", 7, 12), ("", 0, 16)]);
    assert_eq!(profile.samples.len(), 3, "equal ones are one row");
}

#[test]
fn ids_are_any_numbers() {
    let file = File::new(&[("cpu", "nanoseconds")])
        .function(u64::MAX, "outer")
        .function(7, "inner")
        .sample(&[7, u64::MAX], &[5], &[]);
    let profile = file.read();
    let names: Vec<&str> = profile.samples[0]
        .stack
        .iter()
        .map(|&at| profile.locations[at as usize].lines[0].function)
        .map(|function| &*profile.functions[function as usize].name)
        .collect();
    assert_eq!(names, ["inner", "outer"]);
    let location = &profile.locations[0];
    assert_eq!(location.module, None, "a mapping that is not listed");
    assert_eq!(location.lines[0].line, 0, "no line before the first");
}

#[test]
fn negative_values_are_zero_and_said() {
    let file = File::new(&[("cpu", "nanoseconds")]).sample(&[], &[-5], &[]);
    let profile = file.read();
    assert_eq!(profile.samples[0].cpu_ns, 0);
    assert_eq!(
        profile.process.notices,
        ["samples with negative values (a difference of two profiles?), counted as zero: 1"]
    );
}

#[test]
fn names_of_other_languages_stay() {
    let names = ["main.(*T[...]).cold", "operator<", "a.b$1.apply", "x -> y"];
    let mut file = File::new(&[("cpu", "nanoseconds")]);
    for (id, name) in (1..).zip(names) {
        file = file.function(id, name);
    }
    let functions = file.read().functions;
    let read: Vec<&str> = functions.iter().map(|function| &*function.name).collect();
    assert_eq!(read, names);
}

#[test]
fn rust_names_become_canonical_and_the_given_one_is_kept() {
    let file = File::new(&[("cpu", "nanoseconds")]).function(1, "a::b<T>::c::{{closure}}");
    let function = &file.read().functions[0];
    assert_eq!(function.name, "a::b<_>::c::{closure}");
    assert_eq!(function.system_name, "a::b<T>::c::{{closure}}");
}

/// Errors, each by what is wrong.
#[test]
fn damaged() {
    let file = || File::new(&[("cpu", "nanoseconds")]);
    for (file, error) in [
        (
            file().sample(&[1], &[1], &[]),
            DecodeError::DanglingIndex("a stack"),
        ),
        (
            file().sample(&[], &[1, 2], &[]),
            DecodeError::Malformed("a sample's values"),
        ),
        (
            file().sample(&[], &[], &[]),
            DecodeError::Malformed("a sample's values"),
        ),
        (
            file().function(0, "x"),
            DecodeError::Malformed("a function's ID"),
        ),
        (
            file().function(3, "x").function(3, "y"),
            DecodeError::Malformed("a function's ID"),
        ),
    ] {
        assert_eq!(decode(&file.finish()), Err(error));
    }
}

/// Our own file with another private message.
fn with_private(private: &[u8]) -> Vec<u8> {
    let mut file = encode(&Profile::default());
    // The last one counts.
    bytes::encode(PRIVATE_FIELD, &private.to_vec(), &mut file);
    file
}

fn private_of(file: &[u8]) -> Vec<u8> {
    super::wire::fields(file, "")
        .find_map(|one| match one {
            Ok(wire::Field::Bytes(PRIVATE_FIELD, bytes)) => Some(bytes.to_vec()),
            _ => None,
        })
        .unwrap()
}

#[test]
fn a_newer_version_says_so_even_if_nothing_else_can_be_read() {
    let mut private = Vec::new();
    uint32::encode(1, &(VERSION + 1), &mut private);
    // What was the window is now something else.
    bytes::encode(3, &vec![0xff; 9], &mut private);
    let error = decode(&with_private(&private)).unwrap_err();
    assert_eq!(
        error,
        DecodeError::NewerVersion {
            found: VERSION + 1,
            known: VERSION,
        }
    );
    assert_eq!(
        error.to_string(),
        "the profile was written in format 2 and this hotpoll reads formats up to 1: update hotpoll"
    );
}

#[test]
fn additions_of_a_newer_minor_version_are_skipped() {
    let mut private = private_of(&encode(&Profile::default()));
    uint32::encode(2, &99, &mut private);
    bytes::encode(55, &b"a table of tasks".to_vec(), &mut private);
    assert_eq!(decode(&with_private(&private)), Ok(Profile::default()));
}

#[test]
fn a_private_field_without_a_version_is_damage() {
    assert_eq!(
        decode(&with_private(b"")),
        Err(DecodeError::Malformed("hotpoll's version"))
    );
}

#[test]
fn a_state_of_a_newer_version_is_a_kind_of_waiting() {
    let mut samples = vec![crate::Sample::default()];
    let mut column = Vec::new();
    uint32::encode_packed(2, &[77], &mut column);
    let columns: super::columns::SampleColumns = wire::entry(&column, "").unwrap();
    columns.fill(&mut samples).unwrap();
    assert_eq!(samples[0].state, State::OtherWait);
}

/// A tool that keeps unknown fields and renumbers the others would make us join the wrong rows.
#[test]
fn entries_that_were_renumbered_are_told() {
    let profile = Profile {
        functions: vec![crate::Function::default()],
        ..Profile::default()
    };
    let mut file = encode(&profile);
    let function = wire::Function {
        id: 5,
        ..wire::Function::default()
    };
    let mut other = Vec::new();
    message::encode(field::FUNCTION, &function, &mut other);
    let mut own = Vec::new();
    let first = wire::Function {
        id: 1,
        ..wire::Function::default()
    };
    message::encode(field::FUNCTION, &first, &mut own);
    let at = file.windows(own.len()).position(|window| window == own);
    let at = at.unwrap();
    file.splice(at..at + own.len(), other);
    assert_eq!(
        decode(&file),
        Err(DecodeError::Malformed("a function's ID"))
    );
}
