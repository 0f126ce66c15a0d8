//! What the questions share: the figures they give, the subject they are put to, clocks, signals and stacks.

pub mod arguments;
pub mod clock;
pub mod figures;
#[path = "../../support/locks.rs"]
pub mod locks;
#[cfg(feature = "polls")]
pub mod polls;
pub mod signal;
pub mod stack;
pub mod subject;
