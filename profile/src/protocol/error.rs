//! Why what came over the socket could not be understood.

use super::{MAJOR, frame::MAGIC};
use std::fmt;

/// The process and the command speak different major versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherVersion {
    /// What the process speaks.
    pub process: u16,
    /// What the command speaks.
    pub command: u16,
}

impl fmt::Display for OtherVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, command } = self;
        let advice = if process > command {
            "update the command"
        } else {
            "rebuild the process with the command's hotpoll, or use a command of the process's version"
        };
        write!(
            f,
            "the process runs hotpoll protocol {process}; this command speaks {command}: {advice}"
        )
    }
}

impl std::error::Error for OtherVersion {}

/// Why bytes from the socket are no message of this protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The other side does not speak hotpoll's protocol at all. Nothing after this can be understood.
    NotHotpoll,
    /// The payload is longer than a message of its kind may be. Nothing after this can be understood.
    TooLong {
        /// What the header says.
        length: u32,
        /// What is allowed.
        limit: u32,
    },
    /// The other side speaks another major version.
    OtherVersion(OtherVersion),
    /// A kind of message that a later minor version added.
    UnknownKind(u16),
    /// The payload is damaged.
    Malformed,
}

impl ProtocolError {
    /// For the process: a request came in the command's version `command`.
    pub(super) fn command_speaks(command: u16) -> Self {
        Self::OtherVersion(OtherVersion {
            process: MAJOR,
            command,
        })
    }

    /// For the command: a response came in the process's version `process`.
    pub(super) fn process_speaks(process: u16) -> Self {
        Self::OtherVersion(OtherVersion {
            process,
            command: MAJOR,
        })
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHotpoll => write!(
                f,
                "the other side does not speak hotpoll's protocol (its bytes do not begin with {:?})",
                MAGIC.escape_ascii().to_string()
            ),
            Self::TooLong { length, limit } => {
                write!(f, "a message of {length} bytes, where {limit} are allowed")
            }
            Self::OtherVersion(versions) => versions.fmt(f),
            Self::UnknownKind(kind) => write!(
                f,
                "message kind {kind} is not known here: the process and the command are of different versions"
            ),
            Self::Malformed => write!(f, "a damaged message"),
        }
    }
}

impl std::error::Error for ProtocolError {}
