//! Text measured in terminal columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that the text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text with spaces after it, to `columns`.
pub fn pad_right(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The text with spaces before it, to `columns`.
pub fn pad_left(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The end of the text, as much of it as fits into `columns` after an ellipsis; all of it where it fits.
pub fn keep_end(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let mut kept = 0;
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        kept += c.width().unwrap_or(0);
        if kept + 1 > columns {
            break;
        }
        from = at;
    }
    format!("…{}", &text[from..])
}

/// The beginning of the text, as much of it as fits into `columns` before an ellipsis; all of it where it fits.
pub fn keep_start(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let mut kept = 0;
    let mut to = 0;
    for (at, c) in text.char_indices() {
        kept += c.width().unwrap_or(0);
        if kept + 1 > columns {
            break;
        }
        to = at + c.len_utf8();
    }
    format!("{}…", &text[..to])
}

/// Words in lines of at most `columns`; a word that is longer than that is cut at its end.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let word = keep_start(word, columns);
        if !line.is_empty() && width(&line) + 1 + width(&word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_columns() {
        assert_eq!(keep_end("abcdef", 6), "abcdef");
        assert_eq!(keep_end("abcdef", 4), "…def");
        assert_eq!(keep_start("abcdef", 4), "abc…");
        assert_eq!(keep_end("日本語", 5), "…本語");
        assert_eq!(keep_end("日本語", 4), "…語");
        assert_eq!(keep_start("日本語", 4), "日…");
        assert_eq!(
            (keep_start("a", 0), keep_end("a", 0)),
            (String::new(), String::new())
        );
    }

    #[test]
    fn wraps_at_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("incomprehensible", 7), ["incomp…"]);
        assert!(wrap("", 7).is_empty());
    }

    #[test]
    fn pads() {
        assert_eq!(pad_left("日", 4), "  日");
        assert_eq!(pad_right("ab", 4), "ab  ");
    }
}
