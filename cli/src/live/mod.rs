//! Live processes: which ones have hotpoll, and how to talk to them.

pub mod client;
pub mod discover;
mod held;
pub mod lasting;
pub mod process;
pub mod unheard;

pub use client::{AskError, Client};
pub use discover::Endpoint;
pub use held::Held;
pub use lasting::Lasting;
pub use process::ProcessFacts;
