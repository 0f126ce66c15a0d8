//! Function names that fit. Rust's are long, and what tells them apart stands at the end.
//!
//! What goes first is what is missed least: generic arguments, then leading path segments, then the middle of what is left.

use super::width::{keep_end, width};
use crate::export::text::printable;
use hotpoll_symbolizer::view::origin::qualified;

/// A name in at most `columns`. Characters that could move the cursor or reorder the line are written as escapes.
pub fn fit(name: &str, columns: usize) -> String {
    let name = printable(name);
    if width(&name) <= columns {
        return name;
    }
    let bare = without_generics(&name);
    if width(&bare) <= columns {
        return bare;
    }
    let bare = short_type_and_trait(&bare);
    if width(&bare) <= columns {
        return bare;
    }
    // Last, which trait it is of.
    let bare = match qualified(&bare) {
        Some(parts) => format!("{}{}", parts.ty, parts.rest),
        None => bare,
    };
    if width(&bare) <= columns {
        return bare;
    }
    drop_segments(&bare, columns)
}

/// The last words of a name, for a path of calls: the function and what it belongs to.
pub fn short(name: &str) -> String {
    let bare = short_type_and_trait(&without_generics(&printable(name)));
    let mut segments: Vec<&str> = split_path(&bare);
    // Closures and async bodies are their function's.
    while segments.len() > 1 && segments.last().is_some_and(|last| last.starts_with('{')) {
        segments.pop();
    }
    let from = segments.len().saturating_sub(2);
    segments[from..].join("::")
}

/// The last words of a dependency's function: the crate says more than the folders inside of it.
pub fn short_of_dependency(name: &str) -> String {
    let short = short(name);
    let bare = without_generics(&printable(name));
    let krate = match split_path(&bare).as_slice() {
        [first, .., _] if !first.starts_with('<') => (*first).to_owned(),
        _ => return short,
    };
    match short.rsplit_once("::") {
        Some((_, function)) if !short.starts_with(&krate) => format!("{krate}::{function}"),
        _ => short,
    }
}

/// The name with what stands between angle brackets left out: `Vec<T>::push` is `Vec<…>::push`. The brackets of
/// `<Type as Trait>::method` stay, without the arguments inside.
fn without_generics(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut kept_open = 0usize;
    let mut dropped_open = 0usize;
    let mut before = ' ';
    for c in name.chars() {
        let closes = c == '>' && before != '-' && before != '=';
        let begins_path = before == ' ' && out.is_empty() || matches!(before, '<' | '(' | '&');
        match c {
            _ if dropped_open > 0 => {
                if c == '<' {
                    dropped_open += 1;
                } else if closes {
                    dropped_open -= 1;
                    if dropped_open == 0 {
                        out.push_str("…>");
                    }
                }
            }
            '<' if begins_path => {
                kept_open += 1;
                out.push(c);
            }
            '<' => {
                dropped_open = 1;
                out.push(c);
            }
            _ => {
                if closes {
                    kept_open = kept_open.saturating_sub(1);
                }
                out.push(c);
            }
        }
        before = c;
    }
    // `Vec::<…>::push` and `Vec<…>::push` say no more than `Vec::push`.
    out.replace("::<…>", "").replace("<…>", "")
}

/// `<a::b::Type as c::d::Trait>::method` as `<Type as Trait>::method`.
fn short_type_and_trait(name: &str) -> String {
    let Some(parts) = qualified(name) else {
        return name.to_owned();
    };
    match parts.of_trait {
        Some(of_trait) => format!("<{} as {}>{}", last(parts.ty), last(of_trait), parts.rest),
        None => format!("{}{}", last(parts.ty), parts.rest),
    }
}

/// The last segment of a path; a reference or slice keeps its sign.
fn last(path: &str) -> String {
    let name = path.trim_start_matches(['&', '*', '[']);
    let sign = &path[..path.len() - name.len()];
    let segments = split_path(name);
    format!("{sign}{}", segments.last().unwrap_or(&name))
}

/// The name without its first segments, as many of them as it takes; the end of the last one where that does not do.
fn drop_segments(name: &str, columns: usize) -> String {
    let segments = split_path(name);
    for from in 1..segments.len() {
        let candidate = format!("…{}", segments[from..].join("::"));
        if width(&candidate) <= columns {
            return candidate;
        }
    }
    keep_end(name, columns)
}

/// The segments of a path, angle brackets and braces kept whole.
fn split_path(name: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    let mut depth = 0i32;
    let mut start = 0;
    let mut before = ' ';
    for (at, c) in name.char_indices() {
        match c {
            '<' | '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            '>' if before != '-' => depth -= 1,
            ':' if before == ':' && depth == 0 => {
                segments.push(&name[start..at - 1]);
                start = at + 1;
                before = ' ';
                continue;
            }
            _ => {}
        }
        before = c;
    }
    segments.push(&name[start..]);
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, columns: usize, expected: &str) {
        let fitted = fit(name, columns);
        assert_eq!(fitted, expected);
        assert!(width(&fitted) <= columns);
    }

    #[test]
    fn what_fits_is_kept() {
        check("alloc::vec::Vec<T>::push", 40, "alloc::vec::Vec<T>::push");
    }

    #[test]
    fn generics_go_first() {
        check(
            "alloc::vec::Vec<demo::Order, alloc::alloc::Global>::push",
            30,
            "alloc::vec::Vec::push",
        );
        check(
            "demo::fold::<core::iter::Map<core::slice::Iter<u8>, fn(u8) -> u8>>",
            20,
            "demo::fold",
        );
    }

    #[test]
    fn then_the_paths_of_type_and_trait() {
        check(
            "<demo::json::Parser<R> as core::iter::traits::iterator::Iterator>::next",
            40,
            "<Parser as Iterator>::next",
        );
        check(
            "<demo::json::Parser<R> as core::iter::traits::iterator::Iterator>::next",
            15,
            "Parser::next",
        );
        check(
            "<demo::json::deeply::nested::Parser<R>>::next_value",
            30,
            "Parser::next_value",
        );
    }

    #[test]
    fn then_leading_segments() {
        check(
            "demo_service::json::parser::parse_value",
            28,
            "…json::parser::parse_value",
        );
        check(
            "demo_service::json::parser::parse_value",
            20,
            "…parser::parse_value",
        );
        check(
            "demo_service::json::parser::parse_value",
            14,
            "…parse_value",
        );
    }

    #[test]
    fn then_characters() {
        check("demo_service::json::parser::parse_value", 8, "…e_value");
        check("__memmove_avx_unaligned_erms", 20, "…_avx_unaligned_erms");
    }

    #[test]
    fn short_names_of_calls() {
        assert_eq!(short("demo::json::parse_value"), "json::parse_value");
        assert_eq!(
            short("demo::serve::{closure#0}::{closure#1}"),
            "demo::serve"
        );
        assert_eq!(
            short("<demo::App<S> as tower::Service<R>>::call"),
            "<App as Service>::call"
        );
        assert_eq!(short("demo::json::Parser<R>::next"), "Parser::next");
        assert_eq!(short("memcpy"), "memcpy");
    }

    #[test]
    fn short_names_of_dependencies() {
        let check = |name, expected| assert_eq!(short_of_dependency(name), expected);
        check("flate2::gz::write::write", "flate2::write");
        check(
            "serde_json::de::Deserializer<_>::parse_value",
            "serde_json::parse_value",
        );
        check("regex::find", "regex::find");
        check(
            "<flate2::mem::Compress as flate2::zio::Ops>::run_vec",
            "<Compress as Ops>::run_vec",
        );
        check("ZSTD_compress", "ZSTD_compress");
    }

    #[test]
    fn malformed_names_are_shortened_too() {
        for name in [
            "a:::b::::c",
            "<<<::",
            ">>::a::",
            "::",
            "<a as b",
            "a<b>>::c->>d",
            "<<a as b>::C as d::D>::m",
        ] {
            for columns in 1..20 {
                assert!(width(&fit(name, columns)) <= columns, "{name}");
            }
            short(name);
        }
    }

    #[test]
    fn hostile_names_cannot_move_the_cursor() {
        assert_eq!(fit("a\u{1b}[2Jb", 40), "a\\u{1b}[2Jb");
    }
}
