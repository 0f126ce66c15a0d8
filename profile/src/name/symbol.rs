//! From the symbol to demangled text.

use super::origin::Origin;
use std::borrow::Cow;

/// A symbol's text, and whether it can be taken apart.
pub(super) struct Symbol<'a> {
    pub text: Cow<'a, str>,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// C, C++ and what else there is: stays as it is.
    Opaque,
    /// A Rust path, or what looks like one.
    Path(Origin),
}

/// Longer symbols are not taken apart. Generic code gives symbols of tens of kilobytes, no more.
const MAX_SYMBOL_BYTES: usize = 256 << 10;

impl<'a> Symbol<'a> {
    pub(super) fn read(name: &'a str) -> Self {
        let opaque = |text: &'a str| Symbol {
            text: text.into(),
            kind: Kind::Opaque,
        };
        if name.len() > MAX_SYMBOL_BYTES {
            return opaque(name);
        }
        let name = without_suffixes(name);
        if name.starts_with("_R") || name.starts_with("__R") {
            return match rustc_demangle::try_demangle(name) {
                Ok(demangled) => Symbol {
                    text: format!("{demangled:#}").into(),
                    kind: Kind::Path(Origin::of(name)),
                },
                Err(_) => opaque(name),
            };
        }
        if name.starts_with("_Z") || name.starts_with("__Z") {
            let demangled = rustc_demangle::try_demangle(name).ok();
            let short = demangled.as_ref().map(|demangled| format!("{demangled:#}"));
            // C++ has the same prefix. Rust's symbols end in a hash, which the short form leaves out.
            return match (demangled, short) {
                (Some(long), Some(short)) if long.to_string() != short => Symbol {
                    text: short.into(),
                    kind: Kind::Path(Origin::Unknown),
                },
                _ => opaque(name),
            };
        }
        let name = without_hash(name);
        let looks_like_path = name.contains("::") || name.ends_with(['>', '}']);
        Symbol {
            text: name.into(),
            kind: if looks_like_path {
                Kind::Path(Origin::Unknown)
            } else {
                Kind::Opaque
            },
        }
    }
}

/// What compilers append when they clone, split or rename a function.
const SUFFIXES: [&str; 9] = [
    "llvm",
    "cold",
    "part",
    "isra",
    "constprop",
    "clone",
    "lto_priv",
    "localalias",
    "warm",
];

/// Takes off `.llvm.123`, `.part.0.cold` and the like, a symbol's version (`@@GLIBC_2.14`), and the bare number (`.197`) that link-time optimisation
/// gives to mangled names of which it met several.
fn without_suffixes(name: &str) -> &str {
    let mut name = match name.split_once('@') {
        Some((head, _)) if is_identifier(head) => head,
        _ => name,
    };
    while let Some((head, last)) = name.rsplit_once('.') {
        let numbered = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (head, word) = match head.rsplit_once('.') {
            Some((before, word)) if numbered && SUFFIXES.contains(&word) => (before, word),
            _ => (head, last),
        };
        let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
        let is_mangled = head.starts_with("_ZN") || head.starts_with("_R");
        if head.is_empty() || !(SUFFIXES.contains(&word) || is_number && is_mangled) {
            break;
        }
        name = head;
    }
    name
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Takes off the `::h0123456789abcdef` of a legacy name that another tool demangled.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((head, hash))
            if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            head
        }
        _ => name,
    }
}
