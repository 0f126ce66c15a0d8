//! What the command and a live process say to each other over the unix socket. Bytes in, bytes out; who reads and writes them is
//! elsewhere.
//!
//! One side sends a [`Request`], the other answers with one [`Response`], as often as they like. Each is one [`frame`]: a header of 16 bytes whose form
//! never changes, so that versions far apart can still tell each other so, and a payload that is a protobuf message.
//!
//! Additions that the other side may ignore (a field, a kind of request) take [`MINOR`] + 1. A change that it would misunderstand takes
//! [`MAJOR`] + 1; then each side answers with a sentence ([`OtherVersion`]). An [`ErrorReply`] keeps its form in every version.

mod doctor;
mod error;
pub mod frame;
mod request;
mod response;
mod status;

pub use doctor::{AgentThread, DoctorReport, EngineCount, UnwindModule};
pub use error::{OtherVersion, ProtocolError};
pub use frame::{Frame, FrameDecoder};
pub use request::{Fetch, Request};
pub use response::{ErrorCode, ErrorReply, Response};
pub use status::Status;

/// The protocol's version. Sides of different majors cannot talk.
pub const MAJOR: u16 = 1;
/// Counts additions within [`MAJOR`].
pub const MINOR: u16 = 1;

/// Payload bytes that a request may have.
pub const MAX_REQUEST_BYTES: u32 = 64 << 10;
/// Payload bytes that a response may have: a profile is the longest. [`crate::pprof::Limits::default`] allows as much.
pub const MAX_RESPONSE_BYTES: u32 = 512 << 20;
