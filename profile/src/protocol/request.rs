//! What the command asks.

use super::frame::kind;
use super::{Frame, MAJOR, ProtocolError};
use prost::Message;

/// A question to a live process.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// Who are you and how is sampling going? Answer: [`super::Response::Status`].
    Status,
    /// What did you do? Answer: [`super::Response::Profile`].
    Fetch(Fetch),
    /// What do you run on? Answer: [`super::Response::Doctor`].
    Doctor,
}

/// Which part of the flight recorder to send. All conditions hold together; the default is all that there is.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Fetch {
    /// Only slices after this sequence; 0 for all.
    #[prost(uint64, tag = "1")]
    pub since_sequence: u64,
    /// Only slices that reach into the last so many nanoseconds, counted back from the end of the newest slice; 0 for all.
    #[prost(uint64, tag = "2")]
    pub last_ns: u64,
    /// If there is no such slice yet, wait up to this long for one; 0 to answer at once.
    #[prost(uint64, tag = "3")]
    pub wait_ns: u64,
    /// Also say what every thread and task is doing now ([`crate::Profile::snapshot`]). Since minor version 1.
    #[prost(bool, tag = "4")]
    pub snapshot: bool,
    /// Before that, have tasks that are suspended take their stacks anew, which wakes each of them once. Since minor version 1.
    #[prost(bool, tag = "5")]
    pub refresh: bool,
}

impl Request {
    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        let frame = match self {
            Self::Status => Frame::new(kind::GET_STATUS, Vec::new()),
            Self::Fetch(fetch) => Frame::new(kind::FETCH, fetch.encode_to_vec()),
            Self::Doctor => Frame::new(kind::GET_DOCTOR, Vec::new()),
        };
        frame.encode()
    }

    /// Understands a frame that [`super::FrameDecoder`] found. Every error can be answered, with [`super::ErrorReply::from`].
    pub fn from_frame(frame: &Frame) -> Result<Self, ProtocolError> {
        if frame.major != MAJOR {
            return Err(ProtocolError::command_speaks(frame.major));
        }
        match frame.kind {
            kind::GET_STATUS => Ok(Self::Status),
            kind::FETCH => Fetch::decode(&*frame.payload)
                .map(Self::Fetch)
                .map_err(|_| ProtocolError::Malformed),
            kind::GET_DOCTOR => Ok(Self::Doctor),
            other => Err(ProtocolError::UnknownKind(other)),
        }
    }
}
