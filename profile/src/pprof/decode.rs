//! A profile in: undoes gzip, takes the message apart, and hands it to the reader for our files or for those of others.

use super::limits::Budget;
use super::private::PRIVATE_FIELD;
use super::wire::{self, Field, field, fields};
use super::{DecodeError, Limits, foreign, own};
use crate::Profile;
use flate2::read::MultiGzDecoder;
use std::borrow::Cow;
use std::io::Read;

/// Reads a pprof profile, gzipped or not, with the default [`Limits`].
///
/// A file that [`crate::pprof::encode`] wrote comes back as it was. From other tools' files come modules, locations, functions and
/// samples: the value is the one named `cpu`, else the file's default, else its last; thread labels become threads, without clocks;
/// there are no slices. [`crate::Process::notices`] says when the values are something else than CPU time.
pub fn decode(file: &[u8]) -> Result<Profile, DecodeError> {
    decode_with(file, &Limits::default())
}

/// [`decode`] with other limits.
pub fn decode_with(file: &[u8], limits: &Limits) -> Result<Profile, DecodeError> {
    if file.is_empty() {
        return Err(DecodeError::Empty);
    }
    let message = ungzip(file, limits)?;
    let mut budget = Budget::new(limits);
    let raw = Raw::parse(&message, &mut budget)?;
    match raw.private {
        Some(private) => own::read(&raw, private, &mut budget),
        None => foreign::read(&raw, &mut budget),
    }
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

fn ungzip<'a>(file: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, DecodeError> {
    let limit = limits.message_bytes;
    let message: Cow<'a, [u8]> = if file.starts_with(&GZIP_MAGIC) {
        let mut message = Vec::new();
        // One byte more than allowed, to see that there is more.
        let mut bounded = MultiGzDecoder::new(file).take((limit as u64).saturating_add(1));
        bounded
            .read_to_end(&mut message)
            .map_err(|_| DecodeError::Gzip)?;
        message.into()
    } else {
        file.into()
    };
    if message.len() > limit {
        return Err(DecodeError::TooLarge { limit });
    }
    Ok(message)
}

/// The top-level message taken apart: tables of entries not read yet. They borrow from the message.
#[derive(Default)]
pub(super) struct Raw<'a> {
    pub sample_types: Vec<&'a [u8]>,
    pub samples: Vec<&'a [u8]>,
    pub mappings: Vec<&'a [u8]>,
    pub locations: Vec<&'a [u8]>,
    pub functions: Vec<&'a [u8]>,
    pub strings: Vec<&'a [u8]>,
    pub period_type: wire::ValueType,
    pub period: i64,
    pub time_ns: i64,
    pub duration_ns: i64,
    pub default_sample_type: i64,
    pub private: Option<&'a [u8]>,
}

impl<'a> Raw<'a> {
    fn parse(message: &'a [u8], budget: &mut Budget) -> Result<Self, DecodeError> {
        let mut raw = Self::default();
        for one in fields(message, "the profile's fields") {
            match one? {
                Field::Bytes(tag, bytes) => {
                    let table = match tag {
                        field::SAMPLE_TYPE => &mut raw.sample_types,
                        field::SAMPLE => &mut raw.samples,
                        field::MAPPING => &mut raw.mappings,
                        field::LOCATION => &mut raw.locations,
                        field::FUNCTION => &mut raw.functions,
                        field::STRING_TABLE => &mut raw.strings,
                        field::PERIOD_TYPE => {
                            raw.period_type = wire::entry(bytes, "period type")?;
                            continue;
                        }
                        PRIVATE_FIELD => {
                            raw.private = Some(bytes);
                            continue;
                        }
                        _ => continue,
                    };
                    budget.take_many::<&[u8]>(1)?;
                    table.push(bytes);
                }
                Field::Varint(tag, value) => {
                    let value = value.cast_signed();
                    match tag {
                        field::TIME_NANOS => raw.time_ns = value,
                        field::DURATION_NANOS => raw.duration_ns = value,
                        field::PERIOD => raw.period = value,
                        field::DEFAULT_SAMPLE_TYPE => raw.default_sample_type = value,
                        _ => {}
                    }
                }
                Field::Fixed(_) => {}
            }
        }
        // Text and other stray bytes can pass for a message of unknown fields; a profile has this much.
        if raw.sample_types.is_empty() || raw.strings.is_empty() {
            return Err(DecodeError::Malformed("sample types and strings"));
        }
        Ok(raw)
    }

    /// A string of the table. Other tools' strings need not be UTF-8.
    pub(super) fn text(&self, index: i64) -> Result<Cow<'a, str>, DecodeError> {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.strings.get(index))
            .map(|bytes| String::from_utf8_lossy(bytes))
            .ok_or(DecodeError::DanglingIndex("a string"))
    }

    /// A string of the table to keep. Many entries may name the same long string, so each copy is counted.
    pub(super) fn owned(&self, index: i64, budget: &mut Budget) -> Result<String, DecodeError> {
        let text = self.text(index)?;
        budget.take(text.len())?;
        Ok(text.into_owned())
    }
}

/// A build ID from hexadecimal; empty if it is none (Go's are not).
pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
        _ => Vec::new(),
    }
}
