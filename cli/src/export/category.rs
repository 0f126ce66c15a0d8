//! Whose code a frame is: the service's own, a dependency's, the standard library's, tokio's, C's or the kernel's.
//!
//! In: a function's canonical name, its source file and whether its module is a C library. Out: a [`Category`], for colours and
//! for readers that group by one. The source file decides where there is one, because a path names its crate exactly; names decide the rest.

use hotpoll_profile::{Function, Module, ModuleKind};
use std::collections::HashSet;

/// Whose code a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// The profiled workspace.
    Own,
    /// A crate from a registry or a git checkout.
    Dependency,
    /// std, core, alloc and what they are built from.
    Std,
    /// tokio and mio.
    Tokio,
    /// The C library, and other native code that is not Rust.
    Native,
    /// The kernel.
    Kernel,
    /// Code without a name.
    Unnamed,
    /// Not code: CPU time that no stack stands for, or a stack that was cut short.
    Marker,
}

impl Category {
    /// Every category, in the order in which views list them and of [`Category::index`].
    pub const ALL: [Self; 8] = [
        Self::Own,
        Self::Dependency,
        Self::Std,
        Self::Tokio,
        Self::Native,
        Self::Kernel,
        Self::Unnamed,
        Self::Marker,
    ];

    /// The category's place in [`Category::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// A few words for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::Own => "own code",
            Self::Dependency => "dependencies",
            Self::Std => "std",
            Self::Tokio => "tokio",
            Self::Native => "libc and native",
            Self::Kernel => "kernel",
            Self::Unnamed => "no symbol",
            Self::Marker => "not a stack",
        }
    }
}

/// Sorts functions into categories; knows which crates came from a registry.
#[derive(Debug)]
pub struct Categories {
    /// Crates that at least one function's path shows to be a dependency. Functions without a path are then judged by their crate's name.
    dependencies: HashSet<String>,
}

impl Categories {
    /// Learns from all functions of a profile which crates are dependencies.
    pub fn new(functions: &[Function]) -> Self {
        let dependencies = functions
            .iter()
            .filter_map(|function| registry_crate(&function.file))
            // Packages may have dashes; the crates that names begin with do not.
            .map(|name| name.replace('-', "_"))
            .collect();
        Self { dependencies }
    }

    /// Whose code this function is.
    pub fn of_function(&self, function: &Function, module: Option<&Module>) -> Category {
        if is_std_path(&function.file) {
            return Category::Std;
        }
        if let Some(name) = registry_crate(&function.file) {
            return if is_tokio(&name.replace('-', "_")) {
                Category::Tokio
            } else {
                Category::Dependency
            };
        }
        let Some(name) = crate_of(&function.name) else {
            // A bare name is C, unless its path says Rust (`main`, `#[no_mangle]`).
            return if function.file.ends_with(".rs") && !module.is_some_and(is_c_library) {
                Category::Own
            } else {
                Category::Native
            };
        };
        match name {
            "std" | "core" | "alloc" => Category::Std,
            name if is_tokio(name) => Category::Tokio,
            name if function.file.is_empty() && self.dependencies.contains(name) => {
                Category::Dependency
            }
            _ if module.is_some_and(is_c_library) => Category::Native,
            _ => Category::Own,
        }
    }

    /// Whose code an address without a name is.
    pub fn of_module(module: Option<&Module>) -> Category {
        match module {
            Some(module) if is_c_library(module) => Category::Native,
            _ => Category::Unnamed,
        }
    }
}

fn is_tokio(name: &str) -> bool {
    name == "tokio" || name == "mio" || name.starts_with("tokio_")
}

/// Whether a module is the C library, its loader, or the kernel's vDSO.
fn is_c_library(module: &Module) -> bool {
    const C_LIBRARIES: [&str; 7] = [
        "libc.",
        "libc-",
        "libm.",
        "libm-",
        "ld-",
        "libpthread",
        "libgcc_s",
    ];
    module.kind == ModuleKind::Vdso
        || C_LIBRARIES
            .iter()
            .any(|prefix| module.file_name().starts_with(prefix))
}

/// Whether a path lies in the sources of the standard library or of what it is built from.
fn is_std_path(path: &str) -> bool {
    path.starts_with("/rustc/")
        || path.starts_with("/rust/deps/")
        || path.contains("/lib/rustlib/src/rust/library/")
}

/// The package that a path of cargo's registry or git checkouts belongs to, without its version.
fn registry_crate(path: &str) -> Option<&str> {
    if let Some((_, rest)) = path.split_once("/registry/src/") {
        let package = rest.split('/').nth(1)?;
        let dash = package
            .rmatch_indices('-')
            .find(|(at, _)| package[at + 1..].starts_with(|first: char| first.is_ascii_digit()))?;
        return Some(&package[..dash.0]);
    }
    let (_, rest) = path.split_once("/git/checkouts/")?;
    let checkout = rest.split('/').next()?;
    checkout.rsplit_once('-').map(|(name, _hash)| name)
}

/// The crate that a canonical Rust name begins with; `None` for a name without a path (C, `main`).
///
/// `<alloc::vec::Vec<T> as Trait>::f` belongs to `alloc`; `<T as tower::Service>::call` to `tower`, as `T` has no path.
pub fn crate_of(name: &str) -> Option<&str> {
    let mut rest = name;
    loop {
        rest = rest.trim_start_matches(|c: char| "<&*[(".contains(c) || c.is_whitespace());
        let word_end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        match word {
            "mut" | "const" | "dyn" | "impl" | "unsafe" | "extern" => rest = after,
            "" => return None,
            _ if after.starts_with("::") => return Some(word),
            _ => {
                // A type parameter or primitive: the trait names the crate.
                let (_, of_trait) = after.split_once(" as ")?;
                rest = of_trait;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, file: &str, module: &str, expected: Category) {
        let function = Function {
            name: name.into(),
            file: file.into(),
            ..Function::default()
        };
        let module = Module {
            path: module.into(),
            ..Module::default()
        };
        let learned = Function {
            name: "serde_json::from_str".into(),
            file: "/root/.cargo/registry/src/index-1/serde_json-1.0.1/src/de.rs".into(),
            ..Function::default()
        };
        let categories = Categories::new(&[learned]);
        assert_eq!(
            categories.of_function(&function, Some(&module)),
            expected,
            "{name} in {file}"
        );
    }

    #[test]
    fn paths_name_the_crate() {
        let registry = "/root/.cargo/registry/src/index-1";
        check(
            "<&mut T as core::iter::Iterator>::next",
            &format!("{registry}/hyper-1.7.0/src/a.rs"),
            "/app",
            Category::Dependency,
        );
        check(
            "x::y",
            &format!("{registry}/tokio-util-0.7.1/src/a.rs"),
            "/app",
            Category::Tokio,
        );
        check(
            "x::y",
            "/rustc/abc/library/core/src/iter.rs",
            "/app",
            Category::Std,
        );
        check(
            "x::y",
            "/h/.cargo/git/checkouts/foo-bar-1a2b/9f/src/a.rs",
            "/app",
            Category::Dependency,
        );
        check("shop::sort", "src/sort.rs", "/app", Category::Own);
        check("main", "src/main.rs", "/app", Category::Own);
    }

    #[test]
    fn names_decide_without_a_path() {
        check("core::fmt::write", "", "/app", Category::Std);
        check(
            "<alloc::vec::Vec<T> as core::clone::Clone>::clone",
            "",
            "/app",
            Category::Std,
        );
        check("tokio::runtime::park", "", "/app", Category::Tokio);
        check("serde_json::de::parse", "", "/app", Category::Dependency);
        check("shop::sort", "", "/app", Category::Own);
        check("malloc", "", "/usr/lib/libc.so.6", Category::Native);
        check(
            "malloc",
            "./malloc/malloc.c",
            "/usr/lib/libc.so.6",
            Category::Native,
        );
    }

    #[test]
    fn crates_of_names() {
        assert_eq!(crate_of("a::b"), Some("a"));
        assert_eq!(crate_of("<a::B as c::D>::e"), Some("a"));
        assert_eq!(crate_of("<T as c::D>::e"), Some("c"));
        assert_eq!(crate_of("<&mut [u8] as c::D>::e"), Some("c"));
        assert_eq!(crate_of("<dyn a::B>::c"), Some("a"));
        assert_eq!(crate_of("memcpy"), None);
        assert_eq!(crate_of(""), None);
        assert_eq!(crate_of("<<<<"), None);
    }

    #[test]
    fn indices_match_the_list() {
        for (index, category) in Category::ALL.iter().enumerate() {
            assert_eq!(category.index(), index);
        }
    }
}
