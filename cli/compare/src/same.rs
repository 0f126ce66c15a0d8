//! Names that are one function's, where debug info tells less of it in one place than in another.
//!
//! With line tables alone an inlined function has no path: it goes by its file's module, `alloc::raw_vec::try_allocate_in`, without the type whose method it is.
//! Where the compiler did not inline it, its symbol says `alloc::raw_vec::RawVecInner::try_allocate_in`. A build that inlines otherwise would have a function gone
//! and another one new. So of functions of one file and one name, of which one goes by the module alone, all are one, on both sides alike.

use crate::Run;
use std::collections::{BTreeSet, HashMap};

/// By each name that is not to stand for itself: the one that stands for it.
pub(crate) fn joined<'a>(runs: &[&'a Run]) -> HashMap<&'a str, &'a str> {
    let mut groups: HashMap<(&str, &str), BTreeSet<&str>> = HashMap::new();
    for key in runs.iter().flat_map(|run| &run.keys) {
        if let Some(own) = own_name(&key.name).filter(|_| !key.file.is_empty()) {
            let names = groups.entry((&key.file, own)).or_default();
            names.insert(&key.name);
        }
    }
    let mut joined = HashMap::new();
    for names in groups.into_values().filter(|names| names.len() > 1) {
        let Some(bare) = by_module(&names) else {
            continue;
        };
        let mut full = names.iter().filter(|name| **name != bare);
        let stands = match (full.next(), full.next()) {
            // What is known of it on either side is its name.
            (Some(only), None) => *only,
            _ => bare,
        };
        joined.extend(
            names
                .into_iter()
                .filter(|name| *name != stands)
                .map(|name| (name, stands)),
        );
    }
    joined
}

/// The function's own name, with the closures in it: `sort_by_key::{closure}`.
fn own_name(name: &str) -> Option<&str> {
    let mut end = name.len();
    while let Some(at) = name[..end].rfind("::") {
        if !name[at + 2..].starts_with('{') {
            let own = &name[at + 2..];
            // Inside of type arguments: no plain name.
            return (!own.contains(['<', '>'])).then_some(own);
        }
        end = at;
    }
    None
}

/// The one that goes by its module: a path of modules only, and shorter than every other name.
fn by_module<'a>(names: &BTreeSet<&'a str>) -> Option<&'a str> {
    let segments = |name: &str| name.split("::").filter(|part| *part != "{impl}").count();
    let is_module =
        |part: &str| part.starts_with(|c: char| c.is_lowercase() || c == '_' || c == '{');
    let is_path = |name: &str| !name.contains('<') && name.split("::").all(is_module);
    let mut paths: Vec<&str> = names.iter().copied().filter(|name| is_path(name)).collect();
    paths.sort_by_key(|name| segments(name));
    match paths[..] {
        [only] => Some(only),
        [shortest, next, ..] if segments(shortest) < segments(next) => Some(shortest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    /// What stands for each of these names of one file, in their order.
    #[track_caller]
    fn check(names: &[&str], expected: &[&str]) {
        let keys = names.iter().map(|name| Key {
            name: (*name).to_owned(),
            file: "one.rs".to_owned(),
            line: 0,
        });
        let run = Run {
            keys: keys.collect(),
            ..Run::default()
        };
        let joined = joined(&[&run]);
        let stands: Vec<&str> = names
            .iter()
            .map(|name| joined.get(name).copied().unwrap_or(name))
            .collect();
        assert_eq!(stands, expected);
    }

    #[test]
    fn a_method_that_is_inlined_on_one_side() {
        let full = "alloc::raw_vec::RawVecInner::try_allocate_in";
        check(&["alloc::raw_vec::try_allocate_in", full], &[full, full]);
        let trait_method = "serde_core::ser::SerializeMap::serialize_entry";
        check(
            &["serde_core::ser::serialize_entry", trait_method],
            &[trait_method, trait_method],
        );
        let closure = "<[_]>::sort_by_key::{closure}";
        check(
            &["alloc::slice::{impl}::sort_by_key::{closure}", closure],
            &[closure, closure],
        );
        let in_a_module = "names::shop::cart::by";
        check(&["names::by", in_a_module], &[in_a_module, in_a_module]);
    }

    #[test]
    fn methods_of_several_types_cannot_be_told_from_an_inlined_one() {
        let names = [
            "names::cost",
            "<names::Shift as names::Cost>::cost",
            "names::Multiply<_>::cost",
        ];
        check(&names, &["names::cost"; 3]);
    }

    #[test]
    fn what_is_known_in_full_stays_apart() {
        let types = ["names::Shift::cost", "names::Multiply<_>::cost"];
        check(&types, &types);
        let modules = ["names::left::new", "names::right::new"];
        check(&modules, &modules);
        let others = ["names::Shift::cost", "names::price"];
        check(&others, &others);
    }

    #[test]
    fn functions_of_other_files_stay_apart() {
        let key = |name: &str, file: &str| Key {
            name: name.to_owned(),
            file: file.to_owned(),
            line: 0,
        };
        let run = Run {
            keys: vec![
                key("a::drop", "a.rs"),
                key("b::Guard::drop", "b.rs"),
                // Nothing is known of where these are.
                key("c::drop", ""),
                key("c::Guard::drop", ""),
                key("write", ""),
            ],
            ..Run::default()
        };
        assert!(joined(&[&run]).is_empty());
    }
}
