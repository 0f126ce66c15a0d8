//! The few colours of the command. Text always carries them; whoever prints takes them off where they do not belong.

use anstyle::{AnsiColor, Style};
use std::fmt::Display;

/// Headings.
pub const HEADING: Style = Style::new().bold();
/// What the eye should land on.
pub const STRONG: Style = Style::new().bold();
/// What is there for the second look.
pub const DIM: Style = Style::new().dimmed();
/// Something that a person should know before she believes a number.
pub const WARNING: Style = AnsiColor::Yellow.on_default();
/// Something is wrong.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Something is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();

/// Text in a style.
pub fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A section's heading with a note, the note as far as it fits.
pub fn heading(title: &str, note: &str, columns: usize) -> String {
    let note = super::width::keep_start(note, columns.saturating_sub(title.len() + 1));
    format!("{} {}", paint(HEADING, title), paint(DIM, note))
}

/// Text without styles.
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// The style for a share of the CPU: hot, warm, or nothing special.
pub fn heat(fraction: f64) -> Style {
    match fraction {
        f if f >= 0.3 => AnsiColor::Red.on_default(),
        f if f >= 0.1 => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}
