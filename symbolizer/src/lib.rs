//! Aggregates samples into slices and windows, computes the views of reports, and names addresses (behind a feature).

pub mod recorder;
#[cfg(feature = "symbolize")]
pub mod symbolize;
pub mod verdict;
pub mod view;
pub mod waits;
