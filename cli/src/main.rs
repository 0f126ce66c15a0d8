//! The command `hotpoll`.
fn main() {}
