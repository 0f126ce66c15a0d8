//! What the process answers.

use super::frame::kind;
use super::{DoctorReport, Frame, MAJOR, ProtocolError, Status};
use prost::Message;
use std::fmt;

/// An answer of a live process.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Response {
    /// To [`super::Request::Status`].
    Status(Box<Status>),
    /// To [`super::Request::Fetch`]: what [`crate::pprof::encode`] made, for [`crate::pprof::decode`].
    Profile(Vec<u8>),
    /// To [`super::Request::Doctor`].
    Doctor(Box<DoctorReport>),
    /// To anything that cannot be answered.
    Error(ErrorReply),
}

/// Payload bytes of a status or a doctor's report: decoding one may take some twenty times as many.
const MAX_REPORT_BYTES: usize = 4 << 20;

impl Response {
    /// The bytes to send.
    pub fn encode(self) -> Vec<u8> {
        let frame = match self {
            Self::Status(status) => Frame::new(kind::STATUS, status.encode_to_vec()),
            Self::Profile(pprof) => Frame::new(kind::PROFILE, pprof),
            Self::Doctor(report) => Frame::new(kind::DOCTOR, report.encode_to_vec()),
            Self::Error(reply) => Frame::new(kind::ERROR, reply.encode_to_vec()),
        };
        frame.encode()
    }

    /// Understands a frame that [`super::FrameDecoder`] found. An error reply is understood in every version.
    pub fn from_frame(frame: Frame) -> Result<Self, ProtocolError> {
        let report = || {
            let fits = frame.payload.len() <= MAX_REPORT_BYTES;
            fits.then_some(&*frame.payload)
                .ok_or(ProtocolError::Malformed)
        };
        if frame.kind == kind::ERROR {
            return decode(report()?).map(Self::Error);
        }
        if frame.major != MAJOR {
            return Err(ProtocolError::process_speaks(frame.major));
        }
        match frame.kind {
            kind::STATUS => decode(report()?).map(Box::new).map(Self::Status),
            kind::DOCTOR => decode(report()?).map(Box::new).map(Self::Doctor),
            kind::PROFILE => Ok(Self::Profile(frame.payload)),
            other => Err(ProtocolError::UnknownKind(other)),
        }
    }
}

fn decode<M: Message + Default>(payload: &[u8]) -> Result<M, ProtocolError> {
    M::decode(payload).map_err(|_| ProtocolError::Malformed)
}

/// A question that was not answered, and why. Its form is the same in every version.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ErrorReply {
    /// What a program can tell apart: [`ErrorReply::code`].
    #[prost(uint32, tag = "1")]
    pub code_number: u32,
    /// What a person is told: a whole sentence, with the next step.
    #[prost(string, tag = "2")]
    pub sentence: String,
}

/// What went wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum ErrorCode {
    /// Something not listed here, or of a later version.
    Other = 0,
    /// The request's major version is not the process's.
    OtherVersion = 1,
    /// The request's kind is not known.
    UnknownRequest = 2,
    /// The request is damaged.
    Malformed = 3,
    /// Too many clients are being served.
    Busy = 4,
    /// Sampling is stopped.
    Stopped = 5,
    /// The answer would be longer than [`super::MAX_RESPONSE_BYTES`]: ask for less.
    TooLarge = 6,
}

impl ErrorReply {
    /// An error with a sentence.
    pub fn new(code: ErrorCode, sentence: impl Into<String>) -> Self {
        Self {
            code_number: code as u32,
            sentence: sentence.into(),
        }
    }

    /// What went wrong.
    pub fn code(&self) -> ErrorCode {
        use ErrorCode::*;
        [
            OtherVersion,
            UnknownRequest,
            Malformed,
            Busy,
            Stopped,
            TooLarge,
        ]
        .into_iter()
        .find(|code| *code as u32 == self.code_number)
        .unwrap_or(Other)
    }
}

impl From<ProtocolError> for ErrorReply {
    /// What to answer to a request that was not understood.
    fn from(error: ProtocolError) -> Self {
        let code = match error {
            ProtocolError::OtherVersion(_) => ErrorCode::OtherVersion,
            ProtocolError::UnknownKind(_) => ErrorCode::UnknownRequest,
            _ => ErrorCode::Malformed,
        };
        Self::new(code, error.to_string())
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}
