//! Whose code a function is: the service's own, a dependency's, or the scaffolding that lies under every stack.
//!
//! An engineer wants to see the frame that she can change. `core::ops::function::FnOnce::call_once` is on every stack of every
//! Rust thread and says nothing; `tokio::runtime::…` says nothing either unless it is the leaf. The file of the definition decides
//! where it is known (a registry checkout is a dependency, `/rustc/HASH/library` is std); the name decides where it is not.

/// Whose code a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The profiled program's own.
    Own,
    /// A crate or C library that it was built with.
    Dependency,
    /// Rust's standard libraries.
    Std,
    /// Scaffolding between a thread's start and the code it runs: closures' call shims, executors, unwinding guards.
    Runtime,
    /// The C library, the loader, the kernel's page.
    System,
    /// No name is known.
    Unknown,
}

impl Origin {
    /// A word for it, for programs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Dependency => "dependency",
            Self::Std => "std",
            Self::Runtime => "runtime",
            Self::System => "system",
            Self::Unknown => "unknown",
        }
    }
}

/// Path prefixes of scaffolding.
const RUNTIME_PREFIXES: &[&str] = &[
    "std::rt::",
    "std::thread::",
    "std::panic::",
    "std::panicking::",
    "std::sys::backtrace::",
    "std::sys::pal::",
    "std::sys::thread",
    "std::sys_common::",
    "core::panic::",
    "core::ops::function::",
    "core::future::",
    "core::task::",
    "core::pin::",
    "tokio::runtime::",
    "tokio::task::",
    "tokio::loom::",
    "tokio::util::",
    "tokio::macros::",
    "tokio::future::",
    "rayon::",
    "rayon_core::",
    "crossbeam_utils::thread::",
    "futures_core::",
    "futures_executor::",
    "futures_util::",
    "async_executor::",
    "async_task::",
    "tracing::instrument::",
    "hotpoll::",
    "hotpoll_hooks::",
    "hotpoll_sampler::",
];

/// Whole names of scaffolding: how C programs and threads begin.
const RUNTIME_NAMES: &[&str] = &[
    "_start",
    "main",
    "start_thread",
    "clone",
    "__clone",
    "clone3",
    "__clone3",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_call_main",
    "__rust_try",
    "catch_unwind",
    "call_once",
];

/// The crates of Rust's standard libraries.
const STD_CRATES: &[&str] = &[
    "std",
    "core",
    "alloc",
    "hashbrown",
    "compiler_builtins",
    "std_detect",
    "panic_unwind",
    "panic_abort",
    "unwind",
    // What the compiler makes and std provides: `__rustc::__rust_alloc`, `__rustc::rust_begin_unwind`.
    "__rustc",
    // Methods of primitive types: `u64::rotate_left`.
    "bool",
    "char",
    "f32",
    "f64",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "str",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
];

/// Files of scaffolding, in their canonical form: with line tables alone an inlined function is called `FnOnce::call_once`, or
/// less, and only its file says whose it is.
const RUNTIME_FILES: &[&str] = &[
    "library/core/src/future/",
    "library/core/src/ops/function.rs",
    "library/core/src/panic/",
    "library/core/src/pin.rs",
    "library/core/src/task/",
    "library/std/src/panic.rs",
    "library/std/src/panicking.rs",
    "library/std/src/rt.rs",
    "library/std/src/sys/backtrace.rs",
    "library/std/src/sys/pal/",
    "library/std/src/sys/thread/",
    "library/std/src/thread/",
    "rayon/src/",
    "rayon-core/src/",
    "tokio/src/future/",
    "tokio/src/loom/",
    "tokio/src/macros/",
    "tokio/src/runtime/",
    "tokio/src/task/",
    "tokio/src/util/",
];

/// Whose code a function is, by its canonical name and the file of its definition (empty when not known).
pub fn origin(name: &str, file: &str) -> Origin {
    if RUNTIME_NAMES.contains(&name) || is_runtime_file(file) {
        return Origin::Runtime;
    }
    let place = file_origin(file);
    let Some(path) = name_paths(name) else {
        // No `::`: a C symbol, or an `extern "C"` function of the program.
        return match place {
            Some(origin) => origin,
            // glibc's debug information has paths within its own sources: `malloc/malloc.c`.
            None if file.ends_with(".rs") || file.starts_with('/') => Origin::Own,
            None => Origin::System,
        };
    };
    if path.iter().all(|p| is_runtime(p) || is_std(p)) && path.iter().any(|p| is_runtime(p)) {
        return Origin::Runtime;
    }
    if path.iter().all(|p| is_std(p)) {
        return Origin::Std;
    }
    // The file knows better than the name, which may be a part of one: `Iter::position`.
    place.unwrap_or(Origin::Own)
}

/// What stands for a function that nobody can change, in a path of calls: `[tokio]` for an executor's, `[std]` for the standard library's and for how
/// threads begin. `None` for all that have a name of their own there.
pub fn folded_name(name: &str, file: &str) -> Option<String> {
    match origin(name, file) {
        Origin::Std => Some("[std]".to_owned()),
        Origin::Runtime => match crate_name(name) {
            Some(krate) if !STD_CRATES.contains(&krate) => Some(format!("[{krate}]")),
            _ => Some("[std]".to_owned()),
        },
        _ => None,
    }
}

fn is_runtime_file(file: &str) -> bool {
    // Canonical, or as the compiler saw it: `/rustc/HASH/library/…`.
    let file = file.find("/library/").map_or(file, |at| &file[at + 1..]);
    RUNTIME_FILES.iter().any(|prefix| file.starts_with(prefix))
}

/// The crate a function belongs to: the first segment of its path.
pub fn crate_name(name: &str) -> Option<&str> {
    let paths = name_paths(name)?;
    paths
        .iter()
        .map(|path| path.split("::").next().unwrap_or(path))
        .find(|first| !STD_CRATES.contains(first))
        .or_else(|| {
            paths
                .first()
                .map(|path| path.split("::").next().unwrap_or(path))
        })
}

fn file_origin(file: &str) -> Option<Origin> {
    const STD: &[&str] = &[
        "/rustc/",
        "/library/std/",
        "/library/core/",
        "/library/alloc/",
        // Where the sources are installed, the names are these.
        "/rustlib/src/rust/library/",
        // What std brings along.
        "/rust/deps/",
    ];
    const DEPENDENCY: &[&str] = &[
        "/.cargo/registry/",
        "/cargo/registry/",
        "/.cargo/git/",
        "/cargo/git/",
        "/registry/src/",
    ];
    if let Some(origin) = canonical_file_origin(file) {
        Some(origin)
    } else if STD.iter().any(|part| file.contains(part)) {
        Some(Origin::Std)
    } else if DEPENDENCY.iter().any(|part| file.contains(part)) {
        Some(Origin::Dependency)
    } else {
        None
    }
}

/// [`hotpoll_profile::canonical_path`] leaves `library/core/src/…` of the standard library and `PACKAGE/src/…` of a dependency. The
/// program's own files keep the folders that they were compiled in, or begin at their package's: `src/main.rs`.
fn canonical_file_origin(file: &str) -> Option<Origin> {
    const OWN: &[&str] = &["", "src", "examples", "tests", "benches"];
    let (first, _) = file.split_once('/')?;
    match first {
        _ if !file.ends_with(".rs") || OWN.contains(&first) => None,
        "library" => Some(Origin::Std),
        _ => Some(Origin::Dependency),
    }
}

fn is_runtime(path: &str) -> bool {
    RUNTIME_PREFIXES
        .iter()
        .any(|prefix| path.starts_with(prefix))
}

fn is_std(path: &str) -> bool {
    let first = path.split("::").next().unwrap_or(path);
    STD_CRATES.contains(&first)
}

/// The paths that a name is made of, where it has a `::`: itself, or the type and the trait of `<Type as Trait>::method`.
/// A type that is not a path (a reference, a slice, a type parameter) belongs to nobody and is left out.
fn name_paths(name: &str) -> Option<Vec<&str>> {
    if !name.contains("::") {
        return None;
    }
    let Some(qualified) = qualified(name) else {
        return Some(vec![name]);
    };
    let mut paths: Vec<&str> = Vec::with_capacity(2);
    paths.extend(type_path(qualified.ty));
    paths.extend(qualified.of_trait);
    Some(paths)
}

/// The parts of a name like `<Type as Trait>::method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Qualified<'n> {
    /// The type.
    pub ty: &'n str,
    /// The trait, where there is one.
    pub of_trait: Option<&'n str>,
    /// What stands after the bracket: `::method`.
    pub rest: &'n str,
}

/// Takes a name that begins with a bracket apart; nothing for any other.
pub fn qualified(name: &str) -> Option<Qualified<'_>> {
    let inside = name.strip_prefix('<')?;
    let end = closing(inside);
    let (inside, rest) = (&inside[..end], inside.get(end + 1..).unwrap_or_default());
    let (ty, of_trait) = match top_level_as(inside) {
        Some(at) => (&inside[..at], Some(&inside[at + " as ".len()..])),
        None => (inside, None),
    };
    Some(Qualified { ty, of_trait, rest })
}

/// The path of a type with references, pointers and `dyn` taken off; nothing for a bare word or a tuple.
fn type_path(mut ty: &str) -> Option<&str> {
    loop {
        let before = ty;
        for prefix in ["&", "*const ", "*mut ", "mut ", "dyn ", "[", "("] {
            ty = ty.strip_prefix(prefix).unwrap_or(ty).trim_start();
        }
        if ty == before {
            break;
        }
    }
    if let Some(nested) = ty.strip_prefix('<') {
        return type_path(nested);
    }
    let head = ty.split(['<', ',', ')', ']', ';']).next().unwrap_or(ty);
    head.contains("::").then_some(head)
}

/// Where the bracket that was open before `text` closes.
fn closing(text: &str) -> usize {
    let mut depth = 1usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            // The arrow of `fn() -> T` closes nothing.
            '>' if before != '-' => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
        before = c;
    }
    text.len()
}

/// Where ` as ` stands outside of all brackets.
fn top_level_as(text: &str) -> Option<usize> {
    let mut depth = 0i32;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '>' if before != '-' => depth -= 1,
            ' ' if depth == 0 && text[at..].starts_with(" as ") => return Some(at),
            _ => {}
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests;
