//! How a program's crates were put together, by its compilation units. rustc leaves no word of it, but each unit tells which crate it is of, and those of one
//! object file share a table of abbreviations: link-time optimisation puts units of several crates into one.

use gimli::{DebugAbbrevOffset, LittleEndian};
use std::collections::{BTreeMap, BTreeSet};

use super::{
    arena::Arena,
    elf::Elf,
    sections::{Reader, Sections},
};

/// A program has some thousands.
const MAX_UNITS: usize = 100_000;
/// Sections may have to be decompressed for it.
const MAX_SECTION_BYTES: u64 = 1 << 30;

/// A crate's part of an object file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Unit {
    /// Which table of abbreviations it uses.
    object: usize,
    name: String,
    codegen_unit: CodegenUnit,
    /// The standard library's units come as they are.
    is_standard: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum CodegenUnit {
    /// `service.0123-cgu.3`
    Numbered(String),
    /// A name of its own, as incremental builds give them.
    Named,
}

/// What the units tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct UnitFacts {
    /// `off`, `thin` or `fat`.
    pub(super) lto: Option<&'static str>,
    /// `one` or `several` for each crate, or `incremental`.
    pub(super) codegen_units: Option<&'static str>,
    /// Whether functions are declared, inlined ones too, so that they have paths.
    pub(super) has_paths: bool,
}

impl UnitFacts {
    /// Nothing for programs without debug info, or with little that could tell.
    pub(super) fn read(elf: &Elf<'_>, map_files: bool) -> Self {
        let decompressed = Arena::new(64);
        let sections = Sections::new(&decompressed, !map_files, MAX_SECTION_BYTES);
        let dwarf = sections
            .check_room(elf)
            .and_then(|()| gimli::Dwarf::load(|id| sections.load_if_needed(elf, id, id.name())));
        dwarf.map_or_else(
            |_| Self::default(),
            |dwarf| Self {
                has_paths: has_paths(&dwarf),
                ..Self::of(&units(&dwarf))
            },
        )
    }

    fn of(units: &[Unit]) -> Self {
        let mut objects: BTreeMap<usize, (bool, BTreeSet<&str>)> = BTreeMap::new();
        let mut numbered: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut is_incremental = false;
        for unit in units {
            let (has_own, crates) = objects.entry(unit.object).or_default();
            *has_own |= !unit.is_standard;
            crates.insert(&unit.name);
            match &unit.codegen_unit {
                _ if unit.is_standard => {}
                CodegenUnit::Named => is_incremental = true,
                CodegenUnit::Numbered(number) => {
                    numbered.entry(&unit.name).or_default().insert(number);
                }
            }
        }
        let own: Vec<_> = objects.values().filter(|(has_own, _)| *has_own).collect();
        if own.is_empty() {
            return Self::default();
        }
        let is_mixed = own.iter().any(|(_, crates)| crates.len() > 1);
        Self {
            lto: Some(match (is_mixed, own.len()) {
                (false, _) => "off",
                (true, 1) => "fat",
                (true, _) => "thin",
            }),
            codegen_units: Some(if is_incremental {
                "incremental"
            } else if numbered.values().any(|numbers| numbers.len() > 1) {
                "several"
            } else {
                "one"
            }),
            has_paths: false,
        }
    }
}

/// Own units and entries of each that are looked at for a declaration.
const ENOUGH_UNITS: usize = 8;
const ENOUGH_ENTRIES: usize = 2_000;

/// Whether the program's own crates declare their functions. (The standard library's units do, whatever the program was asked for.)
fn has_paths(dwarf: &gimli::Dwarf<Reader<'_>>) -> bool {
    let mut headers = dwarf.units();
    let units = std::iter::from_fn(|| headers.next().ok().flatten());
    let units = units
        .take(MAX_UNITS)
        .filter_map(|header| dwarf.unit(header).ok());
    let mut own = units.filter(|unit| {
        let name = unit.name.map(|name| name.to_string_lossy().into_owned());
        let parsed = name.and_then(|name| Unit::parse(0, &name));
        parsed.is_some_and(|unit| !unit.is_standard)
    });
    own.by_ref().take(ENOUGH_UNITS).any(|unit| {
        let mut entries = unit.entries();
        for _ in 0..ENOUGH_ENTRIES {
            let Ok(Some(entry)) = entries.next_dfs() else {
                break;
            };
            if entry.tag() == gimli::DW_TAG_subprogram
                && entry.attr(gimli::DW_AT_decl_line).is_some()
            {
                return true;
            }
        }
        false
    })
}

fn units(dwarf: &gimli::Dwarf<gimli::EndianSlice<'_, LittleEndian>>) -> Vec<Unit> {
    let mut found = Vec::new();
    let mut headers = dwarf.units();
    for _ in 0..MAX_UNITS {
        let Ok(Some(header)) = headers.next() else {
            break;
        };
        let DebugAbbrevOffset(object) = header.debug_abbrev_offset();
        let name = dwarf.unit(header).ok().and_then(|unit| unit.name);
        let name = name.map(|name: Reader<'_>| name.to_string_lossy().into_owned());
        found.extend(name.and_then(|name| Unit::parse(object, &name)));
    }
    found
}

impl Unit {
    /// rustc names units `ROOT/@/CRATE.HASH-cgu.N`, or `ROOT/@/HASH` where it builds incrementally.
    fn parse(object: usize, unit: &str) -> Option<Self> {
        let (root, codegen_unit) = unit.split_once("/@/")?;
        let is_standard = ["/rustc/", "/rust/deps/", "library/"]
            .iter()
            .any(|folder| root.starts_with(folder));
        let numbered = codegen_unit.split_once('.');
        Some(Self {
            object,
            is_standard,
            name: numbered.map_or(root, |(name, _)| name).to_owned(),
            codegen_unit: match numbered {
                Some((_, number)) => CodegenUnit::Numbered(number.to_owned()),
                None => CodegenUnit::Named,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units by their object file.
    #[track_caller]
    fn check(units: &[(usize, &str)], lto: &'static str, codegen_units: &'static str) {
        let units: Vec<Unit> = (units.iter())
            .filter_map(|(object, name)| Unit::parse(*object, name))
            .collect();
        let expected = UnitFacts {
            lto: Some(lto),
            codegen_units: Some(codegen_units),
            has_paths: false,
        };
        assert_eq!(UnitFacts::of(&units), expected);
    }

    const STD: &str = "/rustc/59/library/std/src/lib.rs/@/std.e2-cgu.0";
    const CORE: &str = "/rustc/59/library/core/src/lib.rs/@/core.c1-cgu.0";
    const JSON: &str = "/c/registry/src/i/serde_json-1.0.1/src/lib.rs/@/serde_json.5a-cgu.0";
    const SHOP: [&str; 2] = ["src/main.rs/@/shop.1f-cgu.0", "src/main.rs/@/shop.1f-cgu.1"];

    /// As rustc 1.95 leaves them.
    #[test]
    fn what_units_share_an_object_file() {
        let release = [
            (0, SHOP[0]),
            (0, SHOP[1]),
            (9, SHOP[1]),
            (20, JSON),
            (30, STD),
            (40, CORE),
        ];
        check(&release, "off", "several");
        check(&[(0, SHOP[0]), (9, JSON), (20, STD)], "off", "one");
        let fat = [
            (0, SHOP[0]),
            (0, SHOP[1]),
            (0, JSON),
            (0, STD),
            (30, "c.c"),
            (40, CORE),
        ];
        check(&fat, "fat", "several");
        check(
            &[(0, SHOP[0]), (0, STD), (9, JSON), (9, CORE), (20, STD)],
            "thin",
            "one",
        );
        let development = "src/main.rs/@/3k1qfjv6nd8fsfzkcdl2mj7gm";
        check(
            &[(0, development), (9, JSON), (20, STD)],
            "off",
            "incremental",
        );
    }

    #[test]
    fn without_units_nothing_is_told() {
        assert_eq!(UnitFacts::of(&[]), UnitFacts::default());
        let standard = Unit::parse(0, STD).unwrap();
        assert_eq!(UnitFacts::of(&[standard]), UnitFacts::default());
        assert_eq!(Unit::parse(0, "../csu/init.c"), None);
    }
}
