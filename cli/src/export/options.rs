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

/// What a person may choose.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What the weights count.
    pub unit: Unit,
}
