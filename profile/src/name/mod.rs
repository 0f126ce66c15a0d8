//! One spelling for each function and source file, whatever compiler, mangling and machine they come from, so that every view
//! shows the same name and two builds can be compared.
//!
//! In: a symbol as the object file has it (legacy, v0, C, C++), a name from DWARF, or one that another tool demangled. Out: the
//! canonical name. What is told apart and what is not:
//!
//! - Gone: hashes, crate disambiguators, `.llvm.N` and the like, the numbers of closures and impls, lifetimes, and the type arguments of
//!   functions: legacy symbols never had them.
//! - Type arguments of types become `<_>`: `alloc::vec::Vec<_>::push`. So do the operands of `&T`, `[T]`, `(A, B)`, as legacy symbols show
//!   the impl's parameters where v0 symbols show what they stand for.
//! - The type arguments of traits are gone too, and the type itself is `_` where the impl is for every type.
//! - A trait's method in an impl is `<alloc::vec::Vec<_> as core::ops::drop::Drop>::drop`; one that the trait itself provides is
//!   `core::iter::traits::iterator::Iterator::fold`, as legacy symbols do not know for whom.
//! - Bodies of closures, async functions and async blocks are all `{closure}`: symbols do not tell them apart, only DWARF does.
//!
//! - `symbol.rs`: from the symbol to demangled text
//! - `text.rs`: from demangled text to the canonical name
//! - `scan.rs`: brackets
//! - `origin.rs`: in which impl or trait a v0 symbol's function is written
//! - `blanket.rs`: impls for every type
//! - `path.rs`: source files

mod blanket;
mod origin;
mod path;
mod scan;
mod symbol;
mod text;

pub use path::{canonical_path, package_version};

/// What happens to type arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Generics {
    /// They become `<_>`: all instances of a function are one. The form that builds are compared by.
    #[default]
    Collapse,
    /// They stay as far as the symbol has them.
    Keep,
}

/// The canonical name of a function, type arguments collapsed.
///
/// ```
/// use hotpoll_profile::canonical_name;
/// let legacy = "_ZN5alloc3vec16Vec$LT$T$C$A$GT$4push17h0123456789abcdefE";
/// let v0 = "_RNvMs_NtCsgXYZ_5alloc3vecINtB4_3VechE4pushCs1_4main";
/// assert_eq!(canonical_name(legacy), "alloc::vec::Vec<_>::push");
/// assert_eq!(canonical_name(v0), "alloc::vec::Vec<_>::push");
/// ```
pub fn canonical_name(name: &str) -> String {
    canonical_name_with(name, Generics::Collapse)
}

/// The canonical name of a function. Never empty unless `name` is; never longer than a few thousand bytes.
pub fn canonical_name_with(name: &str, generics: Generics) -> String {
    let symbol = symbol::Symbol::read(name);
    let canonical = match symbol.kind {
        symbol::Kind::Opaque => symbol.text.into_owned(),
        symbol::Kind::Path(origin) => text::canonical(&symbol.text, &origin, generics)
            // Not a path after all (C++ operators, other languages): better as it is than half changed.
            .unwrap_or_else(|| symbol.text.into_owned()),
    };
    if canonical.is_empty() {
        // A symbol that is nothing but a hash, found by fuzzing. A frame without a name would be a hole in every view.
        return cut(name.to_owned());
    }
    cut(canonical)
}

/// A name longer than this is cut: hostile, or of no use to anybody.
const MAX_NAME_BYTES: usize = 4096;

fn cut(mut name: String) -> String {
    if name.len() > MAX_NAME_BYTES {
        let mut end = MAX_NAME_BYTES;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        name.push('…');
    }
    name
}

#[cfg(test)]
mod tests;
