//! A profile as a pprof file: what goes to disk, and over the socket.
//!
//! In: a [`crate::Profile`]. Out: a `perftools.profiles.Profile` message that every pprof reader opens, and back again without
//! loss. What pprof has no words for (the process, threads with their accounts, slices) rides in one private field,
//! [`PRIVATE_FIELD`], that other readers skip. Files of other tools are read too, as far as they go ([`decode`]).
//!
//! - `wire.rs`: google's profile.proto as prost messages, and a walk over a message's fields
//! - `private.rs`: the messages inside the private field; `columns.rs` and `snapshot/`: those of many rows, as columns
//! - `encode.rs`: out
//! - `decode.rs`: in, whoever wrote the file; `own.rs` for our files, `foreign.rs` for others
//! - `limits.rs`: how much a file may make us allocate; `error.rs`: why a file cannot be read

mod columns;
mod decode;
mod encode;
mod error;
mod exact;
mod foreign;
mod limits;
mod made_with;
mod own;
mod private;
mod snapshot;
mod strings;
#[cfg(test)]
mod tests;
mod wire;

pub use decode::{decode, decode_with};
pub use encode::{encode, encode_contention_gzip, encode_gzip};
pub use error::DecodeError;
pub use limits::Limits;
pub use private::{PRIVATE_FIELD, VERSION};
