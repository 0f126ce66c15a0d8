//! Which task kind or lock without a name is which of the other build's, when all that is known is where it stands, and lines move.
//!
//! A name has no line in it: it is the file's, and where the file has several, the number in their order. Places of both builds are laid beside each other in
//! their order, as differences of texts are: what costs least is right, where lines that were put in or taken out between two places cost by their logarithm, and
//! a place that is new or gone costs more than a few of them. Where two ways cost about the same nobody can tell, and a wrong pair would be a finding: then
//! all of that kind and file are one, whose sum is right whichever is which.

use std::collections::{BTreeMap, BTreeSet};

/// What it is (`mutex `, or nothing), the file, line and column.
pub(super) type Place = (String, String, u32, u32);

/// What the places of the base and those of the new build go by.
pub(super) type Names = [BTreeMap<Place, String>; 2];

/// A place that is new or gone.
const ONE_SIDED: f64 = 2.5;
/// No number of lines costs more: a place that is new and one that is gone are together a little less likely.
const MOST_LINES: f64 = 4.0;
/// Another column than the places before went to.
const ANOTHER_COLUMN: f64 = 2.0;
/// The second best way costs at least so much more where the best is believed.
const CLEARLY: f64 = 2.0;
/// Pairs of places of one file that are weighed.
const MAX_PAIRS: usize = 2_500;

/// The names of all places of two builds.
pub(super) fn names(base: &BTreeSet<Place>, new: &BTreeSet<Place>) -> Names {
    let mut files: BTreeMap<(&str, &str), [Vec<&Place>; 2]> = BTreeMap::new();
    for (side, places) in [base, new].into_iter().enumerate() {
        for place in places {
            let file = files.entry((&place.0, &place.1)).or_default();
            file[side].push(place);
        }
    }
    let mut names = Names::default();
    for ((kind, file), [base, new]) in files {
        let of_file = format!("{kind}{file}");
        let lines = |places: &[&Place]| -> Vec<At> {
            let places = places.iter();
            places
                .map(|place| (place.2.into(), place.3.into()))
                .collect()
        };
        let numbered = |at: usize, of: usize| match of {
            1 => of_file.clone(),
            _ => format!("{of_file} #{}", at + 1),
        };
        let (base_name, new_name): (Vec<String>, Vec<String>) =
            match pairs(&lines(&base), &lines(&new)) {
                _ if base.len() <= 1 && new.len() <= 1 => (
                    vec![of_file.clone(); base.len()],
                    vec![of_file.clone(); new.len()],
                ),
                None => {
                    let all = format!("{of_file}, all of them");
                    (vec![all.clone(); base.len()], vec![all; new.len()])
                }
                Some(of_base) => {
                    let base_name = of_base.iter().enumerate().map(|(at, pair)| match pair {
                        Some(new_at) => numbered(*new_at, new.len()),
                        None if new.is_empty() => numbered(at, base.len()),
                        None => format!("{of_file} #{} of the base", at + 1),
                    });
                    let new_name = (0..new.len()).map(|at| numbered(at, new.len()));
                    (base_name.collect(), new_name.collect())
                }
            };
        names[0].extend(base.into_iter().cloned().zip(base_name));
        names[1].extend(new.into_iter().cloned().zip(new_name));
    }
    names
}

/// Line and column.
type At = (i64, i64);

/// One way to lay the first places beside each other: what it costs, and where it comes from.
#[derive(Clone, Copy)]
struct Way {
    cost: f64,
    /// The pair before, and which of its ways.
    from: Option<(usize, usize)>,
}

/// By place of the base: which of the new build's it is; `None` where that is not clear.
fn pairs(base: &[At], new: &[At]) -> Option<Vec<Option<usize>>> {
    if base.is_empty() || new.is_empty() {
        return Some(vec![None; base.len()]);
    }
    if base == new {
        return Some((0..new.len()).map(Some).collect());
    }
    if base.len() * new.len() > MAX_PAIRS {
        return None;
    }
    let moved = |pair: usize| {
        let (of_base, of_new) = (base[pair / new.len()], new[pair % new.len()]);
        (of_new.0 - of_base.0, of_new.1 - of_base.1)
    };
    let step = |before: At, after: At| {
        let lines = (1.0 + (after.0 - before.0).abs() as f64).log2();
        let column = if after.1 == before.1 {
            0.0
        } else {
            ANOTHER_COLUMN
        };
        lines.min(MOST_LINES) + column
    };
    // The two best ways to end with each pair.
    let mut ways: Vec<[Option<Way>; 2]> = vec![[None; 2]; base.len() * new.len()];
    for pair in 0..ways.len() {
        let (of_base, of_new) = (pair / new.len(), pair % new.len());
        let alone = (of_base + of_new) as f64 * ONE_SIDED;
        let mut best = [None; 2];
        keep(
            &mut best,
            Way {
                cost: alone + step((0, 0), moved(pair)),
                from: None,
            },
        );
        for (before, ends) in ways.iter().enumerate().take(pair) {
            let (base_before, new_before) = (before / new.len(), before % new.len());
            if base_before >= of_base || new_before >= of_new {
                continue;
            }
            let between = (of_base - base_before - 1 + of_new - new_before - 1) as f64;
            let cost = between * ONE_SIDED + step(moved(before), moved(pair));
            for (rank, way) in ends.iter().enumerate() {
                if let Some(way) = way {
                    keep(
                        &mut best,
                        Way {
                            cost: way.cost + cost,
                            from: Some((before, rank)),
                        },
                    );
                }
            }
        }
        ways[pair] = best;
    }
    let mut best = [None; 2];
    let none = (base.len() + new.len()) as f64 * ONE_SIDED;
    keep(
        &mut best,
        Way {
            cost: none,
            from: None,
        },
    );
    for (pair, of_pair) in ways.iter().enumerate() {
        let (of_base, of_new) = (pair / new.len(), pair % new.len());
        let after = (base.len() - of_base - 1 + new.len() - of_new - 1) as f64;
        for (rank, way) in of_pair.iter().enumerate() {
            if let Some(way) = way {
                let cost = way.cost + after * ONE_SIDED;
                keep(
                    &mut best,
                    Way {
                        cost,
                        from: Some((pair, rank)),
                    },
                );
            }
        }
    }
    let [Some(first), Some(second)] = best else {
        return None;
    };
    if second.cost - first.cost < CLEARLY {
        return None;
    }
    let mut of_base = vec![None; base.len()];
    let mut at = first.from;
    while let Some((pair, rank)) = at {
        of_base[pair / new.len()] = Some(pair % new.len());
        at = ways[pair][rank].and_then(|way| way.from);
    }
    Some(of_base)
}

/// Keeps the two that cost least.
fn keep(best: &mut [Option<Way>; 2], way: Way) {
    let is_less = |than: &Option<Way>| than.is_none_or(|than| way.cost < than.cost);
    if is_less(&best[0]) {
        best[1] = best[0].replace(way);
    } else if is_less(&best[1]) {
        best[1] = Some(way);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of one file's locks in both builds, and which is which.
    #[track_caller]
    fn check(base: &[i64], new: &[i64], expected: Option<&[Option<usize>]>) {
        let at = |lines: &[i64]| lines.iter().map(|&line| (line, 20)).collect::<Vec<At>>();
        let found = pairs(&at(base), &at(new));
        assert_eq!(found.as_deref(), expected, "{base:?} {new:?}");
    }

    const BOTH: [Option<usize>; 2] = [Some(0), Some(1)];
    const FOUR: [Option<usize>; 4] = [Some(0), Some(1), Some(2), Some(3)];

    #[test]
    fn lines_put_in_and_taken_out() {
        check(&[10, 20, 30, 40], &[10, 20, 30, 40], Some(&FOUR));
        check(&[10, 20, 30, 40], &[11, 21, 31, 41], Some(&FOUR));
        check(&[10, 50], &[210, 250], Some(&BOTH));
        check(&[210, 250], &[10, 50], Some(&BOTH));
        check(&[10, 50], &[12, 57], Some(&BOTH));
    }

    #[test]
    fn a_lock_more_or_less() {
        // Above, with a line for it, and below.
        check(
            &[10, 20, 30, 40],
            &[5, 11, 21, 31, 41],
            Some(&[Some(1), Some(2), Some(3), Some(4)]),
        );
        check(&[10, 20], &[10, 20, 30], Some(&BOTH));
        check(
            &[10, 20, 40],
            &[10, 20, 30, 41],
            Some(&[Some(0), Some(1), Some(3)]),
        );
        check(
            &[10, 20, 30, 40],
            &[9 + 10, 9 + 20, 9 + 30],
            Some(&[None, Some(0), Some(1), Some(2)]),
        );
        check(&[], &[10, 20], Some(&[]));
        check(&[10], &[], Some(&[None]));
    }

    /// Nobody can tell: a wrong pair would be a regression.
    #[test]
    fn what_is_not_clear_is_one() {
        // All ten lines further down; or the first one gone and a fifth one new.
        check(&[10, 20, 30, 40], &[20, 30, 40, 50], None);
        // One taken out above and one put in below; or both forty lines further down.
        check(&[10, 50], &[50, 90], None);
        check(&[10, 50], &[49, 90], None);
        check(&[10], &[210, 250], None);
    }

    #[test]
    fn columns_tell() {
        let found = pairs(&[(10, 20)], &[(12, 30), (18, 20)]);
        assert_eq!(found, None);
        let found = pairs(&[(10, 20), (30, 8)], &[(14, 24), (34, 12)]);
        assert_eq!(found, Some(BOTH.to_vec()), "all of it moved into a block");
    }

    #[test]
    fn thousands_are_not_weighed() {
        let many = |from: i64| (0..3000).map(|at| (from + 2 * at, 1)).collect::<Vec<At>>();
        assert_eq!(pairs(&many(0), &many(1)), None);
        assert!(pairs(&many(0), &many(0)).is_some());
    }

    #[test]
    fn names_have_no_lines() {
        let places = |lines: &[u32]| -> BTreeSet<Place> {
            let lines = lines.iter();
            lines
                .map(|&line| ("mutex ".to_owned(), "src/cache.rs".to_owned(), line, 5))
                .collect()
        };
        let check = |base: &[u32], new: &[u32], expected: [&[&str]; 2]| {
            let names = names(&places(base), &places(new));
            let names = names.map(|names| names.into_values().collect::<Vec<_>>());
            assert_eq!(names, expected, "{base:?} {new:?}");
        };
        let only: &[&str] = &["mutex src/cache.rs"];
        check(&[10], &[999], [only, only]);
        check(&[10], &[], [only, &[]]);
        let two: &[&str] = &["mutex src/cache.rs #1", "mutex src/cache.rs #2"];
        check(&[10, 20], &[11, 21], [two, two]);
        check(&[10, 20], &[], [two, &[]]);
        check(
            &[10, 20, 30],
            &[10, 20],
            [&[two[0], two[1], "mutex src/cache.rs #3 of the base"], two],
        );
        let all = "mutex src/cache.rs, all of them";
        check(&[10, 50], &[50, 90], [&[all, all], &[all, all]]);
    }
}
