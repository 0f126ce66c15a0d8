//! Which function waits for what.
//!
//! A rule names a module or a type by the beginning of its path, and the last words that it is about. Paths are those of the current releases
//! and the last ones before. The rules themselves are in `rust_rules.rs` and `c_rules.rs`.

use super::c_rules::{C, CPP, MANGLED};
use super::kind::WaitKind;
use super::name::Name;
use super::rust_rules::RULES;

/// What a function on a blocked thread's stack means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// It waits for this.
    Wait(WaitKind, &'static str),
    /// So does this C function, unless what is inside of it is known already: such names are short, and anybody's.
    Call(WaitKind, &'static str),
    /// It may be between the system call and the function that says what for.
    Inside,
    /// It does not belong to waiting: what stands further out says nothing of this wait.
    Nothing,
}

/// Functions whose path begins so and whose last word is one of these wait for that. No words are any word.
pub(super) struct Rule {
    pub path: &'static str,
    pub words: &'static [&'static str],
    pub kind: WaitKind,
    pub library: &'static str,
}

pub(super) const fn rule(
    library: &'static str,
    path: &'static str,
    words: &'static [&'static str],
    kind: WaitKind,
) -> Rule {
    Rule {
        path,
        words,
        kind,
        library,
    }
}

/// Beginnings of paths that lie between a system call and the function that says what it waits for.
const INSIDE: &[&str] = &[
    "std::",
    "core::",
    "alloc::",
    "parking_lot",
    "lock_api::",
    "once_cell::",
    "crossbeam_",
    "flume::",
    "kanal::",
    "async_channel::",
    "parking::",
    "rayon_core::",
    "futures_",
    "tokio::",
    "mio::",
    "rustix::",
    "linux_raw_sys::",
    "nix::",
    "libc::",
    "spin::",
];

/// C functions of that sort, and parts of their names.
const C_INSIDE: &[&str] = &[
    "syscall",
    "internal_syscall_cancel",
    "syscall_cancel",
    "syscall_cancel_arch",
];
const C_INSIDE_PARTS: &[&str] = &["futex", "gthread_", "gthrw_", "platform_wait"];
/// Files of the C library: what is called by a place in one has lost its name.
const NAMELESS: &[&str] = &[
    "libc.so",
    "libc-2.",
    "libpthread",
    "ld-linux",
    "ld-musl",
    "libstdc++",
    "libc++",
    "[vdso]",
];

/// What a function means.
pub(super) fn means(name: &Name<'_>) -> Means {
    let path = &*name.path;
    if path.is_empty() {
        return c_means(&name.last);
    }
    for rule in RULES.iter().chain(CPP) {
        if begins(path, rule.path) && (rule.words.is_empty() || rule.words.contains(&&*name.last)) {
            return Means::Wait(rule.kind, rule.library);
        }
    }
    let is_inside = |inside: &&str| path.starts_with(*inside) || is_module(path, inside);
    if INSIDE.iter().any(is_inside) {
        return Means::Inside;
    }
    Means::Nothing
}

/// Whether a path is the rule's, or lies in it. A rule that ends with a type's name means that type only.
fn begins(path: &str, rule: &str) -> bool {
    match path.strip_prefix(rule) {
        Some(rest) if rule.ends_with("::") => !rest.starts_with(' '),
        Some(rest) => rest.is_empty() || rest.starts_with(['<', ':', '_']),
        None => is_module(path, rule),
    }
}

/// Whether the path is the rule's module itself: `std::thread` of `std::thread::`.
fn is_module(path: &str, rule: &str) -> bool {
    rule.strip_suffix("::") == Some(path)
}

fn c_means(name: &str) -> Means {
    for (library, kind, names) in C {
        if names.contains(&name) {
            return Means::Call(*kind, library);
        }
    }
    for (start, kind) in MANGLED {
        if name.starts_with(start) {
            return Means::Call(*kind, "C++");
        }
    }
    let is_inside = C_INSIDE.contains(&name)
        || C_INSIDE_PARTS.iter().any(|part| name.contains(part))
        || NAMELESS.iter().any(|file| name.starts_with(file));
    if is_inside {
        Means::Inside
    } else {
        Means::Nothing
    }
}
