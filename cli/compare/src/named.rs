//! What is meant by a name that somebody wrote into a budget, a waiver or a rename: as reports print it, or as it is.
//!
//! Reports leave out type arguments, the path before the last words, and the closure that an `async fn` is; so may who copies a name from one.

/// What the total is called there.
pub(crate) const TOTAL: &str = "total";
/// So many names are offered in the place of one that is not there.
const OFFERED: usize = 3;

/// Whether a name is meant by what somebody wrote: all of it, or its last parts.
pub(crate) fn means(name: &str, written: &str) -> bool {
    if ends_with(name, written) {
        return true;
    }
    // Who writes a closure means that one, and not what it is in.
    if written.contains('{') {
        return false;
    }
    let [name, bare] = spellings(name);
    let [written, _] = spellings(written);
    ends_with(&name, &written) || ends_with(&bare, &written)
}

/// The whole words at the end; titles of locks and tasks have words between spaces.
fn ends_with(name: &str, written: &str) -> bool {
    let before = name.strip_suffix(written);
    let is_whole =
        |before: &str| before.is_empty() || before.ends_with("::") || before.ends_with(' ');
    !written.is_empty() && before.is_some_and(is_whole)
}

/// A name as reports print it, `<Type as Trait>::method`, and without its trait.
fn spellings(name: &str) -> [String; 2] {
    let name = without_arguments(name);
    let mut end = name.len();
    while let Some(at) = name[..end].rfind("::") {
        if !name[at..].starts_with("::{") {
            break;
        }
        end = at;
    }
    let name = &name[..end];
    let parts = name
        .strip_prefix('<')
        .and_then(|rest| rest.split_once(" as "));
    let parts = parts.and_then(|(ty, rest)| Some((ty, rest.split_once('>')?)));
    match parts {
        Some((ty, (of_trait, rest))) => {
            let (ty, of_trait) = (last(ty), last(of_trait));
            [format!("<{ty} as {of_trait}>{rest}"), format!("{ty}{rest}")]
        }
        None => [name.to_owned(), name.to_owned()],
    }
}

/// The last segment of a path.
fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// The name without what stands in angle brackets; those of `<Type as Trait>` stay.
fn without_arguments(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut dropped = 0u32;
    let mut before = ' ';
    for c in name.chars() {
        let closes = c == '>' && before != '-' && before != '=';
        let opens = c == '<';
        let begins_path = out.is_empty() || out.ends_with(['<', '(', '&', ' ']);
        if dropped > 0 {
            dropped = dropped + u32::from(opens) - u32::from(closes);
        } else if opens && !begins_path {
            dropped = 1;
            if out.ends_with("::") {
                out.truncate(out.len() - 2);
            }
        } else {
            out.push(c);
        }
        before = c;
    }
    out
}

/// Names that look like one that is not there, the most alike first.
pub(crate) fn near<'a>(names: impl Iterator<Item = &'a str>, written: &str) -> Vec<&'a str> {
    let end = |name: &str| last(&spellings(name)[0]).to_lowercase();
    let wanted = end(written);
    let most = (wanted.chars().count() / 3).max(2);
    let alike = names.filter_map(|name| {
        let other = end(name);
        let apart = match other.len() > 3 && wanted.len() > 3 {
            _ if other == wanted => 0,
            true if other.contains(&wanted) || wanted.contains(&other) => 1,
            _ => distance(&wanted, &other),
        };
        (apart <= most).then_some((apart, name.len(), name))
    });
    let mut alike: Vec<(usize, usize, &str)> = alike.collect();
    alike.sort_unstable();
    alike.dedup();
    let least = alike.first().map_or(0, |&(apart, _, _)| apart);
    let alike = alike.into_iter().filter(|&(apart, _, _)| apart == least);
    alike.map(|(_, _, name)| name).take(OFFERED).collect()
}

/// The same as the end of a sentence: ` (near: a, b)`, or nothing.
pub(crate) fn did_you_mean(near: &[&str]) -> String {
    match near {
        [] => String::new(),
        near => format!(" (near: {})", near.join(", ")),
    }
}

/// How many letters have to be put in, taken out, replaced, or exchanged with the next one.
fn distance(one: &str, other: &str) -> usize {
    let [one, other] = [one, other].map(|name| name.chars().collect::<Vec<char>>());
    let mut rows = vec![(0..=other.len()).collect::<Vec<usize>>()];
    for at in 0..one.len() {
        let above = &rows[at];
        let mut row = vec![at + 1];
        for place in 0..other.len() {
            let replaced = above[place] + usize::from(one[at] != other[place]);
            let mut least = replaced.min(above[place + 1] + 1).min(row[place] + 1);
            let crossed = at > 0 && place > 0;
            if crossed && one[at] == other[place - 1] && one[at - 1] == other[place] {
                least = least.min(rows[at - 1][place - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

/// Whether a unit that somebody wrote is a counter: `request` and `requests` are the same.
pub(crate) fn same_unit(counter: &str, written: &str) -> bool {
    let (counter, written) = (counter.to_lowercase(), written.to_lowercase());
    let ies = written.strip_suffix('y').map(|stem| format!("{stem}ies"));
    counter == written
        || counter == format!("{written}s")
        || counter == format!("{written}es")
        || format!("{counter}s") == written
        || ies.is_some_and(|plural| counter == plural)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_their_end() {
        assert!(means("shop::json::parse", "parse"));
        assert!(means("shop::json::parse", "json::parse"));
        assert!(means("parse", "parse"));
        assert!(!means("shop::json::reparse", "parse"));
        assert!(!means("shop::json::parse", ""));
        assert!(means("mutex src/cache.rs:10", "src/cache.rs:10"));
    }

    #[test]
    fn names_as_reports_print_them() {
        let asynchronous = "shop::request::{closure}";
        assert!(means(asynchronous, "shop::request"));
        assert!(means(asynchronous, "request::{closure}"));
        assert!(!means("shop::request", "request::{closure}"));
        let method = "<shop::Cart<_> as core::ops::Drop>::drop";
        assert!(means(method, "<Cart as Drop>::drop"));
        assert!(means(method, "Cart::drop"));
        assert!(means(method, "drop"));
        assert!(!means(method, "Basket::drop"));
        assert!(means("alloc::vec::Vec<_>::push", "Vec::push"));
        assert!(means("shop::fold::<_>", "shop::fold"));
    }

    #[test]
    fn names_that_are_near() {
        let names = ["shop::json::parse", "shop::xml::parse_all", "shop::main"];
        let near = |written| near(names.into_iter(), written);
        assert_eq!(near("prase"), ["shop::json::parse"]);
        assert_eq!(near("json::Parse"), ["shop::json::parse"]);
        assert!(near("render").is_empty());
    }

    #[test]
    fn units_in_singular_and_plural() {
        for (counter, written) in [
            ("requests", "request"),
            ("requests", "Requests"),
            ("queries", "query"),
            ("batches", "batch"),
            ("request", "requests"),
        ] {
            assert!(same_unit(counter, written), "{counter} {written}");
        }
        assert!(!same_unit("requests", "foo"));
    }
}
