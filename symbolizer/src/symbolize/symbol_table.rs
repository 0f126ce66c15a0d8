//! Functions by the symbol table of an ELF file.

use std::cmp::Reverse;

use object::{
    LittleEndian, Object, ObjectSection, SectionIndex,
    elf::{self, SHF_EXECINSTR, STB_GLOBAL, STB_WEAK, STT_FUNC, STT_GNU_IFUNC, STT_NOTYPE},
    read::elf::{SectionHeader, Sym},
};

use super::elf::Elf;

/// How many symbols before the nearest one are asked whether they reach over an address: code in assembly puts labels inside functions.
const MAX_ENCLOSING_STEPS: usize = 16;

/// The functions of an ELF file, by address.
#[derive(Default)]
pub(super) struct SymbolTable<'a> {
    symbols: Vec<Symbol<'a>>,
    is_full: bool,
}

struct Symbol<'a> {
    start: u64,
    /// One past its last address.
    end: u64,
    name: &'a str,
    rank: Rank,
}

/// What tells the best of several names for one address; smaller is better.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    unsized_: bool,
    binding: u8,
    /// `malloc` before `__libc_malloc`.
    leading_underscores: usize,
}

impl<'a> SymbolTable<'a> {
    /// The first full table of the files; the first dynamic one where no file has a full one.
    pub(super) fn read(files: [Option<&Elf<'a>>; 2]) -> Self {
        let mut symbols = Vec::new();
        let mut is_full = false;
        for kind in [elf::SHT_SYMTAB, elf::SHT_DYNSYM] {
            for file in files.into_iter().flatten() {
                if symbols.is_empty() {
                    collect(file, kind, &mut symbols);
                    is_full = kind == elf::SHT_SYMTAB;
                }
            }
        }
        // Best name first among equals, then one a start.
        symbols.sort_unstable_by(|a, b| {
            (a.start, &a.rank, Reverse(a.end), a.name).cmp(&(
                b.start,
                &b.rank,
                Reverse(b.end),
                b.name,
            ))
        });
        symbols.dedup_by_key(|symbol| symbol.start);
        close_gaps(&mut symbols);
        Self { symbols, is_full }
    }

    /// Whether it is the table for linkers and debuggers, not the one for the loader.
    pub(super) fn is_full(&self) -> bool {
        self.is_full && !self.symbols.is_empty()
    }

    /// The name of the function that the address lies in.
    pub(super) fn find(&self, address: u64) -> Option<&'a str> {
        let next = self
            .symbols
            .partition_point(|symbol| symbol.start <= address);
        self.symbols[..next]
            .iter()
            .rev()
            .take(MAX_ENCLOSING_STEPS)
            .find(|symbol| address < symbol.end)
            .map(|symbol| symbol.name)
    }
}

/// A symbol without a size (assembly often has none) ends where the next one starts, or its section ends.
fn close_gaps(symbols: &mut [Symbol<'_>]) {
    let mut next_start = u64::MAX;
    for symbol in symbols.iter_mut().rev() {
        if symbol.rank.unsized_ {
            symbol.end = symbol.end.min(next_start);
        }
        next_start = symbol.start;
    }
}

fn collect<'a>(file: &Elf<'a>, kind: elf::SectionType, into: &mut Vec<Symbol<'a>>) {
    let endian = LittleEndian;
    let data = file.data();
    let sections = file.elf_section_table();
    let Ok(table) = sections.symbols(endian, data, kind) else {
        return;
    };
    let Some(names) = names_of(file, table.section()) else {
        return;
    };
    // One past the end of each section that holds code.
    let code_ends: Vec<Option<u64>> = sections
        .iter()
        .map(|section| {
            section.sh_flags(endian).contains(SHF_EXECINSTR).then(|| {
                section
                    .sh_addr(endian)
                    .saturating_add(section.sh_size(endian))
            })
        })
        .collect();
    into.reserve(table.len());
    for (index, symbol) in table.enumerate() {
        let in_code = table
            .symbol_section(endian, symbol, index)
            .ok()
            .flatten()
            .and_then(|section| code_ends.get(section.0).copied().flatten());
        let Some(section_end) = in_code else { continue };
        if !matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC | STT_NOTYPE) {
            continue;
        }
        let Some(name) = name_at(names, symbol.st_name(endian)) else {
            continue;
        };
        // Compilers' labels are no functions; mapping symbols (`$x`) neither.
        if name.is_empty() || name.starts_with(".L") || name.starts_with('$') {
            continue;
        }
        let (start, size) = (symbol.st_value(endian), symbol.st_size(endian));
        into.push(Symbol {
            start,
            end: if size == 0 {
                section_end
            } else {
                start.saturating_add(size)
            },
            name,
            rank: Rank {
                unsized_: size == 0,
                binding: match symbol.st_bind() {
                    STB_GLOBAL => 0,
                    STB_WEAK => 1,
                    _ => 2,
                },
                leading_underscores: name.bytes().take_while(|&byte| byte == b'_').count(),
            },
        });
    }
}

/// All names of a symbol table at once: read one by one they would cost a system call each where the file is not mapped.
fn names_of<'a>(file: &Elf<'a>, table: SectionIndex) -> Option<&'a [u8]> {
    let endian = LittleEndian;
    let table = file.elf_section_table().section(table).ok()?;
    let names = file
        .section_by_index(SectionIndex(table.sh_link(endian) as usize))
        .ok()?;
    names.data().ok()
}

fn name_at(names: &[u8], offset: u32) -> Option<&str> {
    let name = names.get(offset as usize..)?;
    let end = name.iter().position(|&byte| byte == 0)?;
    std::str::from_utf8(&name[..end]).ok()
}
