//! The command `hotpoll`.
#[allow(dead_code, reason = "the command line that calls it is on its way")]
mod export;
fn main() {}
