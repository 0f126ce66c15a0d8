//! Whose code a frame is, as colours show it.
//!
//! In: a function, and the module that it lies in. Out: a [`Category`]. It is the report's judgement
//! ([`hotpoll_symbolizer::view::origin`]) with tokio set apart, and with the rows that are no code.

use hotpoll_profile::{Function, Module, ModuleKind};
use hotpoll_symbolizer::view::origin::{Origin, crate_name, origin};

/// Whose code a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// The profiled program's own.
    Own,
    /// A crate that it was built with.
    Dependency,
    /// Rust's standard libraries.
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

    /// Whose code this function is.
    pub fn of_function(function: &Function, module: Option<&Module>) -> Self {
        let (name, file) = (&function.name, &function.file);
        if name.starts_with('[') && name.ends_with(']') {
            return Self::Marker;
        }
        let of_crate = crate_name(name);
        match origin(name, file) {
            // A crate's name must not make the C library the program's own.
            _ if of_crate.is_none() && module.is_some_and(is_c_library) => Self::Native,
            _ if of_crate.is_some_and(is_tokio) => Self::Tokio,
            Origin::Own => Self::Own,
            Origin::Dependency => Self::Dependency,
            Origin::Std => Self::Std,
            Origin::Runtime if of_crate.is_some() => Self::Std,
            Origin::Runtime | Origin::System => Self::Native,
            Origin::Unknown => Self::Unnamed,
        }
    }

    /// Whether a function is scaffolding: call shims, executors, what lies between a thread's start and the code it runs.
    pub fn is_scaffolding(function: &Function) -> bool {
        origin(&function.name, &function.file) == Origin::Runtime
    }

    /// Whose code an address without a name is.
    pub fn of_module(module: Option<&Module>) -> Self {
        match module {
            Some(module) if is_c_library(module) => Self::Native,
            _ => Self::Unnamed,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
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
        let category = Category::of_function(&function, Some(&module));
        assert_eq!(category, expected, "{name} in {file}");
    }

    #[test]
    fn by_path_and_name() {
        check("shop::sort", "/srv/shop/src/sort.rs", "/app", Category::Own);
        check(
            "hyper::proto::read",
            "hyper/src/proto.rs",
            "/app",
            Category::Dependency,
        );
        check(
            "core::str::find",
            "library/core/src/str.rs",
            "/app",
            Category::Std,
        );
        check(
            "tokio::runtime::park",
            "tokio/src/runtime/park.rs",
            "/app",
            Category::Tokio,
        );
        check(
            "tokio_util::codec::read",
            "tokio-util/src/codec.rs",
            "/app",
            Category::Tokio,
        );
        check("std::rt::lang_start", "", "/app", Category::Std);
    }

    #[test]
    fn c_code() {
        check(
            "_int_malloc",
            "malloc/malloc.c",
            "/usr/lib/libc.so.6",
            Category::Native,
        );
        check("malloc", "", "/usr/lib/libc.so.6", Category::Native);
        check("clone3", "", "/app", Category::Native);
    }

    #[test]
    fn indices_match_the_list() {
        for (index, category) in Category::ALL.iter().enumerate() {
            assert_eq!(category.index(), index);
        }
    }
}
