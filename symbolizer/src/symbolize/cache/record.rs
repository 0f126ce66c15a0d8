//! One build's answers as bytes.
//!
//! ```text
//! magic 16 · version u32 · CRC-32 of the body u32 · body
//! body: source u8 · identity u64 · notes · missing files · strings · addresses
//! ```
//! Integers of the body are LEB128, lists begin with their length, addresses are differences to the one before. A format of our
//! own: the tables of strings make it a tenth of JSON, and decoding it is most of what a warm report waits for.

use std::{
    collections::HashMap,
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use crate::symbolize::{
    Source,
    frame::{Answers, RawFrame},
    lookup::Outcome,
    summary::Quality,
};

const MAGIC: [u8; 16] = *b"hotpoll symbols\n";

/// Counts up when the body changes, or what look-ups put into it. A file of another version is looked up again and overwritten.
const VERSION: u32 = 5;

const HEADER_BYTES: usize = MAGIC.len() + 8;

/// How many missing split files are remembered, to see whether they have come.
const MAX_MISSING: usize = 64;

/// How many sentences are remembered.
const MAX_NOTES: usize = 16;

/// What is known about one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::symbolize) struct Record {
    pub(in crate::symbolize) source: Source,
    /// Of the files the answers are from ([`crate::symbolize::locate::Plan::identity`]).
    pub(in crate::symbolize) identity: u64,
    /// Split files that were looked for in vain.
    pub(in crate::symbolize) missing: Vec<PathBuf>,
    pub(in crate::symbolize) notes: Vec<String>,
    /// No frames: it was looked up, and nothing is known.
    pub(in crate::symbolize) answers: Answers,
}

impl Record {
    pub(in crate::symbolize) fn new(identity: u64) -> Self {
        Self {
            source: Source::NotFound,
            identity,
            missing: Vec::new(),
            notes: Vec::new(),
            answers: Answers::new(),
        }
    }

    /// Whether the answers hold for the files that are there now. Debug info that has come since makes them too poor; debug info
    /// that has gone does not make them wrong.
    pub(in crate::symbolize) fn still_stands(
        &self,
        identity: u64,
        quality: Quality,
        has_come: impl Fn(&Path) -> bool,
    ) -> bool {
        if identity == self.identity {
            !self.missing.iter().any(|path| has_come(path))
        } else {
            quality < self.source.quality()
        }
    }

    /// Adds what was looked up now.
    pub(in crate::symbolize) fn merge(&mut self, outcome: Outcome) {
        let is_split = matches!(outcome.source, Source::Dwo | Source::Dwp);
        let is_better = outcome.source.quality() > self.source.quality();
        if self.answers.is_empty() || is_split || is_better {
            self.source = outcome.source;
        }
        for path in outcome.missing {
            if self.missing.len() < MAX_MISSING && !self.missing.contains(&path) {
                self.missing.push(path);
            }
        }
        for note in outcome.notes {
            if self.notes.len() < MAX_NOTES && !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        self.answers.extend(outcome.answers);
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut strings = Strings::default();
        let mut addresses = Vec::new();
        let mut last = 0;
        put(&mut addresses, self.answers.len() as u64);
        for (&address, frames) in &self.answers {
            put(&mut addresses, address.wrapping_sub(last));
            last = address;
            put(&mut addresses, frames.len() as u64);
            for frame in frames {
                for text in [&frame.symbol, &frame.scope, &frame.file] {
                    put(&mut addresses, strings.index(text));
                }
                put(&mut addresses, u64::from(frame.line));
                put(&mut addresses, u64::from(frame.start_line));
            }
        }
        let mut body = vec![self.source.code()];
        body.extend(self.identity.to_le_bytes());
        put_list(&mut body, self.notes.iter().map(|note| note.as_bytes()));
        put_list(
            &mut body,
            self.missing.iter().map(|path| path.as_os_str().as_bytes()),
        );
        put_list(&mut body, strings.list.iter().map(|text| text.as_bytes()));
        body.extend(addresses);
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(crc(&body).to_le_bytes());
        bytes.extend(body);
        bytes
    }

    /// `None` for anything that is not whole and of this version.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, body) = bytes.split_at_checked(HEADER_BYTES)?;
        let (magic, numbers) = header.split_at(MAGIC.len());
        let (version, checksum) = numbers.split_at(4);
        let is_whole = magic == MAGIC
            && version == VERSION.to_le_bytes()
            && checksum == crc(body).to_le_bytes();
        is_whole.then(|| Self::decode_body(body)).flatten()
    }

    fn decode_body(body: &[u8]) -> Option<Self> {
        let mut input = Input(body);
        let source = Source::from_code(input.byte()?)?;
        let identity = u64::from_le_bytes(input.bytes(8)?.try_into().ok()?);
        let notes = input.texts()?;
        let missing = input.list(|input| {
            let length = input.length()?;
            Some(OsString::from_vec(input.bytes(length)?.to_vec()).into())
        })?;
        let strings = input.texts()?;
        let text = |input: &mut Input<'_>| {
            let index = usize::try_from(input.number()?).ok()?;
            strings.get(index).cloned()
        };
        let mut last: u64 = 0;
        let addresses = input.list(|input| {
            last = last.wrapping_add(input.number()?);
            let frames = input.list(|input| {
                Some(RawFrame {
                    symbol: text(input)?,
                    scope: text(input)?,
                    file: text(input)?,
                    line: input.number()?.try_into().ok()?,
                    start_line: input.number()?.try_into().ok()?,
                })
            })?;
            Some((last, frames))
        })?;
        input.0.is_empty().then(|| Self {
            source,
            identity,
            missing,
            notes,
            answers: addresses.into_iter().collect(),
        })
    }
}

/// The distinct strings of a record, in order of first use.
#[derive(Default)]
struct Strings<'a> {
    list: Vec<&'a str>,
    index: HashMap<&'a str, u64>,
}

impl<'a> Strings<'a> {
    fn index(&mut self, text: &'a str) -> u64 {
        *self.index.entry(text).or_insert_with(|| {
            self.list.push(text);
            self.list.len() as u64 - 1
        })
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn put(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

fn put_list<'a>(into: &mut Vec<u8>, items: impl ExactSizeIterator<Item = &'a [u8]>) {
    put(into, items.len() as u64);
    for item in items {
        put(into, item.len() as u64);
        into.extend(item);
    }
}

/// What is left to decode.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A count of things that take at least a byte each: a damaged one cannot make us reserve more than the input has.
    fn length(&mut self) -> Option<usize> {
        let length = usize::try_from(self.number()?).ok()?;
        (length <= self.0.len()).then_some(length)
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.length()?;
        (0..length).map(|_| item(self)).collect()
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        self.list(|input| {
            let length = input.length()?;
            let text = std::str::from_utf8(input.bytes(length)?).ok()?;
            Some(text.to_string())
        })
    }
}

/// For fuzzing: any bytes as a file of the cache, and as one whose checksum is right. What is read can be written and read again.
#[cfg(fuzzing)]
pub(in crate::symbolize) fn check(bytes: &[u8]) {
    for record in [Record::decode(bytes), Record::decode_body(bytes)] {
        if let Some(record) = record {
            assert!(Record::decode(&record.encode()).is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn example() -> Record {
        let frame = RawFrame {
            symbol: "_RNvCs1_3app4work".into(),
            scope: String::new(),
            file: "/src/app.rs".into(),
            line: 300,
            start_line: 290,
        };
        let bare = RawFrame {
            symbol: "poll<T>".into(),
            scope: "app::net".into(),
            ..frame.clone()
        };
        Record {
            source: Source::Dwo,
            identity: 0xfeed_beef_dead_cafe,
            missing: vec![PathBuf::from("/build/a.dwo")],
            notes: vec!["it is said".into()],
            answers: [
                (0, vec![]),
                (0x1234, vec![bare, frame.clone()]),
                (u64::MAX, vec![frame]),
            ]
            .into(),
        }
    }

    #[test]
    fn comes_back_as_it_was() {
        let record = example();
        assert_eq!(Record::decode(&record.encode()), Some(record));
        let empty = Record::new(7);
        assert_eq!(Record::decode(&empty.encode()), Some(empty));
    }

    #[test]
    fn any_changed_bit_or_missing_byte_is_noticed() {
        let bytes = example().encode();
        for at in 0..bytes.len() {
            assert_eq!(Record::decode(&bytes[..at]), None, "cut at {at}");
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(Record::decode(&changed), None, "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn another_version_is_not_read() {
        let mut bytes = example().encode();
        bytes[MAGIC.len()] += 1;
        assert_eq!(Record::decode(&bytes), None);
    }

    #[test]
    fn poor_answers_fall_when_better_files_come() {
        let mut record = Record::new(1);
        record.source = Source::SymbolTable;
        record.missing = vec![PathBuf::from("/a.dwo")];
        let check = |identity, quality, has_come, expected, what: &str| {
            assert_eq!(
                record.still_stands(identity, quality, |_| has_come),
                expected,
                "{what}"
            );
        };
        check(1, Quality::Functions, false, true, "nothing changed");
        check(1, Quality::Functions, true, false, "a split file came");
        check(2, Quality::Lines, false, false, "debug info came");
        check(
            2,
            Quality::Functions,
            false,
            false,
            "the symbol table changed",
        );
        check(2, Quality::Nothing, false, true, "the binary went away");
    }

    proptest! {
        // Behind the checksum: whatever the body says, decoding ends and does not panic, and what it accepts can be written again.
        #[test]
        fn any_body_is_decoded_or_refused(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Some(record) = Record::decode_body(&body) {
                prop_assert_eq!(Record::decode(&record.encode()), Some(record));
            }
        }

        #[test]
        fn a_damaged_body_is_decoded_or_refused(at in 0usize..200, value: u8) {
            let mut body = example().encode().split_off(HEADER_BYTES);
            let at = at % body.len();
            body[at] = value;
            if let Some(record) = Record::decode_body(&body) {
                prop_assert_eq!(Record::decode(&record.encode()), Some(record));
            }
        }
    }
}
