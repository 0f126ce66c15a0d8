//! Text of the other commands, which carries its styles in it, as lines of a screen.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// Text with the styles of [`crate::text::style`] as a line. What is no style is not believed: it is left out.
pub fn line(painted: &str) -> Line<'static> {
    let mut spans = Vec::new();
    let mut style = Style::new();
    for (index, part) in painted.split('\x1b').enumerate() {
        let mut text = part;
        if index > 0 {
            let Some((codes, rest)) =
                (part.strip_prefix('[')).and_then(|part| part.split_once('m'))
            else {
                continue;
            };
            for code in codes.split(';') {
                style = changed(style, code);
            }
            text = rest;
        }
        if !text.is_empty() {
            spans.push(Span::styled(text.to_owned(), style));
        }
    }
    Line::from(spans)
}

/// As `anstyle` writes them: one attribute, one of the eight colours, or a reset.
fn changed(style: Style, code: &str) -> Style {
    const COLORS: [Color; 8] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
    ];
    match code.parse::<usize>() {
        Ok(0) | Err(_) => Style::new(),
        Ok(1) => style.add_modifier(Modifier::BOLD),
        Ok(2) => style.add_modifier(Modifier::DIM),
        Ok(code @ 30..=37) => style.fg(COLORS[code - 30]),
        Ok(_) => style,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::style::{DIM, ERROR, STRONG, WARNING, paint};

    #[test]
    fn styles_become_spans() {
        let text = format!(
            "a {}{} {}",
            paint(WARNING, "b"),
            paint(STRONG, "c"),
            paint(DIM, "d")
        );
        let line = line(&text);
        let spans: Vec<_> = (line.spans.iter())
            .map(|span| (span.content.as_ref(), span.style))
            .collect();
        assert_eq!(
            spans,
            [
                ("a ", Style::new()),
                ("b", Style::new().fg(Color::Yellow)),
                ("c", Style::new().add_modifier(Modifier::BOLD)),
                (" ", Style::new()),
                ("d", Style::new().add_modifier(Modifier::DIM)),
            ]
        );
    }

    #[test]
    fn two_attributes_at_once() {
        let line = line(&paint(ERROR, "x"));
        let style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        assert_eq!(
            (line.spans[0].content.as_ref(), line.spans[0].style),
            ("x", style)
        );
    }

    #[test]
    fn what_is_no_style_is_left_out() {
        let line = line("a\x1b]0;title\x07b\x1b[31mc");
        let text: String = line
            .spans
            .iter()
            .map(|span| span.content.as_ref())
            .collect();
        assert_eq!(text, "ac");
    }
}
