//! What a person may choose about an export besides its format.

use clap::ValueEnum;

/// What the weights of folded stacks and of the SVG count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Unit {
    /// Timer expiries. Time that no sample stands for is left out.
    Samples,
    /// CPU time in nanoseconds, `[kernel]` and `[unsampled]` included: sums to the process's clock.
    #[default]
    Ns,
}

/// What stacks stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Root {
    /// The kind of the task that was being polled.
    Task,
}

/// What a person may choose.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What the weights count.
    pub unit: Unit,
    /// Whether waiting is weight too, by the wall clock.
    pub wall: bool,
    /// What stacks stand on, if on anything else than their thread's start.
    pub by: Option<Root>,
}
