//! Names from a stranger's binary, made safe to show.

use hotpoll_profile::Process;

/// A name without characters that could hide or reorder what stands beside it: control characters and Unicode's direction
/// marks are written as escapes. Everything else is kept.
pub fn printable(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control() || is_direction_mark(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Characters that reorder text, split lines or have no width.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{061c}')
}

/// The process as a title names it; other tools' files do not know it.
pub fn process(process: &Process) -> String {
    match (process.name.as_str(), process.pid) {
        ("", 0) => "a profile".into(),
        (name, 0) => printable(name),
        (name, pid) => format!("{} (pid {pid})", printable(name)),
    }
}

/// A duration for a person: three digits and a unit.
pub fn duration(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    let decimals = match value {
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_lose_their_power() {
        assert_eq!(printable("a\nb\u{202e}c"), "a\\u{a}b\\u{202e}c");
        assert_eq!(
            printable("<T as Größe>::f::{{closure}}"),
            "<T as Größe>::f::{{closure}}"
        );
    }

    #[test]
    fn durations() {
        assert_eq!(duration(999), "999 ns");
        assert_eq!(duration(1_500), "1.50 us");
        assert_eq!(duration(12_340_000), "12.3 ms");
        assert_eq!(duration(61_000_000_000), "61.0 s");
        assert_eq!(duration(600_000_000_000), "600 s");
    }
}
