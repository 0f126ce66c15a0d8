//! Impls for every type (`impl<T> Into<U> for T`): legacy symbols say `T`, v0 symbols what it stands for. To be one name, both have to
//! say `_`.

use super::origin::Origin;

/// Traits that have (nearly) no other impl.
const TRAITS: [&str; 14] = [
    "<[_]>::to_vec_in::ConvertVec",
    "alloc::string::SpecToString",
    "alloc::string::ToString",
    "alloc::vec::spec_from_elem::SpecFromElem",
    "core::any::Any",
    "core::array::equality::SpecArrayEq",
    "core::clone::uninit::CopySpec",
    "core::convert::Into",
    "core::convert::TryInto",
    "core::future::into_future::IntoFuture",
    "core::slice::cmp::SliceOrd",
    "core::slice::cmp::SlicePartialEq",
    "core::slice::cmp::SlicePartialOrd",
    "core::slice::sort::stable::quicksort::IsFreeze",
];

/// Traits with one such impl among others, and the module where it is.
const IMPLS: [(&str, &str); 9] = [
    ("alloc::borrow::ToOwned", "alloc::borrow"),
    ("core::borrow::Borrow", "core::borrow"),
    ("core::borrow::BorrowMut", "core::borrow"),
    ("core::convert::From", "core::convert"),
    ("core::convert::TryFrom", "core::convert"),
    (
        "core::iter::traits::collect::IntoIterator",
        "core::iter::traits::collect",
    ),
    (
        "core::iter::traits::collect::default_extend::SpecExtend",
        "core::iter::traits::collect::default_extend",
    ),
    (
        "core::iter::traits::iterator::Iterator::advance_by::SpecAdvanceBy",
        "core::iter::traits::iterator::Iterator::advance_by",
    ),
    ("hashbrown::Equivalent", "hashbrown"),
];

/// Whether the impl of this trait for this type, both canonical, is one for every type.
pub(super) fn is_blanket(trait_name: &str, for_type: &str, origin: &Origin) -> bool {
    if TRAITS.contains(&trait_name) {
        return true;
    }
    let Origin::Impl(module) = origin else {
        return false;
    };
    // A crate below the type's own cannot name the type.
    let below = standard_rank(module) < type_rank(for_type);
    below || IMPLS.contains(&(trait_name, module.as_str()))
}

/// The standard library's crates from the bottom up, and above them all others.
fn standard_rank(path: &str) -> u8 {
    match path.split("::").next() {
        Some("core") => 0,
        Some("alloc") => 1,
        Some("std") => 2,
        _ => 3,
    }
}

fn type_rank(for_type: &str) -> u8 {
    // References, slices, primitive types: every crate can name them.
    let is_path =
        for_type.contains("::") && for_type.starts_with(|first: char| first.is_alphanumeric());
    if is_path && !for_type.starts_with("dyn ") {
        standard_rank(for_type)
    } else {
        0
    }
}
