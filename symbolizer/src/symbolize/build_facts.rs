//! What a program was built with, as far as its file says: so that two builds can be told to be comparable.

use super::{Options, code_facts, elf::Elf, locate, unit_facts::UnitFacts};
use hotpoll_profile::{Fact, Profile};
use object::{Object, ObjectSection, ObjectSymbol};

/// Symbols looked at for their mangling, and the program's own that decide.
const MOST_SYMBOLS: usize = 100_000;
const ENOUGH_SYMBOLS: u32 = 200;
/// A build's own words about its compiler are shorter.
const MOST_COMMENT_BYTES: usize = 64 << 10;

/// Facts of the profile's program, its first module: build ID, compiler, mangling, which debug info there is for it, link-time optimisation, codegen units,
/// allocator and frame pointers. Nothing where its file is not found.
pub fn build_facts(profile: &Profile, options: &Options) -> Vec<Fact> {
    let Some(program) = profile.modules.first() else {
        return Vec::new();
    };
    let plan = locate::locate(program, options, profile.start_unix_ns);
    let mut facts = Vec::new();
    if !program.build_id.is_empty() {
        let digits = program.build_id.iter().map(|byte| format!("{byte:02x}"));
        facts.push(Fact::new("build-id", digits.collect::<String>()));
    }
    let object = plan.object.as_ref().and_then(|file| file.parse());
    let debug = plan.debug.as_ref().and_then(|(file, _)| file.parse());
    let files = || object.iter().chain(&debug);
    if let Some(compiler) = files().find_map(compiler) {
        facts.push(Fact::new("rustc", compiler));
    }
    if let Some(mangling) = files().find_map(mangling) {
        facts.push(Fact::new("mangling", mangling));
    }
    // The separate file, where there is one, has the units; the program has the code.
    let units = debug.as_ref().or(object.as_ref());
    let units = units.map(|elf| UnitFacts::read(elf, options.map_files));
    let units = units.unwrap_or_default();
    if object.is_some() || debug.is_some() {
        let kind = files().map(debug_info).max().unwrap_or(DebugInfo::None);
        let kind = match kind {
            DebugInfo::Lines if units.has_paths => DebugInfo::Limited,
            kind => kind,
        };
        facts.push(Fact::new("debug-info", kind.label()));
    }
    let told = [
        ("lto", units.lto),
        ("codegen-units", units.codegen_units),
        ("allocator", files().find_map(code_facts::allocator)),
        (
            "frame-pointers",
            object.as_ref().and_then(code_facts::frame_pointers),
        ),
    ];
    let told = told.into_iter();
    facts.extend(told.filter_map(|(key, value)| Some(Fact::new(key, value?))));
    facts
}

/// Which debug info a file has; more comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DebugInfo {
    None,
    Symbols,
    Lines,
    Limited,
    Full,
}

impl DebugInfo {
    fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Symbols => "symbols",
            Self::Lines => "lines",
            Self::Limited => "limited",
            Self::Full => "full",
        }
    }
}

fn has(elf: &Elf<'_>, section: &str) -> bool {
    elf.section_by_name(section)
        .is_some_and(|section| section.data().is_ok_and(|data| !data.is_empty()))
}

fn debug_info(elf: &Elf<'_>) -> DebugInfo {
    // Only full debug info says where variables are.
    if has(elf, ".debug_info") && (has(elf, ".debug_loc") || has(elf, ".debug_loclists")) {
        DebugInfo::Full
    } else if has(elf, ".debug_info") {
        DebugInfo::Lines
    } else if has(elf, ".symtab") {
        DebugInfo::Symbols
    } else {
        DebugInfo::None
    }
}

/// What rustc leaves in `.comment`: `1.95.0 (…)`. A program with crates of several compilers is none of any.
fn compiler(elf: &Elf<'_>) -> Option<String> {
    let comment = elf.section_by_name(".comment")?.data().ok()?;
    let comment = &comment[..comment.len().min(MOST_COMMENT_BYTES)];
    let mut versions: Vec<String> = comment
        .split(|&byte| byte == 0)
        .filter_map(|text| {
            let text = String::from_utf8_lossy(text);
            Some(text.strip_prefix("rustc version ")?.to_owned())
        })
        .collect();
    versions.sort();
    versions.dedup();
    (!versions.is_empty()).then(|| versions.join(", "))
}

fn mangling(elf: &Elf<'_>) -> Option<&'static str> {
    let (mut legacy, mut v0) = (0u32, 0u32);
    for symbol in elf.symbols().take(MOST_SYMBOLS) {
        // The standard library comes with its own, whatever the program has.
        let Ok(name) = symbol.name() else { continue };
        match name.as_bytes() {
            [b'_', b'R', ..] => v0 += u32::from(code_facts::is_programs(name)),
            bytes if name.starts_with("_ZN") && is_legacy(bytes) => {
                legacy += u32::from(code_facts::is_programs(name));
            }
            _ => {}
        }
        if legacy + v0 == ENOUGH_SYMBOLS {
            break;
        }
    }
    match (legacy, v0) {
        (0, 0) => None,
        (legacy, v0) if v0 > legacy => Some("v0"),
        _ => Some("legacy"),
    }
}

/// `17h`, a hash of sixteen digits, and the end: C++ has none.
fn is_legacy(name: &[u8]) -> bool {
    let mut windows = name.windows(3);
    windows.any(|window| window == b"17h") && name.len() > 20
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotpoll_profile::Module;

    /// The running test is a program of rustc's, not stripped.
    #[test]
    fn facts_of_this_very_program() {
        let program = std::env::current_exe().unwrap();
        let profile = Profile {
            modules: vec![Module {
                path: program.display().to_string(),
                ..Module::default()
            }],
            ..Profile::default()
        };
        let facts = build_facts(&profile, &Options::default());
        let value = |key: &str| {
            let fact = facts.iter().find(|fact| fact.key == key);
            fact.map(|fact| fact.value.as_str())
        };
        assert!(
            value("rustc").is_some_and(|rustc| rustc.starts_with("1.")),
            "{facts:?}"
        );
        assert!(
            matches!(value("mangling"), Some("legacy" | "v0")),
            "{facts:?}"
        );
        assert!(
            matches!(value("debug-info"), Some("full" | "limited" | "lines")),
            "{facts:?}"
        );
        assert_eq!(value("lto"), Some("off"), "{facts:?}");
        assert!(value("codegen-units").is_some(), "{facts:?}");
        assert_eq!(value("allocator"), Some("system"), "{facts:?}");
        assert_eq!(value("frame-pointers"), Some("no"), "{facts:?}");
    }

    #[test]
    fn a_program_that_is_gone_has_no_facts() {
        assert_eq!(build_facts(&Profile::default(), &Options::default()), []);
        let profile = Profile {
            modules: vec![Module {
                path: "/nowhere/shop".to_owned(),
                ..Module::default()
            }],
            ..Profile::default()
        };
        assert_eq!(build_facts(&profile, &Options::default()), []);
    }
}
