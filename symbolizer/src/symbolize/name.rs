//! The names that views show, made from those in object files.

use super::frame::RawFrame;

/// The canonical name of a frame's function.
pub(super) fn canonical(frame: &RawFrame) -> String {
    if frame.scope.is_empty() {
        canonical_symbol(&frame.symbol)
    } else {
        canonical_symbol(&format!("{}::{}", frame.scope, frame.symbol))
    }
}

fn canonical_symbol(symbol: &str) -> String {
    if let Some(name) = cpp(symbol) {
        return name;
    }
    format!("{:#}", rustc_demangle::demangle(symbol))
}

/// The canonical form of a source path.
pub(super) fn canonical_file(file: &str) -> String {
    file.to_string()
}

/// A C++ name. Parameters are left out: overloads of a function count as one.
#[cfg(feature = "cpp")]
fn cpp(symbol: &str) -> Option<String> {
    use cpp_demangle::{DemangleOptions, Symbol};

    if !symbol.starts_with("_Z") || rustc_demangle::try_demangle(symbol).is_ok() {
        return None;
    }
    // `.cold`, `.part.0` and the like follow the mangled name.
    let mangled = symbol.split('.').next().unwrap_or(symbol);
    Symbol::new(mangled)
        .ok()?
        .demangle_with_options(&DemangleOptions::new().no_params().no_return_type())
        .ok()
}

#[cfg(not(feature = "cpp"))]
fn cpp(_: &str) -> Option<String> {
    None
}
