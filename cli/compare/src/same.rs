//! Names that are one function's, where debug info tells less of it in one place than in another.
//!
//! **Known by the module.** With line tables alone an inlined function has no path: it goes by its file's module, `alloc::raw_vec::try_allocate_in`, without the
//! type whose method it is. Where the compiler did not inline it, its symbol says `alloc::raw_vec::RawVecInner::try_allocate_in`. A build that inlines otherwise
//! would have a function gone and another one new. So where a name was made of the file's module, all functions of that file with that last name are one, on both
//! sides alike: they cannot be told apart there. Where all are known by symbols or whole debug info, nothing is joined, a free function and a method of
//! one name neither; and never functions of two files.
//!
//! **Type arguments.** v0 symbols leave out those that are the default, legacy ones do not: `RawVecInner::finish_grow`, `RawVecInner<_>::finish_grow`. A path is one
//! type's, which has arguments or has none.

use crate::Run;
use std::collections::{BTreeSet, HashMap};

/// What stands for names that are not to stand for themselves.
#[derive(Debug, Default)]
pub(crate) struct Joined<'a> {
    /// For whole names.
    whole: HashMap<&'a str, &'a str>,
    /// For names made of a module.
    by_module: HashMap<(&'a str, &'a str), &'a str>,
}

impl<'a> Joined<'a> {
    /// The name of a run's key.
    pub fn name(&self, run: &'a Run, key: usize) -> &'a str {
        let (name, file) = (&*run.keys[key].name, &*run.keys[key].file);
        let found = match run.by_module.contains(&(key as u32)) {
            true => self.by_module.get(&(file, name)),
            false => self.whole.get(name),
        };
        found.copied().unwrap_or(name)
    }
}

/// The functions of one file with one last name.
#[derive(Default)]
struct Group<'a> {
    whole: BTreeSet<&'a str>,
    by_module: BTreeSet<&'a str>,
}

/// What is one in all of these runs.
pub(crate) fn joined<'a>(runs: &[&'a Run]) -> Joined<'a> {
    let with_arguments = with_arguments(runs);
    let mut joined = Joined::default();
    let mut groups: HashMap<(&str, &str), Group<'_>> = HashMap::new();
    for run in runs {
        for (at, key) in run.keys.iter().enumerate() {
            let by_module = run.by_module.contains(&(at as u32));
            let Some(own) = own_name(&key.name).filter(|_| !key.file.is_empty()) else {
                continue;
            };
            let group = groups.entry((&key.file, own)).or_default();
            if by_module && !has_path(&key.name, own) {
                group.by_module.insert(&key.name);
            } else {
                let name = &*key.name;
                group
                    .whole
                    .insert(with_arguments.get(name).unwrap_or(&name));
            }
        }
    }
    for ((file, _), group) in groups {
        let mut whole = group.whole.iter();
        let stands = match (whole.next(), whole.next(), group.by_module.first()) {
            (_, _, None) | (None, ..) => continue,
            // What is known of it on either side is its name.
            (Some(only), None, _) => *only,
            (Some(_), Some(_), Some(by_module)) => *by_module,
        };
        let by_module = group.by_module.iter();
        let by_module = by_module.filter(|name| **name != stands);
        joined
            .by_module
            .extend(by_module.map(|name| ((file, *name), stands)));
        let whole = group.whole.iter().filter(|name| **name != stands);
        joined.whole.extend(whole.map(|name| (*name, stands)));
    }
    for (without, with) in with_arguments {
        let stands = joined.whole.get(with).copied().unwrap_or(with);
        joined.whole.insert(without, stands);
    }
    joined
}

/// By each name that occurs with more type arguments too: that one.
fn with_arguments<'a>(runs: &[&'a Run]) -> HashMap<&'a str, &'a str> {
    let mut spellings: HashMap<String, BTreeSet<&str>> = HashMap::new();
    for run in runs {
        for (at, key) in run.keys.iter().enumerate() {
            if !run.by_module.contains(&(at as u32)) && key.name.contains("::") {
                let bare = key.name.replace("<_>", "");
                spellings.entry(bare).or_default().insert(&key.name);
            }
        }
    }
    let mut with = HashMap::new();
    for names in spellings.into_values().filter(|names| names.len() > 1) {
        let Some(longest) = names.iter().copied().max_by_key(|name| name.len()) else {
            continue;
        };
        let others = names.into_iter().filter(|name| *name != longest);
        with.extend(others.map(|name| (name, longest)));
    }
    with
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

/// Whether a name made of a module is whole nevertheless: a closure has its function's path where its caller's type arguments told that
/// (`symbolizer/src/symbolize/closure.rs`), if not the impl's type.
fn has_path(name: &str, own: &str) -> bool {
    own.contains("::{") && !name.contains("::{impl}::")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    /// What stands for each of these names, in their order. Those behind `?` are made of the module of their file, which stands before `|`.
    #[track_caller]
    fn check(names: &[&str], expected: &[&str]) {
        let mut run = Run::default();
        for (at, name) in names.iter().enumerate() {
            let (file, name) = name.split_once('|').unwrap_or(("one.rs", name));
            let bare = name.strip_prefix('?');
            if bare.is_some() {
                run.by_module.insert(at as u32);
            }
            run.keys.push(Key {
                name: bare.unwrap_or(name).to_owned(),
                file: file.to_owned(),
                line: 0,
            });
        }
        let joined = joined(&[&run]);
        let stands: Vec<&str> = (0..names.len()).map(|at| joined.name(&run, at)).collect();
        assert_eq!(stands, expected);
    }

    #[test]
    fn a_method_that_is_inlined_on_one_side() {
        let full = "alloc::raw_vec::RawVecInner::try_allocate_in";
        check(&["?alloc::raw_vec::try_allocate_in", full], &[full, full]);
        let trait_method = "serde_core::ser::SerializeMap::serialize_entry";
        check(
            &["?serde_core::ser::serialize_entry", trait_method],
            &[trait_method, trait_method],
        );
        let closure = "<[_]>::sort_by_key::{closure}";
        check(
            &["?alloc::slice::{impl}::sort_by_key::{closure}", closure],
            &[closure, closure],
        );
        let in_a_module = "names::shop::cart::by";
        check(&["?names::by", in_a_module], &[in_a_module, in_a_module]);
    }

    #[test]
    fn methods_of_several_types_cannot_be_told_from_an_inlined_one() {
        let names = [
            "?names::cost",
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

    /// The free function looks as a method would that was inlined, but it is a symbol.
    #[test]
    fn a_free_function_and_a_method_of_one_file() {
        let names = ["names::new", "names::Cart::new"];
        check(&names, &names);
        // Only where one of either is known by the module alone nobody can tell which.
        check(
            &["names::new", "names::Cart::new", "?names::new"],
            &["names::new"; 3],
        );
        check(&["names::new", "?names::new"], &["names::new"; 2]);
    }

    #[test]
    fn closures_of_two_modules_of_one_file() {
        let names = [
            "?names::left::sum::{closure}",
            "?names::right::sum::{closure}",
            "names::left::sum::{closure}",
        ];
        check(
            &names,
            &[
                "names::left::sum::{closure}",
                "names::right::sum::{closure}",
                "names::left::sum::{closure}",
            ],
        );
    }

    #[test]
    fn functions_of_other_files_stay_apart() {
        check(
            &[
                "a.rs|?a::drop",
                "b.rs|b::Guard::drop",
                // Nothing is known of where these are.
                "|?c::drop",
                "|c::Guard::drop",
                "|write",
            ],
            &[
                "a::drop",
                "b::Guard::drop",
                "c::drop",
                "c::Guard::drop",
                "write",
            ],
        );
        // One module's name, and two files.
        check(
            &["a.rs|?a::drop", "a/mod.rs|?a::drop", "a.rs|a::Guard::drop"],
            &["a::Guard::drop", "a::drop", "a::Guard::drop"],
        );
    }

    #[test]
    fn type_arguments_that_are_the_default() {
        let with = "alloc::raw_vec::RawVecInner<_>::finish_grow";
        let without = "alloc::raw_vec::RawVecInner::finish_grow";
        check(&[with, without], &[with, with]);
        check(&[without, "?alloc::raw_vec::finish_grow", with], &[with; 3]);
        check(
            &[without, "?a::finish_grow", with, "b::finish_grow"],
            &["a::finish_grow"; 4],
        );
        let others = ["<[_]>::len", "<_ as a::B>::len", "a::B::len"];
        check(&others, &others);
    }
}
