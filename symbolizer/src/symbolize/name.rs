//! The names that views show, made from those in object files.

use hotpoll_profile::canonical_name;

use super::frame::RawFrame;

/// The canonical name of a frame's function.
pub(super) fn canonical(frame: &RawFrame) -> String {
    if !frame.scope.is_empty() {
        return canonical_name(&format!("{}::{}", frame.scope, frame.symbol));
    }
    let name = canonical_name(&frame.symbol);
    if name.starts_with("_Z")
        && let Some(cpp) = cpp(&name)
    {
        return cpp;
    }
    name
}

/// A C++ name. Parameters are left out: overloads of a function count as one.
#[cfg(feature = "cpp")]
fn cpp(symbol: &str) -> Option<String> {
    use cpp_demangle::{DemangleOptions, Symbol};

    Symbol::new(symbol)
        .ok()?
        .demangle_with_options(&DemangleOptions::new().no_params().no_return_type())
        .ok()
}

#[cfg(not(feature = "cpp"))]
fn cpp(_: &str) -> Option<String> {
    None
}
