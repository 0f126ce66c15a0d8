//! Functions by the symbol table of an ELF file.

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
    symbols: Vec<Symbol>,
    names: &'a [u8],
    is_full: bool,
}

#[derive(Clone, Copy)]
struct Symbol {
    start: u64,
    /// One past its last address.
    end: u64,
    /// Where its name begins in the table of names.
    name: u32,
    has_size: bool,
    is_global: bool,
    is_weak: bool,
}

impl<'a> SymbolTable<'a> {
    /// The first full table of the files; the first dynamic one where no file has a full one.
    pub(super) fn read(files: [Option<&Elf<'a>>; 2]) -> Self {
        for kind in [elf::SHT_SYMTAB, elf::SHT_DYNSYM] {
            for file in files.into_iter().flatten() {
                if let Some((mut symbols, names)) = collect(file, kind)
                    && !symbols.is_empty()
                {
                    symbols.sort_by_key(|symbol| symbol.start);
                    keep_best_names(&mut symbols, names);
                    close_gaps(&mut symbols);
                    return Self {
                        symbols,
                        names,
                        is_full: kind == elf::SHT_SYMTAB,
                    };
                }
            }
        }
        Self::default()
    }

    /// Whether it is the table for linkers and debuggers, not the one for the loader.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
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
            .and_then(|symbol| name_at(self.names, symbol.name))
    }
}

/// One symbol for each start: of several the one with a size, the most public one, and the plainest name (`malloc` before
/// `__libc_malloc`).
fn keep_best_names(symbols: &mut Vec<Symbol>, names: &[u8]) {
    let rank = |symbol: &Symbol| {
        let name = name_at(names, symbol.name).unwrap_or_default();
        let underscores = name.bytes().take_while(|&byte| byte == b'_').count();
        (
            !symbol.has_size,
            !symbol.is_global,
            !symbol.is_weak,
            underscores,
            std::cmp::Reverse(symbol.end),
            name,
        )
    };
    symbols.dedup_by(|later, kept| {
        let is_same = later.start == kept.start;
        if is_same && rank(later) < rank(kept) {
            *kept = *later;
        }
        is_same
    });
}

/// A symbol without a size (assembly often has none) ends where the next one starts, or its section ends.
fn close_gaps(symbols: &mut [Symbol]) {
    let mut next_start = u64::MAX;
    for symbol in symbols.iter_mut().rev() {
        if !symbol.has_size {
            symbol.end = symbol.end.min(next_start);
        }
        next_start = symbol.start;
    }
}

/// The functions of a table as they stand there, and its names.
fn collect<'a>(file: &Elf<'a>, kind: elf::SectionType) -> Option<(Vec<Symbol>, &'a [u8])> {
    let endian = LittleEndian;
    let sections = file.elf_section_table();
    let table = sections.symbols(endian, file.data(), kind).ok()?;
    let names = names_of(file, table.section())?;
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
    let mut symbols = Vec::new();
    for (index, symbol) in table.enumerate() {
        let in_code = table
            .symbol_section(endian, symbol, index)
            .ok()
            .flatten()
            .and_then(|section| code_ends.get(section.0).copied().flatten());
        let Some(section_end) = in_code else { continue };
        if !matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC | STT_NOTYPE)
            || is_label(names, symbol.st_name(endian))
        {
            continue;
        }
        let (start, size) = (symbol.st_value(endian), symbol.st_size(endian));
        symbols.push(Symbol {
            start,
            end: if size == 0 {
                section_end
            } else {
                start.saturating_add(size)
            },
            name: symbol.st_name(endian),
            has_size: size != 0,
            is_global: symbol.st_bind() == STB_GLOBAL,
            is_weak: symbol.st_bind() == STB_WEAK,
        });
    }
    Some((symbols, names))
}

/// Nameless symbols, compilers' labels (`.L1`) and mapping symbols (`$x`) are no functions.
fn is_label(names: &[u8], name: u32) -> bool {
    match names.get(name as usize..) {
        Some([0, ..] | [b'$', ..] | [b'.', b'L', ..] | []) | None => true,
        Some(_) => false,
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
