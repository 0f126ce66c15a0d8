//! What a person may choose about a report.

use clap::ValueEnum;
use regex::Regex;

/// What the rows of a report are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Threads, each with its dominant functions; then the hottest functions of all.
    #[default]
    Thread,
    /// Functions: self and total.
    Function,
    /// Modules: the program and its libraries.
    Module,
    /// Tasks of the runtime.
    Task,
    /// Locks: who waited for them, and what their holders did meanwhile.
    Lock,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// One line of JSON in hotpoll's envelope.
    Json,
    /// For an issue or a chat.
    Markdown,
}

/// What a report contains.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What its rows are.
    pub by: By,
    /// How many rows a list has; nothing lets the report fit a screen.
    pub top: Option<usize>,
    /// Whether threads of one name stay apart.
    pub split_threads: bool,
    /// Whether the call tree is asked for.
    pub tree: bool,
    /// Whether waiting is asked for.
    pub wall: bool,
    /// Where the snapshot's kinds are of the window, as what they counted before has been taken off: how long lay between the two countings.
    pub kinds_window_ns: Option<u64>,
    /// What a frame must match for its sample to be looked at.
    pub focus: Option<Regex>,
}
