//! A frame's name as the tables have it: a path and a last word, without what compilers and linkers add.

use crate::view::origin::qualified;

use std::borrow::Cow;

/// A function's path and its last word: `std::sync::mpmc::list::Channel<_>` and `recv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name<'n> {
    /// Empty for a C function.
    pub path: Cow<'n, str>,
    pub last: Cow<'n, str>,
}

impl<'n> Name<'n> {
    /// Takes a canonical name apart; `file` is that of the definition, empty when not known.
    pub fn of(name: &'n str, file: &str) -> Self {
        let name = without_closures(name);
        if let Some(qualified) = qualified(name) {
            let last = qualified.rest.rsplit("::").next().unwrap_or_default();
            return Self {
                path: qualified.ty.into(),
                last: last.into(),
            };
        }
        if is_cpp(name) {
            let name = cpp_name(name);
            let (path, last) = name.rsplit_once("::").unwrap_or(("", &name));
            return Self {
                path: path.to_owned().into(),
                last: last.to_owned().into(),
            };
        }
        // With line tables alone an inlined function's name is a part of it, and the file says the rest.
        let module = || module(file);
        let (path, last) = match name.rsplit_once("::") {
            Some((path, last)) if path.contains("::") || path == "std" => (path.into(), last),
            Some((path, last)) => match module() {
                Some(module) => (format!("{module}::{path}").into(), last),
                None => (path.into(), last),
            },
            None => match module() {
                Some(module) => (module.into(), name),
                None => ("".into(), c_name(name)),
            },
        };
        Self {
            path,
            last: last.into(),
        }
    }
}

fn without_closures(mut name: &str) -> &str {
    while let Some(outer) = name.strip_suffix("::{closure}") {
        name = outer;
    }
    name
}

/// C++ names carry their arguments.
fn is_cpp(name: &str) -> bool {
    name.contains('(') && !name.contains("operator")
}

/// Without arguments of calls and of templates, and without the returned type that a template's instance has in front.
fn cpp_name(name: &str) -> String {
    let mut depth = 0u32;
    let mut bare = String::new();
    for c in name.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            '(' if depth == 0 => break,
            _ if depth == 0 => bare.push(c),
            _ => {}
        }
    }
    bare.rsplit(' ').next().unwrap_or_default().to_owned()
}

/// The module that a file of a library is: `library/std/src/sync/mpmc/list.rs` is `std::sync::mpmc::list`.
fn module(file: &str) -> Option<String> {
    let file = file.find("/library/").map_or(file, |at| &file[at + 1..]);
    let file = file.strip_prefix("library/").unwrap_or(file);
    let (package, inside) = file.split_once("/src/")?;
    let package = package.rsplit('/').next()?.replace('-', "_");
    let inside = inside.strip_suffix(".rs")?;
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    Some(match inside {
        "lib" => package,
        inside => format!("{package}::{}", inside.replace('/', "::")),
    })
}

/// A C function without the C library's ways to spell it: `__GI___pthread_mutex_lock@@GLIBC_2.2.5` is `pthread_mutex_lock`.
fn c_name(name: &str) -> &str {
    if name.starts_with("_Z") || name.contains("+0x") {
        return name;
    }
    // A version, or what the compiler has made of it: `__new_sem_wait_slow64.constprop.0`.
    let mut name = name.split(['@', '.']).next().unwrap_or(name);
    loop {
        let before = name;
        name = name.trim_start_matches('_');
        for prefix in ["GI_", "libc_", "new_", "old_", "internal_"] {
            name = name.strip_prefix(prefix).unwrap_or(name);
        }
        if name == before {
            break;
        }
    }
    for suffix in ["_time64", "64"] {
        name = name.strip_suffix(suffix).unwrap_or(name);
    }
    name
}
