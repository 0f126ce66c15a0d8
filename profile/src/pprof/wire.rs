//! google's `profile.proto` (<https://github.com/google/pprof/blob/main/proto/profile.proto>) as prost messages, and a walk over
//! the fields of a message that allocates nothing.
//!
//! There is no message for the whole profile: it is written and read entry by entry, so that a large one is never in memory twice.

use super::DecodeError;
use super::limits::{Budget, MAX_ENTRY_BYTES};
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};

/// Field numbers of the top-level message.
pub(super) mod field {
    pub const SAMPLE_TYPE: u32 = 1;
    pub const SAMPLE: u32 = 2;
    pub const MAPPING: u32 = 3;
    pub const LOCATION: u32 = 4;
    pub const FUNCTION: u32 = 5;
    pub const STRING_TABLE: u32 = 6;
    pub const TIME_NANOS: u32 = 9;
    pub const DURATION_NANOS: u32 = 10;
    pub const PERIOD_TYPE: u32 = 11;
    pub const PERIOD: u32 = 12;
    pub const COMMENT: u32 = 13;
    pub const DEFAULT_SAMPLE_TYPE: u32 = 14;
}

/// What a column of sample values means; both are indices into the string table.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct ValueType {
    #[prost(int64, tag = "1")]
    pub kind: i64,
    #[prost(int64, tag = "2")]
    pub unit: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Sample {
    /// Leaf first.
    #[prost(uint64, repeated, tag = "1")]
    pub location_ids: Vec<u64>,
    /// One for each sample type.
    #[prost(int64, repeated, tag = "2")]
    pub values: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    pub labels: Vec<Label>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Label {
    #[prost(int64, tag = "1")]
    pub key: i64,
    #[prost(int64, tag = "2")]
    pub text: i64,
    #[prost(int64, tag = "3")]
    pub number: i64,
    #[prost(int64, tag = "4")]
    pub number_unit: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Mapping {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(uint64, tag = "2")]
    pub memory_start: u64,
    #[prost(uint64, tag = "3")]
    pub memory_limit: u64,
    #[prost(uint64, tag = "4")]
    pub file_offset: u64,
    #[prost(int64, tag = "5")]
    pub filename: i64,
    #[prost(int64, tag = "6")]
    pub build_id: i64,
    #[prost(bool, tag = "7")]
    pub has_functions: bool,
    #[prost(bool, tag = "8")]
    pub has_filenames: bool,
    #[prost(bool, tag = "9")]
    pub has_line_numbers: bool,
    #[prost(bool, tag = "10")]
    pub has_inline_frames: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Location {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(uint64, tag = "2")]
    pub mapping_id: u64,
    #[prost(uint64, tag = "3")]
    pub address: u64,
    /// Innermost inlined frame first.
    #[prost(message, repeated, tag = "4")]
    pub lines: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Line {
    #[prost(uint64, tag = "1")]
    pub function_id: u64,
    #[prost(int64, tag = "2")]
    pub line: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Function {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(int64, tag = "2")]
    pub name: i64,
    #[prost(int64, tag = "3")]
    pub system_name: i64,
    #[prost(int64, tag = "4")]
    pub filename: i64,
    #[prost(int64, tag = "5")]
    pub start_line: i64,
}

/// One field of a message, as it lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Varint(u32, u64),
    Bytes(u32, &'a [u8]),
    /// A fixed-size number: nothing here has one, so its value is not kept.
    Fixed(u32),
}

/// Walks over the fields of a message.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    what: &'static str,
}

/// The fields of `message`; errors name `what`.
pub(super) fn fields<'a>(message: &'a [u8], what: &'static str) -> Fields<'a> {
    Fields {
        rest: message,
        what,
    }
}

impl<'a> Fields<'a> {
    fn take(&mut self, n: u64) -> Option<&'a [u8]> {
        let n = usize::try_from(n).ok()?;
        let (head, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(head)
    }

    fn read(&mut self) -> Option<Field<'a>> {
        let (tag, wire_type) = decode_key(&mut self.rest).ok()?;
        Some(match wire_type {
            WireType::Varint => Field::Varint(tag, decode_varint(&mut self.rest).ok()?),
            WireType::LengthDelimited => {
                let length = decode_varint(&mut self.rest).ok()?;
                Field::Bytes(tag, self.take(length)?)
            }
            WireType::SixtyFourBit => self.take(8).map(|_| Field::Fixed(tag))?,
            WireType::ThirtyTwoBit => self.take(4).map(|_| Field::Fixed(tag))?,
            // Groups are from before proto3, and nest without a length: nobody writes them into a profile.
            WireType::StartGroup | WireType::EndGroup => return None,
        })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_none() {
            // Nothing after a damaged field can be trusted.
            self.rest = &[];
        }
        Some(field.ok_or(DecodeError::Malformed(self.what)))
    }
}

/// Decodes one entry of a table; errors name `what`.
pub(super) fn entry<M: Message + Default>(
    bytes: &[u8],
    what: &'static str,
) -> Result<M, DecodeError> {
    if bytes.len() > MAX_ENTRY_BYTES {
        return Err(DecodeError::TooLarge {
            limit: MAX_ENTRY_BYTES,
        });
    }
    M::decode(bytes).map_err(|_| DecodeError::Malformed(what))
}

/// Decodes columns of numbers, which grow with the whole profile and not with one entry of it: the budget bounds them.
pub(super) fn columns<M: Message + Default>(
    bytes: &[u8],
    what: &'static str,
    budget: &mut Budget,
) -> Result<M, DecodeError> {
    // A byte may become a number of eight.
    budget.take(bytes.len().saturating_mul(size_of::<u64>()))?;
    M::decode(bytes).map_err(|_| DecodeError::Malformed(what))
}
