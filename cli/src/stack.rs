//! Folded stacks as data and as lines: the program's own frames, and what each called or awaited.

use crate::export::text::printable;
use crate::text::name;
use crate::text::style::{DIM, STRONG, paint};
use crate::text::width::{keep_end, width};
pub use hotpoll_symbolizer::view::await_stack::title;
use hotpoll_symbolizer::view::await_stack::{self, Level};
use hotpoll_symbolizer::view::origin::crate_name;
use hotpoll_symbolizer::view::{FrameAt, Frames};
use serde::Serialize;

/// A frame of a stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrameData {
    /// The canonical name.
    pub name: String,
    /// `own`, `dependency`, `std`, `runtime`, `system` or `unknown`.
    pub origin: &'static str,
    /// The file of the line; empty when not known.
    pub file: String,
    /// The line that was executing or calling; 0 when not known.
    pub line: u32,
}

/// A level of a folded stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelData {
    /// The program's own function, or the library's that it called.
    #[serde(flatten)]
    pub frame: FrameData,
    /// How many frames of libraries are folded into it; 0 for the program's own.
    pub folded: usize,
}

/// A frame with its names.
pub fn frame(frames: &Frames, at: FrameAt) -> FrameData {
    let frame = frames.get(at.frame);
    let function = at
        .function
        .and_then(|function| frames.profile().functions.get(function as usize));
    FrameData {
        name: frame.name.clone(),
        origin: frame.origin.label(),
        file: function.map_or_else(String::new, |function| function.file.clone()),
        line: at.line,
    }
}

/// All frames of a stack, leaf first.
pub fn whole(frames: &Frames, stack: &[u32]) -> Vec<FrameData> {
    (stack.iter().flat_map(|&location| frames.at(location)))
        .map(|&at| frame(frames, at))
        .collect()
}

/// A folded stack, innermost first.
pub fn folded(frames: &Frames, levels: &[Level]) -> Vec<LevelData> {
    levels
        .iter()
        .map(|level| LevelData {
            frame: frame(frames, level.frame()),
            folded: match level {
                Level::Own(_) => 0,
                Level::Library { frames, .. } => *frames,
            },
        })
        .collect()
}

/// Folds a stack of locations, leaf first.
pub fn fold(frames: &Frames, stack: &[u32]) -> Vec<LevelData> {
    folded(frames, &await_stack::fold(frames, stack))
}

impl LevelData {
    /// Whether it is the program's own.
    pub fn is_own(&self) -> bool {
        self.folded == 0
    }

    /// `queue.rs:41`, where that is known.
    pub fn place(&self) -> String {
        let frame = &self.frame;
        match frame.file.rsplit('/').next() {
            Some(file) if !file.is_empty() && frame.line > 0 => {
                format!("{}:{}", printable(file), frame.line)
            }
            _ => String::new(),
        }
    }

    /// What to call it in a line: of a future its type, of a function its last words, closures and async bodies not told apart. The program's own are
    /// known to be of its crate.
    pub fn short(&self) -> String {
        let title = title(&self.frame.name);
        let short = name::short(title);
        let of_crate = crate_name(title).filter(|_| self.is_own());
        let bare = of_crate.and_then(|name| short.strip_prefix(name)?.strip_prefix("::"));
        bare.map_or(short.clone(), str::to_owned)
    }
}

/// How wide [`line`] is at least if it names the program's innermost function and its line whole.
pub fn line_width(levels: &[LevelData]) -> usize {
    let own = levels.iter().find(|level| level.is_own());
    own.map_or(0, |own| width(&own.short()) + 1 + width(&own.place()))
}

/// Where a stack is, in a line: the program's innermost function and its line, and what it called or awaited.
pub fn line(levels: &[LevelData], columns: usize) -> String {
    let called = levels.first().filter(|level| !level.is_own());
    let own = levels.iter().find(|level| level.is_own());
    match (own, called) {
        (Some(own), called) => {
            // A line number is worth more than the name of its file.
            let place = keep_end(&own.place(), columns);
            let mut called =
                called.map_or_else(String::new, |level| format!(" → {}", level.short()));
            let fixed = if place.is_empty() {
                0
            } else {
                width(&place) + 1
            };
            let full = own.short();
            // The function and its line say more than what it called.
            if width(&full) + fixed + width(&called) > columns {
                let room = columns.saturating_sub(width(&full) + fixed + 3);
                called = match room {
                    0..8 => String::new(),
                    room => format!(" → {}", name::fit(called.trim_start_matches(" → "), room)),
                };
            }
            let room = columns.saturating_sub(fixed + width(&called));
            let space = if place.is_empty() || room == 0 {
                ""
            } else {
                " "
            };
            format!(
                "{}{space}{}{}",
                name::fit(&full, room),
                paint(DIM, place),
                paint(DIM, called)
            )
        }
        (None, Some(called)) => name::fit(title(&called.frame.name), columns),
        (None, None) => String::new(),
    }
}

/// A stack in lines, innermost first, each beginning with the indent.
pub fn lines(levels: &[LevelData], indent: &str, columns: usize) -> Vec<String> {
    let room = columns.saturating_sub(width(indent));
    (levels.iter())
        .map(|level| {
            let place = level.place();
            let gap = if place.is_empty() { 0 } else { 2 };
            let room = room.saturating_sub(width(&place) + gap);
            let name = name::fit(title(&level.frame.name), room);
            let space = " ".repeat(gap);
            match level.is_own() {
                true => format!(
                    "{indent}{}{space}{}",
                    paint(STRONG, name),
                    paint(DIM, place)
                ),
                // The line within a library is nobody's to change.
                false => format!("{indent}{}", paint(DIM, name)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::style::plain;

    fn level(name: &str, file: &str, line: u32, folded: usize) -> LevelData {
        LevelData {
            frame: FrameData {
                name: name.to_owned(),
                origin: "own",
                file: file.to_owned(),
                line,
            },
            folded,
        }
    }

    #[test]
    fn titles() {
        for (full, expected) in [
            ("shop::serve::{closure}", "shop::serve"),
            (
                "<tokio::time::sleep::Sleep as core::future::future::Future>::poll",
                "tokio::time::sleep::Sleep",
            ),
            (
                "tokio::time::sleep::Sleep::poll",
                "tokio::time::sleep::Sleep",
            ),
            ("shop::poll", "shop"),
            ("epoll_wait", "epoll_wait"),
        ] {
            assert_eq!(title(full), expected);
        }
    }

    #[test]
    fn short_names() {
        let short = |name: &str, folded| level(name, "", 0, folded).short();
        assert_eq!(short("shop::main::{closure}", 0), "main");
        assert_eq!(short("shop::db::query", 0), "db::query");
        assert_eq!(short("shop::pool::db::query", 0), "db::query");
        assert_eq!(short("tokio::spawn", 1), "tokio::spawn");
        assert_eq!(short("main", 0), "main");
    }

    #[track_caller]
    fn check(columns: usize, expected: &str) {
        let levels = [
            level(
                "tokio::sync::mpsc::bounded::Receiver::recv::{closure}",
                "x/bounded.rs",
                9,
                4,
            ),
            level("shop::queue::next_order::{closure}", "src/queue.rs", 41, 0),
            level("shop::main::{closure}", "src/main.rs", 7, 0),
        ];
        let line = plain(&line(&levels, columns));
        assert_eq!(line, expected);
        assert!(width(&line) <= columns, "{line}");
    }

    #[test]
    fn a_stack_in_a_line() {
        check(70, "queue::next_order queue.rs:41 → Receiver::recv");
        check(42, "queue::next_order queue.rs:41 → …recv");
        check(34, "queue::next_order queue.rs:41");
        check(24, "…next_order queue.rs:41");
        check(12, "queue.rs:41");
        check(8, "…e.rs:41");
    }

    #[test]
    fn a_stack_in_lines() {
        let levels = [
            level(
                "<tokio::time::Sleep as core::future::future::Future>::poll",
                "t.rs",
                9,
                4,
            ),
            level("shop::main::{closure}", "src/main.rs", 7, 0),
        ];
        let lines: Vec<String> = lines(&levels, "    ", 60)
            .iter()
            .map(|line| plain(line))
            .collect();
        assert_eq!(
            lines,
            ["    tokio::time::Sleep", "    shop::main  main.rs:7"]
        );
    }
}
