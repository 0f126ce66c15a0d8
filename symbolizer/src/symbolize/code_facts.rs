//! What a program's symbols and machine code tell of how it was built: its allocator, and whether its functions keep a frame pointer.

use hotpoll_profile::canonical_name;
use object::{Object, ObjectSection, ObjectSymbol};

use super::elf::Elf;

/// Symbols looked at.
const MOST_SYMBOLS: usize = 200_000;
/// Functions whose first instructions are looked at: they all have a frame pointer, or few have.
const MOST_FUNCTIONS: usize = 400;
/// Shorter functions call nobody, and keep none unless all have to.
const SHORTEST_FUNCTION: u64 = 128;
/// Fewer say nothing.
const FEWEST_FUNCTIONS: usize = 5;

/// Allocators, by a part of the name of a function that each has.
const ALLOCATORS: [(&str, &str); 8] = [
    ("_rjem_", "jemalloc"),
    ("je_malloc", "jemalloc"),
    ("je_mallocx", "jemalloc"),
    ("mi_malloc", "mimalloc"),
    ("mi_heap_malloc", "mimalloc"),
    ("sn_rust_alloc", "snmalloc"),
    ("tc_malloc", "tcmalloc"),
    ("TCMallocInternal", "tcmalloc"),
];

/// The allocator that Rust code asks: one that is known by its functions, `own` for another one of the program's, `system`. `None` where symbols do not say.
pub(super) fn allocator(elf: &Elf<'_>) -> Option<&'static str> {
    let (mut known, mut is_own, mut is_system) = (None, false, false);
    for symbol in elf.symbols().take(MOST_SYMBOLS) {
        let Ok(name) = symbol.name() else { continue };
        // `__rg_alloc`, or `_RNvCsXY_7___rustc10___rg_alloc`.
        is_own |= name.ends_with("__rg_alloc");
        is_system |= name.ends_with("__rdl_alloc");
        if known.is_none() {
            let allocator = ALLOCATORS.iter().find(|(part, _)| name.starts_with(part));
            known = allocator.map(|(_, allocator)| *allocator);
        }
    }
    match (is_system, is_own) {
        (true, false) => Some("system"),
        (false, true) => Some(known.unwrap_or("own")),
        _ => known,
    }
}

/// Whether the program's own Rust functions keep a frame pointer: `yes` or `no`. The standard library's keep one whatever the program was asked for.
pub(super) fn frame_pointers(elf: &Elf<'_>) -> Option<&'static str> {
    let mut seen = 0;
    let mut with = 0;
    for symbol in elf.symbols().take(MOST_SYMBOLS) {
        if symbol.size() < SHORTEST_FUNCTION {
            continue;
        }
        let Ok(name) = symbol.name() else { continue };
        if !is_programs(name) {
            continue;
        }
        let Some(first) = first_bytes(elf, &symbol) else {
            continue;
        };
        seen += 1;
        with += usize::from(sets_frame_pointer(first));
        if seen == MOST_FUNCTIONS {
            break;
        }
    }
    (seen >= FEWEST_FUNCTIONS).then_some(if 2 * with > seen { "yes" } else { "no" })
}

/// The standard library's crates and those that it is made of, whose code comes compiled.
const STANDARD: [&str; 14] = [
    "__rustc",
    "addr2line",
    "adler2",
    "alloc",
    "compiler_builtins",
    "core",
    "gimli",
    "hashbrown",
    "memchr",
    "miniz_oxide",
    "object",
    "panic_unwind",
    "rustc_demangle",
    "std",
];

/// Whether a symbol is of a function of the program's crates, as far as its name begins with a crate.
pub(super) fn is_programs(symbol: &str) -> bool {
    if !symbol.starts_with("_ZN") && !symbol.starts_with("_R") {
        return false;
    }
    let name = canonical_name(symbol);
    let (first, _) = name.split_once("::").unwrap_or((&name, ""));
    // Methods of traits: whose they are the name does not begin with.
    !first.starts_with('<') && !STANDARD.contains(&first)
}

const ENOUGH_BYTES: u64 = 16;

fn first_bytes<'a>(elf: &Elf<'a>, symbol: &impl ObjectSymbol<'a>) -> Option<&'a [u8]> {
    let section = elf.section_by_index(symbol.section_index()?).ok()?;
    section.data_range(symbol.address(), ENOUGH_BYTES).ok()?
}

/// `push %rbp; mov %rsp,%rbp`, perhaps behind `endbr64`.
fn sets_frame_pointer(first: &[u8]) -> bool {
    let body = first
        .strip_prefix(&[0xf3, 0x0f, 0x1e, 0xfa])
        .unwrap_or(first);
    body.starts_with(&[0x55, 0x48, 0x89, 0xe5])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prologues() {
        let endbr = [0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5, 0x41];
        assert!(sets_frame_pointer(&endbr));
        assert!(sets_frame_pointer(&endbr[4..]));
        assert!(!sets_frame_pointer(&[0x55, 0x41, 0x57, 0x41]));
        assert!(!sets_frame_pointer(&[]));
    }

    #[test]
    fn whose_functions() {
        assert!(is_programs("_ZN2tk6handle17hadadc2bae3a01886E"));
        assert!(!is_programs(
            "_ZN4core3ptr29drop_in_place$LT$tk..Item$GT$17h4fca48c3f3e882b2E"
        ));
        assert!(!is_programs("malloc"));
    }
}
