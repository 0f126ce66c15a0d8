//! Brackets in demangled text.

/// Walks over `text` and calls `visit` for each byte that stands outside all brackets. The bracket
/// that opens counts as outside, the one that closes as inside. `None` if the brackets do not match.
fn walk(text: &str, mut visit: impl FnMut(usize, u8)) -> Option<()> {
    let mut open = Vec::new();
    let mut previous = 0;
    for (at, byte) in text.bytes().enumerate() {
        if open.is_empty() {
            visit(at, byte);
        }
        match byte {
            b'<' | b'(' | b'[' | b'{' => open.push(byte),
            // The arrow of `fn() -> T`; legacy symbols write `.` for `-`.
            b'>' if matches!(previous, b'-' | b'.') => {}
            b'>' | b')' | b']' | b'}' => {
                let opening = match byte {
                    b'>' => b'<',
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                if open.pop() != Some(opening) {
                    return None;
                }
            }
            _ => {}
        }
        previous = byte;
    }
    open.is_empty().then_some(())
}

/// Splits `text` at each `separator` that stands outside brackets. `None` if the brackets do not match.
pub(super) fn split<'a>(text: &'a str, separator: &str) -> Option<Vec<&'a str>> {
    let mut parts = Vec::new();
    let mut start = 0;
    walk(text, |at, _| {
        if at >= start && text.as_bytes()[at..].starts_with(separator.as_bytes()) {
            parts.push(&text[start..at]);
            start = at + separator.len();
        }
    })?;
    parts.push(&text[start..]);
    Some(parts)
}

/// Splits `text` before the first `bracket` that stands outside brackets.
pub(super) fn split_before(text: &str, bracket: u8) -> Option<(&str, &str)> {
    let mut found = None;
    walk(text, |at, byte| {
        if byte == bracket && found.is_none() {
            found = Some(at);
        }
    })?;
    Some(text.split_at(found.unwrap_or(text.len())))
}

/// What stands between `open` at the beginning and `close` at the end.
pub(super) fn inside(text: &str, open: char, close: char) -> Option<&str> {
    text.strip_prefix(open)?.strip_suffix(close)
}
