//! How a message lies in the byte stream: a header of 16 bytes, then the payload.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `hpol` |
//! | 4..6 | major version |
//! | 6..8 | minor version |
//! | 8..10 | kind |
//! | 10..12 | zero; for later |
//! | 12..16 | length of the payload |
//!
//! Numbers are little-endian. This much stays as it is in every version.

use super::{MAJOR, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, MINOR, ProtocolError};

/// What every frame begins with.
pub const MAGIC: [u8; 4] = *b"hpol";
/// The header's length.
pub const HEADER_BYTES: usize = 16;

/// Kinds of frames. Their numbers are never given twice.
pub(super) mod kind {
    /// The same in every major version.
    pub const ERROR: u16 = 0;
    pub const GET_STATUS: u16 = 1;
    pub const STATUS: u16 = 2;
    pub const FETCH: u16 = 3;
    pub const PROFILE: u16 = 4;
    pub const GET_DOCTOR: u16 = 5;
    pub const DOCTOR: u16 = 6;
}

/// One message as it lay in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The major version that its sender speaks.
    pub major: u16,
    /// The minor version that its sender speaks.
    pub minor: u16,
    /// What sort of message it is.
    pub kind: u16,
    /// The message.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame in this version.
    pub(super) fn new(kind: u16, payload: Vec<u8>) -> Self {
        Self {
            major: MAJOR,
            minor: MINOR,
            kind,
            payload,
        }
    }

    /// The bytes to send.
    ///
    /// A payload over 4 GiB cannot be said in a header; [`MAX_RESPONSE_BYTES`] is far below.
    pub fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.payload.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.major.to_le_bytes());
        bytes.extend_from_slice(&self.minor.to_le_bytes());
        bytes.extend_from_slice(&self.kind.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}

/// Finds frames in a stream that arrives in pieces of any size.
///
/// Call [`push`](Self::push) with what was read, then [`next`](Self::next) until it gives `None`. It never holds more than what was pushed since
/// the last `next`, plus one frame within the limit.
#[derive(Debug)]
pub struct FrameDecoder {
    limit: u32,
    buffer: Vec<u8>,
    /// Where the next frame begins in `buffer`.
    start: usize,
    /// After junk there is no telling where a frame begins: the connection is lost.
    failed: Option<ProtocolError>,
}

impl FrameDecoder {
    /// For the process: frames up to [`MAX_REQUEST_BYTES`].
    pub fn for_requests() -> Self {
        Self::with_limit(MAX_REQUEST_BYTES)
    }

    /// For the command: frames up to [`MAX_RESPONSE_BYTES`].
    pub fn for_responses() -> Self {
        Self::with_limit(MAX_RESPONSE_BYTES)
    }

    /// Frames with payloads of up to `limit` bytes.
    pub fn with_limit(limit: u32) -> Self {
        Self {
            limit,
            buffer: Vec::new(),
            start: 0,
            failed: None,
        }
    }

    /// Adds bytes of the stream. After an error they are not kept.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a frame has begun and not ended: a stream that ends now was cut short.
    pub fn is_inside_frame(&self) -> bool {
        self.start < self.buffer.len()
    }

    /// How many bytes are missing until the next frame is whole, as far as can be told; 0 when one is waiting.
    pub fn missing(&self) -> usize {
        let have = self.buffer.len() - self.start;
        let want = match self.length() {
            Some(length) => HEADER_BYTES + length as usize,
            None => HEADER_BYTES,
        };
        want.saturating_sub(have)
    }

    /// The next whole frame, `None` when more bytes are needed. An error stays: drop the connection.
    // Not an iterator: `None` means not yet.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Frame>, ProtocolError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.find().inspect_err(|error| {
            self.failed = Some(error.clone());
            self.buffer = Vec::new();
            self.start = 0;
        })
    }

    fn find(&mut self) -> Result<Option<Frame>, ProtocolError> {
        let waiting = &self.buffer[self.start..];
        // Junk is told apart at its first byte: a client that sends one line and waits is not left waiting.
        let seen = waiting.len().min(MAGIC.len());
        if waiting[..seen] != MAGIC[..seen] {
            return Err(ProtocolError::NotHotpoll);
        }
        let Some(length) = self.length() else {
            return Ok(None);
        };
        if length > self.limit {
            return Err(ProtocolError::TooLong {
                length,
                limit: self.limit,
            });
        }
        let end = HEADER_BYTES + length as usize;
        let Some(frame) = waiting.get(..end) else {
            return Ok(None);
        };
        let frame = Frame {
            major: u16_at(frame, 4),
            minor: u16_at(frame, 6),
            kind: u16_at(frame, 8),
            payload: frame[HEADER_BYTES..].to_vec(),
        };
        self.start += end;
        if self.start == self.buffer.len() {
            // Releases what a large frame took.
            self.buffer = Vec::new();
            self.start = 0;
        }
        Ok(Some(frame))
    }

    /// The payload length that the header says, once the header is whole.
    fn length(&self) -> Option<u32> {
        let header = self.buffer[self.start..].get(..HEADER_BYTES)?;
        Some(u32::from_le_bytes([
            header[12], header[13], header[14], header[15],
        ]))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}
