//! The unix socket: how the command reaches this process.
//!
//! In: requests of [`hotpoll_profile::protocol`] from this user's processes and root's. Out: answers from the recorder. A client
//! may send half a request, junk, or stop reading: it holds one bounded place for a few seconds, and then it is gone. Nothing a
//! client does reaches the drain or the host.
//!
//! - `directory.rs`: where the socket lies
//! - `server.rs`: the thread: one loop around `poll`
//! - `client.rs`: one connection
//! - `answer.rs`: what is answered
//! - `kept.rs`: descriptors that the host may have closed
//! - `sys.rs`: the system calls that std has no words for

mod answer;
mod client;
mod directory;
mod kept;
mod server;
mod sys;

pub(crate) use directory::bind;
pub(crate) use server::Server;
pub(crate) use sys::Waker;
